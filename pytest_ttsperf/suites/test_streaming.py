"""A streamed answer: does it keep ahead of playback, and come evenly?"""

from __future__ import annotations

from pytest_ttsperf import Perf, cadence, rtf
from pytest_ttsperf.suites.limits import limits_of

LIMITS = limits_of("streaming")


@rtf(p95=LIMITS["rtf_p95"])
@cadence(underruns=LIMITS["cadence_underruns"], prebuffer_ms=LIMITS["cadence_prebuffer_ms"])
def test_playback(perf: Perf, preset: str) -> None:
    """A player that buffers a little never runs dry."""
    perf.stream(preset)
