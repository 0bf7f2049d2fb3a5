"""Time to first audio, by the two counts there are: what a listener hears, and the first sample."""

from __future__ import annotations

from pytest_ttsperf import Perf, ttfa
from pytest_ttsperf.suites.limits import limits_of

LIMITS = limits_of("ttfa")


@ttfa(p95_ms=LIMITS["ttfa_p95_ms"])
def test_first_sound(perf: Perf, preset: str) -> None:
    """As a listener has it: silence in front of the voice counts."""
    perf.stream(preset)


@ttfa(p95_ms=LIMITS["ttfa_p95_ms"], onset="sample")
def test_first_sample(perf: Perf, preset: str) -> None:
    """As vendors count it: the first sample, though it be silence."""
    perf.stream(preset)
