"""One cell from its text to its verdicts: measure, derive the metrics, judge.

How a warm one is measured is in `warm`. Nothing here knows of pytest: the plugin and the command
line both come in here. `derive` and all that comes after it are functions of recorded trials, so
that pooled and rerun cells are judged as a first measurement is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from msgspec import structs

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment import leaks, listening
from pytest_ttsperf.experiment.plan import (
    UNNAMED,
    Plan,
    Progress,
    TargetFactory,
    Tell,
    cell_of,
    start_of_texts,
    trial_texts,
    warmup_texts,
)
from pytest_ttsperf.experiment.trial import OpenTarget, run_cold_trial, run_trial
from pytest_ttsperf.judge import delivery, limits, sampled_limits
from pytest_ttsperf.judge.sampled_limits import SampledFigure
from pytest_ttsperf.judge.statistics import quantiles
from pytest_ttsperf.machine import fingerprint as machine_fingerprint
from pytest_ttsperf.machine import load
from pytest_ttsperf.measure import corpus, schedule
from pytest_ttsperf.metrics import definitions, stages, validity
from pytest_ttsperf.metrics import load as load_metrics
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    DEFINITIONS,
    CellResult,
    LoadWindow,
    Memory,
    Outcome,
    RecorderCost,
    Sample,
    SoakResult,
    Summary,
    TargetInfo,
    Threshold,
    Trial,
    TrustNote,
    Usage,
    Verdict,
)

JudgeLimit = Callable[[CellResult, Threshold], Verdict]
OF_THE_CELL = ("memory", "soak")
"""Marks of what a cell has as a whole, and no trial by itself."""
WORTH_STOPPING_S = 10.0
"""A broken limit ends sampling only when that saves more than this: else all limits get their n."""


def run_once(opened: OpenTarget, plan: Plan) -> CellResult:
    """One trial without warm-up, limits or verdict, as `--ttsperf-disable` wants it."""
    step = next(schedule.schedule_trials(trial_texts(plan)[:1], "trial"))
    result = CellResult(
        cell=cell_of(opened.source, opened.ready, plan),
        fingerprint=fingerprint_of(opened.ready),
        declared_trials=1,
        trials=(run_trial(opened, step, plan.mode),),
        ready=opened.ready,
    )
    return derive(result)


@dataclass(slots=True)
class _ColdRun:
    """The cold starts of a cell so far; what a target told holds for the newest of them."""

    trials: list[Trial]
    ready: TargetInfo | None = None
    cost: RecorderCost | None = None
    stopped: bool = False


def measure_cold(source: TargetFactory, plan: Plan, tell: Tell) -> CellResult:
    """Start a fresh process for each trial, and tell the phases of its start.

    MeasurementError where there is no process to be started, or no trial to be run.
    """
    if source.inline:
        raise MeasurementError(
            "a cold start needs a process of its own; leave out --ttsperf-inline for this test"
        )
    start_s = REAL.monotonic()
    second_text = warmup_texts(plan, 1)[0]
    monitor = load.LoadMonitor()
    cold = _run_cold_trials(source, plan, second_text, tell)
    tell(Progress(plan, plan.trials, plan.trials, 0.0))
    if cold.ready is None:
        raise MeasurementError(f"{plan.test}: {plan.trials} cold trials measure nothing")
    with listening.open_judge(plan.quality) as judge:
        chosen = listening.drop_beyond(cold.trials, plan.quality, judge)
        cold.trials = listening.judge_sounds(judge, chosen)
    fingerprint = fingerprint_of(cold.ready)
    result = CellResult(
        cell=cell_of(source, cold.ready, plan),
        fingerprint=fingerprint,
        declared_trials=plan.trials,
        trials=tuple(cold.trials),
        ready=cold.ready,
        thresholds=plan.limits_on(fingerprint),
        notes=(*warning_notes(cold.ready), *_page_cache_notes(cold.trials)),
        recorder_cost=cold.cost,
        stopped_early=cold.stopped,
        duration_s=REAL.monotonic() - start_s,
        machine_load=monitor.so_far(),
        texts_from=start_of_texts(plan),
    )
    return derive(result)


def _run_cold_trials(source: TargetFactory, plan: Plan, second_text: str, tell: Tell) -> _ColdRun:
    """All starts; the first tells how long one takes, and so whether stopping saves enough."""
    cold = _ColdRun(trials=[])
    left_s: float | None = None
    steps = schedule.schedule_cold_trials(trial_texts(plan), first=plan.first)
    for done, step in enumerate(steps):
        tell(Progress(plan, done, plan.trials, left_s))
        start_s = REAL.monotonic()
        trial, cold.ready, cold.cost = run_cold_trial(
            source, step, second_text, plan.mode, plan.quality
        )
        elapsed_s = REAL.monotonic() - start_s
        cold.trials.append(trial)
        left_s = elapsed_s * (plan.trials - done - 1)
        thresholds = plan.limits_on(fingerprint_of(cold.ready))
        if left_s > WORTH_STOPPING_S and is_decided(thresholds, cold.trials, plan.trials):
            cold.stopped = True
            break
    return cold


def derive(result: CellResult) -> CellResult:
    """Everything that follows from the raw trials: summaries, memory, stages, trust notes.

    Of many listeners the guards look at whole answers only, and at no trend: answers of one crowd
    are no independent witnesses. Those that were refused or have failed are counted in the windows.
    """
    cell = result.cell
    samples = _samples(result)
    derived = structs.replace(
        result,
        summary={key: _summarize(sample, result) for key, sample in samples.items()},
        definitions=DEFINITIONS,
        corpus=corpus.version(cell.preset),
        memory=_memory(result),
        breakdown=stages.breakdown(list(filter(load_metrics.is_served, result.counted))),
    )
    is_crowd = result.load is not None
    believed = derived
    if is_crowd:
        crowd = [trial for trial in derived.trials if trial.kind != "probe"]
        answers = load_metrics.whole_answers(crowd)
        believed = structs.replace(derived, trials=answers)
    found = validity.find_notes(
        believed,
        asked_provider=None if cell.provider == UNNAMED else cell.provider,
        bands=corpus.speech_band_s,
        bands_bind=corpus.is_preset(cell.preset),
        trend=None if is_crowd or result.soak is not None else quantiles.trend,
    )
    renewed = {note.guard for note in found}
    earlier = [note for note in result.notes if note.guard not in renewed]
    return structs.replace(derived, notes=(*earlier, *found))


def _summarize(sample: Sample, result: CellResult) -> Summary:
    """A sample in few numbers; of a crowd without bounds, which are those of independent trials."""
    summary = limits.summarize(sample)
    if result.load is None:
        return summary
    return structs.replace(summary, p50_bound=None, p95_bound=None, p99_bound=None)


def _samples(result: CellResult) -> dict[str, Sample]:
    """Every metric, and those again that a limit looks at in its own way, by their keys."""
    trials = result.counted
    samples = {name: load_metrics.sample(name, trials) for name in definitions.METRICS}
    for threshold in result.thresholds:
        is_own = threshold.prebuffer_ms or threshold.target is not None
        if threshold.marker not in OF_THE_CELL and is_own:
            samples[threshold.sample_key] = load_metrics.limited_sample(threshold, trials)
    if result.prebuffer_ms:
        stall = load_metrics.sample("longest_stall_ms", trials, result.prebuffer_ms)
        samples[result.longest_stall_key] = stall
    return samples


def judge(
    result: CellResult,
    screened: Iterable[Verdict] = (),
    judge_limit: JudgeLimit | None = None,
) -> CellResult:
    """Add the verdicts: trust, each limit, and those of the stored baselines (`screened`).

    `judge_limit` is for cells whose limits are not judged over their trials.
    """
    invalid = Outcome.INVALID
    verdicts = []
    for note in result.notes:
        if note.invalid:
            verdict = Verdict(subject=note.guard, outcome=invalid, reason=note.text, gate="trust")
            verdicts.append(verdict)
    judge_one = judge_limit or _judge_limit
    judged = [judge_one(result, threshold) for threshold in result.thresholds]
    judged += screened
    if verdicts:
        reason = f"void, as the measurement is not to be believed ({verdicts[0].subject})"
        judged = [_withdraw_pass(verdict, invalid, reason) for verdict in judged]
    return structs.replace(result, verdicts=(*verdicts, *judged))


def _withdraw_pass(verdict: Verdict, outcome: Outcome, reason: str) -> Verdict:
    """Nothing passes on a measurement in doubt; what has failed anyway stays as it is."""
    if verdict.outcome is not Outcome.PASS:
        return verdict
    return structs.replace(verdict, outcome=outcome, reason=f"{reason}; {verdict.reason}")


def doubt_provider(result: CellResult, source: TargetFactory) -> CellResult:
    """Nothing passes on a provider that was requested, and of which nobody knows whether it ran.

    Call it last, after all verdicts. A provider that is only configured gets no more than its note,
    which says that it is unverified.
    """
    if "provider" not in source.requested:
        return result
    doubts = [note for note in result.notes if note.guard == validity.PROVIDER and not note.invalid]
    if not doubts:
        return result
    inconclusive = Outcome.INCONCLUSIVE
    doubt = Verdict(
        subject=validity.PROVIDER,
        outcome=inconclusive,
        reason=f"{doubts[0].text}; {source.placement_remedy}, or leave out --ttsperf-provider",
        gate="trust",
    )
    reason = f"nobody knows whether {source.provider} ran"
    judged = [_withdraw_pass(verdict, inconclusive, reason) for verdict in result.verdicts]
    return structs.replace(result, verdicts=(doubt, *judged))


def pool(earlier: CellResult, later: CellResult) -> CellResult:
    """One result over the trials of both, as a rerun or a second measurement of a cell wants it.

    Of trials that ended early as many were declared as were made: what is judged then is what both
    have, and no longer a sample that lacks the rest of the first.
    """
    trials = list(earlier.trials)
    offset = 1 + max((trial.process for trial in trials), default=-1)
    for trial in later.trials:
        trials.append(structs.replace(trial, process=trial.process + offset))
    # A comparison goes on and says anew what is to be noted of it.
    earlier_notes = [note for note in earlier.notes if note.guard != "comparison"]
    notes = [*earlier_notes, *later.notes, *_server_notes(earlier, later)]
    load_before = load.merge_loads(earlier.machine_load_before, later.machine_load_before)
    processes = list(earlier.processes)
    for process in later.processes:
        processes.append(structs.replace(process, process=process.process + offset))
    both = structs.replace(
        later,
        declared_trials=_settled_trials(earlier) + later.declared_trials,
        trials=tuple(trials),
        idle=earlier.idle,
        processes=tuple(processes),
        notes=tuple(dict.fromkeys(notes)),
        stopped_early=later.stopped_early,
        looks=max(earlier.looks, later.looks),
        earlier_looks=_finished_looks(earlier),
        duration_s=earlier.duration_s + later.duration_s,
        machine_load_before=load_before,
        machine_load=load.merge_loads(earlier.machine_load, later.machine_load),
    )
    return derive(both)


def _settled_trials(result: CellResult) -> int:
    """How many trials were declared, or made where they ended early."""
    if result.stopped_early:
        return len(result.counted)
    return result.declared_trials


def _finished_looks(result: CellResult) -> int:
    """How often its trials were judged so that a limit could pass: not where they ended early."""
    is_finished = len(result.counted) >= result.declared_trials
    return result.earlier_looks + int(bool(result.verdicts) and is_finished)


def _server_notes(earlier: CellResult, later: CellResult) -> list[TrustNote]:
    """A suite may have started its server anew for a rerun, on another port."""
    first, second = earlier.cell.target, later.cell.target
    if first == second:
        return []
    text = f"the trials of {first} and of {second} are judged together, as those of one server"
    return [TrustNote(guard="target", text=text)]


def _judge_limit(result: CellResult, threshold: Threshold) -> Verdict:
    if threshold.marker == "memory":
        return limits.judge_memory(threshold, result.memory)
    if threshold.is_sampled:
        return judge_sampled(result, threshold)
    sample = load_metrics.limited_sample(threshold, result.counted)
    looks = limits.Looks(announced=result.looks, earlier=result.earlier_looks)
    verdict = limits.judge(threshold, sample, result.declared_trials, looks)
    if threshold.marker == "seams" and verdict.outcome is Outcome.FAIL:
        return structs.replace(verdict, reason=f"{verdict.reason}{_first_seam(result.counted)}")
    if threshold.metric == delivery.METRIC:
        arrivals = load_metrics.sample(delivery.ARRIVAL, result.counted)
        return delivery.put_in_words(verdict, sample.values, arrivals.values)
    return verdict


def judge_sampled(result: CellResult, threshold: Threshold) -> Verdict:
    """By the trials that were listened to."""
    return sampled_limits.judge(threshold, _listened(result, threshold))


def _listened(result: CellResult, threshold: Threshold) -> list[SampledFigure]:
    """The metric of each trial that was listened to, and what is to be said of it."""
    figures = []
    listened = [trial for trial in result.counted if trial.quality is not None]
    values = definitions.sample(threshold.metric, listened).values
    for trial, value in zip(listened, values, strict=True):
        if value is None or trial.quality is None:
            continue
        words = trial.quality.words
        figures.append(
            SampledFigure(
                value=value,
                weight=float(words.words) if threshold.metric == "wer" and words else 1.0,
                text=trial.text,
                detail=words.differing if words else "",
            )
        )
    return figures


def _first_seam(trials: Sequence[Trial]) -> str:
    """Where the first broken joint is to be heard."""
    for trial in trials:
        if trial.quality is None or trial.quality.seams is None:
            continue
        for seam in trial.quality.seams.flagged:
            return f"; the first ({seam.kind}) at {seam.second:.2f} s of {trial.text!r}"
    return ""


def warning_notes(ready: TargetInfo) -> list[TrustNote]:
    """What was odd about the target, and did not keep it from being measured."""
    return [TrustNote(guard="target", text=warning) for warning in ready.target_warnings]


def _page_cache_notes(trials: Sequence[Trial]) -> list[TrustNote]:
    """From the second start on, the files that a start reads are in memory already."""
    if len(trials) < 2:
        return []
    text = (
        "from the second start on, model files are in the system's memory already; the first start "
        "after the machine was switched on takes longer"
    )
    return [TrustNote(guard="page-cache", text=text)]


def is_decided(thresholds: Iterable[Threshold], trials: Sequence[Trial], declared: int) -> bool:
    """Whether a limit is broken beyond doubt, so that going on would only cost time."""
    return any(
        limits.is_decided_early(threshold, load_metrics.limited_sample(threshold, trials), declared)
        for threshold in thresholds
        if threshold.marker not in OF_THE_CELL
    )


def fingerprint_of(ready: TargetInfo) -> str:
    """Of this machine and what runs there."""
    return machine_fingerprint.fingerprint(machine_fingerprint.machine(), ready)


def _memory(result: CellResult) -> Memory:
    """Per process, the worst of each figure; cold trials, one process each, are taken together.

    Of many listeners the readings are those of their windows, of a soak those of its slices.
    """
    ready = result.ready
    if ready and ready.pid_missing_because:
        return Memory(reason=ready.pid_missing_because)
    if result.soak is not None:
        return _memory_of_soak(result.idle, result.soak)
    if result.load is not None:
        return _memory_of_windows(result.idle, result.load.windows)
    trials = result.counted
    if result.cell.phase == "cold":
        memory = definitions.memory(result.idle, trials)
        return structs.replace(memory, leak_reason=leaks.COLD)
    idle = {process.process: process.idle for process in result.processes}
    by_process = attrgetter("process")
    memories = []
    for number, of_process in groupby(sorted(trials, key=by_process), by_process):
        baseline = idle.get(number, result.idle)
        in_order = list(of_process)
        memory = definitions.memory(baseline, in_order)
        readings = leaks.readings_of_trials(in_order)
        memories.append(leaks.add_leak(memory, readings, "trial"))
    return _merge_memories(memories)


def _memory_of_windows(idle: Usage | None, windows: Sequence[LoadWindow]) -> Memory:
    by_session = attrgetter("session")
    memories = []
    for _, of_session in groupby(sorted(windows, key=by_session), by_session):
        in_order = list(of_session)
        readings = [each for each in map(load_metrics.usage_of, in_order) if each is not None]
        memory = definitions.memory_of(idle, readings, unit="window")
        memories.append(leaks.add_leak(memory, leaks.readings_of_windows(in_order), "window"))
    return _merge_memories(memories)


def _memory_of_soak(idle: Usage | None, soak: SoakResult) -> Memory:
    """By its slices, those of each session apart."""
    by_session = attrgetter("session")
    memories = []
    for _, of_session in groupby(sorted(soak.slices, key=by_session), by_session):
        in_order = list(of_session)
        readings = [each.usage for each in in_order if each.usage is not None]
        memory = definitions.memory_of(idle, readings, unit="slice")
        memories.append(leaks.add_leak(memory, leaks.readings_of_slices(in_order), "slice"))
    return _merge_memories(memories)


def _merge_memories(each: Sequence[Memory]) -> Memory:
    """The worst of each figure over processes."""
    merged = each[0] if each else Memory()
    for memory in each[1:]:
        merged = structs.replace(
            merged,
            rss_baseline_mb=_worse(merged.rss_baseline_mb, memory.rss_baseline_mb),
            rss_peak_mb=_worse(merged.rss_peak_mb, memory.rss_peak_mb),
            rss_range_mb=_worse(merged.rss_range_mb, memory.rss_range_mb),
            uss_peak_mb=_worse(merged.uss_peak_mb, memory.uss_peak_mb),
            leak=leaks.worse(merged.leak, memory.leak),
            leak_reason=merged.leak_reason or memory.leak_reason,
            reason=merged.reason or memory.reason,
        )
    return merged


def _worse(one: float | None, other: float | None) -> float | None:
    """The larger of those that were measured."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
