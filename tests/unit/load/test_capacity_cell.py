"""A search on a target: the windows that it runs, what it refuses, and whose answers it checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.errors import MeasurementError, TargetCrashed
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.load import capacity, capacity_cell, capacity_search, integrity
from pytest_ttsperf.load.capacity import CapacityLimits
from pytest_ttsperf.load.capacity_search import SearchStep
from pytest_ttsperf.load.cell import LoadPlan
from pytest_ttsperf.load.traces import WindowPlan
from pytest_ttsperf.records import (
    Capacity,
    CellResult,
    LoadSpec,
    Outcome,
    Recording,
    TargetSpec,
    Trace,
)
from tests.unit.load.factories import HEALTH, babble, recording
from tests.unit.load.test_cell import FakeGenerator

LIMITS = CapacityLimits(ttfa_p95_ms=350.0)
REQUESTS = 16
"""Of a window, whatever its trace offers."""


@dataclass
class CrowdedGenerator(FakeGenerator):
    """Each listener makes all others wait for 100 ms."""

    ttfa_ms: float = 100.0
    levels: list[int] = field(default_factory=list)
    swaps_answers: bool = False
    """Whether two listeners get each other's answers."""
    is_late: bool = False
    load: LoadSpec | None = None

    def run_window(self, trace: Trace, tell: Any) -> Any:
        crowd = {each.listener for each in trace.requests}
        assert self.load is not None
        assert self.load.listeners == len(crowd)
        self.levels.append(len(crowd))
        self.ttfa_ms = 100.0 * len(crowd)
        few = structs.replace(trace, requests=trace.requests[:REQUESTS])
        record = super().run_window(few, tell)
        if self.swaps_answers:
            one, other = record.requests[-2:]
            one.recording, other.recording = other.recording, one.recording
        if self.is_late:
            record.health = structs.replace(HEALTH, lateness_p99_ms=100.0)
        return record

    def change_load(self, load: LoadSpec) -> None:
        self.load = load

    def record(self, text: str) -> Recording:
        ttfa_ms = 5000.0
        if self.cached_ms is not None and text in self.spoken_alone:
            ttfa_ms = self.cached_ms
        self.spoken_alone.append(text)
        return recording(babble(text), ttfa_ms=ttfa_ms, chunks=1)


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> CrowdedGenerator:
    fake = CrowdedGenerator()
    monkeypatch.setattr(capacity_cell, "LoadGenerator", fake)
    monkeypatch.setattr(capacity_cell, "measure_null_rate", lambda *_, **__: 500.0)
    return fake


def load_plan(load: LoadSpec, phase: Any = "warm") -> LoadPlan:
    plan = Plan(test="test_crowd", text="short", mode="stream", phase=phase, trials=0)
    window = WindowPlan(lead_s=0.1, counted_s=4.0, least_requests=1)
    return LoadPlan(plan=plan, load=load, window=window)


LISTENERS = LoadSpec(listeners=1)


def measure(load: LoadSpec = LISTENERS, **more: Any) -> CellResult:
    settings = {"tell": lambda _: None, "most": 16, **more}
    source = TargetFactory(TargetSpec(spec="fake:Fake"))
    return capacity_cell.measure_capacity(source, load_plan(load), LIMITS, **settings)


def found_in(result: CellResult) -> Capacity:
    assert result.capacity is not None
    return result.capacity


def test_listeners_are_searched(generator: CrowdedGenerator) -> None:
    result = measure()
    found = found_in(result)
    assert found.reason == "at least 3 listeners, 95 % sure; 4 fails in 3 of 3 windows"
    assert found.null_rate == 500.0
    assert generator.levels == [4, 2, 3, 3, 3, 3] + [3] * 18 + [4] * 3
    assert result.trials == ()
    assert not generator.is_open


def test_the_levels_have_the_figures_of_their_windows(generator: CrowdedGenerator) -> None:
    levels = {level.level: level for level in found_in(measure()).levels}
    assert [window.ttfa_p95_ms for window in levels[3].windows] == pytest.approx([300.0] * 18)
    assert all(window.goodput for window in levels[3].windows)
    assert [window.goodput for window in levels[4].windows] == [0.0] * 3
    numbers = [window.index for level in levels.values() for window in level.windows]
    assert len(set(numbers)) == len(numbers)


def test_how_many_there_are_is_not_part_of_the_cell(generator: CrowdedGenerator) -> None:
    assert measure(most=2).cell.load == "capacity"
    greedy = LoadSpec(listeners=3, pace="greedy")
    assert capacity_cell.label_of(greedy) == "capacity, greedy"
    assert capacity_cell.label_of(LoadSpec(rate=2.0)) == "capacity by rate"


@pytest.mark.parametrize(
    ("wanted", "outcome"), [(3, Outcome.PASS), (4, Outcome.FAIL), (5, Outcome.FAIL)]
)
def test_one_level_is_decided(generator: CrowdedGenerator, wanted: int, outcome: Outcome) -> None:
    found = found_in(measure(wanted=wanted))
    assert capacity.judge(found, wanted).outcome is outcome
    assert generator.levels[:3] == [wanted] * 3


def test_what_is_wanted_may_be_more_than_is_tried_else(generator: CrowdedGenerator) -> None:
    assert found_in(measure(wanted=20, most=16)).refuted == 20


