"""What the figures of many listeners mean; `definitions` has those of a single answer.

All of them are over *offered* requests: one that was refused, failed, or never sent has no sound,
so nothing was measured of it and it meets no limit. One whose listener hung up counts by what that
listener was there for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf.metrics import definitions, playback
from pytest_ttsperf.metrics.playback import NS_PER_MS, NS_PER_S
from pytest_ttsperf.records import LoadWindow, Pace, Sample, Threshold, Trial, Usage

SERVED = ("answered", "hung_up")
QUEUE = "server.queue"
"""The span in which a server says how long a request waited for its turn (Server-Timing)."""
CONTINUITY_MS = (50, 100, 250)
OF_A_PART = frozenset(
    {
        "ttfb_ms",
        "ttfs_ms",
        "lead_in_ms",
        "ttfa_sound_ms",
        "ttfa_ms",
        "gap_p95_ms",
        "gap_max_ms",
        "underruns",
        "stall_ms",
        "longest_stall_ms",
        "clipped_share",
        "non_finite",
    }
)
"""Metrics that an answer has whose listener hung up; the others are of the whole."""


# Samples over offered requests


def is_served(trial: Trial) -> bool:
    """Whether its listener got what there was, up to the end or to hanging up."""
    if trial.recording is None or trial.error is not None:
        return False
    return trial.load is None or trial.load.ended in SERVED


def has_hung_up(trial: Trial) -> bool:
    """Whether its listener hung up before its end."""
    return trial.load is not None and trial.load.ended == "hung_up"


def whole_answers(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Those that were served up to their end: whose sound can be held against its text."""
    return tuple(trial for trial in trials if is_served(trial) and not has_hung_up(trial))


def sample(metric: str, trials: Sequence[Trial], prebuffer_ms: float = 0.0) -> Sample:
    """A metric over the offered requests; None for those that were not served.

    Of answers whose listener hung up, only metrics of a part (`OF_A_PART`) are in it. Raises
    MeasurementError for a metric that is not in `definitions.METRICS`.
    """
    measurable = []
    for trial in trials:
        if has_hung_up(trial) and metric not in OF_A_PART:
            continue
        measurable.append(_without_sound_unless_served(trial))
    return definitions.sample(metric, measurable, prebuffer_ms)


def _without_sound_unless_served(trial: Trial) -> Trial:
    """What came before a failure is no answer."""
    if trial.load is None or is_served(trial):
        return trial
    return structs.replace(trial, recording=None, sound=None, level=None, quality=None)


def limited_sample(threshold: Threshold, trials: Sequence[Trial]) -> Sample:
    """The figures that a limit is about: a metric, or how far it is from the limit's target."""
    found = sample(threshold.metric, trials, threshold.prebuffer_ms)
    target = threshold.target
    if target is None:
        return found
    distances = [None if value is None else abs(value - target) for value in found.values]
    return structs.replace(found, values=tuple(distances))


def measured(found: Sample) -> list[float]:
    """The values of a sample without those that were not measured."""
    return [value for value in found.values if value is not None]


# Continuity, goodput


def continuity(trials: Sequence[Trial], prebuffer_ms: float = 0.0) -> dict[str, float]:
    """C50, C100, C250: the share of requests that were served and never stalled longer than that.

    The longest stall is that of the player with this prebuffer. Empty without requests.
    """
    stalls_ms = sample("longest_stall_ms", trials, prebuffer_ms).values
    if not stalls_ms:
        return {}
    shares = {}
    for limit_ms in CONTINUITY_MS:
        smooth = [stall for stall in stalls_ms if stall is not None and stall <= limit_ms]
        shares[f"C{limit_ms}"] = len(smooth) / len(stalls_ms)
    return shares


def request_limits(thresholds: Iterable[Threshold]) -> tuple[Threshold, ...]:
    """What each single request has to meet: of each metric's limits the one on the most requests.

    With p50 <= 200 ms and p95 <= 500 ms half of the requests may exceed the first, so the second is
    the one that holds for a request. Limits on memory, and on what is listened to of a few answers,
    are of no single request.
    """
    highest: dict[str, Threshold] = {}
    for threshold in thresholds:
        if threshold.marker == "memory" or threshold.is_sampled or threshold.is_least:
            continue
        before = highest.get(threshold.sample_key)
        if before is None or threshold.limit > before.limit:
            highest[threshold.sample_key] = threshold
    return tuple(highest.values())


def count_good(trials: Sequence[Trial], thresholds: Iterable[Threshold]) -> int | None:
    """How many counted requests meet all of their limits; None where there are none.

    Goodput is their number a second, as in serving (DistServe, Zhong and others 2024), with limits
    on what a listener notices.
    """
    limits = request_limits(thresholds)
    if not limits:
        return None
    counted = [trial for trial in trials if trial.kind == "trial"]
    return sum(_is_good(trial, limits) for trial in counted)


def _is_good(trial: Trial, limits: Sequence[Threshold]) -> bool:
    if not is_served(trial):
        return False
    for threshold in limits:
        for value in limited_sample(threshold, [trial]).values:
            if value is None or value > threshold.limit:
                return False
    return True


# Fairness, queue


