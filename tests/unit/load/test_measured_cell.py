"""Cells under load of real engines in real generators: what only a crowd shows is found."""

from __future__ import annotations

import pytest

from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.load import cell, findings
from pytest_ttsperf.load.cell import LoadPlan
from pytest_ttsperf.load.generator import null
from pytest_ttsperf.load.traces import WindowPlan
from pytest_ttsperf.records import CellResult, LoadSpec, Outcome, TargetSpec
from tests.unit.judge.factories import threshold

pytestmark = pytest.mark.starts

CROWD = LoadSpec(listeners=6, pace="greedy")


@pytest.fixture
def unmeasured_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the seconds that it takes to measure the generator itself."""
    monkeypatch.setattr(cell, "measure_null_rate", lambda *_, **__: None)


@pytest.fixture
def briefly_measured_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers itself thousands of times in a tenth of a second, and each answer is recorded."""
    monkeypatch.setattr(null, "LEAD_S", 0.02)
    monkeypatch.setattr(null, "CALLABLE_SHARE", 0.02)


def measure(engine: str, load: LoadSpec = CROWD, counted_s: float = 0.3) -> CellResult:
    plan = Plan(
        test="test",
        text="short",
        mode="stream",
        phase="warm",
        trials=59,
        limits_on=lambda _: (threshold("p95", 60_000.0),),
    )
    window = WindowPlan(lead_s=0.1, counted_s=counted_s, least_requests=1)
    source = TargetFactory(TargetSpec(spec=f"tests.unit.load.engines:{engine}"))
    load_plan = LoadPlan(plan=plan, load=load, windows=1, window=window)
    return cell.judge(cell.measure_load(source, load_plan, lambda _: None))


def invalid(result: CellResult) -> dict[str, str]:
    return {
        verdict.subject: verdict.reason
        for verdict in result.verdicts
        if verdict.outcome is Outcome.INVALID
    }


@pytest.mark.usefixtures("briefly_measured_generator")
def test_an_engine_that_serves_a_crowd_is_measured_and_not_accused() -> None:
    result = measure("Babbler")
    assert invalid(result) == {}
    load = result.load
    assert load is not None
    assert load.integrity is not None
    assert load.integrity.compared > 0
    (window,) = load.windows
    assert window.offered == window.answered > 6
    assert window.concurrency == pytest.approx(6, abs=0.5)
    assert window.cpu_s is not None
    assert result.memory.rss_peak_mb is not None
    assert load.null_rate is not None
    assert load.wanted_rate is not None
    assert load.null_rate > load.wanted_rate
    assert not [note for note in result.notes if note.guard in findings.GUARDS and note.invalid]


@pytest.mark.usefixtures("unmeasured_generator")
def test_an_open_loop_is_measured_in_the_same_way() -> None:
    result = measure("Babbler", LoadSpec(rate=60.0))
    assert invalid(result) == {}
    assert result.load is not None
    assert result.load.windows[0].fairness is None
    assert result.load.windows[0].offered > 4


@pytest.mark.usefixtures("unmeasured_generator")
def test_one_listener_who_gets_the_text_of_another_voids_the_cell() -> None:
    found = invalid(measure("SharedText"))
    assert "integrity" in found
    assert "the same sound" in found["integrity"] or "got the sound of" in found["integrity"]


@pytest.mark.usefixtures("unmeasured_generator")
def test_a_part_of_a_text_under_load_alone_voids_the_cell() -> None:
    assert "integrity" in invalid(measure("Impatient"))


@pytest.mark.usefixtures("unmeasured_generator")
def test_one_that_raises_under_load_alone_fails() -> None:
    # Longer than a listener waits after a failure.
    result = measure("Failing", counted_s=1.2)
    (failure,) = [verdict for verdict in result.verdicts if verdict.subject == "answers"]
    assert failure.outcome is Outcome.FAIL
    assert "there is one voice" in failure.reason
