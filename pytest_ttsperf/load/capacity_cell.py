"""One cell whose listeners, or requests a second, become more or fewer: how many it takes.

The target is opened once, by one generator, and asked from it by ever other numbers of listeners;
between two windows it is drained and quiet. What is found is `capacity.search`'s; here are only the
windows that it runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from msgspec import structs

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment import cell, listening
from pytest_ttsperf.experiment.plan import TargetFactory, start_of_texts
from pytest_ttsperf.load import capacity, generator_guard, integrity
from pytest_ttsperf.load.capacity import CapacityLimits
from pytest_ttsperf.load.capacity_search import SearchStep, Unit
from pytest_ttsperf.load.cell import LoadPlan, cache_notes, identity_of, load_texts, most_requests
from pytest_ttsperf.load.generator.null import measure_null_rate
from pytest_ttsperf.load.generator.parent import LoadGenerator
from pytest_ttsperf.load.integrity import ReceivedSpeech
from pytest_ttsperf.load.metering import TargetMeter
from pytest_ttsperf.load.traces import WindowPlan, draw_trace
from pytest_ttsperf.load.windows import (
    QUIET_TIMEOUT_S,
    run_metered_window,
    summarise_window,
    trials_of,
)
from pytest_ttsperf.machine import load as machine_load
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Capacity, CellResult, LoadSpec, LoadWindow, Trial

START: dict[Unit, float] = {"listeners": 4, "requests/s": 1.0}
"""Where exploring begins; it doubles and halves from there."""
MOST: dict[Unit, float] = {"listeners": 200, "requests/s": 100.0}
EXPLORING_SHARE = 0.5
"""Of a window: so long is one that only explores."""

Tell = Callable[[SearchStep], None]


def measure_capacity(
    source: TargetFactory,
    plan: LoadPlan,
    limits: CapacityLimits,
    *,
    wanted: float | None = None,
    most: float | None = None,
    budget_s: float | None = None,
    tell: Tell,
) -> CellResult:
    """Search for the capacity of a target, or decide whether it takes the level `wanted`.

    Of the plan's load everything counts but how many there are; its `rate` says that requests a
    second are searched. `tell` hears of each window before it and four times a second. Raises as
    `load.cell.measure_load` does; where the target dies later, the search ends with what was
    proven.
    """
    if plan.plan.phase == "cold":
        raise MeasurementError(
            f"{plan.plan.test}: many listeners are measured with a warm target; leave out "
            "cold_engine"
        )
    unit: Unit = "listeners" if plan.load.rate is None else "requests/s"
    start_s = REAL.monotonic()
    null_rate = measure_null_rate(at_level(plan.load, START[unit]), source=source)
    with LoadGenerator(source, plan.load, plan.plan.mode) as generator:
        ready = generator.open()
        monitor = machine_load.LoadMonitor(generator.target_pids)
        run = _CapacityRun(generator, source, plan, limits, null_rate, tell)
        found = capacity.search(
            run.run_counted,
            limits,
            unit=unit,
            start=START[unit],
            most=max(MOST[unit] if most is None else most, wanted or 0.0),
            tell=run.begin,
            budget_s=budget_s,
            explore_window=run.explore,
            fault_of=lambda window: generator_guard.find_window_fault(window, null_rate),
            wanted=wanted,
        )
        load_during = monitor.so_far()
        found = run.check(structs.replace(found, null_rate=null_rate))
    return CellResult(
        cell=structs.replace(identity_of(source, ready, plan), load=label_of(plan.load)),
        fingerprint=cell.fingerprint_of(ready),
        declared_trials=0,
        trials=(),
        ready=ready,
        notes=tuple(cell.warning_notes(ready)),
        duration_s=REAL.monotonic() - start_s,
        machine_load=load_during,
        texts_from=start_of_texts(plan.plan),
        capacity=found,
    )


def at_level(load: LoadSpec, level: float) -> LoadSpec:
    """The same load, with so many listeners or requests a second."""
    if load.rate is None:
        return structs.replace(load, listeners=int(level))
    return structs.replace(load, rate=level)


def label_of(load: LoadSpec) -> str:
    """As a part of a cell's identity, which the numbers tried are not: `capacity, greedy`."""
    _, *others = load.label.split(", ")
    kind = "capacity" if load.rate is None else "capacity by rate"
    return ", ".join([kind, *others])


