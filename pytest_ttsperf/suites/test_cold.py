"""The first answer of a fresh process, and the phases of its start."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_ttsperf import ColdEngine, Perf, ttfa
from pytest_ttsperf.suites.limits import limits_of
from pytest_ttsperf.suites.wording import phases_line

LIMITS = limits_of("cold")


@ttfa(p50_ms=LIMITS["ttfa_p50_ms"])
def test_first_answer(
    perf: Perf, cold_engine: ColdEngine, describe: Callable[[str | None], None]
) -> None:
    """From the start of the process to the first sound, and what that time was spent on."""
    missing_because = cold_engine.source.cold_missing_because
    if missing_because is not None:
        pytest.skip(missing_because)
    describe(phases_line(perf.stream("short")))
