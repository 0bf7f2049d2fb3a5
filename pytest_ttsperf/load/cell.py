"""One cell with many listeners: its windows, what follows from them, and the verdicts.

The target is opened in the generator's process, or asked from it; each window replays a trace of
its own; then a sample of its texts is spoken to a single listener. As with one listener, what is
derived is a function of what was recorded (`experiment.cell.derive`), and limits are judged over
windows (`window_limits`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
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
    start_of_texts,
)
from pytest_ttsperf.experiment.trial import merge_tracers
from pytest_ttsperf.load import generator_guard, integrity, window_limits
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
from pytest_ttsperf.measure import corpus
from pytest_ttsperf.metrics import definitions, validity
from pytest_ttsperf.metrics import load as load_metrics
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    Cell,
    CellResult,
    IntegrityCheck,
    LoadResult,
    LoadSpec,
    LoadWindow,
    TargetInfo,
    Threshold,
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
REPEATED_SHARE = 0.1
"""Of the requests: so few texts that come again do not change a percentile."""
UNSERVED = "unserved"
"""The guard of requests that were refused or have failed."""
FINDINGS = (generator_guard.GUARD, integrity.GUARD, UNSERVED, "cache")
"""Guards whose notes are found anew whenever a result is derived."""


class LoadPlan(NamedTuple):
    """What to measure, and under which load."""

    plan: Plan
    load: LoadSpec
    windows: int = DEFAULT_WINDOWS
    window: WindowPlan = WindowPlan()
    seed: int = 0
    """Of the traces: one window after the other has the next."""


def measure_load(source: TargetFactory, plan: LoadPlan, tell: Tell) -> CellResult:
    """Measure the windows of a cell; `tell` hears of each as of a trial, and often within it.

    MeasurementError for a target that cannot be loaded so, or a cold cell. TargetError where it
    does not open, or dies in its first window; where it dies later the cell is void.
    """
    _refuse_unsuited(plan)
    start_s = REAL.monotonic()
    tell(Progress(plan.plan, 0, plan.windows, None))
    null_rate = measure_null_rate(plan.load, source=source)
    with LoadGenerator(source, plan.load, plan.plan.mode) as generator:
        ready = generator.open()
        run = _LoadRun(generator, source, plan, ready, tell)
        monitor = machine_load.LoadMonitor(generator.target_pids)
        run.run_windows()
        load_during = monitor.so_far()
        tell(Progress(plan.plan, plan.windows, plan.windows, 0.0))
        check = run.check_integrity()
        ready = run.inspect()
    fingerprint = cell.fingerprint_of(ready)
    result = CellResult(
        cell=identity_of(source, ready, plan),
        fingerprint=fingerprint,
        declared_trials=sum(trial.kind == "trial" for trial in run.trials),
        trials=tuple(run.trials),
        ready=ready,
        idle=run.idle,
        thresholds=run.thresholds,
        notes=tuple(run.notes),
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


def _refuse_unsuited(plan: LoadPlan) -> None:
    if plan.plan.phase == "cold":
        raise MeasurementError(
            f"{plan.plan.test}: many listeners are measured with a warm target; leave out "
            "cold_engine, or the listeners"
        )
    if plan.windows < 1:
        raise MeasurementError(f"found {plan.windows} windows, wanted at least one")


def window_traces(plan: LoadPlan) -> list[Trace]:
    """The traces of a plan's windows, each with texts that no other window has if there are enough.

    MeasurementError for a text that is no preset and looks like one.
    """
    texts = load_texts(plan.plan)
    traces = []
    for number in range(plan.windows):
        seed = plan.seed + number
        of_window = _share_of(texts, number, plan)
        traces.append(draw_trace(plan.load, of_window, seed=seed, plan=plan.window))
    return traces


def load_texts(plan: Plan) -> Sequence[str]:
    """All texts of a preset, from where the run starts; or the one text of a test's own."""
    if not corpus.is_preset(plan.text):
        return [plan.text]
    return corpus.texts(plan.text, corpus.trial_count(plan.text), start=plan.texts_from)


def _share_of(texts: Sequence[str], number: int, plan: LoadPlan) -> Sequence[str]:
    """The texts of one window: a share of its own, where each share holds enough for a window.

    Whom nobody waits for asks so often that all texts are needed in each.
    """
    size = len(texts) // plan.windows
    if size < most_requests(plan):
        return texts
    return texts[number * size : (number + 1) * size]


