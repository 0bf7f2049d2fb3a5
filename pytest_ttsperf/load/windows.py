"""One window: run with the target's process tree metered, as trials, and in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from pytest_ttsperf.experiment.plan import NO_QUALITY, QualityPlan
from pytest_ttsperf.experiment.trial import to_trial
from pytest_ttsperf.judge.statistics import quantiles
from pytest_ttsperf.load.metering import TargetMeter
from pytest_ttsperf.measure.schedule import ScheduledTrial
from pytest_ttsperf.metrics import load
from pytest_ttsperf.metrics.load import Stretch
from pytest_ttsperf.metrics.playback import NS_PER_S
from pytest_ttsperf.records import (
    Kind,
    LoadWindow,
    Pace,
    RequestEnd,
    Threshold,
    Trace,
    Trial,
    TrialLoad,
    Usage,
)

if TYPE_CHECKING:
    from pytest_ttsperf.load.generator.parent import LoadGenerator, RequestRecord, WindowRecord

QUIET_TIMEOUT_S = 5.0
NO_KIND = "no reason"
"""Under which a failure is counted that says nothing of itself."""


class MeteredWindow(NamedTuple):
    """A window, and what was read of the target's process tree around it."""

    record: WindowRecord
    usage: Usage | None
    """CPU seconds of the window; memory after it, when the target was quiet, and at its peak."""
    is_quiet: bool
    """Whether the target became quiet after it."""


def run_metered_window(
    generator: LoadGenerator,
    trace: Trace,
    meter: TargetMeter | None,
    tell: Callable[[float], None],
) -> MeteredWindow:
    """Run a window, follow all its arrivals to their end, and wait until the target is quiet.

    `tell` gets the seconds since it began. TargetError when the target dies.
    """
    if meter is None:
        return MeteredWindow(generator.run_window(trace, tell), None, True)
    before_s = meter.cpu_s()
    with meter.watch_peaks() as peaks:
        record = generator.run_window(trace, tell)
    is_quiet = meter.wait_quiet(QUIET_TIMEOUT_S)
    usage = meter.usage(peaks)
    if usage is not None:
        usage = structs.replace(usage, cpu_s=usage.cpu_s - before_s)
    return MeteredWindow(record, usage, is_quiet)


# Trials


def trials_of(
    record: WindowRecord,
    window: int,
    *,
    session: int = 0,
    quality: QualityPlan = NO_QUALITY,
    keep_sound: bool = False,
) -> tuple[Trial, ...]:
    """The requests of a window as trials, by when they were due.

    Those due in the lead are warm-ups, and so are those due after the counted seconds. Their sound
    is analysed as that of any trial; `keep_sound` leaves the samples in their recordings.
    """
    span = counted_span(record)
    requests = sorted(record.requests, key=lambda each: each.load.scheduled_ns)
    trials = []
    for index, request in enumerate(requests):
        kind: Kind = "warmup"
        if span.start_ns <= request.load.scheduled_ns < span.end_ns:
            kind = "trial"
        step = ScheduledTrial(index=index, kind=kind, process=session, text=request.request.text)
        load_of_it = structs.replace(request.load, window=window)
        trials.append(_to_trial(step, request, load_of_it, quality, keep_sound=keep_sound))
    return tuple(trials)


def counted_span(record: WindowRecord) -> Stretch:
    """From when arrivals count, until when."""
    start_ns = record.begun_ns + round(record.trace.lead_s * NS_PER_S)
    return Stretch(start_ns, start_ns + round(record.trace.counted_s * NS_PER_S))


def _to_trial(
    step: ScheduledTrial,
    request: RequestRecord,
    load_of_it: TrialLoad,
    quality: QualityPlan,
    *,
    keep_sound: bool,
) -> Trial:
    recording = request.recording
    if recording is None or load_of_it.ended not in load.SERVED:
        # What came before a failure is stored, and no answer that could be listened to.
        return Trial(
            index=step.index,
            kind=step.kind,
            process=step.process,
            text=step.text,
            recording=None if recording is None else recording.without_pcm(),
            error=request.error,
            load=load_of_it,
        )
    trial = to_trial(step, recording, None, quality, keep_sound=keep_sound)
    return structs.replace(trial, error=request.error, load=load_of_it)


# Figures


