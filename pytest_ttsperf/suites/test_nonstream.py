"""Answers that are asked for as a whole: how long they take for each second of audio."""

from __future__ import annotations

from pytest_ttsperf import Perf, rtf
from pytest_ttsperf.suites.limits import limits_of

LIMITS = limits_of("nonstream")


@rtf(p95=LIMITS["rtf_p95"])
def test_whole(perf: Perf, preset: str) -> None:
    """The audio of a text is there before it could have been played."""
    perf.synthesize(preset)
