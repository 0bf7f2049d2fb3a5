"""A profiled process, scripted: what is spoken in it, whose nodes are whose, and what it lacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.errors import MeasurementError, TargetFailed
from pytest_ttsperf.experiment import profiled
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.measure.schedule import ScheduledTrial
from pytest_ttsperf.records import RecorderCost, SessionProfile, TargetSpec, Trial
from pytest_ttsperf.targets.base import Inspection
from tests.unit.metrics.factories import MS, T0, recording, sound, trial

SOURCE = TargetFactory(spec=TargetSpec(spec="engines:Engine"))
STEPS = [ScheduledTrial(4, "probe", 0, "One."), ScheduledTrial(9, "probe", 0, "Two.")]
TRIAL_MS = 100
FILE = "session0_x.json"


def plan(phase: Any = "warm") -> Plan:
    return Plan(test="t", text="short", mode="stream", phase=phase, trials=2)


class Scene:
    """Each text takes 100 ms, one after the other; the nodes are what the test writes."""

    def __init__(self) -> None:
        self.nodes_ms: list[tuple[str, float]] = [("warm", -50.0), ("one", 10.0), ("two", 110.0)]
        self.origin_ns: int | None = T0 - 1000 * MS
        self.has_profile = True
        self.fails = False
        self.events: list[str] = []
        self.folder: Path | None = None

    def open(self, source: TargetFactory, *, warm: bool) -> Scene:
        self.events.append("open warm" if warm else "open")
        self.folder = source.profile_folder
        return self

    @property
    def target(self) -> Scene:
        return self

    def warm_up(self, opened: Scene, plan: Plan) -> Iterator[Trial]:
        while True:
            self.events.append("warm-up")
            yield trial(recording([(10, 100)]), kind="warmup")

    def run(self, opened: Scene, step: ScheduledTrial, mode: str, *, with_usage: bool) -> Trial:
        if self.fails:
            raise TargetFailed("no such phoneme")
        number = sum(event == "trial" for event in self.events)
        self.events.append("trial")
        answer = recording([(20, 500)], end_ms=TRIAL_MS)
        shift_ns = number * TRIAL_MS * MS
        answer = structs.replace(
            answer,
            request_ns=answer.request_ns + shift_ns,
            arrivals_ns=tuple(at_ns + shift_ns for at_ns in answer.arrivals_ns),
            end_ns=answer.end_ns + shift_ns,
        )
        return trial(answer, index=step.index, kind="probe", heard=sound())

    def inspect(self) -> Inspection:
        assert self.folder is not None
        profiles: tuple[SessionProfile, ...] = ()
        if self.has_profile:
            events = [self._event(name, at_ms) for name, at_ms in self.nodes_ms]
            (self.folder / FILE).write_text(json.dumps(events))
            profiles = (SessionProfile(file=FILE, origin_ns=self.origin_ns),)
        cost = RecorderCost(ttfa_us=1.0, per_chunk_us=0.1, trials=9)
        return Inspection(None, cost, (), profiles)

    def _event(self, name: str, at_ms: float) -> dict[str, Any]:
        """`at_ms` is since the first request."""
        return {
            "cat": "Node", "name": f"{name}_kernel_time", "ts": round((1000 + at_ms) * 1000),
            "dur": 5000, "tid": 1, "args": {"op_name": "Conv"},
        }  # fmt: skip

    def close(self) -> None:
        self.events.append("close")


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene = Scene()
    monkeypatch.setattr(profiled, "open_target", scene.open)
    monkeypatch.setattr(profiled, "warm_up", scene.warm_up)
    monkeypatch.setattr(profiled, "run_trial", scene.run)
    return scene


def test_each_text_has_the_nodes_that_ran_for_it_and_no_others(scene: Scene) -> None:
    found = profiled.run_profiled(SOURCE, plan(), STEPS)
    names = {each.trial.index: [node.name for node in each.nodes] for each in found}
    assert names == {4: ["one"], 9: ["two"]}


def test_it_is_warmed_up_a_little_and_closed_before_its_folder_is_gone(scene: Scene) -> None:
    profiled.run_profiled(SOURCE, plan(), STEPS)
    warmups = ["warm-up"] * profiled.WARMUPS
    assert scene.events == ["open warm", *warmups, "trial", "trial", "close"]
    assert scene.folder is not None
    assert not scene.folder.exists()


def test_a_cold_process_is_not_warmed_up(scene: Scene) -> None:
    profiled.run_profiled(SOURCE, plan("cold"), STEPS[:1])
    assert scene.events == ["open", "trial", "close"]


def test_a_node_that_ran_over_the_end_of_a_trial_is_in_none(scene: Scene) -> None:
    scene.nodes_ms = [("one", 10.0), ("across", 98.0)]
    found = profiled.run_profiled(SOURCE, plan(), STEPS)
    assert [[node.name for node in each.nodes] for each in found] == [["one"], []]


def test_a_target_without_sessions_says_so(scene: Scene) -> None:
    scene.has_profile = False
    with pytest.raises(MeasurementError, match="has run no session of ONNX Runtime"):
        profiled.run_profiled(SOURCE, plan(), STEPS)
    assert scene.events[-1] == "close"


def test_sessions_on_another_clock_are_counted_in_the_reason(scene: Scene) -> None:
    scene.origin_ns = None
    with pytest.raises(MeasurementError, match=r"1 sessions? of ONNX Runtime whose profiles"):
        profiled.run_profiled(SOURCE, plan(), STEPS)


def test_a_target_that_fails_is_closed(scene: Scene) -> None:
    scene.fails = True
    with pytest.raises(TargetFailed):
        profiled.run_profiled(SOURCE, plan(), STEPS)
    assert scene.events[-1] == "close"
