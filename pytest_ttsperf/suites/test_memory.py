"""Memory of the process tree: when it is ready, at its peak, and how far answers make it range."""

from __future__ import annotations

from collections.abc import Callable

from pytest_ttsperf import Perf, memory
from pytest_ttsperf.suites.limits import limits_of
from pytest_ttsperf.suites.wording import memory_line

LIMITS = limits_of("memory")


@memory(rss_range_mb=LIMITS["memory_rss_range_mb"])
def test_range(perf: Perf, preset: str, describe: Callable[[str | None], None]) -> None:
    """No answer takes much more memory than another."""
    describe(memory_line(perf.stream(preset)))
