"""What suites say below the table of a run, of figures that have no limit."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_ttsperf import Measurement


def phases_line(measured: Measurement) -> str | None:
    """The phases of a start, each with its median, in their order; None where there are none.

    A phase that only some starts have is the median of those.
    """
    durations_ms: dict[str, list[float]] = {}
    for trial in measured.result.counted:
        for phase, duration_ms in trial.phases_ms.items():
            durations_ms.setdefault(phase, []).append(duration_ms)
    if not durations_ms:
        return None
    parts = [f"{phase} {median(each):.0f} ms" for phase, each in durations_ms.items()]
    starts = len(measured.result.counted)
    return f"phases of a start, median of {starts}: {', '.join(parts)}"


def memory_line(measured: Measurement) -> str | None:
    """Memory when the target was ready, at its peak, and between trials.

    Or why it was not measured; None where there is nothing to say.
    """
    memory = measured.result.memory
    figures = {
        "when ready": memory.rss_baseline_mb,
        "at its peak": memory.rss_peak_mb,
        "range": memory.rss_range_mb,
        "USS at its peak": memory.uss_peak_mb,
    }
    parts = [f"{name} {value:.1f} MB" for name, value in figures.items() if value is not None]
    if parts:
        return f"memory {', '.join(parts)}"
    if memory.reason is not None:
        return f"memory was not measured: {memory.reason}"
    return None


def arrival_line(measured: Measurement) -> str | None:
    """When the audio came, the median over the trials; None where it was not measured."""
    found = measured.result.summary.get("arrival_share")
    if found is None or found.p50 is None:
        return None
    return f"audio came, on average, after {found.p50:.0%} of the answer's time (100%: all at once)"


def leak_line(measured: Measurement) -> str | None:
    """By how much memory grows, with its interval, or why that is not known."""
    memory = measured.result.memory
    slope = memory.leak
    if slope is not None:
        return (
            f"memory grows by {slope.mb_per_1000:+.2f} MB for each 1000 requests "
            f"(95 %: {slope.low:+.2f} to {slope.high:+.2f}, {slope.readings} readings)"
        )
    reason = memory.reason or memory.leak_reason
    if reason is None:
        return None
    return f"how memory grows was not measured: {reason}"
