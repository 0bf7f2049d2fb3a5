"""What hours of speaking say: how memory grows, how times drift, how often something rare happens.

Neighbouring readings of memory are alike, as an allocator takes memory in steps and keeps it. A
slope that takes each of them for a witness of its own is too sure, so its interval is widened by
what the residuals' autocorrelation says. Pure; intervals are of 95 %, bounds of counts one-sided.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pytest_ttsperf.judge.statistics import spells
from pytest_ttsperf.judge.statistics.spells import Array

CONFIDENCE = 0.95
FEWEST_POINTS = 8
"""Fewer show no slope: the interval of the slope would reach from the least to the largest."""
FEWEST_SIDE = 2
"""Values before, and after, that a change can be told from."""


class ConfidenceInterval(NamedTuple):
    """An estimate, with what it is at least and at most."""

    value: float
    low: float
    high: float
    n: int
    """Of what it rests on: points, or values on each side."""


def theil_sen(x: Sequence[float], y: Sequence[float]) -> ConfidenceInterval | None:
    """The median of the slopes between any two points, in units of y for one of x.

    `x` and `y` [points], in the order in which they were read. The interval is that of Sen (1968),
    with the variance of Kendall's S multiplied by the inflation that the residuals have (the idea
    of Hamed and Rao 1998). None for fewer than FEWEST_POINTS, or points that all have one x.
    """
    across = np.asarray(x, dtype=float)
    up = np.asarray(y, dtype=float)
    if across.size < FEWEST_POINTS or np.ptp(across) == 0:
        return None
    from scipy import stats

    middle = stats.theilslopes(up, across)
    residuals = up - middle.intercept - middle.slope * across
    z = float(stats.norm.isf((1 - CONFIDENCE) / 2)) * math.sqrt(_inflation(residuals))
    # Given as the error and not as the confidence, which a large z would round to 1.
    found = stats.theilslopes(up, across, 2 * float(stats.norm.sf(z)))
    return ConfidenceInterval(
        value=float(found.slope),
        low=float(found.low_slope),
        high=float(found.high_slope),
        n=int(across.size),
    )


def _inflation(residuals: Array) -> float:
    """Of their ranks, so that one reading that is far off says no more than any other."""
    from scipy import stats

    ranks = np.asarray(stats.rankdata(residuals), dtype=float)
    return spells.mean_inflation(ranks)


def relative_change(before: Sequence[float], after: Sequence[float]) -> ConfidenceInterval | None:
    """How much larger the typical value is afterwards, as a share: 0.05 is 5 %.

    `before` and `after` are positive and independent of each other. The value is the ratio of the
    medians; the interval is Welch's (1947) for the difference of the means of logs. None for fewer
    than FEWEST_SIDE values on a side, and where one is not above 0.
    """
    first = np.asarray(before, dtype=float)
    last = np.asarray(after, dtype=float)
    fewest = min(first.size, last.size)
    if fewest < FEWEST_SIDE or min(first.min(), last.min()) <= 0:
        return None
    value = math.log(float(np.median(last)) / float(np.median(first)))
    low, high = _welch_interval(np.log(first), np.log(last))
    return ConfidenceInterval(
        value=math.expm1(value),
        low=math.expm1(min(low, value)),
        high=math.expm1(max(high, value)),
        n=int(fewest),
    )


def _welch_interval(
    first: Array,
    last: Array,
) -> tuple[float, float]:
    """Of the difference of means, last minus first."""
    difference = float(last.mean() - first.mean())
    if np.ptp(first) == 0 and np.ptp(last) == 0:
        return difference, difference
    from scipy import stats

    with warnings.catch_warnings():
        # Where one side has the same value throughout, scipy doubts its variance of 0.
        warnings.simplefilter("ignore", RuntimeWarning)
        test = stats.ttest_ind(last, first, equal_var=False)
        found = test.confidence_interval(CONFIDENCE)
    return float(found.low), float(found.high)


class RateBounds(NamedTuple):
    """How often something happens at least, and at most, each with 95 % confidence."""

    low: float
    high: float


def rate_bounds(events: int, exposure: float) -> RateBounds:
    """Bounds of the rate of a Poisson process, for each unit of `exposure` (Garwood 1936).

    ValueError for an exposure that is not above 0.
    """
    if exposure <= 0:
        raise ValueError(f"found an exposure of {exposure:g}, wanted one above 0")
    from scipy import stats

    alpha = 1 - CONFIDENCE
    low = 0.0
    if events:
        low = float(stats.chi2.ppf(alpha, 2 * events)) / 2
    high = float(stats.chi2.isf(alpha, 2 * events + 2)) / 2
    return RateBounds(low / exposure, high / exposure)
