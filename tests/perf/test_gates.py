"""The repository's own gates: the default voice through the worker, judged by the product."""

from __future__ import annotations

import pytest

from pytest_ttsperf.plugin.fixtures import ColdEngine, Perf
from pytest_ttsperf.plugin.typed_marks import cadence, memory, rtf, ttfa


@ttfa(p95_ms=500)
@rtf(p95=0.6)
@cadence(underruns=0, prebuffer_ms=100)
@memory(rss_range_mb=300)
@pytest.mark.parametrize("preset", ["short", "medium", "long"])
def test_stream(perf: Perf, preset: str) -> None:
    perf.stream(preset)


@rtf(p95=1.0)
@memory(rss_range_mb=300)
def test_whole(perf: Perf) -> None:
    perf.synthesize("short")


@ttfa(p50_ms=8000)
def test_cold_start(perf: Perf, cold_engine: ColdEngine) -> None:
    """From the start of the process to the first sound; told by phase in the artifact."""
    assert perf.stream("short").result.cell.phase == "cold"
