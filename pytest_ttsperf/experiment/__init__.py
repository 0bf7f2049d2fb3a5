"""Walks one cell through the four stages: measure -> metrics -> judge, ready for report.

Knows nothing of pytest: the plugin and the command line are two doors into it. Everything below
`derive` is a function of recorded trials, so that pooling and rerunning judge the same way as a
first measurement.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf import environment, popen, secrets, specs, weather
from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment.against import Against as Against
from pytest_ttsperf.experiment.against import Measured as Measured
from pytest_ttsperf.experiment.against import against as against
from pytest_ttsperf.experiment.against import compared as compared
from pytest_ttsperf.experiment.against import is_in_doubt as is_in_doubt
from pytest_ttsperf.experiment.against import side_by_side as side_by_side
from pytest_ttsperf.experiment.plan import UNNAMED as UNNAMED
from pytest_ttsperf.experiment.plan import Plan as Plan
from pytest_ttsperf.experiment.plan import Progress as Progress
from pytest_ttsperf.experiment.plan import Source as Source
from pytest_ttsperf.experiment.plan import asked_so as asked_so
from pytest_ttsperf.experiment.plan import cell_of, probe_texts, trial_texts, warmup_texts
from pytest_ttsperf.experiment.plan import continued as continued
from pytest_ttsperf.experiment.plan import default_trials as default_trials
from pytest_ttsperf.experiment.sampling import Opened as Opened
from pytest_ttsperf.experiment.sampling import (
    as_read,
    cold_trial,
    is_broken,
    is_steady,
    joined,
    seconds_per_trial,
    speak,
    speak_or_fail,
    warm_up,
)
from pytest_ttsperf.experiment.sampling import open_target as open_target
from pytest_ttsperf.judge import baseline, limits, stats
from pytest_ttsperf.measure import corpus, interleave
from pytest_ttsperf.measure.targets.placement import COUNTS
from pytest_ttsperf.metrics import definitions, trust
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    BaselineRun,
    CellResult,
    Environment,
    Git,
    Json,
    Machine,
    Memory,
    Note,
    Outcome,
    Ready,
    Run,
    Threshold,
    Trial,
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


def speak_once(opened: Opened, plan: Plan) -> CellResult:
    """One trial without warm-up, limits or verdict, as `--ttsperf-disable` wants it."""
    step = next(interleave.steps(trial_texts(plan)[:1], "trial"))
    result = CellResult(
        cell=cell_of(opened.source, opened.ready, plan),
        fingerprint=_fingerprint(opened.ready),
        declared_trials=1,
        trials=(speak(opened, step, plan.mode),),
        ready=opened.ready,
    )
    return derive(result)


def measure_warm(opened: Opened, plan: Plan, tell: Tell) -> CellResult:
    """Warm up until steady, wait until quiet, then speak the trials and the cache probes."""
    begun = REAL.monotonic()
    fingerprint = _fingerprint(opened.ready)
    thresholds = plan.limits_on(fingerprint)
    pids = [] if opened.ready.pid is None else [opened.ready.pid]
    watch = weather.WeatherWatch(pids)
    trials = list(warm_up(opened, plan))
    notes = _quirks(opened.ready)
    if not is_steady(trials):
        notes.append(Note(guard="steady", text=f"not steady after {len(trials)} warm-ups"))
    if opened.meter and not opened.meter.wait_quiet(QUIET_TIMEOUT_S):
        notes.append(
            Note(
                guard="quiet", text=f"the target kept working for {QUIET_TIMEOUT_S:g} s on its own"
            )
        )
    before, watch = watch.so_far(), weather.WeatherWatch(pids)
    per_trial_s, stopped = seconds_per_trial(trials), False
    texts = trial_texts(plan)
    for step in interleave.steps(texts, "trial", first=plan.first):
        done = step.index - plan.first
        left_s = per_trial_s * (plan.trials - done)
        tell(Progress(plan, done, plan.trials, left_s))
        trials.append(speak_or_fail(opened, step, plan.mode))
        if stopped := is_broken(trials):
            break
        if stopped := left_s > WORTH_STOPPING_S and _decided(thresholds, trials, plan.trials):
            break
    during = watch.so_far()
    tell(Progress(plan, plan.trials, plan.trials, 0.0))
    if opened.meter and not is_broken(trials) and not opened.meter.is_quiet():
        notes.append(Note(guard="background", text=WORKS_ON))
    ready, cost = as_read(opened.ready, opened.meter), None
    if not is_broken(trials):
        probes = interleave.steps(probe_texts(plan, texts[0]), "probe")
        trials += [speak_or_fail(opened, step, plan.mode) for step in probes]
        placement, cost, tracers = opened.target.inspect()
        tracers = joined(ready.tracers, tracers)
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
        weather_before=before,
        weather=during,
    )
    return derive(result)


def measure_cold(source: Source, plan: Plan, tell: Tell) -> CellResult:
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
    watch = weather.WeatherWatch()
    for step in interleave.cold_steps(trial_texts(plan), first=plan.first):
        done = step.index - plan.first
        left_s = None if elapsed_s is None else elapsed_s * (plan.trials - done)
        tell(Progress(plan, done, plan.trials, left_s))
        start = REAL.monotonic()
        trial, ready, cost = cold_trial(source, step, second_texts[0], plan.mode)
        elapsed_s = REAL.monotonic() - start
        trials.append(trial)
        thresholds = plan.limits_on(_fingerprint(ready))
        saves_s = elapsed_s * (plan.trials - done - 1)
        if stopped := saves_s > WORTH_STOPPING_S and _decided(thresholds, trials, plan.trials):
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
        notes=(*_quirks(ready), *_page_cache(trials)),
        recorder_cost=cost,
        stopped_early=stopped,
        duration_s=REAL.monotonic() - begun,
        weather=watch.so_far(),
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
    breakdown = definitions.breakdown(trials)
    found = trust.notes(
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
        trend=stats.trend,
        bands_bind=corpus.is_preset(cell.preset),
        explained=definitions.is_explained(breakdown.to_first_sound),
    )
    kept = [note for note in result.notes if note.guard not in {n.guard for n in found}]
    return structs.replace(
        result,
        summary={key: limits.summarize(sample) for key, sample in samples.items()},
        memory=_memory(result),
        breakdown=breakdown,
        notes=(*kept, *found),
    )


def judge(result: CellResult, storage: Path | None = None) -> CellResult:
    """Add the verdicts: trust, each limit and, with a baseline storage, the change against it.

    Raises BaselineUnreadable when a stored baseline of this cell is damaged.
    """
    verdicts = [
        Verdict(subject=note.guard, outcome=Outcome.INVALID, reason=note.text, gate="trust")
        for note in result.notes
        if note.invalid
    ]
    judged = [_judge_limit(result, threshold) for threshold in result.thresholds]
    if storage is not None:
        judged += baseline.screen(storage, result)
    if verdicts:
        judged = [_voided(verdict, verdicts[0].subject) for verdict in judged]
    return structs.replace(result, verdicts=(*verdicts, *judged))


def _voided(verdict: Verdict, guard: str) -> Verdict:
    """Nothing passes on a measurement that cannot be believed."""
    if verdict.outcome is not Outcome.PASS:
        return verdict
    reason = f"void, as the measurement is not to be believed ({guard}); {verdict.reason}"
    return structs.replace(verdict, outcome=Outcome.INVALID, reason=reason)


def doubt_provider(result: CellResult, source: Source) -> CellResult:
    """Nothing passes on a provider that was demanded, and of which nobody knows whether it ran.

    To be asked last, after all verdicts. A provider that is only configured is told as unverified
    by its note, and no more.
    """
    doubts = [note for note in result.notes if note.guard == trust.PROVIDER and not note.invalid]
    if "provider" not in source.demanded or not doubts:
        return result
    doubt = Verdict(
        subject=trust.PROVIDER,
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


def _way_to_verify(source: Source) -> str:
    match specs.kind(source.spec.spec):
        case "python":
            way = f"give it placement(), which counts nodes by provider, as {COUNTS}"
        case "http":
            way = (
                "have the server tell its placement, nodes by provider, as "
                f'{{"placement": {COUNTS}}}, under the path that `status` '
                "in --ttsperf-http-template names"
            )
        case _:
            way = "measure it as module:callable or over HTTP, where it can tell its placement"
    return f"{way}, or leave out --ttsperf-provider"


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
        weather_before=weather.joined(earlier.weather_before, later.weather_before),
        weather=weather.joined(earlier.weather, later.weather),
    )
    return derive(both)


def _two_servers(earlier: CellResult, later: CellResult) -> list[Note]:
    """A suite may have started its server anew for a rerun, on another port."""
    first, second = earlier.cell.target, later.cell.target
    if first == second:
        return []
    text = f"the trials of {first} and of {second} are judged together, as those of one server"
    return [Note(guard="target", text=text)]


def _judge_limit(result: CellResult, threshold: Threshold) -> Verdict:
    if threshold.marker == "memory":
        value = getattr(result.memory, threshold.metric)
        return limits.judge_value(threshold, value, result.memory.reason)
    sample = definitions.sample(threshold.metric, result.counted, threshold.prebuffer_ms)
    return limits.judge(threshold, sample, result.declared_trials)


def save_baseline(storage: Path, result: CellResult, run: Run) -> None:
    """Add a result to its cell's baseline. BaselineUnreadable when that is damaged."""
    baseline.append(storage, result, baseline_run(result, run), traits(result, run))


