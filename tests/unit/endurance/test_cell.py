"""A soak over a fake process, on a clock that moves only when somebody works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf.endurance import cell, null_target, plan
from pytest_ttsperf.endurance.plan import SLICES, SoakPlan, SoakProgress, TellSoak
from pytest_ttsperf.errors import MeasurementError, TargetFailed
from pytest_ttsperf.experiment import trial as trials
from pytest_ttsperf.experiment import warm
from pytest_ttsperf.experiment.plan import Plan
from pytest_ttsperf.measure import corpus, schedule
from pytest_ttsperf.plugin import markers
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import CellResult, SoakResult, SoakSpec
from tests.unit.experiment.test_warm import Scene

NULL_S = 0.5


class FakeNullTarget:
    """Takes half a second each time, and says 20 ms."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.last_s = 0.0

    def measure_ms(self, _: float) -> float:
        self._scene.now_s += NULL_S
        self.last_s = NULL_S
        return 20.0


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene = Scene()
    clocks = REAL._replace(monotonic=lambda: scene.now_s)
    for module in (warm, trials, cell):
        monkeypatch.setattr(module, "REAL", clocks)

    @contextmanager
    def open_fake() -> Iterator[FakeNullTarget]:
        yield FakeNullTarget(scene)

    monkeypatch.setattr(cell, "open_null_target", open_fake)
    return scene


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "soak.jsonl"


def measure(
    scene: Scene,
    path: Path,
    spec: SoakSpec,
    *,
    text: str = "short",
    tell: TellSoak = lambda _: None,
    **more: Any,
) -> CellResult:
    of_text = Plan(test="t", text=text, mode="stream", phase="warm", trials=1)
    soak_plan = SoakPlan(plan=of_text, spec=spec, journal=path, **more)
    return cell.measure_soak(scene.open(), soak_plan, tell)


def soak_of(result: CellResult) -> SoakResult:
    assert result.soak is not None
    return result.soak


def test_a_soak_by_minutes_has_slices_of_one_length(scene: Scene, path: Path) -> None:
    soak = soak_of(measure(scene, path, SoakSpec(minutes=16.0)))  # 30 s a slice, 1 s a trial
    assert len(soak.slices) == SLICES
    assert [each.index for each in soak.slices] == list(range(SLICES))
    assert {each.requests for each in soak.slices[1:]} == {30}
    # The first slice does not know yet what the null target takes.
    assert soak.minutes == pytest.approx(16.0, abs=0.5)
    assert {each.null_ms for each in soak.slices} == {20.0}
    assert {each.session for each in soak.slices} == {0}


@pytest.mark.parametrize("requests", [64, 100])
def test_a_soak_by_requests_has_so_many(scene: Scene, path: Path, requests: int) -> None:
    result = measure(scene, path, SoakSpec(requests=requests))
    soak = soak_of(result)
    counts = [each.requests for each in soak.slices]
    assert sum(counts) == len(result.counted) == result.declared_trials == requests
    assert len(counts) == SLICES
    assert max(counts) - min(counts) <= 1


def test_a_slice_has_a_trial_however_short_it_is(scene: Scene, path: Path) -> None:
    soak = soak_of(measure(scene, path, SoakSpec(minutes=0.01)))
    assert [each.requests for each in soak.slices] == [1] * SLICES


def test_texts_begin_again_when_all_were_spoken(scene: Scene, path: Path) -> None:
    count = corpus.trial_count("short")
    result = measure(scene, path, SoakSpec(requests=count + 40))
    texts = [trial.text for trial in result.counted]
    assert len(set(texts)) == count
    assert texts[count:] == texts[:40]
    probes = [trial for trial in result.trials if trial.kind == "probe"]
    assert len(probes) == 2 * schedule.PROBES


def test_a_text_of_the_tests_own_is_spoken_again_and_again(scene: Scene, path: Path) -> None:
    result = measure(scene, path, SoakSpec(requests=64), text="Mind the gap, please.")
    assert {trial.text for trial in result.counted} == {"Mind the gap, please."}


def test_figures_are_derived_and_what_cannot_be_read_is_said(scene: Scene, path: Path) -> None:
    result = measure(scene, path, SoakSpec(requests=64))
    soak = soak_of(result)
    assert [drift.metric for drift in soak.drifts] == ["ttfa", "rtf"]
    assert soak.null_drift is not None
    assert soak.underruns == 0
    assert result.memory.leak is None
    assert "handles" in soak.missing
    assert result.summary["ttfa_ms"].n == 64
    assert soak.journal == str(path)


def test_progress_reaches_the_end_and_never_goes_back(scene: Scene, path: Path) -> None:
    shown: list[SoakProgress] = []
    measure(scene, path, SoakSpec(minutes=8.0), tell=shown.append)
    shares = [each.share for each in shown]
    assert shares == sorted(shares)
    assert shares[0] < 0.05
    assert shares[-1] == pytest.approx(1.0, abs=0.05)
    assert [each.requests for each in shown] == list(range(1, len(shown) + 1))
    assert shown[-1].minutes == pytest.approx(8.0, abs=0.3)