def most_requests(plan: LoadPlan) -> float:
    """How many requests a window may have, about; infinite where nothing says."""
    load = plan.load
    if load.rate is not None:
        seconds = max(plan.window.counted_s, plan.window.least_requests / load.rate)
        expected = load.rate * (plan.window.lead_s + seconds)
        return expected + 3 * math.sqrt(expected)
    if load.pace == "greedy":
        return math.inf
    # As long as a text is played it is not asked for again: what lasts 2 s at least, and a lead.
    per_listener = (plan.window.lead_s + plan.window.counted_s) / (SHORTEST_PLAYED_S + load.think_s)
    return (load.listeners or 0) * per_listener


class _LoadRun:
    """A cell under load while it is measured."""

    def __init__(
        self,
        generator: LoadGenerator,
        source: TargetFactory,
        plan: LoadPlan,
        ready: TargetInfo,
        tell: Tell,
    ) -> None:
        self.windows: list[LoadWindow] = []
        self.trials: list[Trial] = []
        self.notes: list[TrustNote] = cell.warning_notes(ready)
        self.is_stopped = False
        """Whether the target died."""
        self.idle: Usage | None = None
        self.thresholds: tuple[Threshold, ...] = plan.plan.limits_on(cell.fingerprint_of(ready))
        self._generator = generator
        self._plan = plan
        self._ready = ready
        self._tell = tell
        self._answers: list[ReceivedSpeech] = []
        self._meter = _new_meter(generator, source)
        self._durations_s: list[float] = []

    def run_windows(self) -> None:
        """All windows, one after the other, with the target quiet between."""
        self._wait_quiet("before its first window")
        if self._meter is not None:
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
        window_s = trace.lead_s + trace.counted_s + DRAIN_S
        if self._durations_s:
            window_s = max(self._durations_s)

        def tell(seconds: float) -> None:
            left_s = window_s * (plan.windows - number) - seconds
            self._tell(Progress(plan.plan, number, plan.windows, max(0.0, left_s)))

        tell(0.0)
        metered = run_metered_window(self._generator, trace, self._meter, tell)
        self._add(number, metered)
        self._durations_s.append(REAL.monotonic() - start_s)

    def _add(self, number: int, metered: MeteredWindow) -> None:
        """A window as trials and in figures; of its sound what integrity needs."""
        record = metered.record
        trials = trials_of(record, number, quality=self._plan.plan.quality, keep_sound=True)
        self._answers += integrity.read_answers(trials)
        trials = tuple(listening.drop_sound(trials))
        self.trials += trials
        self.windows.append(
            summarise_window(
                trials,
                record,
                index=number,
                prebuffer_ms=player_prebuffer_ms(self.thresholds),
                thresholds=self.thresholds,
                usage=metered.usage,
                pace=self._plan.load.pace,
            )
        )
        if not metered.is_quiet:
            self._note_unquiet(f"after window {number}")

    def _wait_quiet(self, when: str) -> None:
        if self._meter is not None and not self._meter.wait_quiet(QUIET_TIMEOUT_S):
            self._note_unquiet(when)

    def _note_unquiet(self, when: str) -> None:
        text = f"the target kept working for {QUIET_TIMEOUT_S:g} s on its own {when}"
        self.notes.append(TrustNote(guard="quiet", text=text))

    def _end_by(self, number: int, error: TargetError) -> None:
        """The target is gone: what was measured before stays, and proves nothing."""
        self.is_stopped = True
        self.notes.append(
            TrustNote(
                guard="failed",
                text=f"the target did not survive window {number} of {self._plan.windows}: "
                f"{str(error).strip()}",
                invalid=True,
            )
        )

    def check_integrity(self) -> IntegrityCheck:
        """Whether each listener got its own text; a target that is gone is not compared with."""
        return integrity.check_answers(self._answers, self._generator.record, seed=self._plan.seed)

    def inspect(self) -> TargetInfo:
        """What the target says of itself after its windows, and why its tree was not read."""
        ready = self._ready
        unreadable = None if self._meter is None else self._meter.unreadable
        if unreadable is not None:
            ready = structs.replace(ready, pid_missing_because=unreadable)
        if self.is_stopped:
            return ready
        inspection = self._generator.inspect()
        return structs.replace(
            ready,
            placement=inspection.placement,
            tracers=merge_tracers(ready.tracers, inspection.tracers),
        )


def _new_meter(generator: LoadGenerator, source: TargetFactory) -> TargetMeter | None:
    """What reads the target's process trees; None where none is its own."""
    pids = generator.target_pids
    if not pids:
        return None
    return TargetMeter(pids, started_here=source.lifecycle != "external")


