"""A t rule that holds at every look: for budgets without an end, and for looks after the end.

A p-value of the t test is for one look; after enough of them it is below any level by chance. An
e-value is a bet against the null hypothesis that cannot win on average: the chance that it ever
reaches 1 / alpha, at whichever look, is at most alpha (Ville 1939). So 1 / e is a p-value at every
look.

The bet here is that the change is a normal number of standard deviations of a block, in one
direction. What the standard deviation is does not matter: under the prior 1 / sigma the bet is a
function of the t statistic alone (Rouder et al. 2009 have its closed form), and by invariance it is
an e-value for each sigma, at any time of stopping (Perez-Ortiz, Lardy, de Heide, Grunwald 2024).
Pure; scipy is imported late.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pytest_ttsperf.judge.statistics.estimators import CONFIDENCE, Estimate
from pytest_ttsperf.judge.statistics.t_rule import (
    MIN_BLOCKS,
    MOST_BLOCKS,
    BlockPlan,
    Levels,
)

EFFECT_VARIANCE = 1.0
"""Of the bet, in variances of a block: it expects changes by about as much as one block scatters
(docs/adr/0044)."""
MOST_T = 1e100
"""For no scatter at all."""
EACH_UNTIL = 20
"""From twice so many blocks on there is a look after every second, from three times so many after
every third: a look at a tail takes the longer the more blocks there are."""
END_SHARE = 0.5
"""Of the level of exact tests, what is left for the last look."""


def log_e_value(
    t: npt.ArrayLike,
    blocks: npt.ArrayLike,
    freedom: npt.ArrayLike,
    variance: float = EFFECT_VARIANCE,
) -> npt.NDArray[np.float64]:
    """Log of the evidence that the mean of the blocks is above 0, and not 0 or less.

    `t` is the mean by its standard error, with so many degrees of `freedom`: blocks - 1, or more
    where other numbers of the same variance say how much a block scatters. `variance` is that of
    the change, in variances of a block. The two-sided Bayes factor of Rouder et al. 2009, twice the
    part of it that the posterior (Student's t) has above 0. All may be arrays.
    """
    from scipy import special

    squared = np.square(np.asarray(t, dtype=float))
    freedom = np.asarray(freedom, dtype=float)
    inflation = 1 + np.asarray(blocks, dtype=float) * variance
    shrunk = freedom + squared / inflation
    two_sided = (freedom + 1) / 2 * np.log((freedom + squared) / shrunk) - np.log(inflation) / 2
    location = np.asarray(t) * np.sqrt((1 - 1 / inflation) * (freedom + 1) / shrunk)
    above = np.maximum(special.stdtr(freedom + 1, location), np.finfo(float).tiny)
    return np.asarray(two_sided + math.log(2) + np.log(above), dtype=float)


def t_bound(
    blocks: int,
    freedom: int,
    alpha: float,
    variance: float = EFFECT_VARIANCE,
) -> float:
    """How far, in standard errors, the mean of the blocks is ever from the truth, but for alpha.

    The two-sided e-value of `log_e_value` solved for t: a confidence sequence. Infinite while the
    blocks are too few to say anything at that level.
    """
    inflation = 1 + blocks * variance
    ratio = (math.sqrt(inflation) / alpha) ** (2 / (freedom + 1))
    if ratio >= inflation:
        return math.inf
    return math.sqrt(freedom * (ratio - 1) / (1 - ratio / inflation))


class SequentialEstimate(Estimate):
    """An estimate whose p-values and interval hold at all looks together."""

    __slots__ = ()

    def p_above(self, level: float) -> float:
        """One-sided: the chance that it is ever so surely above, if the truth is `level`."""
        if self.error == 0 and self.mean > level:
            return float(self.p_of(MOST_T, self.blocks, self.freedom))
        return super().p_above(level)

    @staticmethod
    def p_of(
        t: npt.ArrayLike,
        blocks: npt.ArrayLike,
        freedom: npt.ArrayLike,
    ) -> npt.NDArray[np.float64]:
        """1 / e, at most 1."""
        return np.exp(-np.maximum(log_e_value(t, blocks, freedom), 0.0))

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Two-sided, at all looks together."""
        half_width = t_bound(self.blocks, self.freedom, 1 - confidence) * self.error
        return self.mean - half_width, self.mean + half_width


OPEN = Levels(
    "early",
    fail=0.005,
    passes=0.03,
    control=0.01,
    fewest=MIN_BLOCKS,
    estimate=SequentialEstimate,
)
"""Those of all looks at a comparison without an end, together."""


class OpenPlan(BlockPlan, frozen=True, kw_only=True):
    """Looks after every block, and later after every twentieth more, that share one level.

    It goes on until everything is settled or `blocks` are there: nobody knows which look is the
    last, and there is no level that is to be spent at the end.
    """

    levels: Levels = OPEN
    looks_from: int = MIN_BLOCKS
    """Number of blocks at the first look."""

    @property
    def end(self) -> Levels:
        """Those of the last look, and of a confirmation: as of any other, but for exact tests."""
        return self.levels._replace(look="end", share=END_SHARE)

    def levels_after(self, done: int) -> Levels | None:
        """Those of the look after so many blocks; None where there is none."""
        if done >= self.blocks:
            return self.end
        if done < self.looks_from or done % max(1, done // EACH_UNTIL):
            return None
        # Exact tests have no e-value, and share a level over the looks: half of it is for the end,
        # and of the other half 1/2 for the first look, 1/6 for the second, 1/12 for the third.
        # Together that is no more than all of it, however many looks there are.
        look = done - self.looks_from + 1
        return self.levels._replace(share=(1 - END_SHARE) / (look * (look + 1)))


def open_plan(longest_s: float) -> OpenPlan:
    """Of a budget that is open, and takes so long at most."""
    return OpenPlan(blocks=MOST_BLOCKS, seconds=longest_s)


def further_plan(budget: BlockPlan, done: int, blocks: int) -> OpenPlan:
    """Of a further budget like one that was spent with `done` blocks, until there are `blocks`.

    Its levels are spent with it. All looks from here on share as much again, which all together use
    hardly any of: whoever is beyond it has nearly always been beyond the end's (docs/adr/0044).
    """
    end = budget.end
    return OpenPlan(
        blocks=blocks,
        seconds=budget.seconds,
        levels=OPEN._replace(fail=end.fail, passes=end.passes),
        looks_from=done + 1,
    )