class Killed(BaseException):
    """As Ctrl-C or a kill, which no handler of ours catches."""


def test_a_soak_that_was_killed_goes_on_in_a_fresh_process(scene: Scene, path: Path) -> None:
    def kill(progress: SoakProgress) -> None:
        if progress.requests == 45:
            raise Killed

    spec = SoakSpec(requests=128)  # four a slice
    with pytest.raises(Killed):
        measure(scene, path, spec, tell=kill, revision="abc")
    result = measure(scene, path, spec, revision="abc")
    soak = soak_of(result)
    assert [each.session for each in soak.slices] == [0] * 11 + [1] * 21
    assert [each.index for each in soak.slices] == list(range(SLICES))
    assert len(result.counted) == soak.requests == 128
    assert [trial.process for trial in result.counted] == [0] * 44 + [1] * 84
    (remark,) = soak.remarks
    assert "broken off after 11 slices and 44 requests" in remark
    assert "without 1 request of a slice that was not whole" in remark
    # The one after that begins anew.
    again = soak_of(measure(scene, path, spec, revision="abc"))
    assert {each.session for each in again.slices} == {0}
    assert again.remarks == ()


def test_at_another_commit_it_begins_anew(scene: Scene, path: Path) -> None:
    def kill(progress: SoakProgress) -> None:
        if progress.requests == 45:
            raise Killed

    spec = SoakSpec(requests=128)
    with pytest.raises(Killed):
        measure(scene, path, spec, tell=kill, revision="abc")
    soak = soak_of(measure(scene, path, spec, revision="def"))
    assert {each.session for each in soak.slices} == {0}
    (remark,) = soak.remarks
    assert "the commit is another now" in remark


def test_a_target_that_no_longer_speaks_ends_the_soak(scene: Scene, path: Path) -> None:
    scene.fails = lambda *_: len(scene.spoken) > 50
    result = measure(scene, path, SoakSpec(requests=320))
    assert result.stopped_early
    assert len(soak_of(result).slices) < SLICES
    assert [trial.error is not None for trial in result.counted[-3:]] == [True] * 3
    assert {note.guard for note in result.notes if note.invalid} == {"failed"}
    # It came to its end, if not to a good one.
    scene.fails = lambda *_: False
    assert soak_of(measure(scene, path, SoakSpec(requests=320))).remarks == ()


def test_a_target_that_fails_once_is_invalid_and_spoken_to_on(scene: Scene, path: Path) -> None:
    scene.fails = lambda *_: len(scene.spoken) == 50
    result = measure(scene, path, SoakSpec(requests=64))
    assert len(result.counted) == 64
    assert sum(each.failed for each in soak_of(result).slices) == 1
    assert {note.guard for note in result.notes if note.invalid} == {"failed"}


def test_a_target_that_never_speaks_raises(scene: Scene, path: Path) -> None:
    scene.fails = lambda *_: True
    with pytest.raises(TargetFailed):
        measure(scene, path, SoakSpec(requests=64))


def test_what_the_null_target_takes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0

    class Opened:
        class target:  # noqa: N801
            @staticmethod
            def record(*_: object) -> Any:
                nonlocal now_s
                now_s += 0.02
                return type("R", (), {"request_ns": 0, "end_ns": 20_000_000})

    monkeypatch.setattr(null_target, "REAL", REAL._replace(monotonic=lambda: now_s))
    target = null_target.NullTarget(Opened)  # type: ignore[arg-type]
    assert target.measure_ms(0.1) == pytest.approx(20.0)
    assert target.last_s == pytest.approx(0.02 * null_target.FEWEST)
    target.measure_ms(3600.0)
    assert target.last_s == pytest.approx(0.02 * null_target.MOST)


def test_the_fewest_requests_are_those_of_the_mark() -> None:
    assert markers.FEWEST_SOAK_REQUESTS == plan.FEWEST_REQUESTS
    with pytest.raises(MeasurementError, match="wanted minutes"):
        _ = SoakPlan(
            plan=Plan(test="t", text="short", mode="stream", phase="warm", trials=1),
            spec=SoakSpec(requests=64),
            journal=Path("x"),
        ).slice_s


def test_a_window_fits_into_a_slice() -> None:
    of_text = Plan(test="t", text="short", mode="stream", phase="warm", trials=1)
    for minutes in (0.1, 1.0, 20.0, 600.0):
        soak_plan = SoakPlan(plan=of_text, spec=SoakSpec(minutes=minutes), journal=Path("x"))
        window = soak_plan.window
        assert 0 < window.lead_s + window.counted_s <= soak_plan.slice_s
        assert window.counted_s >= 0.69 * soak_plan.slice_s
