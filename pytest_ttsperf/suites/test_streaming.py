"""A streamed answer: does it keep ahead of playback, come evenly, and leave while it is made?"""

from __future__ import annotations

from collections.abc import Callable

from pytest_ttsperf import Perf, cadence, rtf, trials
from pytest_ttsperf.suites.limits import limits_of
from pytest_ttsperf.suites.wording import arrival_line

LIMITS = limits_of("streaming")


@rtf(p95=LIMITS["rtf_p95"])
@cadence(underruns=LIMITS["cadence_underruns"], prebuffer_ms=LIMITS["cadence_prebuffer_ms"])
def test_playback(perf: Perf, preset: str) -> None:
    """A player that buffers a little never runs dry."""
    perf.stream(preset)


@cadence(streamed=LIMITS["cadence_streamed"])
@trials(11)  # prove it with up to two odd ones among them
def test_streamed(perf: Perf, describe: Callable[[str | None], None]) -> None:
    """A long answer is sent while it is made, and not all at once.

    Of a short one there may be nothing to stream: engines that go by sentences send it as a whole.
    """
    describe(arrival_line(perf.stream("long")))
