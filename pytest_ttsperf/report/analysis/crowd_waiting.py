"""Rules about many listeners: who waits for what, who is refused, and what is used up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from statistics import median

from pytest_ttsperf.records import LoadWindow
from pytest_ttsperf.report.analysis.evidence import CellEvidence
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause
from pytest_ttsperf.report.rows import number

QUEUE_SHARE = 0.3
"""Of the time to the first sound: waiting for a turn is then a good part of it."""
CROWD_RATIO = 2.0
"""So many times as late as with a single listener."""
UNFAIR = 2.0
USED_UP = 0.9
"""Of the cores: the rest is what the system needs."""
NOT_ANSWERED = ("refused", "failed", "capped")
MOST_KINDS = 3


def queue(evidence: CellEvidence) -> LikelyCause | None:
    """Requests that wait for their turn, as the server itself says."""
    windows = evidence.result.load.windows if evidence.result.load is not None else ()
    queue_ms = middle_of(windows, "queue_p95_ms")
    ttfa_ms = middle_of(windows, "ttfa_p95_ms")
    if queue_ms is None or ttfa_ms is None or ttfa_ms <= 0 or not evidence.is_troubled():
        return None
    if queue_ms < QUEUE_SHARE * ttfa_ms:
        return None
    return LikelyCause(
        rule="queue",
        cause="listeners wait in the server's queue: there are more of them than it has places",
        evidence=(
            f"queue p95 {number(queue_ms, 'ms')} of ttfa p95 {number(ttfa_ms, 'ms')} "
            f"(the middle one of {len(windows)} windows)",
            f"load: {evidence.result.cell.load}",
        ),
        next_step="let it speak more streams at once, or add a process; how many listeners it "
        "serves within your limits, ttsperf load TARGET says (@capacity judges it)",
    )


def crowd(evidence: CellEvidence) -> LikelyCause | None:
    """A first sound that is late only when others listen.

    Neither a queue nor cores that are used up account for it: those are causes of their own.
    """
    result = evidence.result
    single = evidence.single_listener()
    if single is None or result.load is None or not evidence.is_slow_to_start():
        return None
    if queue(evidence) is not None or cores_used_up(evidence) is not None:
        return None
    alone = single.summary.get("ttfa_ms")
    together_ms = middle_of(result.load.windows, "ttfa_p95_ms")
    if alone is None or not alone.p95 or together_ms is None:
        return None
    ratio = together_ms / alone.p95
    if ratio < CROWD_RATIO:
        return None
    return LikelyCause(
        rule="crowd",
        cause="the first sound is late only when others listen",
        evidence=(
            f"ttfa p95 {number(together_ms, 'ms')} with {result.cell.load} (the middle one of "
            f"{len(result.load.windows)} windows)",
            f"{number(alone.p95, 'ms')} with one listener ({alone.n} trials): "
            f"{ratio:.2g} times as long",
        ),
        next_step="look for what listeners share: a lock, a pool that is too small, a busy loop, "
        "work in the thread that accepts requests",
    )


def cores_used_up(evidence: CellEvidence) -> LikelyCause | None:
    """A crowd that uses all cores: what is missing is capacity."""
    load = evidence.result.load
    if load is None or not evidence.is_troubled():
        return None
    shares = [
        window.cpu_s / window.seconds
        for window in load.windows
        if window.cpu_s is not None and window.seconds > 0
    ]
    cores = evidence.cores
    if not shares or median(shares) < USED_UP * cores:
        return None
    facts = [
        f"the target kept {median(shares):.2f} of {cores:g} cores busy (the middle one of "
        f"{len(shares)} windows)"
    ]
    if load.cpu_per_stream is not None:
        facts.append(f"{load.cpu_per_stream:.2g} cores for each stream that is open")
    return LikelyCause(
        rule="cores_used_up",
        cause="the cores are used up: the target is at its capacity",
        evidence=tuple(facts),
        next_step="more cores or machines, fewer listeners for each, or less work for a second of "
        "audio; refusing early (HTTP 429) keeps those who are served in time",
    )


def not_answered(evidence: CellEvidence) -> LikelyCause | None:
    """Requests that were refused, failed, or never sent."""
    load = evidence.result.load
    if load is None:
        return None
    offered = sum(window.offered for window in load.windows)
    counts: Counter[str] = Counter()
    for window in load.windows:
        counts.update({name: getattr(window, name) for name in NOT_ANSWERED})
    if not counts.total() or not offered:
        return None
    listed = [f"{count} {name}" for name, count in counts.items() if count]
    facts = [f"{', '.join(listed)}, of {offered} requests in {len(load.windows)} windows"]
    kinds = _kinds(load.windows)
    if kinds:
        named = [f"{kind} {count} times" for kind, count in kinds.most_common(MOST_KINDS)]
        facts.append(", ".join(named))
    return LikelyCause(
        rule="not_answered",
        cause="not every listener is served",
        evidence=tuple(facts),
        next_step=_advice_for(counts),
    )


def _advice_for(counts: Counter[str]) -> str:
    """By what happened most often."""
    worst = max(counts, key=lambda name: counts[name])
    advice = {
        "refused": "raise the number of streams that the server admits, or offer less: a refusal "
        "is how a server keeps the others in time",
        "failed": "read the first errors in the artifact and in the server's log",
        "capped": "the target was so far behind that the generator stopped sending: find its "
        "capacity first (ttsperf load TARGET)",
    }
    return advice[worst]


def _kinds(windows: Iterable[LoadWindow]) -> Counter[str]:
    kinds: Counter[str] = Counter()
    for window in windows:
        kinds.update(window.failures)
    return kinds


def unfair(evidence: CellEvidence) -> LikelyCause | None:
    """One listener who waits much longer than the others."""
    load = evidence.result.load
    if load is None:
        return None
    shares = [window.fairness for window in load.windows if window.fairness is not None]
    if not shares or median(shares) < UNFAIR:
        return None
    return LikelyCause(
        rule="unfair",
        cause="one listener waits much longer than the others",
        evidence=(
            f"the slowest listener's median ttfa is {median(shares):.2g} times that of all (the "
            f"middle one of {len(shares)} windows)",
        ),
        next_step="look how turns are given: a queue that is not first in, first out, a lock "
        "without an order, one worker that gets more than the others",
    )


def middle_of(windows: Iterable[LoadWindow], name: str) -> float | None:
    """The median of a figure over the windows in which it was measured; None where in none."""
    values = [getattr(window, name) for window in windows]
    measured: list[float] = [value for value in values if value is not None]
    return median(measured) if measured else None
