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
from pytest_ttsperf.records import BlockStatistic, ChangeVerdict, ComparedMetric, Look, Outcome

TAIL_SHARE = 0.5
"""Of the level of a FAIL: a tail scatters so much that it would cause most false ones of a test."""
ALPHA_IMPROVED = 0.01
MANY_BLOCKS = 8
"""From so many on a budget affords a look after every block."""
EARLY_SHARE = 0.6
"""Of the blocks of a smaller budget, which affords one look before its end."""
MIN_BLOCKS = 5
"""A budget that holds fewer sees hardly any slow-down of 5 %."""
TAIL_BLOCKS = 12
"""As many as a p95 takes to be decided more often than not (docs/measurements/change-detection.md);
five never do."""
FEWEST_TO_LOOK = 3
MOST_BLOCKS = 500
ROUNDING = 1e-9
"""A budget of exactly n blocks holds n, whatever the division makes of it."""


class Levels(NamedTuple):
    """How improbable by chance it must be what is decided at one look (docs/adr/0043)."""

    look: Look
    fail: float
    passes: float
    control: float
    fewest: int
    """Blocks with which anything is decided."""
    estimate: type[Estimate] = Estimate
    """How p-values come from blocks: for one look each, or for all together."""
    share: float = 1.0
    """Of both levels, what an exact test has at this look; its p-values are for one look each."""

    def fail_of(self, statistic: BlockStatistic) -> float:
        """How likely a FAIL of unchanged code may be, at most."""
        is_tail = statistic in TAILS or statistic == "late"
        return self.fail * TAIL_SHARE if is_tail else self.fail

    @property
    def exact_fail(self) -> float:
        """The same for an exact test of counts."""
        return self.fail * self.share

    @property
    def exact_passes(self) -> float:
        """How likely a PASS of what is slower by the margin may be by an exact bound, at most."""
        return self.passes * self.share


EARLY = Levels("early", fail=0.001, passes=0.01, control=0.01, fewest=MIN_BLOCKS)
END = Levels("end", fail=0.01, passes=0.05, control=0.01, fewest=MIN_BLOCKS)
EACH = Levels("early", fail=0.0005, passes=0.005, control=0.001, fewest=FEWEST_TO_LOOK)
END_OF_MANY = Levels("end", fail=0.005, passes=0.03, control=0.01, fewest=FEWEST_TO_LOOK)


class BlockPlan(Struct, frozen=True, kw_only=True):
    """How many blocks a budget holds, and after which of them to look."""

    blocks: int
    seconds: float
    shortfall: str | None = None
    """Why the comparison can only be INCONCLUSIVE; None when the budget holds enough."""

    @property
    def has_many(self) -> bool:
        """Whether there is a look after every block."""
        return self.blocks >= MANY_BLOCKS

    @property
    def end(self) -> Levels:
        """Those of the look when the budget is spent."""
        return END_OF_MANY if self.has_many else END

    @property
    def early_at(self) -> int | None:
        """After how many of few blocks there is a look before the end; None where there is none."""
        early = math.ceil(EARLY_SHARE * self.blocks - ROUNDING)
        if self.has_many or not MIN_BLOCKS <= early < self.blocks:
            return None
        return early

    def levels_after(self, done: int) -> Levels | None:
        """Those of the look after so many blocks; None where there is none."""
        if done >= self.blocks:
            return self.end
        if self.has_many:
            return EACH if done >= FEWEST_TO_LOOK else None
        return EARLY if done == self.early_at else None


class Contrast(NamedTuple):
    """Candidate against baseline, each against itself, and the change that counts."""

    candidate: Estimate
    controls: tuple[Estimate, ...]
    margin: float

    @classmethod
    def of(
        cls,
        per_block: Effects,
        margin: float,
        estimate: type[Estimate] = Estimate,
    ) -> Contrast:
        """From one number per block each."""
        candidate = estimate.of(per_block.candidate)
        if len(per_block.controls) > 1:
            candidate = estimate.pooled(per_block.candidate, per_block.controls)
        return cls(
            candidate=candidate,
            controls=tuple(map(estimate.of, per_block.controls)),
            margin=margin,
        )

    @property
    def control(self) -> Estimate:
        """The one that is less likely by chance."""
        return min(self.controls, key=lambda control: control.p_apart(0.0))

    def has_control_effect(self, alpha: float) -> bool:
        """Whether identical code differs by more than the change that counts."""
        is_large = abs(self.control.mean) > self.margin
        return is_large and self.control.p_apart(0.0) <= alpha / len(self.controls)

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
        controls = tuple(control.mirrored for control in self.controls)
        return Contrast(self.candidate.mirrored, controls, self.margin)


def plan_blocks(budget_s: float, block_s: float) -> BlockPlan:
    """Give the blocks of `block_s` seconds each that a budget holds.

    Raises ValueError for a duration that is not above 0.
    """
    if not (0 < budget_s < math.inf and 0 < block_s < math.inf):
        raise ValueError(
            f"found a budget of {budget_s} s for blocks of {block_s} s, wanted both above 0"
        )
    blocks = int(budget_s / block_s + ROUNDING)
    shortfall = None
    if blocks < MIN_BLOCKS:
        shortfall = shortfall_text(budget_s, blocks, block_s, block_s)
    return BlockPlan(
        blocks=blocks,
        seconds=blocks * block_s,
        shortfall=shortfall,
    )


def shortfall_text(
    budget_s: float,
    blocks: int,
    block_s: float,
    first_s: float,
) -> str:
    """Why a budget decides nothing, and which would; the first block takes a time of its own."""
    median_s = math.ceil(round(first_s + (MIN_BLOCKS - 1) * block_s, 1))
    tail_s = math.ceil(round(first_s + (TAIL_BLOCKS - 1) * block_s, 1))
    return (
        f"blocks take {block_s:.1f} s, so {budget_s:.0f} s hold {blocks}, and {MIN_BLOCKS} are the "
        f"fewest that can decide; {median_s} s decide a median, about {tail_s} s a p95"
    )


def blocks_needed(contrast: Contrast, statistic: BlockStatistic, levels: Levels) -> int | None:
    """Further blocks until the rule at the end decides, if mean and scatter stay as they are."""
    candidate = contrast.candidate
    if candidate.error == 0:
        return None
    blocks = candidate.blocks
    freedom_per_block = (candidate.freedom + 1) / blocks
    counts = np.arange(blocks + 1, blocks + MOST_BLOCKS + 1)
    errors = candidate.error * np.sqrt(blocks / counts)
    freedoms = freedom_per_block * counts - 1
    p_within = candidate.p_of((contrast.margin - candidate.mean) / errors, counts, freedoms)
    p_slower = candidate.p_of(candidate.mean / errors, counts, freedoms)
    would_pass = p_within <= levels.passes
    is_large = candidate.mean > contrast.margin
    would_fail = is_large & (p_slower <= levels.fail_of(statistic))
    decided = counts[would_pass | would_fail]
    if not decided.size:
        return None
    return int(decided[0]) - blocks


def draft_verdict(
    metric: ComparedMetric, levels: Levels, *, readable: int, left_out: int
) -> ChangeVerdict:
    """The verdict on a figure before it is judged: so many blocks can be read, so many cannot."""
    return ChangeVerdict(
        outcome=Outcome.INCONCLUSIVE,
        reason="",
        statistic=metric.statistic,
        scale=metric.scale,
        unit=metric.unit,
        margin=metric.margin,
        look=levels.look,
        blocks=readable,
        left_out=left_out,
    )
