"""One cell with many listeners: its windows, what follows from them, and the verdicts.

The target is opened in the generator's process, or asked from it; each window replays a trace of
its own; then a few texts are spoken to a single listener, to see whether a cache answers, and
whether each listener got its own text. As with one listener, what is derived is a function of what
was recorded (`experiment.cell.derive`), and limits are judged over windows (`window_limits`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf.errors import MeasurementError, TargetError
from pytest_ttsperf.experiment import cell, listening
from pytest_ttsperf.experiment.plan import (
    Plan,
    Progress,
    TargetFactory,
    Tell,
    cell_of,
    probe_texts,
    start_of_texts,
    trial_texts,
)
from pytest_ttsperf.experiment.trial import merge_tracers, to_trial
from pytest_ttsperf.load import findings, integrity, window_limits
from pytest_ttsperf.load.generator.null import measure_null_rate
from pytest_ttsperf.load.generator.parent import LoadGenerator
from pytest_ttsperf.load.integrity import ReceivedSpeech
from pytest_ttsperf.load.metering import TargetMeter
from pytest_ttsperf.load.traces import WindowPlan, draw_trace
from pytest_ttsperf.load.windows import (
    QUIET_TIMEOUT_S,
    MeteredWindow,
    run_metered_window,
    summarise_window,
    trials_of,
)
from pytest_ttsperf.machine import load as machine_load
from pytest_ttsperf.measure import corpus, schedule
from pytest_ttsperf.metrics import load as load_metrics
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    Cell,
    CellResult,
    IntegrityCheck,
    LoadResult,
    LoadSpec,
    LoadWindow,
    RecorderCost,
    TargetInfo,
    Trace,
    Trial,
    TrustNote,
    Usage,
    Verdict,
    player_prebuffer_ms,
)

DEFAULT_WINDOWS = 6
"""One more than can prove a limit (`window_limits.FEWEST_WINDOWS`)."""
DRAIN_S = 5.0
"""About what a window takes beyond its arrivals: the last answers, and until all is quiet."""
SHORTEST_PLAYED_S = 2.0
"""Of a preset's texts."""


class LoadPlan(NamedTuple):
    """What to measure, and under which load."""

    plan: Plan
    load: LoadSpec
    windows: int = DEFAULT_WINDOWS
    window: WindowPlan = WindowPlan()
    seed: int = 0
    """Of the traces: one window after the other has the next."""


class FinishedWindow(NamedTuple):
    """A window that is over, with the target quiet again."""

    window: LoadWindow
    trials: tuple[Trial, ...]
    target_pids: tuple[int, ...]
    """The tops of its process trees."""


AfterWindow = Callable[[FinishedWindow], None]


def measure_load(
    source: TargetFactory,
    plan: LoadPlan,
    tell: Tell,
    after_window: AfterWindow | None = None,
) -> CellResult:
    """Measure the windows of a cell; `tell` hears of each as of a trial, and often within it.

    `after_window` is called after each, while the target does nothing.

    MeasurementError for a target that cannot be loaded so, or a cold cell. TargetError where it
    does not open, or dies in its first window; where it dies later the cell is void.
    """
    refuse_unsuited(plan)
    start_s = REAL.monotonic()
    tell(Progress(plan.plan, 0, plan.windows, None))
    null_rate = measure_null_rate(plan.load, source=source)
    with LoadGenerator(source, plan.load, plan.plan.mode) as generator:
        run = _LoadRun(generator, source, plan, generator.open(), tell, after_window)
        monitor = machine_load.LoadMonitor(generator.target_pids)
        run.run_windows()
        load_during = monitor.so_far()
        tell(Progress(plan.plan, plan.windows, plan.windows, 0.0))
        run.run_cache_probes()
        check = run.check_integrity()
        run.end()
    result = CellResult(
        cell=identity_of(source, run.ready, plan),
        fingerprint=run.fingerprint,
        declared_trials=sum(trial.kind == "trial" for trial in run.trials),
        trials=tuple(run.trials),
        ready=run.ready,
        idle=run.idle,
        thresholds=run.thresholds,
        notes=tuple(run.notes),
        recorder_cost=run.cost,
        stopped_early=run.is_stopped,
        duration_s=REAL.monotonic() - start_s,
        machine_load=load_during,
        texts_from=start_of_texts(plan.plan),
        load=LoadResult(
            spec=plan.load,
            seed=plan.seed,
            windows=tuple(run.windows),
            null_rate=null_rate,
            integrity=check,
        ),
    )
    return derive(result)


