"""A cell under load over a fake generator: its windows, what is noted, and its verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.errors import MeasurementError, TargetCrashed
from pytest_ttsperf.experiment.plan import Plan, Progress, TargetFactory
from pytest_ttsperf.load import cell, findings
from pytest_ttsperf.load.cell import LoadPlan
from pytest_ttsperf.load.traces import WindowPlan
from pytest_ttsperf.records import (
    CellResult,
    LoadSpec,
    Outcome,
    RecorderCost,
    Recording,
    RequestEnd,
    TargetInfo,
    TargetSpec,
    Threshold,
    Trace,
)
from pytest_ttsperf.targets.base import Inspection
from tests.unit.judge.factories import threshold
from tests.unit.load.factories import babble, recording, request, window_record

COST = RecorderCost(ttfa_us=1.0, per_chunk_us=0.1, trials=3)
LISTENERS = LoadSpec(listeners=4)


@dataclass
class FakeGenerator:
    """Answers each request of a trace at once, and says what is wanted of it."""

    ttfa_ms: float = 100.0
    ends: dict[int, RequestEnd] = field(default_factory=dict)
    """How the requests of each window end that do not get an answer."""
    dies_in: int | None = None
    """The window that it does not survive."""
    cached_ms: float | None = None
    """How soon a text comes that was spoken before; None without a cache."""
    late_ms: float = 0.1
    windows: int = 0
    spoken_alone: list[str] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    is_open: bool = False
    target_pids = ()

    def __call__(self, *_: Any) -> FakeGenerator:
        return self

    def __enter__(self) -> FakeGenerator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> TargetInfo:
        self.is_open = True
        return TargetInfo(pid=None, pid_missing_because="it is a fake", sample_rate=16_000)

    def run_window(self, trace: Trace, tell: Any) -> Any:
        if self.windows == self.dies_in:
            raise TargetCrashed("it fell over")
        self.windows += 1
        self.traces.append(trace)
        tell(1.0)
        requests = []
        for offered in trace.requests[:16]:
            ended = self.ends.get(offered.index, "answered")
            requests.append(
                request(
                    0.3 * offered.index,
                    index=offered.index,
                    listener=offered.listener,
                    text=offered.text,
                    ended=ended,
                    failure=None if ended == "answered" else "HTTP 503",
                    late_ms=self.late_ms,
                    **({"ttfa_ms": self.ttfa_ms} if ended == "answered" else {}),
                )
            )
        record = window_record(requests, lead_s=trace.lead_s, counted_s=trace.counted_s)
        record.trace = trace
        return record

    def record(self, text: str) -> Recording:
        ttfa_ms = 100.0
        if self.cached_ms is not None:
            was_spoken = text in {each.text for trace in self.traces for each in trace.requests}
            ttfa_ms = self.cached_ms if was_spoken else 5000.0
        self.spoken_alone.append(text)
        return recording(babble(text), ttfa_ms=ttfa_ms, chunks=1)

    def inspect(self) -> Inspection:
        return Inspection(placement={"voice": "hum"}, cost=COST)

    def close(self) -> str | None:
        self.is_open = False
        return None


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> FakeGenerator:
    fake = FakeGenerator()
    monkeypatch.setattr(cell, "LoadGenerator", fake)
    monkeypatch.setattr(cell, "measure_null_rate", lambda *_, **__: 500.0)
    return fake


def load_plan(*limits: Threshold, windows: int = 6, **more: Any) -> LoadPlan:
    plan = Plan(
        test="tests/perf/test_short.py::test_reply",
        text="short",
        mode="stream",
        phase=more.pop("phase", "warm"),
        trials=59,
        limits_on=lambda _: limits,
    )
    window = WindowPlan(lead_s=1.0, counted_s=4.0, least_requests=1)
    load = more.pop("load", LISTENERS)
    return LoadPlan(plan=plan, load=load, windows=windows, window=window, **more)


def measure(plan: LoadPlan, told: list[Progress] | None = None) -> CellResult:
    source = TargetFactory(TargetSpec(spec="fake:Fake"))
    tell = (lambda _: None) if told is None else told.append
    return cell.judge(cell.measure_load(source, plan, tell))


def outcomes(result: CellResult) -> dict[str, Outcome]:
    return {verdict.subject: verdict.outcome for verdict in result.verdicts}


def test_a_cell_has_its_windows_and_their_requests(generator: FakeGenerator) -> None:
    told: list[Progress] = []
    result = measure(load_plan(threshold(), windows=6), told)
    assert result.load is not None
    assert [window.index for window in result.load.windows] == list(range(6))
    assert result.cell.id.endswith("| warm | 4 listeners")
    assert {trial.load.window for trial in result.counted if trial.load} == set(range(6))
    assert result.load.wanted_rate == pytest.approx(result.declared_trials / 24)
    assert result.recorder_cost == COST
    assert not generator.is_open
    assert [progress.done for progress in told][-1] == 6
    assert all(progress.remaining_s is not None for progress in told[1:])


def test_limits_are_judged_over_windows(generator: FakeGenerator) -> None:
    assert outcomes(measure(load_plan(threshold("p95", 500.0)))) == {"ttfa p95": Outcome.PASS}
    assert outcomes(measure(load_plan(threshold("p95", 60.0)))) == {"ttfa p95": Outcome.FAIL}
    few = measure(load_plan(threshold("p95", 500.0), windows=2))
    assert outcomes(few) == {"ttfa p95": Outcome.INCONCLUSIVE}
    assert generator.windows == 14


def test_each_window_has_texts_of_its_own(generator: FakeGenerator) -> None:
    measure(load_plan(windows=6))
    texts = [{each.text for each in trace.requests} for trace in generator.traces]
    assert len(set.union(*texts)) == sum(map(len, texts))


def test_the_same_seed_gives_the_same_windows_and_another_seed_others() -> None:
    assert cell.window_traces(load_plan(seed=3)) == cell.window_traces(load_plan(seed=3))
    assert cell.window_traces(load_plan(seed=3)) != cell.window_traces(load_plan(seed=4))


def test_listeners_who_wait_for_nobody_have_all_texts_in_each_window() -> None:
    greedy = LoadSpec(listeners=4, pace="greedy")
    first, second = cell.window_traces(load_plan(load=greedy, windows=2))
    assert {each.text for each in first.requests} == {each.text for each in second.requests}


def test_requests_that_are_refused_meet_no_limit_and_void_nothing(generator) -> None:
    generator.ends = dict.fromkeys(range(4, 9), "refused")
    result = measure(load_plan(threshold("p95", 500.0)))
    assert outcomes(result) == {"ttfa p95": Outcome.FAIL}
    (note,) = [note for note in result.notes if note.guard == findings.UNSERVED]
    assert not note.invalid
    assert "30 HTTP 503" in note.text
    assert result.summary["ttfa_ms"].missing == 30


def test_one_request_that_fails_fails_the_cell(generator) -> None:
    generator.ends = {5: "failed"}
    found = outcomes(measure(load_plan(threshold("p50", 500.0))))
    assert found == {"answers": Outcome.FAIL, "ttfa p50": Outcome.PASS}


def test_where_nobody_is_served_no_limit_on_memory_saves_the_cell(generator) -> None:
    generator.ends = dict.fromkeys(range(16), "refused")
    assert outcomes(measure(load_plan()))["answers"] is Outcome.FAIL


def test_a_target_that_dies_later_voids_the_cell(generator) -> None:
    generator.dies_in = 5
    result = measure(load_plan(threshold("p95", 500.0)))
    assert result.stopped_early
    assert outcomes(result)["failed"] is Outcome.INVALID
    assert outcomes(result)["ttfa p95"] is Outcome.INVALID
    assert "did not survive window 5 of 6: it fell over" in result.verdicts[0].reason


def test_a_target_that_dies_at_once_is_an_error(generator) -> None:
    generator.dies_in = 0
    with pytest.raises(TargetCrashed):
        measure(load_plan())
    assert not generator.is_open


def test_a_generator_that_is_late_voids_the_cell(generator) -> None:
    generator.late_ms = 25.0
    assert outcomes(measure(load_plan(threshold())))["generator"] is Outcome.INVALID


def test_a_cache_beside_distinct_texts_is_only_noted(generator) -> None:
    generator.cached_ms = 1.0
    generator.ttfa_ms = 4000.0
    result = measure(load_plan(threshold("p95", 9000.0)))
    (note,) = [note for note in result.notes if note.guard == findings.CACHE]
    assert not note.invalid
    assert "distinct texts" in note.text


def test_windows_as_fast_as_a_cache_are_void(generator) -> None:
    generator.cached_ms = 1.0
    assert outcomes(measure(load_plan(threshold())))["cache"] is Outcome.INVALID


def test_texts_that_come_again_are_void_where_there_is_a_cache(generator) -> None:
    generator.cached_ms = 1.0
    generator.ttfa_ms = 4000.0
    result = measure(load_plan(threshold("p95", 9000.0)))
    again = [structs.replace(trial, text="again") for trial in result.trials if trial.load]
    probes = [trial for trial in result.trials if trial.kind == "probe"]
    assert result.load is not None
    notes = findings.find_notes(structs.replace(result, trials=(*again, *probes)))
    assert [note.invalid for note in notes] == [True]


def test_nothing_is_noted_of_a_target_that_is_as_it_should_be(generator) -> None:
    result = measure(load_plan(threshold()))
    assert [note for note in result.notes if note.guard in findings.GUARDS] == []
    assert result.load is not None
    assert result.load.integrity is not None
    assert result.load.integrity.differing == ()
    assert result.load.integrity.compared > 0


def test_texts_are_spoken_alone_only_after_the_windows(generator) -> None:
    measure(load_plan())
    offered = {each.text for trace in generator.traces for each in trace.requests}
    assert generator.windows == 6
    assert len(set(generator.spoken_alone) & offered) > 1


def test_bounds_of_independent_trials_are_not_shown(generator) -> None:
    result = measure(load_plan(threshold()))
    assert result.summary["ttfa_ms"].p95 is not None
    assert result.summary["ttfa_ms"].p95_bound is None


def test_a_cold_cell_has_no_listeners(generator) -> None:
    with pytest.raises(MeasurementError, match="warm target"):
        measure(load_plan(phase="cold"))
    with pytest.raises(MeasurementError, match="at least one"):
        measure(load_plan(windows=0))


def test_only_a_cell_with_windows_is_derived_and_judged(generator) -> None:
    result = structs.replace(measure(load_plan()), load=None, verdicts=())
    with pytest.raises(ValueError, match="without a load"):
        cell.derive(result)
    assert cell.judge(result).verdicts == ()


def test_what_is_derived_is_a_function_of_what_was_recorded(generator) -> None:
    generator.ends = {5: "refused"}
    result = cell.derive(measure(load_plan(threshold())))
    assert cell.derive(result) == result
