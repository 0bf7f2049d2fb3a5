"""The gates of the system that this project grew from, word for word.

They run when this file is named, as the soak alone takes twenty minutes:

    pytest -m perf tests/perf/gates_of_origin.py

- TTFA p95 <= 500 ms for short text
- RTF p95 <= 1.0, streaming target 0.6
- RSS range <= 300 MB
- underruns <= 1 per 10 min; drift <= 5 % over a 20 min soak
- -16 +-1 LUFS, <= -1 dBTP
- warm TTFA < 10 ms on an M-series Mac
- regression > 10 % fails (with --ttsperf-against=REV, or --ttsperf-compare)
"""

from __future__ import annotations

import platform

import pytest

from pytest_ttsperf.plugin.fixtures import Perf
from pytest_ttsperf.plugin.typed_marks import memory, quality, regression, rtf, soak, ttfa

SYSTEM, PROCESSOR = platform.system(), platform.machine()
IS_M_SERIES = (SYSTEM, PROCESSOR) == ("Darwin", "arm64")


@ttfa(p95_ms=500)
def test_ttfa_of_short_text(perf: Perf) -> None:
    perf.stream("short")


@rtf(p95=1.0)
@pytest.mark.parametrize("preset", ["short", "medium", "long"])
def test_rtf(perf: Perf, preset: str) -> None:
    perf.synthesize(preset)


@rtf(p95=0.6)
@pytest.mark.parametrize("preset", ["short", "medium", "long"])
def test_rtf_of_streaming(perf: Perf, preset: str) -> None:
    perf.stream(preset)


@memory(rss_range_mb=300)
@pytest.mark.parametrize("preset", ["short", "medium", "long"])
def test_range_of_memory(perf: Perf, preset: str) -> None:
    perf.stream(preset)


@quality(lufs=-16, tolerance_lu=1, true_peak_dbtp=-1)
def test_loudness(perf: Perf) -> None:
    perf.stream("medium")


@ttfa(p95_ms=10)
@pytest.mark.skipif(
    not IS_M_SERIES,
    reason=f"10 ms is for an M-series Mac (Darwin, arm64); this is {SYSTEM}, {PROCESSOR}",
)
def test_ttfa_on_an_m_series_mac(perf: Perf) -> None:
    perf.stream("short")


@soak(minutes=20, drift="5%", underruns_per_10min=1)
def test_soak(perf: Perf) -> None:
    perf.stream("short")


@regression(ttfa="10%", rtf="10%")
def test_regression(perf: Perf) -> None:
    perf.stream("short")
