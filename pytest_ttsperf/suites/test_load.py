"""Many listeners: do answers still start at once and play without gaps, and how many may listen?"""

from __future__ import annotations

from pytest_ttsperf import Perf, cadence, capacity, listeners, ttfa
from pytest_ttsperf.suites.limits import limits_of

LIMITS = limits_of("load")


@ttfa(p95_ms=LIMITS["ttfa_p95_ms"])
@cadence(underruns=LIMITS["cadence_underruns"], prebuffer_ms=LIMITS["cadence_prebuffer_ms"])
@listeners(1, 4, 8)
def test_crowd(perf: Perf) -> None:
    """Each listener asks again when the answer has been played."""
    perf.stream("short")


@capacity(
    min_listeners=LIMITS["capacity_min_listeners"],
    ttfa_p95_ms=LIMITS["capacity_ttfa_p95_ms"],
    stall=LIMITS["capacity_stall"],
)
def test_capacity(perf: Perf) -> None:
    """So many may listen at once, with 95 % confidence."""
    perf.stream("short")
