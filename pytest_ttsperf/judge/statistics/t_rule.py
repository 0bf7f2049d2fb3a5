"""The t rule: contrasts of blocks against the smallest change that counts, and when to look."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from pytest_ttsperf.judge.statistics.estimators import (
    TAILS,
    Effects,
    Estimate,
)
from pytest_ttsperf.records import Judged, Look

DEFAULT_MARGIN = 0.03
ALPHA_FAIL: dict[Look, float] = {"early": 0.001, "end": 0.01}
ALPHA_PASS: dict[Look, float] = {"early": 0.01, "end": 0.05}
TAIL_SHARE = 0.5
"""Of ALPHA_FAIL: a tail scatters so much that it would cause most false FAILs of a test."""
ALPHA_CONTROL = 0.01
ALPHA_IMPROVED = 0.01
EARLY_SHARE = 0.6
MIN_BLOCKS = 5
"""With fewer, a t test sees hardly any slow-down of 5 %."""
MOST_BLOCKS = 500


class BlockPlan(Struct, frozen=True, kw_only=True):
    """How many blocks a budget holds, and after how many to look before the end."""

    blocks: int
    early_at: int | None
    seconds: float
    shortfall: str | None = None
    """Why the comparison can only be INCONCLUSIVE; None when the budget holds enough."""


class Contrast(NamedTuple):
    """New against old beside old against old, and the smallest change that counts."""

    new: Estimate
    control: Estimate
    limit: float

    @classmethod
    def of(cls, found: Effects, limit: float) -> Contrast:
        """From one number per block each."""
        return cls(Estimate.of(found.new), Estimate.of(found.control), limit)

    @property
    def control_fired(self) -> bool:
        """Whether identical code differs, by more than the change that counts."""
        is_large = abs(self.control.mean) > self.limit
        return is_large and self.control.p_apart(0.0) <= ALPHA_CONTROL

    def fails(self, alpha: float) -> bool:
        """Slower by more than counts, and surely slower."""
        return self.new.mean > self.limit and self.new.p_above(0.0) <= alpha

    def passes(self, alpha: float) -> bool:
        """Surely not slower by as much as counts."""
        return self.new.p_below(self.limit) <= alpha

    @property
    def improves(self) -> bool:
        """Faster by more than counts, and surely faster."""
        return -self.new.mean > self.limit and self.new.p_below(0.0) <= ALPHA_IMPROVED


def plan_blocks(budget_s: float, block_s: float) -> BlockPlan:
    """Give the blocks of `block_s` seconds each that a budget holds, and when to look early.

    No early look where it would have fewer blocks than can decide. Raises ValueError for a
    duration that is not above 0.
    """
    if not (0 < budget_s < math.inf and 0 < block_s < math.inf):
        raise ValueError(
            f"found a budget of {budget_s} s for blocks of {block_s} s, wanted both above 0"
        )
    blocks = int(budget_s / block_s + 1e-9)
    early = math.ceil(EARLY_SHARE * blocks - 1e-9)
    shortfall = None
    if blocks < MIN_BLOCKS:
        shortfall = (
            f"{budget_s:.0f} s hold {plural(blocks, 'block')} of {block_s:.1f} s, {MIN_BLOCKS} "
            f"are the fewest that can decide; give {math.ceil(MIN_BLOCKS * block_s)} s or more "
            "(--ttsperf-budget)"
        )
    return BlockPlan(
        blocks=blocks,
        early_at=early if MIN_BLOCKS <= early < blocks else None,
        seconds=blocks * block_s,
        shortfall=shortfall,
    )


def alpha_fail(statistic: Judged, look: Look) -> float:
    return ALPHA_FAIL[look] * (TAIL_SHARE if statistic in TAILS else 1.0)


def blocks_needed(test: Contrast, statistic: Judged) -> int | None:
    """Further blocks until the rule at the end decides, if mean and scatter stay as they are."""
    from scipy import stats

    have = test.new.freedom + 1
    if test.new.error == 0:
        return None
    counts = np.arange(have + 1, have + MOST_BLOCKS + 1)
    errors = test.new.error * np.sqrt(have / counts)
    pass_t = stats.t.isf(ALPHA_PASS["end"], counts - 1)
    fail_t = stats.t.isf(alpha_fail(statistic, "end"), counts - 1)
    would_pass = (test.limit - test.new.mean) / errors >= pass_t
    would_fail = (test.new.mean > test.limit) & (test.new.mean / errors >= fail_t)
    decided = counts[would_pass | would_fail]
    return int(decided[0]) - have if decided.size else None


def plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
