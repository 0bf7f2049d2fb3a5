"""What is said of a soak, in lines below its verdicts and while it lasts. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import Drift, LeakSlope, Memory, SoakResult

DRIFT_MINUTES = 20
"""What drifts are for."""
LARGEST_SHARE = 10.0
"""A short soak, drawn out to 20 minutes, may say more; nobody reads such numbers."""
PROGRESS_BAR = 24


def describe_soak(soak: SoakResult, memory: Memory) -> Iterator[str]:
    """How long it was, what drifted and what grew, and where its raw trials are."""
    yield from soak.remarks
    yield _length(soak)
    yield from _drift_lines(soak)
    yield f"left behind: {', '.join(_left_behind(soak, memory))}"
    if soak.journal is not None:
        yield f"raw trials: {soak.journal}"


def count_slices(soak: SoakResult) -> str:
    """`32 slices in 20.1 min, 14,212 requests`."""
    return f"{len(soak.slices)} slices in {soak.minutes:.1f} min, {soak.requests:,} requests"


def _length(soak: SoakResult) -> str:
    parts = [count_slices(soak), f"{soak.audio_minutes:.1f} min of audio"]
    failed = sum(each.failed for each in soak.slices)
    if failed:
        parts.append(f"{failed} failed")
    if soak.underruns is not None:
        parts.append(plural(soak.underruns, "underrun"))
    if soak.sessions > 1:
        parts.append(f"in {soak.sessions} processes, of which the longest tells drift and growth")
    return ", ".join(parts)


def _drift_lines(soak: SoakResult) -> Iterator[str]:
    """What drifted, and the null target beside it; of a soak that is too short, that it is."""
    drifts = [f"{drift.metric} {drift_text(drift)}" for drift in soak.drifts if is_bounded(drift)]
    unbounded = [drift.metric for drift in soak.drifts if not is_bounded(drift)]
    if unbounded:
        drifts.append(f"{soak.minutes:.3g} min say nothing of {' and '.join(unbounded)}")
    null = soak.null_drift
    if null is not None and is_bounded(null):
        drifts.append(f"null target {drift_text(null)}")
    if drifts:
        yield f"drift for {DRIFT_MINUTES} min: {', '.join(drifts)}"


def is_bounded(drift: Drift) -> bool:
    """Whether the soak was long enough to say how large a drift is at most."""
    return drift.high <= LARGEST_SHARE


def _left_behind(soak: SoakResult, memory: Memory) -> Iterator[str]:
    if memory.leak is not None:
        yield leak_text(memory.leak)
    else:
        reason = memory.leak_reason or memory.reason or "no reason is known"
        yield f"memory not measured ({reason})"
    if soak.handles_growth is not None:
        yield f"{soak.handles_growth:+d} descriptors and threads"


def leak_text(slope: LeakSlope) -> str:
    """`+0.21 MB for each 1000 requests (-0.10 to +0.52)`."""
    return (
        f"{slope.mb_per_1000:+.2f} MB for each 1000 requests "
        f"({slope.low:+.2f} to {slope.high:+.2f})"
    )


def drift_text(drift: Drift) -> str:
    """`+7.1 % (+5.6 to +8.4 %)`."""
    low = percent(drift.low).removesuffix(" %")
    return f"{percent(drift.per_20_min)} ({low} to {percent(drift.high)})"


def percent(share: float) -> str:
    """`+7.1 %`."""
    if share > LARGEST_SHARE:
        return f"over +{100 * LARGEST_SHARE:.0f} %"
    return f"{100 * share:+.1f} %"


def progress_bar(share: float) -> str:
    """`[######..................]`."""
    filled = round(PROGRESS_BAR * min(1.0, share))
    return f"[{'#' * filled}{'.' * (PROGRESS_BAR - filled)}]"
