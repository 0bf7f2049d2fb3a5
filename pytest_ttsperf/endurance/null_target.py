"""The null target, spoken between the slices of a soak: it tells the machine's drift from ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from pytest_ttsperf.endurance import null_engine
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.experiment.trial import OpenTarget, open_target
from pytest_ttsperf.metrics.playback import NS_PER_MS
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import TargetSpec

SPEC = TargetSpec(spec=f"{null_engine.__name__}:{null_engine.ConstantWork.__name__}")
WARMUPS = 5
FEWEST, MOST = 3, 9
"""Requests to it after a slice."""
SHARE = 0.02
"""Of a slice: what they may take, where they are not the fewest."""
TEXT = "The null target."


class NullTarget:
    """One that is open and warm."""

    def __init__(self, opened: OpenTarget) -> None:
        self._opened = opened
        self.last_s = 0.0
        """What the last measurement took."""

    def measure_ms(self, slice_s: float) -> float:
        """Its median time for a request, of as many as a slice of that length allows."""
        start_s = REAL.monotonic()
        times_ms: list[float] = []
        while len(times_ms) < MOST:
            is_over = REAL.monotonic() - start_s > SHARE * slice_s
            if is_over and len(times_ms) >= FEWEST:
                break
            times_ms.append(self._request_ms())
        self.last_s = REAL.monotonic() - start_s
        return median(times_ms)

    def _request_ms(self) -> float:
        recording = self._opened.target.record(TEXT, "stream")
        return (recording.end_ns - recording.request_ns) / NS_PER_MS


@contextmanager
def open_null_target() -> Iterator[NullTarget]:
    """A null target in a process of its own while the block runs. TargetError."""
    opened = open_target(TargetFactory(SPEC), warm=True)
    try:
        for _ in range(WARMUPS):
            opened.target.record(TEXT, "stream")
        yield NullTarget(opened)
    finally:
        opened.close()