def summarise_window(
    trials: Sequence[Trial],
    record: WindowRecord,
    *,
    index: int,
    session: int = 0,
    prebuffer_ms: float = 0.0,
    thresholds: Iterable[Threshold] = (),
    usage: Usage | None = None,
    pace: Pace = "played",
) -> LoadWindow:
    """A window in figures, each as `metrics.load` defines it.

    `trials` are those of `trials_of`; percentiles are over the requests that were served, as those
    that were not stand in counts of their own, and meet no limit (`window_limits`). `usage` is that
    of a `MeteredWindow`.
    """
    counted = [trial for trial in trials if trial.kind == "trial"]
    span = counted_span(record)
    stalls_ms = load.measured(load.sample("longest_stall_ms", counted, prebuffer_ms))
    queues_ms = _queues_ms(counted)
    streams = load.open_streams(trials, pace, prebuffer_ms)
    window = LoadWindow(
        index=index,
        session=session,
        seconds=record.trace.counted_s,
        offered=len(counted),
        answered=_count(counted, "answered"),
        hung_up=_count(counted, "hung_up"),
        refused=_count(counted, "refused"),
        failed=_count(counted, "failed"),
        capped=_count(counted, "capped"),
        failures=_count_failures(counted),
        ttfa_p50_ms=_percentile(counted, "ttfa_ms", 0.50, prebuffer_ms),
        ttfa_p95_ms=_percentile(counted, "ttfa_ms", 0.95, prebuffer_ms),
        ttfa_sound_p95_ms=_percentile(counted, "ttfa_sound_ms", 0.95),
        rtf_p95=_percentile(counted, "rtf", 0.95),
        stalled=_count_stalled(counted, prebuffer_ms),
        longest_stall_ms=max(stalls_ms, default=None),
        continuity=load.continuity(counted, prebuffer_ms),
        goodput=_goodput(counted, thresholds, record.trace.counted_s),
        fairness=_fairness(trials, prebuffer_ms),
        queue_p50_ms=_quantile(queues_ms, 0.50),
        queue_p95_ms=_quantile(queues_ms, 0.95),
        concurrency=load.mean_at_once(load.requests_under_way(trials), span),
        most_streams=load.most_at_once(streams),
        stream_s=load.total_s(streams),
        generator=record.health,
    )
    if usage is None:
        return window
    return structs.replace(
        window,
        cpu_s=usage.cpu_s,
        rss_bytes=usage.rss_bytes,
        rss_peak_bytes=usage.rss_peak_bytes,
        uss_bytes=usage.uss_bytes,
    )


def _count(trials: Iterable[Trial], ended: RequestEnd) -> int:
    return sum(trial.load is not None and trial.load.ended == ended for trial in trials)


def _count_failures(trials: Iterable[Trial]) -> dict[str, int]:
    """Refusals and failures by kind, the most frequent first."""
    kinds: Counter[str] = Counter()
    for trial in trials:
        if trial.load is not None and trial.load.ended in ("refused", "failed"):
            kinds[trial.load.failure or NO_KIND] += 1
    return dict(kinds.most_common())


def _queues_ms(trials: Iterable[Trial]) -> list[float]:
    """How long requests waited for their turn, as far as the server tells it."""
    waits_ms = []
    for trial in trials:
        wait_ms = load.queue_ms(trial)
        if wait_ms is not None:
            waits_ms.append(wait_ms)
    return waits_ms


def _count_stalled(trials: Sequence[Trial], prebuffer_ms: float) -> int | None:
    """None where no answer was played."""
    underruns = load.measured(load.sample("underruns", trials, prebuffer_ms))
    if not underruns:
        return None
    return sum(count > 0 for count in underruns)


def _goodput(
    trials: Sequence[Trial],
    thresholds: Iterable[Threshold],
    seconds: float,
) -> float | None:
    """Good answers a second; None without limits, or without time."""
    good = load.count_good(trials, thresholds)
    if good is None or seconds <= 0:
        return None
    return good / seconds


def _percentile(
    trials: Sequence[Trial],
    metric: str,
    level: float,
    prebuffer_ms: float = 0.0,
) -> float | None:
    return _quantile(load.measured(load.sample(metric, trials, prebuffer_ms)), level)


def _quantile(values: Sequence[float], level: float) -> float | None:
    if not values:
        return None
    return quantiles.cautious_quantile(values, level)


def _fairness(trials: Sequence[Trial], prebuffer_ms: float) -> float | None:
    """None in an open loop, where each request is a listener of its own."""
    requests = Counter(trial.load.listener for trial in trials if trial.load is not None)
    if max(requests.values(), default=0) < 2:
        return None
    return load.fairness(trials, prebuffer_ms)