def identity_of(source: TargetFactory, ready: TargetInfo, plan: LoadPlan) -> Cell:
    """What the windows of a plan belong to: the cell of one listener, with its load."""
    return structs.replace(cell_of(source, ready, plan.plan), load=plan.load.label)


def refuse_unsuited(plan: LoadPlan) -> None:
    if plan.plan.phase == "cold":
        raise MeasurementError(
            f"{plan.plan.test}: many listeners are measured with a warm target; leave out "
            "cold_engine, or the listeners"
        )
    if plan.windows < 1:
        raise MeasurementError(f"found {plan.windows} windows, wanted at least one")


# Traces


def window_traces(plan: LoadPlan) -> list[Trace]:
    """The traces of a plan's windows, each with texts of its own if there are enough.

    MeasurementError for a text that is no preset and looks like one.
    """
    texts = load_texts(plan.plan)
    traces = []
    for number in range(plan.windows):
        of_window = _share_of(texts, number, plan)
        trace = draw_trace(plan.load, of_window, seed=plan.seed + number, plan=plan.window)
        traces.append(trace)
    return traces


def load_texts(plan: Plan) -> Sequence[str]:
    """All texts of a preset, from where the run starts; or the one text of a test's own."""
    if not corpus.is_preset(plan.text):
        return trial_texts(plan)[:1]
    return corpus.texts(plan.text, corpus.trial_count(plan.text), start=plan.texts_from)


def _share_of(texts: Sequence[str], number: int, plan: LoadPlan) -> Sequence[str]:
    """The texts of one window: a share of its own, where each share holds enough for a window.

    Listeners who wait for nobody ask so often that all texts are needed in each.
    """
    size = len(texts) // plan.windows
    if size < most_requests(plan):
        return texts
    return texts[number * size : (number + 1) * size]


def most_requests(plan: LoadPlan) -> float:
    """How many requests a window may have, about; infinite where nothing says."""
    load = plan.load
    window = plan.window
    if load.rate is not None:
        counted_s = window.length_s(1 / load.rate)
        expected = load.rate * (window.lead_s + counted_s)
        return expected + 3 * math.sqrt(expected)
    if load.pace == "greedy" or load.listeners is None:
        return math.inf
    # Nobody asks again while a text is played. A window that is longer than planned, so that it
    # holds the least number of requests, holds few more than that.
    cycle_s = SHORTEST_PLAYED_S + load.think_s
    in_lead = load.listeners * window.lead_s / cycle_s
    counted = load.listeners * window.counted_s / cycle_s
    return in_lead + max(counted, 2 * window.least_requests)


# Measuring


