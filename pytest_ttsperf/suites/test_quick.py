"""A short look at what every change to an engine may spoil: streamed, cold, and its memory."""

from __future__ import annotations

import pytest

from pytest_ttsperf import ColdEngine, Perf, cadence, memory, rtf, ttfa
from pytest_ttsperf.suites.limits import limits_of

LIMITS = limits_of("quick")


@ttfa(p95_ms=LIMITS["ttfa_p95_ms"])
@rtf(p95=LIMITS["rtf_p95"])
@cadence(underruns=LIMITS["cadence_underruns"], prebuffer_ms=LIMITS["cadence_prebuffer_ms"])
@memory(rss_range_mb=LIMITS["memory_rss_range_mb"])
def test_reply(perf: Perf) -> None:
    """A short answer starts at once, keeps ahead of playback, and stays within memory."""
    perf.stream("short")


@ttfa(p50_ms=LIMITS["ttfa_p50_ms"])
def test_first_answer(perf: Perf, cold_engine: ColdEngine) -> None:
    """From the start of the process to the first sound."""
    missing_because = cold_engine.source.cold_missing_because
    if missing_because is not None:
        pytest.skip(missing_because)
    perf.stream("short")