# What follows from the windows


def derive(result: CellResult) -> CellResult:
    """All that `experiment.cell.derive` derives, the figures of the load, and who is to blame.

    ValueError for a cell without a load.
    """
    load = result.load
    if load is None:
        raise ValueError("found a cell without a load, wanted one with windows")
    earlier_notes = [note for note in result.notes if note.guard not in FINDINGS]
    load = structs.replace(
        load,
        wanted_rate=_wanted_rate(load.windows),
        cpu_per_stream=_cpu_per_stream(load.windows),
        rss_per_stream_mb=_rss_per_stream_mb(load.windows, result.idle),
    )
    derived = cell.derive(structs.replace(result, load=load, notes=tuple(earlier_notes)))
    ttfa = derived.summary.get("ttfa_ms")
    found = [
        *generator_guard.find_notes(load, derived.trials, ttfa.p50 if ttfa else None),
        *integrity.find_notes(load.integrity),
        *_unserved_notes(load.windows),
        *cache_notes(derived.trials),
    ]
    return structs.replace(derived, notes=(*derived.notes, *found))


def _wanted_rate(windows: Sequence[LoadWindow]) -> float | None:
    """Requests a second that the windows offered."""
    seconds = sum(window.seconds for window in windows)
    if seconds <= 0:
        return None
    return sum(window.offered for window in windows) / seconds


def _cpu_per_stream(windows: Sequence[LoadWindow]) -> float | None:
    """Cores of the target's tree for each stream that is open; None where it was not read."""
    read = [window for window in windows if window.cpu_s is not None and window.stream_s]
    stream_s = sum(window.stream_s or 0.0 for window in read)
    if not stream_s:
        return None
    return sum(window.cpu_s or 0.0 for window in read) / stream_s


def _rss_per_stream_mb(windows: Sequence[LoadWindow], idle: Usage | None) -> float | None:
    """What the peak of a window is above the idle target, for each stream that was open then."""
    if idle is None:
        return None
    shares = []
    for window in windows:
        if window.rss_peak_bytes is not None and window.most_streams:
            above_bytes = max(0, window.rss_peak_bytes - idle.rss_bytes)
            shares.append(above_bytes / window.most_streams)
    if not shares:
        return None
    return max(shares) / definitions.BYTES_PER_MB


def _unserved_notes(windows: Sequence[LoadWindow]) -> list[TrustNote]:
    """What was refused, failed or held back, by kind: it meets no limit, and voids nothing."""
    kinds: dict[str, int] = {}
    for window in windows:
        for kind, count in window.failures.items():
            kinds[kind] = kinds.get(kind, 0) + count
    capped = sum(window.capped for window in windows)
    if capped:
        kinds["too many under way"] = capped
    if not kinds:
        return []
    offered = sum(window.offered for window in windows)
    most_first = sorted(kinds, key=lambda kind: -kinds[kind])
    listed = ", ".join(f"{kinds[kind]} {kind}" for kind in most_first)
    text = f"{sum(kinds.values())} of {offered} requests were not answered ({listed})"
    return [TrustNote(guard=UNSERVED, text=text)]


def cache_notes(trials: Sequence[Trial]) -> list[TrustNote]:
    """Texts that come again are spoken again: else the figures are those of a cache.

    It is seen where there are more texts than one, and some of them come twice.
    """
    first: list[float] = []
    again: list[float] = []
    seen: set[str] = set()
    for trial in load_metrics.whole_answers(trials):
        rtf = definitions.METRICS["rtf"].of(trial, 0.0)
        if rtf is None:
            continue
        (again if trial.text in seen else first).append(rtf)
        seen.add(trial.text)
    if len(seen) < 2 or len(again) <= REPEATED_SHARE * len(first):
        return []
    if median(again) >= validity.CACHE_RATIO * median(first):
        return []
    return [
        TrustNote(
            guard="cache",
            text=f"a cache serves repeated texts (median rtf {median(again):.2g} of {len(again)} "
            f"repeated ones against {median(first):.2g} of {len(first)} new ones), and there are "
            "not enough texts for such a load: turn the cache off, or shorten the windows",
            invalid=True,
        )
    ]


def judge(result: CellResult, screened: Iterable[Verdict] = ()) -> CellResult:
    """Add the verdicts: trust, and each limit over windows. A cell without windows stays as it is.

    (What a search found has its verdict already.)
    """
    if result.load is None:
        return result
    return cell.judge(result, screened, window_limits.judge_limit)
