"""The first answer of a fresh process, and the phases of its start."""

from __future__ import annotations

import pytest

from pytest_ttsperf import ColdEngine, Perf, ttfa
from pytest_ttsperf.suites.limits import limits_of

LIMITS = limits_of("cold")


@ttfa(p50_ms=LIMITS["ttfa_p50_ms"])
def test_first_answer(perf: Perf, cold_engine: ColdEngine) -> None:
    """From the start of the process to the first sound; the artifact has each phase."""
    if cold_engine.source.lifecycle == "external":
        pytest.skip(
            f"{cold_engine.source.spec.shown} runs already, so it has no cold start that could be "
            "measured; name what starts it, as cmd:... or module:callable"
        )
    perf.stream("short")
