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
from pytest_ttsperf.experiment.plan import TargetFactory, probe_texts, start_of_texts
from pytest_ttsperf.experiment.trial import to_trial
from pytest_ttsperf.load import capacity, findings, generator_guard, integrity
from pytest_ttsperf.load.capacity import CapacityLimits
from pytest_ttsperf.load.capacity_search import SearchStep, Unit
from pytest_ttsperf.load.cell import (
    LoadPlan,
    identity_of,
    load_texts,
    most_requests,
    new_meter,
    refuse_unsuited,
)
from pytest_ttsperf.load.generator.null import measure_null_rate
from pytest_ttsperf.load.generator.parent import LoadGenerator
from pytest_ttsperf.load.integrity import ReceivedSpeech
from pytest_ttsperf.load.traces import WindowPlan, draw_trace
from pytest_ttsperf.load.windows import (
    QUIET_TIMEOUT_S,
    run_metered_window,
    summarise_window,
    trials_of,
)
from pytest_ttsperf.machine import load as machine_load
from pytest_ttsperf.measure import schedule
from pytest_ttsperf.metrics import validity
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Capacity, CellResult, LoadSpec, LoadWindow

START: dict[Unit, float] = {"listeners": 4, "requests/s": 1.0}
"""Where exploring begins; it doubles and halves from there."""
MOST: dict[Unit, float] = {"listeners": 200, "requests/s": 100.0}
WINDOW = WindowPlan(lead_s=2.5, counted_s=10.0, least_requests=24)
"""Of a search for listeners. Where one answer in a hundred stalls, 23 answers or more are without a
stall in fewer than four windows of five (.99^23 = .794): such a level does not hold."""
RATE_WINDOW = WindowPlan()
"""Of a search for requests a second: as they come at random, a window needs more of them."""
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

    Of the plan's load everything counts but how many there are; where it has a `rate`, requests a
    second are searched. `tell` hears of each window before it, and four times a second within.

    MeasurementError for a target that cannot be loaded so, a cold cell, or a target with a cache.
    TargetError where it does not open, or dies in its first window; where it dies later, the search
    ends there with what was proven.
    """
    refuse_unsuited(plan)
    unit: Unit = "listeners" if plan.load.rate is None else "requests/s"
    start_s = REAL.monotonic()
    null_rate = measure_null_rate(at_level(plan.load, START[unit]), source=source)
    with LoadGenerator(source, plan.load, plan.plan.mode) as generator:
        ready = generator.open()
        _refuse_cache(generator, plan)
        monitor = machine_load.LoadMonitor(generator.target_pids)
        run = _CapacityRun(generator, source, plan, limits, tell)
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
        found = run.check_integrity(structs.replace(found, null_rate=null_rate))
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
    """As a part of a cell's identity, to which how many there are does not belong."""
    _, *others = load.label.split(", ")
    kind = "capacity" if load.rate is None else "capacity by rate"
    return ", ".join([kind, *others])


def search_window(unit: Unit, counted_s: float | None = None) -> WindowPlan:
    """A window of a search: of so many seconds, or longer until there are enough requests.

    Without a length, that which suits the unit.
    """
    window = WINDOW if unit == "listeners" else RATE_WINDOW
    return window if counted_s is None else window.counting(counted_s)


def exploring(window: WindowPlan) -> WindowPlan:
    """A window that only explores: half as long, with half of the requests at least."""
    return window.shortened(EXPLORING_SHARE)._replace(lead_s=window.lead_s)


def _refuse_cache(generator: LoadGenerator, plan: LoadPlan) -> None:
    """MeasurementError where a text that was spoken before comes out of a cache.

    A search is long, and texts come again in it, as there are not so many.
    """
    used = load_texts(plan.plan)[0]
    generator.record(used)
    probes = []
    for step in schedule.schedule_trials(probe_texts(plan.plan, used), "probe"):
        probes.append(to_trial(step, generator.record(step.text), None))
    pairs = findings.probe_pairs(probes)
    if pairs and validity.is_cache(pairs):
        raise MeasurementError(
            f"a cache serves repeated texts ({findings.speeds_text(pairs)}), and a search has to "
            "repeat texts: turn the cache off"
        )


class _CapacityRun:
    """The windows of a search, at whatever level it wants one."""

    def __init__(
        self,
        generator: LoadGenerator,
        source: TargetFactory,
        plan: LoadPlan,
        limits: CapacityLimits,
        tell: Tell,
    ) -> None:
        self._generator = generator
        self._plan = plan
        self._limits = limits
        self._tell = tell
        self._texts = load_texts(plan.plan)
        self._taken = 0
        """Texts that windows have taken so far."""
        self._windows = 0
        self._answers: list[ReceivedSpeech] = []
        """Of good windows that count."""
        self._step: SearchStep | None = None
        self._meter = new_meter(generator, source)
        if self._meter is not None:
            self._meter.wait_quiet(QUIET_TIMEOUT_S)

    def begin(self, step: SearchStep) -> None:
        """The search is about to run a window."""
        self._step = step
        self._tell(step)

    def run_counted(self, level: float) -> LoadWindow:
        """A window of full length; if it is good, its answers are remembered."""
        window, answers = self._run(level, self._plan.window)
        if self._limits.is_met(window):
            self._answers += answers
        return window

    def explore(self, level: float) -> LoadWindow:
        """A shorter window."""
        window, _ = self._run(level, exploring(self._plan.window))
        return window

    def check_integrity(self, found: Capacity) -> Capacity:
        """The answer, void if listeners did not get their own texts in windows that were good."""
        speak = self._generator.record
        check = integrity.check_answers(self._answers, speak, seed=self._plan.seed)
        notes = integrity.find_notes(check)
        return structs.replace(
            found,
            integrity=check,
            void_because=notes[0].text if notes else None,
        )

    def _run(self, level: float, window: WindowPlan) -> tuple[LoadWindow, list[ReceivedSpeech]]:
        plan = self._plan._replace(load=at_level(self._plan.load, level), window=window)
        number = self._windows
        self._windows += 1
        texts = self._take_texts(plan)
        trace = draw_trace(plan.load, texts, seed=plan.seed + number, plan=window)
        length_s = trace.lead_s + trace.counted_s

        def tell(seconds: float) -> None:
            if self._step is not None:
                self._tell(self._step._replace(seconds=seconds, window_s=length_s))

        self._generator.change_load(plan.load)
        metered = run_metered_window(self._generator, trace, self._meter, tell)
        sounding = trials_of(metered.record, number, keep_sound=True)
        answers = integrity.read_answers(sounding)
        found = summarise_window(
            listening.drop_sound(sounding),
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
        # In a closed loop each listener has as many texts as the others: one more than needed.
        count = min(len(self._texts), math.ceil(needed) + (plan.load.listeners or 0))
        first = self._taken % len(self._texts)
        self._taken += count
        return [*self._texts[first:], *self._texts[:first]][:count]