def fairness(trials: Sequence[Trial], prebuffer_ms: float = 0.0) -> float | None:
    """Median TTFA of the slowest listener / median over all; 1 is fair.

    A listener who still waits for a request of the lead, and so has none that counts, is judged by
    the last of the lead: else one who is starved would not be seen. None where there are fewer than
    two listeners with an answer.
    """
    counted = _ttfa_by_listener(trials, prebuffer_ms, "trial")
    before = _ttfa_by_listener(trials, prebuffer_ms, "warmup")
    everything = [value for values in counted.values() for value in values]
    for listener, values in before.items():
        if listener not in counted:
            counted[listener] = values[-1:]
    if len(counted) < 2 or not everything:
        return None
    overall = median(everything)
    if overall <= 0:
        return None
    return max(median(values) for values in counted.values()) / overall


def _ttfa_by_listener(
    trials: Sequence[Trial],
    prebuffer_ms: float,
    kind: str,
) -> dict[int, list[float]]:
    by_listener: dict[int, list[float]] = defaultdict(list)
    for trial in trials:
        if trial.kind != kind or trial.load is None or not is_served(trial):
            continue
        value = definitions.METRICS["ttfa_ms"].of(trial, prebuffer_ms)
        if value is not None:
            by_listener[trial.load.listener].append(value)
    return dict(by_listener)


def queue_ms(trial: Trial) -> float | None:
    """How long the request waited for its turn, as the server tells it; None where it does not."""
    if trial.recording is None:
        return None
    spans = [span for span in trial.recording.spans if span.stage == QUEUE]
    if not spans:
        return None
    return sum(span.end_ns - span.start_ns for span in spans) / NS_PER_MS


# How many at once


def usage_of(window: LoadWindow) -> Usage | None:
    """What was read of the target's process tree around a window; None where nothing was."""
    if window.cpu_s is None or window.rss_bytes is None:
        return None
    return Usage(
        rss_bytes=window.rss_bytes,
        rss_peak_bytes=window.rss_peak_bytes or window.rss_bytes,
        uss_bytes=window.uss_bytes,
        cpu_s=window.cpu_s,
    )


class Stretch(NamedTuple):
    """From one instant to another, in ns."""

    start_ns: int
    end_ns: int


def requests_under_way(trials: Iterable[Trial]) -> list[Stretch]:
    """Each request that was sent, from when it was due until its end."""
    intervals = []
    for trial in trials:
        load = trial.load
        if load is None or load.sent_ns is None or load.end_ns is None:
            continue
        intervals.append(Stretch(load.scheduled_ns, load.end_ns))
    return intervals


def open_streams(
    trials: Iterable[Trial],
    pace: Pace = "played",
    prebuffer_ms: float = 0.0,
) -> list[Stretch]:
    """Each request that was sent, from when it was due until its answer was played.

    Greedy listeners play nothing: for them until it had arrived.
    """
    intervals = []
    for trial in trials:
        load = trial.load
        if load is None or load.sent_ns is None or load.end_ns is None:
            continue
        end_ns = load.end_ns
        if pace == "played" and is_served(trial):
            end_ns = max(end_ns, _played_ns(trial, prebuffer_ms) or end_ns)
        intervals.append(Stretch(load.scheduled_ns, end_ns))
    return intervals


def _played_ns(trial: Trial, prebuffer_ms: float) -> int | None:
    """When the player of its listener is done; at once for one who has hung up."""
    if trial.recording is None or has_hung_up(trial):
        return None
    played = playback.play(trial.recording, prebuffer_ms)
    audio_s = definitions.duration_s(trial.recording)
    if played.start_ns is None or played.stall_ms is None or audio_s is None:
        return None
    return played.start_ns + round(audio_s * NS_PER_S + played.stall_ms * NS_PER_MS)


def mean_at_once(intervals: Iterable[Stretch], span: Stretch) -> float | None:
    """How many of the intervals are open on average, between two instants."""
    length_ns = span.end_ns - span.start_ns
    if length_ns <= 0:
        return None
    covered_ns = 0
    for interval in intervals:
        start_ns = max(interval.start_ns, span.start_ns)
        end_ns = min(interval.end_ns, span.end_ns)
        covered_ns += max(0, end_ns - start_ns)
    return covered_ns / length_ns


def most_at_once(intervals: Iterable[Stretch]) -> int:
    """How many of the intervals are open together, at most, for a millisecond or more.

    A listener's next stream begins where the last one ends, by two clocks that agree on no more.
    """
    steps = []
    for interval in intervals:
        steps.append((interval.start_ns, 1))
        steps.append((max(interval.start_ns, interval.end_ns - NS_PER_MS), -1))
    most = now = 0
    for _, step in sorted(steps):  # at one instant, those that end before those that begin
        now += step
        most = max(most, now)
    return most


def total_s(intervals: Iterable[Stretch]) -> float:
    """How long they are, all together."""
    return sum(interval.end_ns - interval.start_ns for interval in intervals) / NS_PER_S


FIGURES: Mapping[str, str] = {
    "ttfa_p50_ms": "ms",
    "ttfa_p95_ms": "ms",
    "ttfa_sound_p95_ms": "ms",
    "rtf_p95": "",
    "stalled": "",
    "longest_stall_ms": "ms",
    "continuity": "",
    "goodput": "requests/s",
    "fairness": "",
    "queue_p50_ms": "ms",
    "queue_p95_ms": "ms",
    "cpu_s": "s",
    "concurrency": "",
    "most_streams": "",
    "stream_s": "s",
    "cpu_per_stream": "cores",
    "rss_per_stream_mb": "MB",
    "lateness_p99_ms": "ms",
    "cpu_share": "",
    "null_rate": "requests/s",
}
"""Of a window (`records.LoadWindow`), its generator, or all windows (`records.LoadResult`), with
their units."""
