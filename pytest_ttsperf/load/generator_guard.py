"""Was the generator the bottleneck? Then the figures are its own, and the cell is void.

Latency counts from the instant at which a request was due, so lateness of the generator is inside
it, and shown. Here it is held against what it could hide: a tenth of the TTFA. As in MLPerf
loadgen, a target that does nothing is measured before, to see what the machine can take.

An imported engine shares its process with those who ask, as it does in an application. There a
request is late because the engine holds the interpreter, and its users would wait likewise: that
is noted, and is no fault of the generator.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pytest_ttsperf.records import LoadResult, LoadWindow, Trial, TrustNote

GUARD = "generator"
LATENESS_MS = 5.0
LATENESS_SHARE = 0.1
"""Of the TTFA p50 of the cell."""
CPU_SHARE = 0.7
"""Of one core: beyond it a Python process is late whatever it does."""
NULL_RATIO = 5.0
"""What the generator reaches with nothing to wait for, against what is wanted of it."""
NS_PER_MS = 1e6
REMEDY = (
    "fewer listeners, a lower rate, or a machine with more cores, or with nothing else to do, "
    "would show the target"
)


def find_notes(
    result: LoadResult,
    trials: Sequence[Trial],
    ttfa_p50_ms: float | None,
) -> tuple[TrustNote, ...]:
    """A note for each way in which the generator was the bottleneck; each voids the cell.

    `trials` are all requests of the cell, those of the leads included: they load the machine as
    well. What was not measured accuses nobody.
    """
    lateness = _lateness_fault(lateness_p99_ms(trials), ttfa_p50_ms)
    rate = _rate_fault(result.null_rate, result.wanted_rate)
    faults = [_cpu_fault(result.windows), rate]
    notes = []
    if lateness is not None and shares_process(result.windows):
        text = f"{lateness}: the engine held the interpreter, and its callers wait as users would"
        notes.append(TrustNote(guard=GUARD, text=text))
    else:
        faults.insert(0, lateness)
    for fault in faults:
        if fault is not None:
            text = f"the generator was the bottleneck: {fault}; {REMEDY}"
            notes.append(TrustNote(guard=GUARD, text=text, invalid=True))
    return tuple(notes)


def shares_process(windows: Iterable[LoadWindow]) -> bool:
    """Whether the target works in the generator's process, so that their work is not told apart."""
    return all(window.generator.cpu_share is None for window in windows)


def find_window_fault(window: LoadWindow, null_rate: float | None = None) -> str | None:
    """Why the generator was the bottleneck of one window; None where it was not.

    For those who judge window by window, as a search does; of one with few requests the 99th
    percentile of lateness is its worst.
    """
    if shares_process([window]):
        return None
    lateness = _lateness_fault(window.generator.lateness_p99_ms, window.ttfa_p50_ms)
    wanted_rate = window.offered / window.seconds if window.seconds > 0 else None
    return lateness or _cpu_fault([window]) or _rate_fault(null_rate, wanted_rate)


def lateness_p99_ms(trials: Iterable[Trial]) -> float | None:
    """How late requests were sent after they were due, in ms; None where none was sent.

    An order statistic, the next one above: no lateness is told that did not happen.
    """
    late_ms = []
    for trial in trials:
        load = trial.load
        if load is not None and load.sent_ns is not None:
            late_ms.append((load.sent_ns - load.scheduled_ns) / NS_PER_MS)
    if not late_ms:
        return None
    return float(np.percentile(late_ms, 99, method="higher"))


def _lateness_fault(lateness_ms: float | None, ttfa_p50_ms: float | None) -> str | None:
    if lateness_ms is None:
        return None
    limit_ms = max(LATENESS_MS, LATENESS_SHARE * (ttfa_p50_ms or 0.0))
    if lateness_ms <= limit_ms:
        return None
    return (
        f"one request in a hundred was sent {lateness_ms:.1f} ms or more after it was due, where "
        f"at most {limit_ms:.1f} ms do not matter"
    )


def _cpu_fault(windows: Iterable[LoadWindow]) -> str | None:
    shares = [window.generator.cpu_share for window in windows]
    share = max((each for each in shares if each is not None), default=None)
    if share is None or share <= CPU_SHARE:
        return None
    return f"it used {share:.0%} of a core, where at most {CPU_SHARE:.0%} leave it time"


def _rate_fault(null_rate: float | None, wanted_rate: float | None) -> str | None:
    if null_rate is None or not wanted_rate or null_rate >= NULL_RATIO * wanted_rate:
        return None
    return (
        f"with a target that does nothing it reached {null_rate:.0f} requests/s, which is less "
        f"than {NULL_RATIO:g} times the {wanted_rate:.3g} requests/s of the windows"
    )
