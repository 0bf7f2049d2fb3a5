"""The repository's own gates: the default voice through the worker, judged by the product."""

from __future__ import annotations

from pytest_ttsperf import Perf, cadence, memory, rtf, ttfa


@ttfa(p95_ms=500)
@rtf(p95=0.6)
@cadence(underruns=0, prebuffer_ms=100)
@memory(rss_range_mb=300)
def test_short_stream(perf: Perf) -> None:
    perf.stream("short")


@ttfa(p95_ms=500)
@rtf(p95=0.6)
@cadence(underruns=0, prebuffer_ms=100)
@memory(rss_range_mb=300)
def test_medium_stream(perf: Perf) -> None:
    perf.stream("medium")


@ttfa(p95_ms=500)
@rtf(p95=0.6)
@cadence(underruns=0, prebuffer_ms=100)
@memory(rss_range_mb=300)
def test_long_stream(perf: Perf) -> None:
    perf.stream("long")


@rtf(p95=1.0)
@memory(rss_range_mb=300)
def test_short_whole(perf: Perf) -> None:
    perf.synthesize("short")


@ttfa(p50_ms=8000)
def test_cold_start(perf: Perf, cold_engine: object) -> None:
    """From the start of the process to the first sound; told by phase in the artifact."""
    perf.stream("short")
