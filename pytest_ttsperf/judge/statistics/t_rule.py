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
from pytest_ttsperf.records import BlockStatistic, Look

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
ROUNDING = 1e-9
"""A budget of exactly n blocks holds n, whatever the division makes of it."""


class BlockPlan(Struct, frozen=True, kw_only=True):
    """How many blocks a budget holds, and after how many to look before the end."""

    blocks: int
    early_at: int | None
    seconds: float
    shortfall: str | None = None
    """Why the comparison can only be INCONCLUSIVE; None when the budget holds enough."""


class Contrast(NamedTuple):
    """Candidate against baseline, the baseline against itself, and the change that counts."""

    candidate: Estimate
    control: Estimate
    margin: float

    @classmethod
    def of(cls, per_block: Effects, margin: float) -> Contrast:
        """From one number per block each."""
        return cls(
            candidate=Estimate.of(per_block.candidate),
            control=Estimate.of(per_block.control),
            margin=margin,
        )

    @property
    def has_control_effect(self) -> bool:
        """Whether identical code differs by more than the change that counts."""
        is_large = abs(self.control.mean) > self.margin
        return is_large and self.control.p_apart(0.0) <= ALPHA_CONTROL

    @property
    def is_faster(self) -> bool:
        """Faster by more than counts, and surely faster."""
        is_large = -self.candidate.mean > self.margin
        return is_large and self.candidate.p_below(0.0) <= ALPHA_IMPROVED

    def is_slower(self, alpha: float) -> bool:
        """Slower by more than counts, and surely slower."""
        is_large = self.candidate.mean > self.margin
        return is_large and self.candidate.p_above(0.0) <= alpha

    def is_within_margin(self, alpha: float) -> bool:
        """Surely not slower by as much as counts."""
        return self.candidate.p_below(self.margin) <= alpha

    @property
    def mirrored(self) -> Contrast:
        """The same with less for more."""
        return Contrast(self.candidate.mirrored, self.control.mirrored, self.margin)


def plan_blocks(budget_s: float, block_s: float) -> BlockPlan:
    """Give the blocks of `block_s` seconds each that a budget holds, and when to look early.

    There is no early look where it would have fewer blocks than can decide. Raises ValueError for a
    duration that is not above 0.
    """
    if not (0 < budget_s < math.inf and 0 < block_s < math.inf):
        raise ValueError(
            f"found a budget of {budget_s} s for blocks of {block_s} s, wanted both above 0"
        )
    blocks = int(budget_s / block_s + ROUNDING)
    early = math.ceil(EARLY_SHARE * blocks - ROUNDING)
    early_at = None
    if MIN_BLOCKS <= early < blocks:
        early_at = early
    shortfall = None
    if blocks < MIN_BLOCKS:
        shortfall = (
            f"{budget_s:.0f} s hold {plural(blocks, 'block')} of {block_s:.1f} s, {MIN_BLOCKS} "
            f"are the fewest that can decide; give {math.ceil(MIN_BLOCKS * block_s)} s or more "
            "(--ttsperf-budget)"
        )
    return BlockPlan(
        blocks=blocks,
        early_at=early_at,
        seconds=blocks * block_s,
        shortfall=shortfall,
    )


def alpha_fail(statistic: BlockStatistic, look: Look) -> float:
    """How likely a FAIL of unchanged code may be, at most."""
    if statistic in TAILS or statistic == "late":
        return ALPHA_FAIL[look] * TAIL_SHARE
    return ALPHA_FAIL[look]


def blocks_needed(contrast: Contrast, statistic: BlockStatistic) -> int | None:
    """Further blocks until the rule at the end decides, if mean and scatter stay as they are."""
    from scipy import stats

    mean, error, freedom = contrast.candidate
    if error == 0:
        return None
    blocks = freedom + 1
    counts = np.arange(blocks + 1, blocks + MOST_BLOCKS + 1)
    errors = error * np.sqrt(blocks / counts)
    pass_t = stats.t.isf(ALPHA_PASS["end"], counts - 1)
    fail_t = stats.t.isf(alpha_fail(statistic, "end"), counts - 1)
    would_pass = (contrast.margin - mean) / errors >= pass_t
    would_fail = (mean > contrast.margin) & (mean / errors >= fail_t)
    decided = counts[would_pass | would_fail]
    if not decided.size:
        return None
    return int(decided[0]) - blocks


def plural(count: int, word: str) -> str:
    """`1 block`, `2 blocks`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
