"""A warm cell: its processes one after the other, each warmed and awaited quiet, and their trials.

Only one process is open at a time. What follows from the trials is derived and judged in `cell`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from msgspec import structs

from pytest_ttsperf.errors import MeasurementError, TargetError
from pytest_ttsperf.experiment import cell, listening, processes
from pytest_ttsperf.experiment.listening import SoundJudge
from pytest_ttsperf.experiment.plan import (
    Plan,
    Progress,
    Tell,
    cell_of,
    probe_texts,
    start_of_texts,
    trial_texts,
)
from pytest_ttsperf.experiment.trial import (
    OpenTarget,
    is_broken,
    is_steady,
    merge_tracers,
    note_unreadable,
    run_trial_or_fail,
    seconds_per_trial,
    warm_up,
)
from pytest_ttsperf.machine import load
from pytest_ttsperf.measure import schedule
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import CellResult, RecorderCost, TargetProcess, Trial, TrustNote

QUIET_TIMEOUT_S = 5.0
WORKS_ON = (
    "the target goes on working after its last chunk, into the next trial: figures hold for a "
    "target that is never idle"
)


def measure_warm(opened: OpenTarget, plan: Plan, tell: Tell) -> CellResult:
    """Warm up until steady, wait until quiet, then run the trials and the cache probes.

    The trials are spread over as many processes as the plan says, or as cost little. `opened` is
    the first, and afterwards the last of them. MeasurementError where what has one process is to
    have several, and where a further one does not open.
    """
    processes.refuse_too_many(opened.source, plan)
    start_s = REAL.monotonic()
    fingerprint = cell.fingerprint_of(opened.ready)
    identity = cell_of(opened.source, opened.ready, plan)
    run = _WarmRun(opened, plan, fingerprint, tell)
    monitor = monitor_load(opened)
    run.start_process(keep_sound=plan.quality.is_slow)
    load_before = monitor.so_far()

    with listening.open_judge(plan.quality) as judge:
        run.sample = _draw_sample(judge, plan, run.warmups)
        run.warmups = listening.drop_sound(run.warmups)
        monitor = monitor_load(opened)
        run.run_trials()
        load_during = monitor.so_far()
        tell(Progress(plan, plan.trials, plan.trials, 0.0))
        run.end_process()
        probes = run.run_cache_probes()
        trials = listening.judge_sounds(judge, run.trials)

    result = CellResult(
        cell=identity,
        fingerprint=fingerprint,
        declared_trials=plan.trials,
        trials=(*run.warmups, *trials, *probes),
        ready=processes.merge_ready(run.processes),
        idle=run.processes[0].idle,
        processes=tuple(run.processes),
        thresholds=run.thresholds,
        notes=tuple(processes.merge_notes(run.notes)),
        recorder_cost=processes.worst_cost(run.costs),
        stopped_early=run.is_stopped,
        duration_s=REAL.monotonic() - start_s,
        machine_load_before=load_before,
        machine_load=load_during,
        texts_from=start_of_texts(plan),
    )
    return cell.derive(result)


class _WarmRun:
    """A warm cell while it is measured: its processes so far, and what was recorded in them."""

    def __init__(self, opened: OpenTarget, plan: Plan, fingerprint: str, tell: Tell) -> None:
        self.thresholds = plan.limits_on(fingerprint)
        self.sample: Collection[int] = frozenset()
        """Positions of the trials that are listened to."""
        self.warmups: list[Trial] = []
        self.trials: list[Trial] = []
        self.processes: list[TargetProcess] = []
        """Those that have ended, or are to."""
        self.notes: list[list[TrustNote]] = []
        """Of each process."""
        self.costs: list[RecorderCost] = []
        self.is_stopped = False
        """Whether the trials ended early: the target is broken, or a limit is beyond doubt."""
        self._opened = opened
        self._plan = plan
        self._tell = tell
        self._texts = trial_texts(plan)
        self._number = 0
        """Of the process that is open."""
        self._start_s = 0.0
        """What the start of that process took."""
        self._further = 0
        """Processes that are still to be started."""
        self._per_trial_s = 0.0

    def start_process(self, *, keep_sound: bool = False) -> None:
        """Warm the process up and wait until it is quiet. TargetError where it does not speak."""
        opened = self._opened
        start_s = REAL.monotonic()
        warmups = list(warm_up(opened, self._plan, process=self._number, keep_sound=keep_sound))
        notes = [*cell.warning_notes(opened.ready), *warmup_notes(opened, warmups)]
        self._start_s = opened.opening_s + REAL.monotonic() - start_s
        self._per_trial_s = seconds_per_trial(warmups)
        self.warmups += warmups
        self.notes.append(notes)

    def run_trials(self) -> None:
        """All trials, in one process after the other; fewer where they end early."""
        first, *further = self._divide()
        self._further = len(further)
        self._run_until(first)
        for last in further:
            if self.is_stopped:
                return
            self._restart()
            self._run_until(last)

    def _divide(self) -> list[int]:
        """For each process, how many trials there are after it.

        Where nobody has said how many processes, the first trials say how long one takes.
        """
        plan = self._plan
        count = plan.processes
        if count is None and processes.has_one(self._opened.source):
            count = 1
        if count is None:
            start_s = REAL.monotonic()
            self._run_until(processes.smallest_share(plan.trials))
            per_trial_s = (REAL.monotonic() - start_s) / len(self.trials)
            count = processes.affordable(self._start_s, per_trial_s * plan.trials)
        return processes.last_trials(plan.trials, min(count, plan.trials))

    def _run_until(self, count: int) -> None:
        """Trials of the open process, until there are so many in all."""
        done = len(self.trials)
        steps = schedule.schedule_trials(
            self._texts[done:count],
            "trial",
            first=self._plan.first + done,
            process=self._number,
        )
        for step in steps:
            if self.is_stopped:
                return
            self._run_trial(step)

    def _run_trial(self, step: schedule.ScheduledTrial) -> None:
        """One trial, and whether it is the last: nothing works any more, or a limit is broken.

        The latter only where stopping saves enough time.
        """
        plan = self._plan
        done = len(self.trials)
        left_s = self._per_trial_s * (plan.trials - done) + self._start_s * self._further
        self._tell(Progress(plan, done, plan.trials, left_s))
        trial = run_trial_or_fail(
            self._opened,
            step,
            plan.mode,
            quality=plan.quality,
            keep_sound=done in self.sample,
        )
        self.trials.append(trial)
        if is_broken(self.trials):
            self.is_stopped = True
        elif left_s > cell.WORTH_STOPPING_S:
            self.is_stopped = cell.is_decided(self.thresholds, self.trials, plan.trials)

    def _restart(self) -> None:
        """End the process that is open, and start the next in its place."""
        self.end_process()
        self._number += 1
        self._further -= 1
        try:
            trouble = self._opened.reopen()
            self.start_process()
        except TargetError as error:
            count = self._number + 1 + self._further
            raise MeasurementError(
                f"process {self._number + 1} of {count} of this test did not start, and the first "
                f"did; --ttsperf-processes=1 measures in one: {error}"
            ) from error
        if trouble is not None:
            self.notes[-2].append(TrustNote(guard="target", text=trouble))

    def end_process(self) -> None:
        """Look at the process after its trials: whether it is quiet, and what it tells of itself.

        One that no longer works is not asked.
        """
        opened = self._opened
        ready = note_unreadable(opened.ready, opened.meter)
        if not is_broken(self.trials):
            if opened.meter and not opened.meter.is_quiet():
                self.notes[-1].append(TrustNote(guard="background", text=WORKS_ON))
            found = opened.target.inspect()
            tracers = merge_tracers(ready.tracers, found.tracers)
            ready = structs.replace(ready, placement=found.placement, tracers=tracers)
            self.costs.append(found.cost)
        self.processes.append(
            TargetProcess(
                process=self._number,
                fingerprint=cell.fingerprint_of(opened.ready),
                ready=ready,
                idle=opened.idle,
                start_s=self._start_s,
            )
        )

    def run_cache_probes(self) -> list[Trial]:
        """Trials that show whether a cache answers: of a text spoken before, and of new ones.

        In the process that is open, of a text that was spoken in it. None where nothing works.
        """
        if is_broken(self.trials):
            return []
        plan = self._plan
        repeated = next(trial.text for trial in self.trials if trial.process == self._number)
        steps = schedule.schedule_trials(
            probe_texts(plan, repeated),
            "probe",
            process=self._number,
        )
        return [run_trial_or_fail(self._opened, step, plan.mode) for step in steps]


def monitor_load(opened: OpenTarget) -> load.LoadMonitor:
    """Watch what else the machine does from now on; the target's own work does not count."""
    pid = opened.ready.pid
    return load.LoadMonitor([] if pid is None else [pid])


def warmup_notes(opened: OpenTarget, warmups: Sequence[Trial]) -> Iterator[TrustNote]:
    """Wait until the target is quiet; whether it became steady, and quiet."""
    if not is_steady(warmups):
        text = f"its times still went up and down after {len(warmups)} warm-ups"
        yield TrustNote(guard="steady", text=text)
    if opened.meter and not opened.meter.wait_quiet(QUIET_TIMEOUT_S):
        text = f"the target kept working for {QUIET_TIMEOUT_S:g} s after its last answer"
        yield TrustNote(guard="quiet", text=text)


def _draw_sample(
    judge: SoundJudge | None,
    plan: Plan,
    warmups: Sequence[Trial],
) -> frozenset[int]:
    """Which trials will be listened to: as many as the time for it holds, by the last warm-up."""
    if judge is None:
        return frozenset()
    per_trial_s = judge.time(warmups[-1])
    count = listening.affordable(plan.quality.budget_s, per_trial_s)
    return listening.draw_sample(count, plan.trials, seed=plan.test)
