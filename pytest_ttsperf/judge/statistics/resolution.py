"""How finely values were measured: the steps of a coarse clock, and the least error they leave.

A clock that advances by 15.6 ms gives most texts the same number in every arm. Their differences
are 0 then, their scatter is 0 too, and a t test would be certain of a change that it cannot see.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pytest_ttsperf.judge.statistics.estimators import BASELINES, TAILS, Array, drop_incomplete
from pytest_ttsperf.records import Arms, BlockStatistic

MIN_TIES = 0.4
"""Of the texts: where both runs of the baseline agree exactly in fewer, values scatter by more than
0.7 steps, and the scatter has the rounding in it."""
MOST_TIES_OF_DITHERED = 0.65
"""Where they agree in no more, values scatter by 0.4 steps: what is rounded up in one text and down
in another is right on average (dithering)."""
MIN_SPREAD_STEPS = 0.55
"""Standard deviation over texts, in steps, from which each text lies elsewhere between two steps.
Texts that only ever show two neighbouring values cannot reach it."""
VARIANCE_IN_STEPS = 1 / 12
"""Of what rounding adds: uniform over one step."""
TOLERANCE = 1e-6
"""Relative: values nearer than this are one value."""


class Resolution(NamedTuple):
    """The steps in which values come, where they are coarse."""

    step: float
    """In the unit of the values."""
    share: float
    """Of the median value."""
    texts: int
    """Whose rounding is independent: all, or 1 where they all lie at the same place in a step."""
    arms: int

    def error(self, statistic: BlockStatistic) -> float:
        """Least standard error of the candidate against the baseline, in logs.

        A tail is decided by few of the texts, and only these count.
        """
        deciding = 1 - TAILS.get(statistic, 0.0)
        texts = max(1.0, self.texts * deciding)
        candidates = self.arms - BASELINES
        of_one_value = self.share * math.sqrt(VARIANCE_IN_STEPS / texts)
        return of_one_value * math.sqrt(1 / candidates + 1 / BASELINES)


def find_resolution(blocks: Sequence[Arms]) -> Resolution | None:
    """The steps of values above 0; None where they are fine enough to be of no matter."""
    if not blocks:
        return None
    values = np.concatenate([drop_incomplete(arms) for arms in blocks], axis=1)
    arms, texts = values.shape
    if not texts or (values <= 0).any():
        return None
    baseline, control = values[:BASELINES]
    ties = float(np.isclose(baseline, control, rtol=TOLERANCE, atol=0.0).mean())
    if ties < MIN_TIES:
        return None
    share = _step_share(values)
    is_dithered = ties <= MOST_TIES_OF_DITHERED
    is_spread = float(np.log(baseline).std()) >= MIN_SPREAD_STEPS * share
    return Resolution(
        step=share * float(np.median(values)),
        share=share,
        texts=texts if is_dithered or is_spread else 1,
        arms=arms,
    )


def _step_share(values: Array) -> float:
    """The step of [arms, texts], as a share of the values.

    Of each text by itself, as some figures are divided by its length: by the values that its arms
    have. Where no text has two, by those of all texts.
    """
    shares = []
    for text in values.T:
        distinct = np.unique(text)
        if not np.isclose(distinct[0], distinct[-1], rtol=TOLERANCE, atol=0.0):
            shares.append(common_step(distinct) / float(np.median(text)))
    if shares:
        return float(np.median(shares))
    return common_step(np.unique(values)) / float(np.median(values))


def common_step(values: Array) -> float:
    """The largest number of which all of these are multiples, but for rounding.

    One value alone may be a single step of a clock.
    """
    tolerance = TOLERANCE * float(values.max())
    step, *others = values.tolist()
    for value in others:
        step = _common_step_of_two(step, value, tolerance)
    return float(step)


def _common_step_of_two(
    one: float,
    other: float,
    tolerance: float,
) -> float:
    """Euclid's algorithm, by the nearest multiple."""
    larger = max(one, other)
    smaller = min(one, other)
    while smaller > tolerance:
        remainder = abs(larger - round(larger / smaller) * smaller)
        larger, smaller = smaller, remainder
    return larger
