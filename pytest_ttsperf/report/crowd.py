"""What is said of a cell in which many listen, in lines below its verdicts. Decides nothing.

Counts are those of all windows; a figure that each window has is that of the middle window.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import Literal

from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import (
    BargeIn,
    Capacity,
    GeneratorHealth,
    IntegrityCheck,
    LoadResult,
    LoadWindow,
)

ENDS = ("hung_up", "refused", "failed", "capped")
END_TEXTS = {
    "hung_up": "hung up",
    "refused": "refused",
    "failed": "failed",
    "capped": "not sent, as too many were under way",
}
MOST_KINDS = 4
"""Of failures, that are named."""
BEHIND_FIRST = 2
"""Digits of a figure behind its first."""


def describe_load(load: LoadResult) -> Iterator[str]:
    """Offered and answered, how well, what the target told, and who made the load."""
    if load.windows:
        yield from _describe_windows(load)
    elif load.barge_in is None:
        yield "no window was measured"
    if load.barge_in is not None:
        yield from _barge_in(load.barge_in)
    if load.windows:
        yield from _joined("generator: ", _generator(load))


def _describe_windows(load: LoadResult) -> Iterator[str]:
    """How the answers were, and what they cost."""
    windows = load.windows
    yield _counts(windows)
    yield from _failures(windows)
    goodput = _goodput(windows)
    if goodput:
        yield goodput
    yield from _joined("continuity: ", _continuity(windows))
    yield from _joined("target: ", _costs(load))
    if load.integrity is not None:
        yield from _integrity(load.integrity)


def describe_losses(load: LoadResult) -> Iterator[str]:
    """What was offered and not answered to its end, and why; nothing where all was."""
    if any(window.answered < window.offered for window in load.windows):
        yield _counts(load.windows)
        yield from _failures(load.windows)


def count_windows(load: LoadResult) -> str:
    """`6 windows of 20 s, 412 requests`, or `80 hang-ups` of a single listener."""
    windows = load.windows
    if not windows and load.barge_in is not None:
        return plural(load.barge_in.hang_ups, "hang-up")
    offered = sum(window.offered for window in windows)
    lengths = _middle(windows, "seconds")
    of_length = "" if lengths is None else f" of {figure(lengths)} s"
    return f"{plural(len(windows), 'window')}{of_length}, {plural(offered, 'request')}"


def _counts(windows: Sequence[LoadWindow]) -> str:
    """`412 requests in 6 windows: 408 answered, 3 refused, 1 failed`."""
    offered = sum(window.offered for window in windows)
    answered = sum(window.answered for window in windows)
    parts = [f"{answered} answered"]
    for name in ENDS:
        count = sum(getattr(window, name) for window in windows)
        if count:
            parts.append(f"{count} {END_TEXTS[name]}")
    where = f"{plural(offered, 'request')} in {plural(len(windows), 'window')}"
    return f"{where}: {', '.join(parts)}"


def _failures(windows: Sequence[LoadWindow]) -> Iterator[str]:
    """What was refused or failed, by its kind, the most frequent first."""
    kinds: Counter[str] = Counter()
    for window in windows:
        kinds.update(window.failures)
    named = [f"{kind} {plural(count, 'time')}" for kind, count in kinds.most_common(MOST_KINDS)]
    more = len(kinds) - MOST_KINDS
    if more > 0:
        named.append(f"and {plural(more, 'other kind')}")
    yield from _joined("errors: ", named)


def _goodput(windows: Sequence[LoadWindow]) -> str:
    """`goodput: 3.1 of 5 requests a second meet the limits`; empty where there are no limits."""
    goodput = _middle(windows, "goodput")
    rates = [window.offered / window.seconds for window in windows if window.seconds]
    if goodput is None or not rates:
        return ""
    offered = median(rates)
    return f"goodput: {figure(goodput)} of {figure(offered)} requests a second meet the limits"


def _continuity(windows: Sequence[LoadWindow]) -> Iterator[str]:
    """Shares of requests without a longer stall, and how evenly the listeners fare."""
    for name in _continuity_names(windows):
        shares = [window.continuity[name] for window in windows if name in window.continuity]
        yield f"{name} {_percent(median(shares))}"
    fairness = _middle(windows, "fairness")
    if fairness is not None:
        yield f"fairness {figure(fairness)} (slowest listener to the median)"


def _percent(share: float) -> str:
    """`97.5%`, `100%`."""
    return f"{share:.1%}".replace(".0%", "%")


def _continuity_names(windows: Iterable[LoadWindow]) -> list[str]:
    """`C50`, `C100` and so on, by the length of the stall that they allow."""
    names: dict[str, None] = {}
    for window in windows:
        names |= dict.fromkeys(window.continuity)
    return sorted(names, key=lambda name: (len(name), name))


def _costs(load: LoadResult) -> Iterator[str]:
    """How many requests were under way, what each took, and how long they waited."""
    under_way = _middle(load.windows, "concurrency")
    if under_way is not None:
        yield f"{figure(under_way)} requests under way"
    if load.cpu_per_stream is not None:
        yield f"{_cores(load.cpu_per_stream)} a stream"
    if load.rss_per_stream_mb is not None:
        yield f"{figure(load.rss_per_stream_mb)} MB a stream"
    queues = list(_queue_times(load.windows))
    if queues:
        yield f"queue {', '.join(queues)}"


def _queue_times(windows: Sequence[LoadWindow]) -> Iterator[str]:
    """How long requests waited for their turn, as the target tells it."""
    p50_ms = _middle(windows, "queue_p50_ms")
    if p50_ms is not None:
        yield f"p50 {figure(p50_ms)} ms"
    p95_ms = _middle(windows, "queue_p95_ms")
    if p95_ms is not None:
        yield f"p95 {figure(p95_ms)} ms"


def _cores(cores: float) -> str:
    """`0.7% of a core`, `1.3 cores`."""
    if cores >= 1:
        return f"{figure(cores)} cores"
    return f"{figure(100 * cores, decimals=1)}% of a core"


def _integrity(check: IntegrityCheck) -> Iterator[str]:
    if not check.outside and not check.differing:
        return
    yield (
        f"integrity: {check.outside} of {plural(check.answers, 'answer')} not as long as "
        f"the text, {len(check.differing)} of {check.compared} compared not its text"
    )


def _barge_in(found: BargeIn) -> Iterator[str]:
    """How soon the work ends, how the next answer is, and what stays behind: a line for each."""
    yield from _joined("after a hanging up: ", _wasted_work(found))
    yield from _joined("next answer: ", _next_answer(found))
    yield from _joined("left behind: ", _leftovers(found))
    if found.reason is not None:
        yield f"not all of it was measured: {found.reason}"


def _wasted_work(found: BargeIn) -> Iterator[str]:
    yield plural(found.hang_ups, "time")
    if found.stop_p50_ms is not None and found.stop_p95_ms is not None:
        p50, p95 = figure(found.stop_p50_ms), figure(found.stop_p95_ms)
        yield f"work ends after p50 {p50} ms, p95 {p95} ms"
    if found.wasted_s is not None:
        yield f"{figure(found.wasted_s, decimals=4)} s of CPU wasted"


def _next_answer(found: BargeIn) -> Iterator[str]:
    if found.next_ttfa_ms is None or found.idle_ttfa_ms is None:
        return
    idle = figure(found.idle_ttfa_ms)
    yield f"first sound after {figure(found.next_ttfa_ms)} ms ({idle} ms when idle)"


def _leftovers(found: BargeIn) -> Iterator[str]:
    if found.handles_before is not None and found.handles_after is not None:
        yield f"{found.handles_before} handles before, {found.handles_after} after"
    if found.rss_before_bytes is not None and found.rss_after_bytes is not None:
        grown_mb = (found.rss_after_bytes - found.rss_before_bytes) / 1e6
        yield f"memory {round(grown_mb, 1):+g} MB"


def _generator(load: LoadResult) -> Iterator[str]:
    """Whether it kept to its schedule: the worst of each figure, over the windows."""
    health = [window.generator for window in load.windows]
    late_ms = _worst(health, "lateness_p99_ms")
    if late_ms is not None:
        yield f"{figure(late_ms)} ms late (p99)"
    lag_ms = _worst(health, "loop_lag_p99_ms")
    if lag_ms is not None:
        yield f"loop lag {figure(lag_ms)} ms (p99)"
    cpu_share = _worst(health, "cpu_share")
    if cpu_share is not None:
        yield f"{cpu_share:.0%} of a core"
    if load.null_rate is not None:
        wanted = "" if load.wanted_rate is None else f", {figure(load.wanted_rate)} wanted"
        yield f"{figure(load.null_rate)} requests/s with a null target{wanted}"


def describe_search(capacity: Capacity) -> str:
    """How far a search came: its levels, upwards, and the windows of each."""
    parts = []
    for level in sorted(capacity.levels, key=lambda level: level.level):
        if level.windows:
            good = f"{level.good} of {plural(len(level.windows), 'window')} good"
        else:
            good = f"explored in {plural(len(level.explored), 'window')}"
        parts.append(f"{level.level:g} {capacity.unit}: {good}")
    return "; ".join(parts) or "no window was measured"


def _joined(beginning: str, parts: Iterable[str]) -> Iterator[str]:
    """One line, or none where there is nothing to be said."""
    text = ", ".join(parts)
    if text:
        yield beginning + text


Figure = Literal["seconds", "goodput", "fairness", "concurrency", "queue_p50_ms", "queue_p95_ms"]


def _middle(windows: Iterable[LoadWindow], name: Figure) -> float | None:
    """The median over the windows in which it was measured."""
    values = [getattr(window, name) for window in windows]
    measured = [value for value in values if value is not None]
    return median(measured) if measured else None


def _worst(
    health: Iterable[GeneratorHealth],
    name: Literal["lateness_p99_ms", "loop_lag_p99_ms", "cpu_share"],
) -> float | None:
    values = [getattr(each, name) for each in health]
    return max((value for value in values if value is not None), default=None)


def figure(value: float, *, decimals: int = 2) -> str:
    """As people write it: `4660`, `7.9`, `0.05`. Three digits at most, and no exponent."""
    if not value:
        return "0"
    least = 10**-decimals
    if abs(value) < least / 2:
        return f"less than {least:.{decimals}f}"
    digits = BEHIND_FIRST - math.floor(math.log10(abs(value)))
    shown = min(digits, decimals)
    text = f"{round(value, shown):.{max(0, shown)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
