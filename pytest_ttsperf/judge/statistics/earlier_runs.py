"""Earlier runs of one figure, and what they predict for the next: figures in, limits out.

All of it in logs, and robust: one of the runs may have been something else, on a machine that was
busy or of code that was broken, and must neither widen the limits nor move them. What the rates of
false alarms are, and what is found: docs/adr/0039. Figures are positive; scipy is imported late, as
a session that compares with no baseline should not pay for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

FLOOR_SD = 0.11
"""Run-to-run standard deviation of log medians of unchanged code on a shared machine."""
MOST_SD = 0.22
"""Runs that scatter by more say that the machine is unfit, and not that any figure is fine."""
MOST_RATIO = 2.0
"""A figure of so many times the usual one is above any limit, however few the runs are."""
DOUBT_FREEDOM = 2
"""Degrees of freedom that each run gives the limit of doubt, by simulation: a spread between a
floor and a most is more certain than one of so few runs alone. The upper limit gets one: a false
doubt costs a comparison, and a false FAIL costs trust."""
MIN_SLOPE_RUNS = 8
ALPHA_SLOPE = 0.01


class RunPrediction(NamedTuple):
    """What unchanged code may bring in its next run, by the earlier ones."""

    middle: float
    """Their median, in their unit."""
    spread: float
    """Standard deviation of their logs, as it was found."""
    judged_spread: float
    """What the limits rest on: at least `FLOOR_SD`, at most `MOST_SD`."""
    doubt: float
    """In the figures' unit: exceeded with the larger of two probabilities."""
    limit: float
    """Exceeded with the smaller one; at most twice the middle."""


class Slope(NamedTuple):
    """How a figure moves from run to run."""

    per_run: float
    """A share: 0.01 where each run is 1 % above the one before it."""
    p_value: float
    """Chance of so clear an order if there is none (Kendall's tau, two-sided)."""

    @property
    def is_significant(self) -> bool:
        """Whether it is worth a note."""
        return self.p_value <= ALPHA_SLOPE


def robust_spread(logs: Array) -> float:
    """Standard deviation of normal values, by their median absolute deviation.

    One value of five, or two of five, may be anything.
    """
    from scipy import stats

    return float(stats.median_abs_deviation(logs, scale="normal"))


def predict_next(
    figures: Sequence[float],
    alpha_doubt: float,
    alpha_fail: float,
) -> RunPrediction:
    """Limits that the next run exceeds with at most these probabilities, if nothing changed.

    In logs: median + factor * spread, the spread at least `FLOOR_SD`, as a few runs made in one
    quiet hour do not show how far a machine drifts, and at most `MOST_SD`. The upper limit is at
    most `MOST_RATIO` times the median.
    """
    logs = np.log(np.asarray(figures, dtype=float))
    runs = logs.size
    middle = float(np.median(logs))
    spread = robust_spread(logs)
    most = math.log(MOST_RATIO)
    judged_spread = min(max(spread, FLOOR_SD), MOST_SD)
    doubt_factor = prediction_factor(runs, alpha_doubt, DOUBT_FREEDOM)
    fail_factor = prediction_factor(runs, alpha_fail)
    return RunPrediction(
        middle=math.exp(middle),
        spread=spread,
        judged_spread=judged_spread,
        doubt=math.exp(middle + doubt_factor * judged_spread),
        limit=math.exp(middle + min(most, fail_factor * judged_spread)),
    )


def prediction_factor(
    runs: int,
    alpha: float,
    freedom_a_run: int = 1,
) -> float:
    """So many spreads above the median of `runs` runs lies the limit of the next.

    Student's t, and what the median itself scatters: 1.57 times as much in variance as a mean.
    """
    from scipy import special

    freedom = freedom_a_run * (runs - 1)
    t = -float(special.stdtrit(freedom, alpha))
    return t * _with_median_error(runs)


def anchor_limit(
    first_figures: Sequence[float],
    spread: float,
    alpha: float,
) -> float:
    """What a run exceeds with probability alpha, if nothing changed since the first runs.

    `spread` is the standard deviation of logs from run to run, of all earlier runs: it is taken as
    certain, so the factor is that of the normal distribution.
    """
    from scipy import special

    logs = np.log(np.asarray(first_figures, dtype=float))
    factor = -float(special.ndtri(alpha)) * _with_median_error(logs.size)
    return math.exp(float(np.median(logs)) + factor * spread)


def _with_median_error(runs: int) -> float:
    """Standard deviation of one run's distance from the median of others, in their own."""
    return math.sqrt(1 + math.pi / (2 * runs))


def slope(figures: Sequence[float]) -> Slope | None:
    """How figures move with their order: Theil and Sen's slope of their logs.

    None for fewer than eight of them, and where all are the same.
    """
    logs = np.log(np.asarray(figures, dtype=float))
    if logs.size < MIN_SLOPE_RUNS or np.ptp(logs) == 0:
        return None
    from scipy import stats

    order = np.arange(logs.size)
    rise = stats.theilslopes(logs, order).slope
    tau = stats.kendalltau(order, logs)
    return Slope(per_run=math.expm1(float(rise)), p_value=float(tau.pvalue))
