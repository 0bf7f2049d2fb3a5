"""What the guards against false numbers look at: one cell, with all that was measured of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pytest_ttsperf.metrics import definitions
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import CellResult, Kind, Recording, Trial

OUTSIDE_SHARE = 0.10
"""Of the trials: fewer that are odd are chance."""
Trend = Callable[[Sequence[float]], tuple[float, float] | None]
"""Values in their order -> p-value of there being no trend, change from first to last quarter."""
Bands = Callable[[str], tuple[float, float]]
"""Text -> shortest and longest credible speech of it, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the guards look at: a result, and what it is held against (see `find_notes`)."""

    result: CellResult
    asked_provider: str | None
    bands: Bands | None
    bands_bind: bool
    trend: Trend | None

    @property
    def counted(self) -> tuple[Trial, ...]:
        """The trials that make up the samples."""
        return self.result.counted

    @property
    def recordings(self) -> list[Recording]:
        """Those of the counted trials that did not fail."""
        return [trial.recording for trial in self.counted if trial.recording is not None]

    @property
    def placement(self) -> Mapping[str, object]:
        """What the target says of where it runs; empty where it says nothing."""
        ready = self.result.ready
        if ready is None or ready.placement is None:
            return {}
        return ready.placement

    @property
    def placements(self) -> list[Mapping[str, object]]:
        """The same of each of its processes, each that differs once."""
        found = [self.placement]
        for process in self.result.processes:
            placement = process.ready.placement or {}
            if placement not in found:
                found.append(placement)
        return found

    def values(self, metric: str, kind: Kind = "trial") -> tuple[float | None, ...]:
        """A metric of the trials of a kind, in their order."""
        return definitions.sample(metric, self.result.trials, kind=kind).values

    def measured(self, metric: str) -> list[float]:
        """A metric of the counted trials, without those in which it could not be measured."""
        return [value for value in self.values(metric) if value is not None]


def n_of(count: int, whole: Sequence[object]) -> str:
    """`3 of 59 trials`."""
    return f"{count} of {plural(len(whole), 'trial')}"
