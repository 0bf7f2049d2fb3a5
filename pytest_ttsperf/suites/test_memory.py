"""Memory of the process tree: when it is ready, at its peak, and how far answers make it range."""

from __future__ import annotations

from pytest_ttsperf import Perf, memory
from pytest_ttsperf.suites.limits import limits_of

LIMITS = limits_of("memory")


@memory(rss_range_mb=LIMITS["memory_rss_range_mb"])
def test_range(perf: Perf, preset: str) -> None:
    """No answer takes much more memory than another."""
    perf.stream(preset)