def traits(result: CellResult, run: Run) -> dict[str, Json]:
    """What a result's fingerprint stands for; empty where the target tells otherwise by now."""
    here = run.environment.machine
    if environment.fingerprint(here, result.ready) != result.fingerprint:
        return {}
    return environment.stands_for(here, result.ready)


def baseline_run(result: CellResult, run: Run) -> BaselineRun:
    """What a baseline keeps of a cell's run."""
    git = run.environment.git
    return BaselineRun(
        saved=run.started,
        run=run.id,
        revision=git.revision if git else None,
        dirty=git.dirty if git else None,
        n=len(result.counted),
        summary=result.summary,
        notes=tuple(f"{note.guard}: {note.text}" for note in result.notes),
        weather=result.weather,
    )


class Place(NamedTuple):
    """Where a run is made."""

    machine: Machine
    git: Git | None


def look_around(folder: Path) -> Place:
    """The machine, and the sources around a folder.

    To be called before any fixture of a test is at work: one that replaces `subprocess.Popen` or
    clears `os.environ` would give the machine another fingerprint.
    """
    with popen.restored():
        return Place(environment.machine(), environment.git_state(folder))


class Surroundings:
    """Machine, weather and sources of a run: the weather from now on, at any time."""

    def __init__(self, place: Place, arguments: Iterable[str], versions: tuple[str, str]) -> None:
        before = weather.WeatherWatch()
        self._at_start = Environment(
            machine=place.machine,
            weather_before=before.so_far(at_least_s=weather.MIN_WINDOW_S),
            weather_after=None,
            git=place.git,
            plugin_version=versions[0],
            pytest_version=versions[1],
            arguments=tuple(map(secrets.scrub, secrets.mask_arguments(arguments))),
            host=platform.node() or None,
            kernel=platform.release() or None,
        )
        self._watch = weather.WeatherWatch()

    def now(self) -> Environment:
        """The environment with the weather up to now."""
        return structs.replace(self._at_start, weather_after=self._watch.so_far())


def _quirks(ready: Ready) -> list[Note]:
    """What was odd about the target, and did not keep it from being measured."""
    return [Note(guard="target", text=quirk) for quirk in ready.quirks]


def _page_cache(trials: Sequence[Trial]) -> list[Note]:
    """From the second start on, the files that a start reads are in memory already."""
    told = "model files were read from a filled page cache"
    return [Note(guard="page-cache", text=told)] if len(trials) > 1 else []


def _decided(thresholds: Iterable[Threshold], trials: Sequence[Trial], declared: int) -> bool:
    """Whether a limit is broken beyond doubt, so that going on would only cost time."""
    counted = [trial for trial in trials if trial.kind == "trial"]
    return any(
        limits.decided_early(
            threshold,
            definitions.sample(threshold.metric, counted, threshold.prebuffer_ms),
            declared,
        )
        for threshold in thresholds
        if threshold.marker != "memory"
    )


def _fingerprint(ready: Ready) -> str:
    return environment.fingerprint(environment.machine(), ready)


def _memory(result: CellResult) -> Memory:
    """Per process, the worst of each figure; cold trials, one process each, are taken together."""
    if result.ready and result.ready.no_pid:
        return Memory(reason=result.ready.no_pid)
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
