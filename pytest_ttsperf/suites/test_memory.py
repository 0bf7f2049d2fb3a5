"""Memory of the process tree: when it is ready, at its peak, and how far answers make it range."""

from __future__ import annotations

from collections.abc import Callable

from pytest_ttsperf import Perf, memory
from pytest_ttsperf.suites.limits import limits_of
from pytest_ttsperf.suites.wording import leak_line, memory_line

LIMITS = limits_of("memory")


@memory(rss_range_mb=LIMITS["memory_rss_range_mb"])
def test_range(perf: Perf, preset: str, describe: Callable[[str | None], None]) -> None:
    """No answer takes much more memory than another."""
    describe(memory_line(perf.stream(preset)))


@memory(leak_mb_per_1000=LIMITS["memory_leak_mb_per_1000"])
def test_leak(perf: Perf, describe: Callable[[str | None], None]) -> None:
    """Two hundred answers of one process leave little behind."""
    describe(leak_line(perf.stream("short")))
