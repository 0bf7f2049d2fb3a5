"""A soak of one listener: slice after slice in one process, each with what was read at its end.

A slice is a stretch of trials, one after the other without a pause; behind it the memory and the
handles of the target are read, and the null target is spoken. Every trial is appended to the
journal as it comes, so that a soak that is killed goes on from its last whole slice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import structs

from pytest_ttsperf.endurance import figures
from pytest_ttsperf.endurance.journal import Journal, open_journal
from pytest_ttsperf.endurance.null_target import NullTarget, open_null_target
from pytest_ttsperf.endurance.plan import SLICES, SoakPlan, SoakProgress, TellSoak
from pytest_ttsperf.errors import TargetError
from pytest_ttsperf.experiment import cell, warm
from pytest_ttsperf.experiment.plan import (
    cell_of,
    probe_texts,
    start_of_texts,
    trial_texts,
)
from pytest_ttsperf.experiment.trial import (
    FAILURES_IN_A_ROW,
    OpenTarget,
    is_broken,
    merge_tracers,
    note_unreadable,
    run_trial_or_fail,
    warm_up,
)
from pytest_ttsperf.load.handles import count_handles
from pytest_ttsperf.measure import corpus, schedule
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    CellResult,
    SoakHead,
    SoakResult,
    SoakSlice,
    TargetProcess,
    Trial,
    TrustNote,
    Usage,
    player_prebuffer_ms,
)
from pytest_ttsperf.version import __version__

DIED = "soak"
"""The guard of a target that did not live to the end."""


def measure_soak(opened: OpenTarget, plan: SoakPlan, tell: TellSoak) -> CellResult:
    """Speak for as long as the plan says, or for what is left of it, and derive all figures.

    MeasurementError where the journal cannot be written, TargetError where the target does not
    open or speak at all.
    """
    head = head_of(opened, plan)
    with open_journal(plan.journal, head) as journal, open_null_target() as null_target:
        run = _SoakRun(opened, plan, journal, null_target, tell)
        run.run_slices()
        result = run.end()
        journal.finish()
    return derive(result)


def head_of(opened: OpenTarget, plan: SoakPlan) -> SoakHead:
    """What the soak is of."""
    return SoakHead(
        cell=cell_of(opened.source, opened.ready, plan.plan).id,
        fingerprint=cell.fingerprint_of(opened.ready),
        spec=plan.spec,
        revision=plan.revision,
        plugin_version=__version__,
    )


class _SoakRun:
    """A soak while it is measured."""

    def __init__(
        self,
        opened: OpenTarget,
        plan: SoakPlan,
        journal: Journal,
        null_target: NullTarget,
        tell: TellSoak,
    ) -> None:
        self._opened = opened
        self._plan = plan
        self._journal = journal
        self._null_target = null_target
        self._tell = tell
        self._start_s = REAL.monotonic()
        self._monitor = warm.monitor_load(opened)
        self._thresholds = plan.plan.limits_on(cell.fingerprint_of(opened.ready))
        self._prebuffer_ms = player_prebuffer_ms(self._thresholds)
        self._texts = soak_texts(plan)
        self._slices: list[SoakSlice] = list(journal.earlier.slices)
        self._trials: list[Trial] = list(journal.earlier.trials)
        self._warmups: list[Trial] = []
        self._notes: list[TrustNote] = []
        self._session = 0
        self._pids = [] if opened.meter is None or opened.ready.pid is None else [opened.ready.pid]
        self._is_stopped = False
        """Whether the target no longer works."""

    def run_slices(self) -> None:
        """Warm up, then all slices that are left."""
        opened = self._opened
        self._session = self._journal.begin_session()
        self._warmups = list(warm_up(opened, self._plan.plan, process=self._session))
        self._notes += cell.warning_notes(opened.ready)
        self._notes += warm.warmup_notes(opened, self._warmups)
        for index in range(len(self._slices), SLICES):
            if self._is_stopped:
                return
            self._run_slice(index)

    def _run_slice(self, index: int) -> None:
        start_s = REAL.monotonic()
        cpu_before_s = self._read_cpu_s()
        trials = self._speak(index, start_s)
        usage = self._read_usage(cpu_before_s)
        spoken_s = REAL.monotonic() - start_s
        null_ms = self._null_target.measure_ms(spoken_s)
        soak_slice = figures.summarise_slice(
            trials,
            index=index,
            session=self._session,
            seconds=REAL.monotonic() - start_s,
            prebuffer_ms=self._prebuffer_ms,
            null_ms=null_ms,
            usage=usage,
            handles=count_handles(self._pids),
        )
        self._journal.add_slice(soak_slice)
        self._slices.append(soak_slice)
        self._trials += trials

    def _speak(self, index: int, start_s: float) -> list[Trial]:
        """The trials of a slice: so many, or as long as it lasts."""
        is_over = self._end_of_slice(index, start_s)
        trials: list[Trial] = []
        while not is_over(len(trials)):
            number = len(self._trials) + len(trials)
            step = schedule.ScheduledTrial(
                index=number,
                kind="trial",
                process=self._session,
                text=self._texts[number % len(self._texts)],
            )
            # Its memory is read at the end of the slice.
            trial = run_trial_or_fail(self._opened, step, self._plan.plan.mode, with_usage=False)
            self._journal.add_trial(trial)
            trials.append(trial)
            self._tell(self._progress(index, start_s, len(trials)))
            if is_broken([*self._trials[-FAILURES_IN_A_ROW:], *trials]):
                self._is_stopped = True
                break
        return trials

    def _end_of_slice(self, index: int, start_s: float) -> Callable[[int], bool]:
        """Whether a slice is over once it has so many trials; each has at least one."""
        wanted = self._plan.requests_of(index)
        if wanted is not None:
            return lambda count: count >= wanted
        end_s = start_s + self._plan.slice_s - self._null_target.last_s
        return lambda count: count > 0 and REAL.monotonic() >= end_s

    def _progress(self, index: int, start_s: float, count: int) -> SoakProgress:
        wanted = self._plan.requests_of(index)
        slice_s = REAL.monotonic() - start_s
        of_slice = count / wanted if wanted else slice_s / self._plan.slice_s
        return progress(self._slices, (index + min(1.0, of_slice)) / SLICES, slice_s, count)

    def _read_cpu_s(self) -> float:
        meter = self._opened.meter
        return 0.0 if meter is None else meter.cpu_s()

    def _read_usage(self, cpu_before_s: float) -> Usage | None:
        """Of the slice; None where it cannot be read, or the target has died."""
        meter = self._opened.meter
        if meter is None:
            return None
        try:
            usage = meter.usage()
        except TargetError as error:
            self._end_by(error)
            return None
        if usage is None:
            return None
        return structs.replace(usage, cpu_s=usage.cpu_s - cpu_before_s)

    def _end_by(self, error: TargetError) -> None:
        self._is_stopped = True
        text = f"the target did not survive slice {len(self._slices) + 1} of {SLICES}: {error}"
        self._notes.append(TrustNote(guard=DIED, text=text.strip(), invalid=True))

    def end(self) -> CellResult:
        """Look at the target, find out whether a cache answered, and put all together."""
        opened, plan = self._opened, self._plan
        load_during = self._monitor.so_far()
        ready = note_unreadable(opened.ready, opened.meter)
        cost = None
        probes: list[Trial] = []
        if not self._is_stopped:
            found = opened.target.inspect()
            cost = found.cost
            tracers = merge_tracers(ready.tracers, found.tracers)
            ready = structs.replace(ready, placement=found.placement, tracers=tracers)
            probes = self._run_cache_probes()
        process = TargetProcess(
            process=self._session,
            fingerprint=cell.fingerprint_of(opened.ready),
            ready=ready,
            idle=opened.idle,
            start_s=opened.opening_s,
        )
        return CellResult(
            cell=cell_of(opened.source, opened.ready, plan.plan),
            fingerprint=cell.fingerprint_of(opened.ready),
            declared_trials=len(self._trials),
            trials=(*self._warmups, *self._trials, *probes),
            ready=ready,
            idle=opened.idle,
            processes=(process,),
            thresholds=self._thresholds,
            notes=tuple(self._notes),
            recorder_cost=cost,
            stopped_early=self._is_stopped,
            duration_s=REAL.monotonic() - self._start_s,
            machine_load=load_during,
            texts_from=start_of_texts(plan.plan),
            soak=soak_result(plan, self._slices, self._journal),
        )

    def _run_cache_probes(self) -> list[Trial]:
        """Of a text that was spoken, and in turn of new ones."""
        texts = probe_texts(self._plan.plan, self._trials[0].text)
        probes = []
        for step in schedule.schedule_trials(texts, "probe", process=self._session):
            probes.append(run_trial_or_fail(self._opened, step, self._plan.plan.mode))
        return probes


def soak_texts(plan: SoakPlan) -> Sequence[str]:
    """All texts of the preset, from where the run starts, or the text of the test's own.

    A soak has more requests than a preset has texts, and begins again at the first: what a cache
    would make of that is found out by probes.
    """
    if not corpus.is_preset(plan.plan.text):
        return trial_texts(plan.plan)[:1]
    count = corpus.trial_count(plan.plan.text)
    return corpus.texts(plan.plan.text, count, start=plan.plan.texts_from)


def progress(
    slices: Sequence[SoakSlice],
    share: float,
    slice_s: float,
    count: int,
) -> SoakProgress:
    """How far a soak is: its whole slices, and what there is of the next."""
    return SoakProgress(
        share=share,
        minutes=(sum(each.seconds for each in slices) + slice_s) / 60,
        requests=sum(each.requests for each in slices) + count,
        newest=slices[-1] if slices else None,
        underruns=sum(each.underruns or 0 for each in slices),
    )


def soak_result(plan: SoakPlan, slices: Sequence[SoakSlice], journal: Journal) -> SoakResult:
    """What was measured; nothing is derived yet."""
    return SoakResult(
        spec=plan.spec,
        slices=tuple(slices),
        journal=str(journal.path),
        remarks=(journal.remark,) if journal.remark else (),
    )


def derive(result: CellResult) -> CellResult:
    """All that `experiment.cell.derive` derives, and what follows from the slices.

    ValueError for a cell without slices.
    """
    if result.soak is None:
        raise ValueError("found a cell that is no soak, wanted one with slices")
    soak = figures.derive(result.soak)
    return cell.derive(structs.replace(result, soak=soak))
