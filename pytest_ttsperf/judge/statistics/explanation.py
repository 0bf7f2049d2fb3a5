"""Which parts explain a change: one that surely is most of it, else the fewest that make it up.

The rules, and what they were chosen over, are in docs/adr/0040. Pure numbers: what the parts are
parts of, and what they are called, is the caller's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pytest_ttsperf.judge.statistics.estimators import CONFIDENCE, Array, Estimate

LEAST_SHARE = 0.5
"""Of the change: what is named surely makes up at least this."""
SET_SHARE = 0.8
"""Of the change: several parts are named only where they make up this much together."""
MOST_SHARE = 1.5
"""Of the change: what gained more than that did not cause it alone, as others lost."""


class Parts:
    """A change and its parts, block by block, turned so that the whole change is upwards.

    `total` is [blocks], `rows` is [blocks, rows], both in the same unit.
    """

    def __init__(self, total: Array, rows: Array) -> None:
        self.direction = math.copysign(1.0, total.mean())
        self.total = self.direction * total
        self.rows = self.direction * rows
        self.confidence = 1 - (1 - CONFIDENCE) / rows.shape[1]
        """Of each interval; all together they have `CONFIDENCE` (Bonferroni)."""

    def largest_first(self) -> list[int]:
        """The rows by how much they moved with the change."""
        order = np.argsort(-self.rows.mean(axis=0), kind="stable")
        return [int(row) for row in order]

    def interval(self, values: Array) -> tuple[float, float]:
        """Of the mean of [blocks], as one of as many as there are rows."""
        return Estimate.of(values).interval(self.confidence)

    def has_grown(self, row: int) -> bool:
        """Whether it surely moved in the direction of the change."""
        low, _ = self.interval(self.rows[:, row])
        return low > 0

    def has_shrunk(self, row: int) -> bool:
        """Whether it surely moved against the change."""
        _, high = self.interval(self.rows[:, row])
        return high < 0

    def share(self, chosen: Sequence[int]) -> float:
        """Which part of the whole change these rows make up; there must be a change."""
        return float(self.rows[:, chosen].sum(axis=1).mean() / self.total.mean())

    def is_most(self, chosen: Sequence[int]) -> bool:
        """Whether these rows surely make up `LEAST_SHARE` of the change.

        Their time less so much of the whole is an ordinary mean over blocks. Its interval is above
        0 exactly where that of the share by Fieller (1954) is above `LEAST_SHARE`, so that the
        error of the whole counts.
        """
        excess = self.rows[:, chosen].sum(axis=1) - LEAST_SHARE * self.total
        low, _ = self.interval(excess)
        return low >= 0

    def is_cause(self, row: int) -> bool:
        """Whether it may be named alone."""
        return self.is_most([row]) and self.share([row]) <= MOST_SHARE

    def has_changed(self) -> bool:
        """Whether there surely is a change that could have parts."""
        low, _ = Estimate.of(self.total).interval()
        return low > 0


def explain(parts: Parts) -> list[int]:
    """Choose the rows that explain the change; none where it is not sure which do.

    One that may be named alone. Else, largest first, those that surely grew until they make up
    `SET_SHARE`; and where they gained more than `MOST_SHARE`, also those that surely shrank.
    """
    if not parts.has_changed():
        return []
    causes = [row for row in parts.largest_first() if parts.is_cause(row)]
    if len(causes) == 1:
        return causes
    # Parts that overlap can each be most of it: then all of them are named.
    chosen = _add_grown(parts, causes)
    chosen = _add_shrunk(parts, chosen)
    if not parts.is_most(chosen):
        return []
    if not SET_SHARE <= parts.share(chosen) <= MOST_SHARE:
        return []
    return chosen


def _add_grown(parts: Parts, chosen: Sequence[int]) -> list[int]:
    """With as many that surely grew as it takes, the largest first."""
    added = list(chosen)
    for row in parts.largest_first():
        if parts.share(added) >= SET_SHARE and parts.is_most(added):
            break
        if row not in added and parts.has_grown(row):
            added.append(row)
    return added


def _add_shrunk(parts: Parts, chosen: Sequence[int]) -> list[int]:
    """With as many that surely shrank as it takes not to gain far more than the whole change."""
    added = list(chosen)
    for row in reversed(parts.largest_first()):
        if parts.share(added) <= MOST_SHARE:
            break
        if parts.has_shrunk(row):
            added.append(row)
    return added
