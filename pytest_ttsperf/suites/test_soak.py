"""A soak: the target speaks without a pause; does it stay as it was?"""

from __future__ import annotations

from pytest_ttsperf import Perf, soak
from pytest_ttsperf.suites.limits import limits_of

LIMITS = limits_of("soak")


@soak(
    minutes=LIMITS["soak_minutes"],
    drift=LIMITS["soak_drift"],
    underruns_per_10min=LIMITS["soak_underruns_per_10min"],
    leak_mb_per_1000=LIMITS["soak_leak_mb_per_1000"],
    handles=LIMITS["soak_handles"],
)
def test_soak(perf: Perf) -> None:
    """It becomes no slower, never runs dry for long, and leaves nothing behind.

    With --ttsperf-listeners=4 so many listen.
    """
    perf.stream("short")