def exploring(window: WindowPlan) -> WindowPlan:
    """A window that only explores: half as long, with half the requests at least."""
    return window._replace(
        counted_s=EXPLORING_SHARE * window.counted_s,
        least_requests=math.ceil(EXPLORING_SHARE * window.least_requests),
    )


class _CapacityRun:
    """The windows of a search, at whatever level it wants one."""

    def __init__(
        self,
        generator: LoadGenerator,
        source: TargetFactory,
        plan: LoadPlan,
        limits: CapacityLimits,
        null_rate: float,
        tell: Tell,
    ) -> None:
        self._generator = generator
        self._plan = plan
        self._limits = limits
        self._null_rate = null_rate
        self._tell = tell
        self._texts = load_texts(plan.plan)
        self._step: SearchStep | None = None
        self._count = 0
        self._asked = 0
        """Texts that windows have taken so far."""
        self._trials: list[Trial] = []
        self._answers: list[ReceivedSpeech] = []
        self._meter: TargetMeter | None = None
        pids = generator.target_pids
        if pids:
            self._meter = TargetMeter(pids, started_here=source.lifecycle != "external")
            self._meter.wait_quiet(QUIET_TIMEOUT_S)

    def begin(self, step: SearchStep) -> None:
        """The search is about to run a window."""
        self._step = step
        self._tell(step)

    def run_counted(self, level: float) -> LoadWindow:
        """A window of full length; what is good in it is looked at by `check`."""
        window, answers = self._run(level, self._plan.window)
        if self._limits.is_met(window):
            self._answers += answers
        return window

    def explore(self, level: float) -> LoadWindow:
        """A shorter window."""
        window, _ = self._run(level, exploring(self._plan.window))
        return window

    def check(self, found: Capacity) -> Capacity:
        """The answer, void if the answers of good windows were not what was asked for."""
        check = integrity.check_answers(
            self._answers, self._generator.record, seed=self._plan.seed
        )
        notes = integrity.find_notes(check)
        return structs.replace(
            found,
            integrity=check,
            void_because=notes[0].text if notes else None,
        )

    def _run(
        self, level: float, window: WindowPlan
    ) -> tuple[LoadWindow, Sequence[ReceivedSpeech]]:
        plan = self._plan._replace(load=at_level(self._plan.load, level), window=window)
        number = self._count
        self._count += 1
        trace = draw_trace(
            plan.load, self._take_texts(plan), seed=plan.seed + number, plan=window
        )
        length_s = trace.lead_s + trace.counted_s

        def tell(seconds: float) -> None:
            assert self._step is not None
            self._tell(self._step._replace(seconds=seconds, window_s=length_s))

        metered = run_metered_window(self._generator, trace, self._meter, tell)
        trials = trials_of(metered.record, number, keep_sound=True)
        answers = integrity.read_answers(trials)
        trials = tuple(listening.drop_sound(trials))
        self._trials += trials
        self._refuse_cache()
        found = summarise_window(
            trials,
            metered.record,
            index=number,
            thresholds=self._limits.of_requests,
            usage=metered.usage,
            pace=plan.load.pace,
        )
        return found, answers

    def _take_texts(self, plan: LoadPlan) -> Sequence[str]:
        """Texts for one window: those that were not taken for the longest time."""
        needed = most_requests(plan)
        if needed >= len(self._texts):
            return self._texts
        count = math.ceil(needed)
        first = self._asked % len(self._texts)
        self._asked += count
        return [*self._texts[first:], *self._texts[:first]][:count]

    def _refuse_cache(self) -> None:
        """MeasurementError where texts that come again are not spoken again.

        A search is long, and there are not so many texts.
        """
        notes = cache_notes(self._trials)
        if notes:
            raise MeasurementError(notes[0].text)
