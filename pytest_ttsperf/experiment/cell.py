"""Walks one cell through the four stages: measure -> metrics -> judge, ready for report.

Knows nothing of pytest: the plugin and the command line are two doors into it. Everything below
`derive` is a function of recorded trials, so that pooling and rerunning judge the same way as a
first measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import structs

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment.plan import (
    UNNAMED,
    Plan,
    Progress,
    TargetFactory,
    cell_of,
    probe_texts,
    trial_texts,
    warmup_texts,
)
from pytest_ttsperf.experiment.trial import (
    OpenTarget,
    is_broken,
    is_steady,
    merge_tracers,
    note_unreadable,
    run_cold_trial,
    run_trial,
    run_trial_or_fail,
    seconds_per_trial,
    warm_up,
)
from pytest_ttsperf.judge import limits
from pytest_ttsperf.judge.statistics import quantiles
from pytest_ttsperf.machine import fingerprint as machine_fingerprint
from pytest_ttsperf.machine import load
from pytest_ttsperf.measure import corpus, schedule
from pytest_ttsperf.metrics import definitions, stages, validity
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    CellResult,
    Memory,
    Outcome,
    TargetInfo,
    Threshold,
    Trial,
    TrustNote,
    Verdict,
)

Tell = Callable[[Progress], None]
QUIET_TIMEOUT_S = 5.0
WORKS_ON = (
    "the target goes on working after its last chunk, into the next trial: figures hold for a "
    "target that is never idle"
)
WORTH_STOPPING_S = 10.0
"""A broken limit ends sampling only when that saves more than this: else all limits get their n."""


def run_once(opened: OpenTarget, plan: Plan) -> CellResult:
    """One trial without warm-up, limits or verdict, as `--ttsperf-disable` wants it."""
    step = next(schedule.schedule_trials(trial_texts(plan)[:1], "trial"))
    result = CellResult(
        cell=cell_of(opened.source, opened.ready, plan),
        fingerprint=_fingerprint(opened.ready),
        declared_trials=1,
        trials=(run_trial(opened, step, plan.mode),),
        ready=opened.ready,
    )
    return derive(result)


def measure_warm(opened: OpenTarget, plan: Plan, tell: Tell) -> CellResult:
    """Warm up until steady, wait until quiet, then speak the trials and the cache probes."""
    begun = REAL.monotonic()
    fingerprint = _fingerprint(opened.ready)
    thresholds = plan.limits_on(fingerprint)
    pids = [] if opened.ready.pid is None else [opened.ready.pid]
    watch = load.LoadMonitor(pids)
    trials = list(warm_up(opened, plan))
    notes = _warning_notes(opened.ready)
    if not is_steady(trials):
        notes.append(TrustNote(guard="steady", text=f"not steady after {len(trials)} warm-ups"))
    if opened.meter and not opened.meter.wait_quiet(QUIET_TIMEOUT_S):
        notes.append(
            TrustNote(
                guard="quiet", text=f"the target kept working for {QUIET_TIMEOUT_S:g} s on its own"
            )
        )
    before, watch = watch.so_far(), load.LoadMonitor(pids)
    per_trial_s, stopped = seconds_per_trial(trials), False
    texts = trial_texts(plan)
    for step in schedule.schedule_trials(texts, "trial", first=plan.first):
        done = step.index - plan.first
        left_s = per_trial_s * (plan.trials - done)
        tell(Progress(plan, done, plan.trials, left_s))
        trials.append(run_trial_or_fail(opened, step, plan.mode))
        if stopped := is_broken(trials):
            break
        if stopped := left_s > WORTH_STOPPING_S and _is_decided(thresholds, trials, plan.trials):
            break
    during = watch.so_far()
    tell(Progress(plan, plan.trials, plan.trials, 0.0))
    if opened.meter and not is_broken(trials) and not opened.meter.is_quiet():
        notes.append(TrustNote(guard="background", text=WORKS_ON))
    ready, cost = note_unreadable(opened.ready, opened.meter), None
    if not is_broken(trials):
        probes = schedule.schedule_trials(probe_texts(plan, texts[0]), "probe")
        trials += [run_trial_or_fail(opened, step, plan.mode) for step in probes]
        placement, cost, tracers = opened.target.inspect()
        tracers = merge_tracers(ready.tracers, tracers)
        ready = structs.replace(ready, placement=placement, tracers=tracers)
    result = CellResult(
        cell=cell_of(opened.source, opened.ready, plan),
        fingerprint=fingerprint,
        declared_trials=plan.trials,
        trials=tuple(trials),
        ready=ready,
        idle=opened.idle,
        thresholds=thresholds,
        notes=tuple(notes),
        recorder_cost=cost,
        stopped_early=stopped,
        duration_s=REAL.monotonic() - begun,
        machine_load_before=before,
        machine_load=during,
    )
    return derive(result)


def measure_cold(source: TargetFactory, plan: Plan, tell: Tell) -> CellResult:
    """Start a fresh process for each trial and tell the phases of its start."""
    if source.inline:
        raise MeasurementError(
            "a cold start needs a process of its own; leave out --ttsperf-inline for this test"
        )
    begun = REAL.monotonic()
    second_texts = warmup_texts(plan, 1)
    trials: list[Trial] = []
    ready, cost, stopped = None, None, False
    elapsed_s: float | None = None
    watch = load.LoadMonitor()
    for step in schedule.schedule_cold_trials(trial_texts(plan), first=plan.first):
        done = step.index - plan.first
        left_s = None if elapsed_s is None else elapsed_s * (plan.trials - done)
        tell(Progress(plan, done, plan.trials, left_s))
        start = REAL.monotonic()
        trial, ready, cost = run_cold_trial(source, step, second_texts[0], plan.mode)
        elapsed_s = REAL.monotonic() - start
        trials.append(trial)
        thresholds = plan.limits_on(_fingerprint(ready))
        saves_s = elapsed_s * (plan.trials - done - 1)
        if stopped := saves_s > WORTH_STOPPING_S and _is_decided(thresholds, trials, plan.trials):
            break
    tell(Progress(plan, plan.trials, plan.trials, 0.0))
    if ready is None:
        raise MeasurementError(f"{plan.test}: {plan.trials} cold trials measure nothing")
    result = CellResult(
        cell=cell_of(source, ready, plan),
        fingerprint=_fingerprint(ready),
        declared_trials=plan.trials,
        trials=tuple(trials),
        ready=ready,
        thresholds=thresholds,
        notes=(*_warning_notes(ready), *_page_cache(trials)),
        recorder_cost=cost,
        stopped_early=stopped,
        duration_s=REAL.monotonic() - begun,
        machine_load=watch.so_far(),
    )
    return derive(result)


def derive(result: CellResult) -> CellResult:
    """Everything that follows from the raw trials: summaries, memory, stages, trust notes."""
    trials, cell = result.counted, result.cell
    samples = {name: definitions.sample(name, trials) for name in definitions.METRICS}
    for threshold in result.thresholds:
        if threshold.marker != "memory" and threshold.prebuffer_ms:
            samples[threshold.sample_key] = definitions.sample(
                threshold.metric, trials, threshold.prebuffer_ms
            )
    breakdown = stages.breakdown(trials)
    found = validity.find_notes(
        result.trials,
        samples=samples,
        ready=result.ready,
        asked_provider=None if cell.provider == UNNAMED else cell.provider,
        bands=corpus.speech_band_s,
        mode=cell.mode,
        probe_rtf=definitions.sample("rtf", result.trials, kind="probe"),
        streamed=[
            definitions.is_streamed(t.recording, t.phases_ms.get("ready", 0.0))
            for t in trials
            if t.recording
        ],
        trend=quantiles.trend,
        bands_bind=corpus.is_preset(cell.preset),
        explained=stages.is_explained(breakdown.to_first_sound),
    )
    kept = [note for note in result.notes if note.guard not in {n.guard for n in found}]
    return structs.replace(
        result,
        summary={key: limits.summarize(sample) for key, sample in samples.items()},
        memory=_memory(result),
        breakdown=breakdown,
        notes=(*kept, *found),
    )


def judge(result: CellResult, screened: Iterable[Verdict] = ()) -> CellResult:
    """Add the verdicts: trust, each limit, and what its stored baseline made of it."""
    verdicts = [
        Verdict(subject=note.guard, outcome=Outcome.INVALID, reason=note.text, gate="trust")
        for note in result.notes
        if note.invalid
    ]
    judged = [_judge_limit(result, threshold) for threshold in result.thresholds]
    judged += screened
    if verdicts:
        judged = [_void(verdict, verdicts[0].subject) for verdict in judged]
    return structs.replace(result, verdicts=(*verdicts, *judged))


def _void(verdict: Verdict, guard: str) -> Verdict:
    """Nothing passes on a measurement that cannot be believed."""
    if verdict.outcome is not Outcome.PASS:
        return verdict
    reason = f"void, as the measurement is not to be believed ({guard}); {verdict.reason}"
    return structs.replace(verdict, outcome=Outcome.INVALID, reason=reason)


def doubt_provider(result: CellResult, source: TargetFactory) -> CellResult:
    """Nothing passes on a provider that was demanded, and of which nobody knows whether it ran.

    To be asked last, after all verdicts. A provider that is only configured is told as unverified
    by its note, and no more.
    """
    doubts = [note for note in result.notes if note.guard == validity.PROVIDER and not note.invalid]
    if "provider" not in source.demanded or not doubts:
        return result
    doubt = Verdict(
        subject=validity.PROVIDER,
        outcome=Outcome.INCONCLUSIVE,
        reason=f"{doubts[0].text}; {_way_to_verify(source)}",
        gate="trust",
    )
    judged = [_undecided(verdict, source.provider) for verdict in result.verdicts]
    return structs.replace(result, verdicts=(doubt, *judged))


def _undecided(verdict: Verdict, provider: str | None) -> Verdict:
    if verdict.outcome is not Outcome.PASS:
        return verdict
    reason = f"nobody knows whether {provider} ran; {verdict.reason}"
    return structs.replace(verdict, outcome=Outcome.INCONCLUSIVE, reason=reason)


def _way_to_verify(source: TargetFactory) -> str:
    return f"{source.placement_remedy}, or leave out --ttsperf-provider"


def pool(earlier: CellResult, later: CellResult) -> CellResult:
    """One result over the trials of both, as a rerun or a second measurement of a cell wants it."""
    offset = 1 + max((trial.process for trial in earlier.trials), default=-1)
    moved = tuple(structs.replace(t, process=t.process + offset) for t in later.trials)
    both = structs.replace(
        later,
        declared_trials=earlier.declared_trials + later.declared_trials,
        trials=(*earlier.trials, *moved),
        idle=earlier.idle,
        notes=tuple(dict.fromkeys((*earlier.notes, *later.notes, *_two_servers(earlier, later)))),
        stopped_early=earlier.stopped_early or later.stopped_early,
        duration_s=earlier.duration_s + later.duration_s,
        machine_load_before=load.merge_loads(
            earlier.machine_load_before, later.machine_load_before
        ),
        machine_load=load.merge_loads(earlier.machine_load, later.machine_load),
    )
    return derive(both)


def _two_servers(earlier: CellResult, later: CellResult) -> list[TrustNote]:
    """A suite may have started its server anew for a rerun, on another port."""
    first, second = earlier.cell.target, later.cell.target
    if first == second:
        return []
    text = f"the trials of {first} and of {second} are judged together, as those of one server"
    return [TrustNote(guard="target", text=text)]


def _judge_limit(result: CellResult, threshold: Threshold) -> Verdict:
    if threshold.marker == "memory":
        value = getattr(result.memory, threshold.metric)
        return limits.judge_value(threshold, value, result.memory.reason)
    sample = definitions.sample(threshold.metric, result.counted, threshold.prebuffer_ms)
    return limits.judge(threshold, sample, result.declared_trials)


def _warning_notes(ready: TargetInfo) -> list[TrustNote]:
    """What was odd about the target, and did not keep it from being measured."""
    return [TrustNote(guard="target", text=quirk) for quirk in ready.target_warnings]


def _page_cache(trials: Sequence[Trial]) -> list[TrustNote]:
    """From the second start on, the files that a start reads are in memory already."""
    told = "model files were read from a filled page cache"
    return [TrustNote(guard="page-cache", text=told)] if len(trials) > 1 else []


def _is_decided(thresholds: Iterable[Threshold], trials: Sequence[Trial], declared: int) -> bool:
    """Whether a limit is broken beyond doubt, so that going on would only cost time."""
    counted = [trial for trial in trials if trial.kind == "trial"]
    return any(
        limits.is_decided_early(
            threshold,
            definitions.sample(threshold.metric, counted, threshold.prebuffer_ms),
            declared,
        )
        for threshold in thresholds
        if threshold.marker != "memory"
    )


def _fingerprint(ready: TargetInfo) -> str:
    return machine_fingerprint.fingerprint(machine_fingerprint.machine(), ready)


def _memory(result: CellResult) -> Memory:
    """Per process, the worst of each figure; cold trials, one process each, are taken together."""
    if result.ready and result.ready.pid_missing_because:
        return Memory(reason=result.ready.pid_missing_because)
    if result.cell.phase == "cold":
        return definitions.memory(result.idle, result.counted)
    processes = sorted({trial.process for trial in result.counted})
    each = [
        definitions.memory(result.idle, [t for t in result.counted if t.process == process])
        for process in processes
    ]
    if len(each) < 2:
        return each[0] if each else Memory()

    def worst(name: str) -> float | None:
        return max((v for m in each if (v := getattr(m, name)) is not None), default=None)

    return Memory(
        rss_baseline_mb=each[0].rss_baseline_mb,
        rss_peak_mb=worst("rss_peak_mb"),
        rss_range_mb=worst("rss_range_mb"),
        uss_peak_mb=worst("uss_peak_mb"),
        reason=next((memory.reason for memory in each if memory.reason), None),
    )
