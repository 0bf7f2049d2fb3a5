"""How long a soak is, in which slices, and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment.plan import Plan
from pytest_ttsperf.load.cell import DRAIN_S
from pytest_ttsperf.load.traces import WindowPlan
from pytest_ttsperf.records import LoadSpec, SoakSlice, SoakSpec

SLICES = 32
"""Of any soak: eight in each quarter, which its drift is told from."""
FEWEST_IN_SLICE = 2
FEWEST_REQUESTS = FEWEST_IN_SLICE * SLICES
LEAD_SHARE = 1 / 8
COUNTED_SHARE = 0.7
"""Of a slice in which several listen, where the rest does not take longer than a short one has."""


class SoakPlan(NamedTuple):
    """What is to speak, for how long, and where its raw trials go."""

    plan: Plan
    spec: SoakSpec
    journal: Path
    revision: str | None = None
    """Of the working tree: a soak that was broken off is gone on with at the same one alone."""
    load: LoadSpec | None = None
    """None for a single listener."""
    seed: int = 0
    """Of the traces, where several listen."""

    @property
    def slice_s(self) -> float:
        """How long a slice is. MeasurementError for a soak that is counted in requests."""
        if self.spec.minutes is None:
            raise MeasurementError(
                f"a soak of {self.spec.label} has slices of so many requests, wanted minutes"
            )
        return 60 * self.spec.minutes / SLICES

    def requests_of(self, index: int) -> int | None:
        """How many requests a slice has; None where it has so many seconds."""
        if self.spec.requests is None:
            return None
        share, rest = divmod(self.spec.requests, SLICES)
        return share + int(index < rest)

    @property
    def window(self) -> WindowPlan:
        """A slice as a window in which several listen: what is left of it beside lead and drain."""
        slice_s = self.slice_s
        lead_s = min(WindowPlan().lead_s, LEAD_SHARE * slice_s)
        counted_s = max(COUNTED_SHARE * slice_s, slice_s - lead_s - DRAIN_S)
        return WindowPlan(lead_s=lead_s, counted_s=counted_s, least_requests=1)


class SoakProgress(NamedTuple):
    """How far a soak is."""

    share: float
    """0 to 1."""
    minutes: float
    """Spent so far, in all sessions."""
    requests: int
    newest: SoakSlice | None
    """The last whole slice."""
    underruns: int
    """Of all whole slices."""


TellSoak = Callable[[SoakProgress], None]
"""Shows how far a soak is."""
