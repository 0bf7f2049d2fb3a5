"""Which trials are traced, and which are spoken again for their graph nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment import profiled, trial_timelines
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.experiment.profiled import ProfiledTrial
from pytest_ttsperf.measure.schedule import ScheduledTrial
from pytest_ttsperf.records import Cell, CellResult, NodeRun, TargetSpec, Trial
from tests.unit.metrics.factories import T0, recording, sound
from tests.unit.metrics.factories import trial as of_recording

SOURCE = TargetFactory(spec=TargetSpec(spec="engines:Engine"))
PLAN = Plan(test="t", text="short", mode="stream", phase="warm", trials=5)
CELL = Cell(
    test="t", target="engines:Engine", provider="cpu", voice="hum", preset="short", mode="stream",
    phase="warm",
)  # fmt: skip


def answered(index: int, first_ms: float) -> Trial:
    answer = recording([(first_ms, 100.0), (first_ms + 20.0, 100.0)])
    return of_recording(answer, index=index, heard=sound())


def result_of(*trials: Trial) -> CellResult:
    return CellResult(
        cell=CELL, fingerprint="f", declared_trials=len(trials), trials=trials, ready=None
    )


def test_every_counted_trial_that_was_recorded_has_a_timeline() -> None:
    broken = of_recording(None, index=2, error="it hung")
    warmup = of_recording(recording([(5, 100)]), index=0, kind="warmup", heard=sound())
    found = list(trial_timelines.measured_timelines(result_of(warmup, answered(1, 10), broken)))
    assert [name for name, _ in found] == ["trial_0001"]
    timeline = found[0].timeline
    assert timeline.text == "text 1"
    assert timeline.player[0].state == "waiting"
    assert timeline.buffer
    assert (timeline.nodes, timeline.is_profiled) == ((), False)


@pytest.mark.parametrize(
    ("first_ms", "chosen"),
    [
        ([30.0, 10.0, 20.0], [2, 0]),
        ([10.0, 20.0], [1]),
        ([10.0], [0]),
        ([40.0, 10.0, 20.0, 30.0], [3, 0]),
        ([], []),
    ],
)
def test_the_usual_and_the_slowest_trial_are_chosen(
    first_ms: list[float], chosen: list[int]
) -> None:
    trials = [answered(index, at_ms) for index, at_ms in enumerate(first_ms)]
    found = trial_timelines.choose_trials(result_of(*trials))
    assert [trial.index for trial in found] == chosen


def test_a_trial_without_sound_is_not_chosen() -> None:
    silent = of_recording(recording([(90, 100)]), index=7, heard=sound(onset_frame=None))
    found = trial_timelines.choose_trials(result_of(answered(1, 10), silent))
    assert [trial.index for trial in found] == [1]


@pytest.mark.parametrize(("phase", "processes"), [("warm", [[1, 2]]), ("cold", [[1], [2]])])
def test_chosen_texts_are_spoken_again_where_they_were_measured_alike(
    monkeypatch: pytest.MonkeyPatch, phase: Any, processes: list[list[int]]
) -> None:
    batches: list[list[int]] = []
    node = NodeRun(
        session=0, name="conv", operator="Conv", provider="cpu", inputs="",
        start_ns=T0, end_ns=T0 + 5, self_ns=5,
    )  # fmt: skip

    def run(
        source: TargetFactory, plan: Plan, steps: Sequence[ScheduledTrial]
    ) -> list[ProfiledTrial]:
        batches.append([step.index for step in steps])
        assert {step.kind for step in steps} == {"probe"}, "none of it is a counted trial"
        return [ProfiledTrial(answered(step.index, 25), (node,)) for step in steps]

    monkeypatch.setattr(trial_timelines, "run_profiled", run)
    trials = [answered(0, 10), answered(1, 20), answered(2, 30)]
    plan = Plan(test="t", text="short", mode="stream", phase=phase, trials=3)
    found = trial_timelines.profiled_timelines(SOURCE, plan, result_of(*trials))
    assert batches == processes
    assert [name for name, _ in found] == ["profiled_0001", "profiled_0002"]
    assert all(timeline.is_profiled for _, timeline in found)
    assert found[0].timeline.nodes == (node,)
    assert "slower" in found[0].timeline.title


def test_nothing_is_spoken_again_where_nothing_was_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trial_timelines, "run_profiled", lambda *_: pytest.fail("it was run"))
    assert trial_timelines.profiled_timelines(SOURCE, PLAN, result_of()) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (TargetFactory(spec=TargetSpec(spec="http://127.0.0.1:9")), "is not imported"),
        (TargetFactory(spec=TargetSpec(spec="cmd:speak {text}")), "is not imported"),
        (TargetFactory(spec=TargetSpec(spec="engines:Engine"), inline=True), "--ttsperf-inline"),
    ],
)
def test_what_has_no_process_to_be_profiled_says_so(source: TargetFactory, words: str) -> None:
    with pytest.raises(MeasurementError, match=words):
        profiled.run_profiled(source, PLAN, [])
    assert profiled.refusal_reason(SOURCE) is None