class _LoadRun:
    """A cell under load while it is measured."""

    def __init__(
        self,
        generator: LoadGenerator,
        source: TargetFactory,
        plan: LoadPlan,
        ready: TargetInfo,
        tell: Tell,
        after_window: AfterWindow | None,
    ) -> None:
        self.ready = ready
        """What the target says of itself; at the end, after its windows."""
        self.fingerprint = cell.fingerprint_of(ready)
        self.thresholds = plan.plan.limits_on(self.fingerprint)
        self.windows: list[LoadWindow] = []
        self.trials: list[Trial] = []
        self.notes: list[TrustNote] = cell.warning_notes(ready)
        self.idle: Usage | None = None
        self.cost: RecorderCost | None = None
        self.is_stopped = False
        """Whether the target died."""
        self._generator = generator
        self._source = source
        self._plan = plan
        self._tell = tell
        self._after_window = after_window
        self._answers: list[ReceivedSpeech] = []
        self._meter = new_meter(generator, source)
        self._longest_s = 0.0
        """Of the windows so far."""
        self._unquiet: list[str] = []
        """When the target did not become quiet."""

    def run_windows(self) -> None:
        """All windows, one after the other, with the target quiet between."""
        if self._meter is not None:
            if not self._meter.wait_quiet(QUIET_TIMEOUT_S):
                self._unquiet.append("before the first window")
            self.idle = self._meter.usage()
        for number, trace in enumerate(window_traces(self._plan)):
            try:
                self._run_window(number, trace)
            except TargetError as error:
                if not self.windows:
                    raise
                self._end_by(number, error)
                return

    def _run_window(self, number: int, trace: Trace) -> None:
        plan = self._plan
        start_s = REAL.monotonic()
        window_s = self._longest_s or trace.lead_s + trace.counted_s + DRAIN_S

        def tell(seconds: float) -> None:
            left_s = window_s * (plan.windows - number) - seconds
            self._tell(Progress(plan.plan, number, plan.windows, max(0.0, left_s)))

        tell(0.0)
        metered = run_metered_window(self._generator, trace, self._meter, tell)
        self._add(number, metered)
        self._longest_s = max(self._longest_s, REAL.monotonic() - start_s)
        if self._after_window is not None:
            of_window = [trial for trial in self.trials if _window_of(trial) == number]
            pids = self._generator.target_pids
            self._after_window(FinishedWindow(self.windows[-1], tuple(of_window), pids))

    def _add(self, number: int, metered: MeteredWindow) -> None:
        """A window as trials and in figures; of its sound what integrity needs."""
        record = metered.record
        quality = self._plan.plan.quality
        sounding = trials_of(record, number, quality=quality, keep_sound=True)
        self._answers += integrity.read_answers(sounding)
        trials = listening.drop_sound(sounding)
        self.trials += trials
        window = summarise_window(
            trials,
            record,
            index=number,
            prebuffer_ms=player_prebuffer_ms(self.thresholds),
            thresholds=self.thresholds,
            usage=metered.usage,
            pace=self._plan.load.pace,
        )
        self.windows.append(window)
        if not metered.is_quiet:
            self._unquiet.append(f"after window {number}")

    def _end_by(self, number: int, error: TargetError) -> None:
        """The target is gone: what was measured before stays, and proves nothing."""
        self.is_stopped = True
        text = (
            f"the target did not survive window {number} of {self._plan.windows}: "
            f"{str(error).strip()}"
        )
        self.notes.append(TrustNote(guard="failed", text=text, invalid=True))

    def run_cache_probes(self) -> None:
        """Trials that show whether a cache answers, as with one listener; none where all failed."""
        answers = load_metrics.whole_answers(self.trials)
        if self.is_stopped or not answers:
            return
        texts = probe_texts(self._plan.plan, answers[0].text)
        for step in schedule.schedule_trials(texts, "probe"):
            try:
                recording = self._generator.record(step.text)
            except TargetError:
                return  # half of the probes say nothing
            self.trials.append(to_trial(step, recording, None))

    def check_integrity(self) -> IntegrityCheck:
        """Whether each listener got its own text; a target that is gone is not compared with."""
        return integrity.check_answers(self._answers, self._generator.record, seed=self._plan.seed)

    def end(self) -> None:
        """Look at the target after its windows, and close it."""
        unreadable = None if self._meter is None else self._meter.unreadable
        if unreadable is not None:
            self.ready = structs.replace(self.ready, pid_missing_because=unreadable)
        if self._unquiet:
            text = (
                f"the target kept working for {QUIET_TIMEOUT_S:g} s on its own "
                f"{', '.join(self._unquiet)}"
            )
            self.notes.append(TrustNote(guard="quiet", text=text))
        if not self.is_stopped:
            self._inspect()
        trouble = self._generator.close()
        if trouble is not None:
            text = f"target {self._source.spec.label}: {trouble}"
            self.notes.append(TrustNote(guard="target", text=text))

    def _inspect(self) -> None:
        found = self._generator.inspect()
        self.cost = found.cost
        self.ready = structs.replace(
            self.ready,
            placement=found.placement,
            tracers=merge_tracers(self.ready.tracers, found.tracers),
        )


def _window_of(trial: Trial) -> int | None:
    return None if trial.load is None else trial.load.window


def new_meter(generator: LoadGenerator, source: TargetFactory) -> TargetMeter | None:
    """What reads the target's process trees; None where none is its own."""
    pids = generator.target_pids
    if not pids:
        return None
    return TargetMeter(pids, started_here=source.lifecycle != "external")


# What follows from the windows


def derive(result: CellResult) -> CellResult:
    """All that `experiment.cell.derive` derives, the figures of the load, and its notes.

    ValueError for a cell without a load.
    """
    if result.load is None:
        raise ValueError("found a cell without a load, wanted one with windows")
    earlier_notes = [note for note in result.notes if note.guard not in findings.GUARDS]
    derived = cell.derive(
        structs.replace(
            result,
            load=findings.add_figures(result.load, result.idle),
            notes=tuple(earlier_notes),
        )
    )
    return structs.replace(derived, notes=(*derived.notes, *findings.find_notes(derived)))


def judge(result: CellResult, screened: Iterable[Verdict] = ()) -> CellResult:
    """Add the verdicts: trust, whether any request failed, and each limit over windows.

    A cell without windows stays as it is: what a search has found has its verdict already.
    """
    if result.load is None:
        return result
    failure = findings.failure_verdict(result)
    if failure is not None:
        screened = (failure, *screened)
    return cell.judge(result, screened, window_limits.judge_limit)