def test_short_windows_explore(generator: CrowdedGenerator) -> None:
    measure(most=2)
    lengths = [trace.counted_s for trace in generator.traces]
    assert lengths == [2.0] * 4 + [4.0] * 18


def test_a_level_at_which_one_in_a_hundred_stalls_does_not_hold() -> None:
    free_of_stalls = 0.99**capacity_cell.WINDOW.least_requests
    assert free_of_stalls < 1 - capacity_search.WORST_BAD_SHARE


def test_windows_of_a_rate_are_longer() -> None:
    of_listeners = capacity_cell.search_window("listeners")
    of_rate = capacity_cell.search_window("requests/s")
    assert of_rate.counted_s == 2 * of_listeners.counted_s
    assert of_rate.least_requests > of_listeners.least_requests


def test_a_window_may_be_of_another_length() -> None:
    usual = capacity_cell.search_window("listeners")
    half = capacity_cell.search_window("listeners", usual.counted_s / 2)
    twice = capacity_cell.search_window("listeners", usual.counted_s * 2)
    assert half == tuple(part / 2 for part in usual)
    assert twice == usual._replace(counted_s=usual.counted_s * 2)


def test_windows_take_texts_that_were_not_taken_for_longest(generator: CrowdedGenerator) -> None:
    measure(most=2)
    first, second = ({each.text for each in trace.requests} for trace in generator.traces[:2])
    assert not first & second


def test_steps_go_on_within_a_window(generator: CrowdedGenerator) -> None:
    steps: list[SearchStep] = []
    measure(most=2, tell=steps.append)
    before, within = steps[:2]
    assert (before.seconds, before.window_s) == (0.0, None)
    assert (within.seconds, within.window_s) == (1.0, 2.1)
    assert within[:4] == before[:4]


def test_answers_of_others_void_the_search(generator: CrowdedGenerator) -> None:
    generator.swaps_answers = True
    found = found_in(measure(most=2))
    assert found.proven == 2
    assert found.void_because is not None
    assert "its own text" in found.void_because
    assert capacity.judge(found, 2).outcome is Outcome.INVALID


def test_right_answers_void_nothing(generator: CrowdedGenerator) -> None:
    found = found_in(measure(most=2))
    assert found.void_because is None
    assert found.integrity is not None
    assert found.integrity.compared > 0


def test_a_cache_is_refused_before_any_window(generator: CrowdedGenerator) -> None:
    generator.cached_ms = 1.0
    with pytest.raises(MeasurementError, match="turn the cache off"):
        measure()
    assert generator.levels == []
    assert not generator.is_open


def test_a_target_that_dies_later_ends_the_search(generator: CrowdedGenerator) -> None:
    generator.dies_in = 7
    found = found_in(measure())
    assert found.stopped_because == "at 3: it fell over"
    assert found.proven is None
    assert capacity.judge(found, 3).outcome is Outcome.INCONCLUSIVE


def test_a_target_that_dies_at_once_is_an_error(generator: CrowdedGenerator) -> None:
    generator.dies_in = 0
    with pytest.raises(TargetCrashed):
        measure()
    assert not generator.is_open


def test_a_late_generator_refutes_nothing(generator: CrowdedGenerator) -> None:
    generator.is_late = True
    found = found_in(measure(most=4))
    assert (found.proven, found.refuted) == (3, None)
    assert found.stopped_because is not None
    assert "the generator was the bottleneck" in found.stopped_because


def test_a_cold_cell_has_no_crowd(generator: CrowdedGenerator) -> None:
    source = TargetFactory(TargetSpec(spec="fake:Fake"))
    with pytest.raises(MeasurementError, match="warm target"):
        capacity_cell.measure_capacity(
            source, load_plan(LISTENERS, "cold"), LIMITS, tell=lambda _: None
        )


def test_a_budget_ends_it(generator: CrowdedGenerator) -> None:
    found = found_in(measure(budget_s=0.0))
    assert found.levels == ()
    assert found.stopped_because == "the time for the search was used up"


@pytest.fixture
def few_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer than prove anything, as real windows take their time."""
    monkeypatch.setattr(capacity_search, "PROVING", (2, 4, 6, 8))
    monkeypatch.setattr(capacity_search, "REFUTING", (1, 2, 3))
    monkeypatch.setattr(capacity_search, "EXPLORING_WINDOWS", 1)
    monkeypatch.setattr(integrity, "SAMPLE", 4)
    monkeypatch.setattr(capacity_cell, "measure_null_rate", lambda *_, **__: 500.0)


@pytest.mark.starts
@pytest.mark.usefixtures("few_windows")
def test_an_engine_that_serves_one_after_the_other_takes_few() -> None:
    """One waits a fiftieth of the limit for a first sound, 16 wait longer than it anywhere."""
    plan = load_plan(LoadSpec(listeners=1, pace="greedy"))
    plan = plan._replace(window=WindowPlan(lead_s=0.1, counted_s=0.25, least_requests=1))
    result = capacity_cell.measure_capacity(
        TargetFactory(TargetSpec(spec="tests.unit.load.engines:Serial")),
        plan,
        CapacityLimits(ttfa_p95_ms=250.0, stall=0.5),
        most=16,
        tell=lambda _: None,
    )
    found = found_in(result)
    assert found.void_because is None
    assert found.proven is not None
    assert found.refuted is not None
    assert 1 <= found.proven < found.refuted <= 16
