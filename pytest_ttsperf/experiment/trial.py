"""An open target, and its warm and cold trials with everything raw about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from typing import NamedTuple

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from pytest_ttsperf.errors import MeasurementError, TargetError
from pytest_ttsperf.experiment import saved_sound
from pytest_ttsperf.experiment.plan import (
    NO_QUALITY,
    Plan,
    QualityPlan,
    TargetFactory,
    warmup_texts,
)
from pytest_ttsperf.experiment.surroundings import Surroundings, read_surroundings
from pytest_ttsperf.measure import schedule
from pytest_ttsperf.measure.memory import TreeMeter
from pytest_ttsperf.metrics import audio, definitions
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    FlaggedSeam,
    Mode,
    Quality,
    RecorderCost,
    Recording,
    SeamCheck,
    Span,
    TargetInfo,
    Trial,
    Usage,
)
from pytest_ttsperf.sound_quality import loudness, seams
from pytest_ttsperf.targets.base import Target

OPENING = ("process", "import", "open")
FAILURES_IN_A_ROW = 3


@dataclass(slots=True)
class OpenTarget:
    """A target that is open, with what is needed to measure it."""

    source: TargetFactory
    target: Target
    ready: TargetInfo
    meter: TreeMeter | None
    idle: Usage | None
    opening_s: float
    """How long opening it took, its own warm-up included."""
    surroundings: Surroundings
    """From which it was opened."""

    def reopen(self) -> str | None:
        """Close it and open a fresh one in its place, from the same surroundings.

        Gives what was wrong with closing the first, if anything. TargetError where the fresh one
        does not open: then none is open.
        """
        trouble = self.close()
        with self.surroundings.restored():
            fresh = open_target(self.source, warm=True)
        self.target = fresh.target
        self.ready = fresh.ready
        self.meter = fresh.meter
        self.idle = fresh.idle
        self.opening_s = fresh.opening_s
        return trouble

    def close(self) -> str | None:
        """Close the target; safe to call twice. Gives what was wrong with it, if anything."""
        trouble = self.target.close()
        if trouble is None:
            return None
        return f"target {self.source.spec.label}: {trouble}"


def open_target(source: TargetFactory, *, warm: bool) -> OpenTarget:
    """Open a target; with `warm` also run its own warm-up. TargetError when that fails."""
    surroundings = read_surroundings()
    start_s = REAL.monotonic()
    target = source.make()
    try:
        ready = target.open()
        if warm:
            target.warm()
        meter = _new_meter(target, ready)
        idle = None
        if meter is not None and warm:
            idle = meter.usage()
        if meter is not None and meter.unreadable:
            ready = note_unreadable(ready, meter)
            meter = None
    except BaseException:
        target.close()
        raise
    opening_s = REAL.monotonic() - start_s
    return OpenTarget(source, target, ready, meter, idle, opening_s, surroundings)


def _new_meter(target: Target, ready: TargetInfo) -> TreeMeter | None:
    """What reads the memory and CPU time of its processes; None where these are not its own."""
    if not target.isolated or ready.pid is None:
        return None
    return TreeMeter(ready.pid, started_here=target.lifecycle != "external")


def note_unreadable(ready: TargetInfo, meter: TreeMeter | None) -> TargetInfo:
    """The same, with why its process tree could not be read, if so."""
    if meter is None or meter.unreadable is None:
        return ready
    return structs.replace(ready, pid_missing_because=meter.unreadable)


def run_trial(
    opened: OpenTarget,
    step: schedule.ScheduledTrial,
    mode: Mode,
    *,
    with_usage: bool = True,
    quality: QualityPlan = NO_QUALITY,
    keep_sound: bool = False,
) -> Trial:
    """One trial with its sound analyzed and, `with_usage`, its memory and CPU time read.

    `keep_sound` leaves the samples in its recording. TargetError when the target fails.
    """
    meter = opened.meter
    if meter is None or not with_usage:
        recording = opened.target.record(step.text, mode)
        return _keep_trial(step, recording, None, quality, keep_sound=keep_sound)
    cpu_before_s = meter.cpu_s()
    with meter.watch_peak() as peak:
        recording = opened.target.record(step.text, mode)
    usage = meter.usage(peak[0])
    if usage is not None:
        # The tree is counted in ticks of 10 ms; what the process itself spent is exact.
        process_s = (recording.cpu_ns or 0) / 1e9
        usage = structs.replace(usage, cpu_s=max(usage.cpu_s - cpu_before_s, process_s))
    return _keep_trial(step, recording, usage, quality, keep_sound=keep_sound)


def run_trial_or_fail(
    opened: OpenTarget,
    step: schedule.ScheduledTrial,
    mode: Mode,
    *,
    with_usage: bool = True,
    quality: QualityPlan = NO_QUALITY,
    keep_sound: bool = False,
) -> Trial:
    """A trial in any case: where the target raised, ended or hung, it carries the error."""
    try:
        return run_trial(
            opened,
            step,
            mode,
            with_usage=with_usage,
            quality=quality,
            keep_sound=keep_sound,
        )
    except TargetError as error:
        return Trial(**asdict(step), recording=None, error=str(error))


def is_broken(trials: Sequence[Trial]) -> bool:
    """Whether there is no use in going on: the last three trials failed, or nothing answers."""
    last = trials[-FAILURES_IN_A_ROW:]
    return len(last) == FAILURES_IN_A_ROW and all(trial.error is not None for trial in last)


def _keep_trial(
    step: schedule.ScheduledTrial,
    recording: Recording,
    usage: Usage | None,
    quality: QualityPlan,
    *,
    keep_sound: bool,
) -> Trial:
    """What `to_trial` gives; the sound of a trial is saved before, where the plan says so."""
    if quality.save_to is not None and step.kind == "trial":
        saved_sound.save_sound(quality.save_to, step.index, recording)
    return to_trial(step, recording, usage, quality, keep_sound=keep_sound)


def to_trial(
    step: schedule.ScheduledTrial,
    recording: Recording,
    usage: Usage | None,
    quality: QualityPlan = NO_QUALITY,
    *,
    keep_sound: bool = False,
) -> Trial:
    """A trial of what was recorded, with its sound analysed; `recording` has its samples."""
    samples = audio.to_samples(recording)
    rate = recording.sample_rate
    level = audio.measure_level(samples, rate)
    if quality.true_peak:
        level = structs.replace(level, true_peak_dbtp=loudness.true_peak_dbtp(samples))
    return Trial(
        **asdict(step),
        recording=recording if keep_sound else recording.without_pcm(),
        sound=audio.measure_sound(samples, rate),
        level=level,
        quality=_judge_sound(samples, recording, quality),
        usage=usage,
    )


def _judge_sound(
    samples: NDArray[np.float32],
    recording: Recording,
    plan: QualityPlan,
) -> Quality | None:
    """What was requested of the sound and is quick; None where nothing was."""
    if not (plan.loudness or plan.seams):
        return None
    lufs = check = None
    if plan.loudness:
        lufs = loudness.integrated_lufs(samples, recording.sample_rate)
    if plan.seams:
        check = _check_seams(samples, recording)
    return Quality(lufs=lufs, seams=check)


def _check_seams(samples: NDArray[np.float32], recording: Recording) -> SeamCheck:
    found = seams.find_seams(samples, recording.sample_rate, recording.frame_counts)
    flagged = [
        FlaggedSeam(second=seam.second, kind=seam.kind, score=seam.score) for seam in found.flagged
    ]
    return SeamCheck(joints=found.joints, flagged=tuple(flagged))


def warm_up(
    opened: OpenTarget,
    plan: Plan,
    *,
    process: int = 0,
    keep_sound: bool = False,
) -> Iterator[Trial]:
    """Run warm-ups until they are steady, or for as many as there are."""
    steady = schedule.Steady()
    texts = warmup_texts(plan, schedule.MAX_WARMUPS)
    for step in schedule.schedule_trials(texts, "warmup", process=process):
        trial = run_trial(opened, step, plan.mode, keep_sound=keep_sound)
        steady.feed(rtf_of(trial))
        yield trial
        if steady.reached:
            return


def is_steady(warmups: Iterable[Trial]) -> bool:
    """Whether these warm-ups have become steady."""
    steady = schedule.Steady()
    for trial in warmups:
        steady.feed(rtf_of(trial))
    return steady.reached


def rtf_of(trial: Trial) -> float | None:
    """Its real-time factor; None where there is none."""
    if trial.recording is None or trial.sound is None:
        return None
    return definitions.rtf(trial.recording, trial.sound)


class ColdTrial(NamedTuple):
    """A trial of a process of its own, and what that process was like."""

    trial: Trial
    ready: TargetInfo
    cost: RecorderCost


def run_cold_trial(
    source: TargetFactory,
    step: schedule.ScheduledTrial,
    second_text: str,
    mode: Mode,
    quality: QualityPlan = NO_QUALITY,
) -> ColdTrial:
    """Start, synthesize twice, close: the first run counts from the start of the process.

    Where each text has a process of its own there is one run: a second would be another first.
    MeasurementError for a server, which has none.
    """
    missing_because = source.cold_missing_because
    if missing_because is not None:
        raise MeasurementError(missing_because)
    opened = open_target(source, warm=False)
    try:
        ready = opened.ready
        if opened.target.lifecycle == "per_text":
            return _run_process_trial(opened, step, mode, quality)
        first = opened.target.record(step.text, mode)
        usage = None
        if opened.meter is not None:
            usage = opened.meter.usage()
            ready = note_unreadable(ready, opened.meter)
        second = opened.target.record(second_text, mode)
        found = opened.target.inspect()
    finally:
        opened.close()
    recording = _from_process_start(first, ready)
    trial = _keep_trial(step, recording, usage, quality, keep_sound=quality.needs_sound)
    phases: dict[str, float | None] = dict(ready.phases_ms)
    for span in ready.spans:
        phases[span.stage] = (span.end_ns - span.start_ns) / 1e6
    phases["first_run"] = definitions.ttfs_ms(first)
    phases["second_run"] = definitions.ttfs_ms(second)
    tracers = merge_tracers(ready.tracers, found.tracers)
    ready = structs.replace(ready, placement=found.placement, tracers=tracers)
    return ColdTrial(_with_phases(trial, phases), ready, found.cost)


def _run_process_trial(
    opened: OpenTarget,
    step: schedule.ScheduledTrial,
    mode: Mode,
    quality: QualityPlan,
) -> ColdTrial:
    """The one run of a process that is there for one text."""
    recording = opened.target.record(step.text, mode)
    process = opened.target.process_usage
    usage = None
    phases: dict[str, float | None] = {}
    if process is not None:
        usage = process.usage
        phases.update(process.phases_ms)
    phases["first_run"] = definitions.ttfs_ms(recording)
    trial = _keep_trial(step, recording, usage, quality, keep_sound=quality.needs_sound)
    cost = opened.target.inspect().cost
    return ColdTrial(_with_phases(trial, phases), opened.ready, cost)


def _with_phases(trial: Trial, phases_ms: Mapping[str, float | None]) -> Trial:
    measured = {name: value for name, value in phases_ms.items() if value is not None}
    return structs.replace(trial, phases_ms=measured)


def merge_tracers(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """What was seen at either time, once."""
    return tuple(dict.fromkeys(before + after))


def _from_process_start(recording: Recording, ready: TargetInfo) -> Recording:
    """A cold request begins when its process is started: t0 moves there."""
    if ready.process_ns is None:
        return recording
    at_ns = ready.process_ns
    opening = []
    for phase in OPENING:
        duration_ms = ready.phases_ms.get(phase, 0.0)
        until_ns = at_ns + int(duration_ms * 1e6)
        if phase != "open" or not ready.spans:
            opening.append(Span(stage=phase, start_ns=at_ns, end_ns=until_ns))
        at_ns = until_ns
    return structs.replace(
        recording,
        request_ns=ready.process_ns,
        spans=(*opening, *ready.spans, *recording.spans),
    )


def seconds_per_trial(warmups: Sequence[Trial]) -> float:
    """How long a trial takes, by the last warm-ups."""
    seconds = []
    for trial in warmups[-2:]:
        recording = trial.recording
        if recording is not None:
            seconds.append((recording.end_ns - recording.request_ns) / 1e9)
    return mean(seconds) if seconds else 0.0
