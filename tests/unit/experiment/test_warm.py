"""A warm cell over fake processes: order, numbers, early ends, and what is open afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from pytest_ttsperf import files
from pytest_ttsperf.errors import MeasurementError, TargetFailed
from pytest_ttsperf.experiment import trial as trials
from pytest_ttsperf.experiment import warm
from pytest_ttsperf.experiment.plan import Plan, Progress
from pytest_ttsperf.experiment.trial import OpenTarget, open_target
from pytest_ttsperf.measure import corpus, schedule
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    CellResult,
    RecorderCost,
    Recording,
    TargetInfo,
    TargetSpec,
    Trial,
)
from pytest_ttsperf.targets.base import Inspection
from tests.unit.metrics.factories import recording, tone

SOUND = tone(4000)
WARMUPS = schedule.MIN_WARMUPS
"""As many as a target takes that is steady at once."""


@dataclass
class Scene:
    """Fake processes of a target, on a clock that moves only when they work."""

    open_s: float = 1.0
    trial_s: float = 1.0
    lifecycle: str = "kept"
    now_s: float = 0.0
    opened: int = 0
    closed: list[int] = field(default_factory=list)
    spoken: list[tuple[int, str]] = field(default_factory=list)
    """Number of the process and text."""
    ready: Callable[[int], dict[str, Any]] = lambda _: {}
    """What a process says of itself when it is open."""
    inspected: Callable[[int], dict[str, Any]] = lambda _: {}
    """What it says after its trials."""
    fails: Callable[[int, str], bool] = lambda *_: False
    opens: Callable[[int], bool] = lambda _: True

    spec = TargetSpec(spec="fake:Fake")
    provider = None
    voice = None
    inline = False

    def make(self) -> Process:
        return Process(self)

    def open(self) -> OpenTarget:
        return open_target(self, warm=True)  # type: ignore[arg-type]


class Process:
    """One of them."""

    isolated = False

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.lifecycle = scene.lifecycle
        self.number = scene.opened

    def open(self) -> TargetInfo:
        scene = self.scene
        scene.opened += 1
        scene.now_s += scene.open_s
        if not scene.opens(self.number):
            raise TargetFailed("the device is busy")
        return TargetInfo(pid=None, **scene.ready(self.number))

    def warm(self) -> None:
        pass

    def record(self, text: str, mode: str) -> Recording:
        scene = self.scene
        scene.now_s += scene.trial_s
        scene.spoken.append((self.number, text))
        if scene.fails(self.number, text):
            raise TargetFailed("no such phoneme")
        return recording([(500, 4000)], end_ms=1000 * scene.trial_s, samples=SOUND)

    def inspect(self) -> Inspection:
        cost = RecorderCost(ttfa_us=float(self.number), per_chunk_us=0.1, trials=9)
        told = {"placement": None, "tracers": (), **self.scene.inspected(self.number)}
        return Inspection(cost=cost, **told)

    def close(self) -> str | None:
        self.scene.closed.append(self.number)
        return "it said goodbye twice" if self.number == 0 else None


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene = Scene()
    clocks = REAL._replace(monotonic=lambda: scene.now_s)
    monkeypatch.setattr(warm, "REAL", clocks)
    monkeypatch.setattr(trials, "REAL", clocks)
    return scene


def plan(count: int = 59, **more: Any) -> Plan:
    return Plan(test="t", text="short", mode="stream", phase="warm", trials=count, **more)


def measure(scene: Scene, plan: Plan, tell: warm.Tell = lambda _: None) -> CellResult:
    return warm.measure_warm(scene.open(), plan, tell)


def of_kind(result: CellResult, kind: str) -> list[Trial]:
    return [trial for trial in result.trials if trial.kind == kind]


def counts(result: CellResult) -> list[int]:
    """Trials of each process."""
    numbers = [trial.process for trial in result.counted]
    return [numbers.count(process.process) for process in result.processes]


def test_trials_are_spread_over_the_processes_that_were_asked_for(scene: Scene) -> None:
    result = measure(scene, plan(10, processes=3))
    assert counts(result) == [4, 3, 3]
    assert [trial.index for trial in result.counted] == list(range(10))
    assert [trial.text for trial in result.counted] == list(corpus.texts("short", 10))
    assert [trial.process for trial in of_kind(result, "warmup")] == [
        number for number in range(3) for _ in range(WARMUPS)
    ]
    assert [trial.process for trial in of_kind(result, "probe")] == [2] * 2 * schedule.PROBES
    # Where the record says so, it was.
    by_process = {(trial.process, trial.text) for trial in result.trials}
    assert by_process == set(scene.spoken)


def test_one_process_is_closed_before_the_next_is_opened_and_the_last_stays(scene: Scene) -> None:
    opened = scene.open()
    warm.measure_warm(opened, plan(6, processes=3), lambda _: None)
    assert (scene.opened, scene.closed) == (3, [0, 1])
    assert opened.target.number == 2  # type: ignore[attr-defined]
    opened.target.record("Again.", "stream")


def test_a_second_measurement_goes_on_in_the_last_process(scene: Scene) -> None:
    opened = scene.open()
    warm.measure_warm(opened, plan(4, processes=2), lambda _: None)
    warm.measure_warm(opened, plan(4, processes=1, first=4), lambda _: None)
    assert scene.opened == 2


@pytest.mark.parametrize(
    ("open_s", "count", "expected"),
    [
        (1.0, 20, 1),  # a start takes a second and four warm-ups: more than a tenth
        (1.0, 50, 2),
        (6.0, 50, 1),
        (6.0, 100, 2),
        (1.0, 299, 4),
    ],
)
def test_there_are_as_many_as_cost_a_tenth_of_the_trials(
    scene: Scene, open_s: float, count: int, expected: int
) -> None:
    scene.open_s = open_s
    result = measure(scene, plan(count))
    assert len(result.processes) == scene.opened == expected
    further_s = sum(process.start_s for process in result.processes[1:])
    assert further_s <= 0.1 * count * scene.trial_s
    assert max(counts(result)) - min(counts(result)) <= 1


@pytest.mark.parametrize("lifecycle", ["external", "per_text"])
def test_what_has_one_process_is_measured_in_it(scene: Scene, lifecycle: str) -> None:
    scene.lifecycle = lifecycle
    assert counts(measure(scene, plan(299))) == [299]
    with pytest.raises(MeasurementError, match="cannot be spread over 2 processes"):
        measure(scene, plan(59, processes=2))


def test_a_start_is_recorded_with_what_it_took(scene: Scene) -> None:
    scene.open_s = 3.0
    result = measure(scene, plan(4, processes=2))
    assert [process.start_s for process in result.processes] == [3.0 + WARMUPS] * 2


def test_progress_counts_all_trials(scene: Scene) -> None:
    shown: list[Progress] = []
    measure(scene, plan(6, processes=3), shown.append)
    assert [(progress.done, progress.of) for progress in shown] == [(n, 6) for n in range(7)]
    left_s = [progress.remaining_s for progress in shown]
    start_s = scene.open_s + WARMUPS
    assert left_s == [6 + 2 * start_s, 5 + 2 * start_s, 4 + start_s, 3 + start_s, 2, 1, 0]


@pytest.mark.parametrize(("count", "expected"), [(10, [3]), (15, [2, 1])])
def test_a_broken_limit_is_decided_by_the_trials_of_all_processes_and_ends_them(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, count: int, expected: list[int]
) -> None:
    monkeypatch.setattr(warm.cell, "is_decided", lambda _, trials, __: len(trials) == 3)
    result = measure(scene, plan(30, processes=count))
    assert result.stopped_early
    assert counts(result) == expected


def test_a_target_that_breaks_ends_all_processes(scene: Scene) -> None:
    texts = corpus.texts("short", 12)
    scene.fails = lambda _, text: text in texts[3:]
    result = measure(scene, plan(12, processes=3))
    assert result.stopped_early
    # The last of the first process and the first two of the second.
    assert counts(result) == [4, 2]
    assert of_kind(result, "probe") == []
    assert scene.opened == 2


def test_a_process_that_does_not_open_is_named_with_the_remedy(scene: Scene) -> None:
    scene.opens = lambda number: number == 0
    with pytest.raises(
        MeasurementError, match=r"process 2 of 3 .*--ttsperf-processes=1.*the device is busy"
    ):
        measure(scene, plan(6, processes=3))


def test_what_was_wrong_with_closing_one_is_told(scene: Scene) -> None:
    result = measure(scene, plan(6, processes=3))
    told = [note.text for note in result.notes if note.guard == "target"]
    assert told == ["target fake:Fake: it said goodbye twice (process 1 of 3)"]


def test_tracers_of_a_later_process_make_all_invalid(scene: Scene) -> None:
    scene.inspected = lambda number: {"tracers": ("pdb",) if number == 1 else ()}
    result = measure(scene, plan(6, processes=3))
    assert [note.guard for note in result.notes if note.invalid] == ["traced"]


def test_processes_of_another_fingerprint_make_all_invalid(scene: Scene) -> None:
    scene.ready = lambda number: {"placement": {"threads": 1 + number // 2}}
    assert "processes" not in {note.guard for note in measure(scene, plan(4, processes=2)).notes}
    scene.opened = 0
    result = measure(scene, plan(6, processes=3))
    (note,) = [note for note in result.notes if note.guard == "processes"]
    assert note.invalid
    fingerprints = [process.fingerprint for process in result.processes]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]
    assert fingerprints[0] in note.text
    assert fingerprints[2] in note.text


def test_each_process_is_asked_which_provider_ran(scene: Scene) -> None:
    scene.provider = "coreml"  # type: ignore[assignment]
    names = ["CoreMLExecutionProvider", "CPUExecutionProvider"]
    scene.inspected = lambda number: {"placement": {"nodes": {names[number]: 12}}}
    result = measure(scene, plan(4, processes=2))
    (note,) = [note for note in result.notes if note.guard == "provider"]
    assert note.invalid
    assert "ran 0 nodes" in note.text


def test_texts_start_where_the_run_does(scene: Scene) -> None:
    result = measure(scene, plan(6, processes=2, texts_from=597))
    assert result.texts_from == 597
    pool = corpus.texts("short", corpus.trial_count("short"))
    assert [trial.text for trial in result.counted] == [*pool[597:], *pool[:3]]
    own = measure(scene, replace(plan(3, texts_from=5), text="A text of its own."))
    assert own.texts_from is None


def test_the_recorders_cost_is_the_worst_of_all(scene: Scene) -> None:
    cost = measure(scene, plan(6, processes=3)).recorder_cost
    assert cost is not None
    assert cost.ttfa_us == 2.0


def test_a_result_can_be_written_and_read(scene: Scene) -> None:
    result = measure(scene, plan(4, processes=2))
    again = msgspec.json.decode(files.encode_json(result), type=CellResult)
    assert again.processes == result.processes
