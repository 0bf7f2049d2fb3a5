"""Arrays in, numbers out: the few statistics that verdicts are made of.

Whatever scipy has is scipy's; it is imported late, as it takes most of a second and a test session
that measures nothing should not pay for it. Values are finite, or +inf for a trial that could not
be measured (it exceeds every limit); an empty array is the caller's error.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

Side = Literal["less", "greater"]
CONFIDENCE = 0.95
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
FLOOR_SD = 0.11
"""Run-to-run standard deviation of log medians of unchanged code on a shared machine."""
MIN_TREND = 8


@dataclass(frozen=True, slots=True)
class LimitTest:
    """k of n trials exceed a limit: how likely is that if the quantile lies exactly on it?"""

    n: int
    exceeding: int
    p_less: float
    """Small when the quantile is below the limit: chance of so few or fewer exceeding."""
    p_greater: float
    """Small when the quantile is above the limit: chance of so many or more exceeding."""


class Trend(NamedTuple):
    """Whether values move with their order, and how far."""

    p_value: float
    change: float
    """median(last quarter) / median(first quarter) - 1."""


def quantile(values: Sequence[float], p: float) -> float:
    """Sample quantile, linear between order statistics (Hyndman and Fan's type 7)."""
    return float(np.quantile(np.asarray(values, dtype=float), p))


def upper_bound(values: Sequence[float], p: float) -> float | None:
    """The p-quantile is at most this with 95 % confidence, whatever the distribution.

    An order statistic of the sample (Conover 1999, 3.2, as scipy's `quantile_test` has it); None
    when n is too small for any to do (below 59 for p = 0.95).
    """
    return _quantile_bound(values, p, "less")


def lower_bound(values: Sequence[float], p: float) -> float | None:
    """The p-quantile is at least this with 95 % confidence; None when n is too small."""
    return _quantile_bound(values, p, "greater")


def _quantile_bound(
    values: Sequence[float],
    p: float,
    side: Side,
) -> float | None:
    index = _bound_index(len(values), p, side)
    if index is None:
        return None
    return sorted(map(float, values))[index]


@functools.lru_cache(maxsize=4096)
def _bound_index(
    n: int,
    p: float,
    side: Side,
) -> int | None:
    """Which of n sorted values is the bound, from 0.

    It depends on nothing else, so scipy computes it once, for the numbers 0 to n - 1: a run needs
    the same few for each of its metrics, and scipy takes a millisecond for one.
    """
    from scipy import stats

    test = stats.quantile_test(np.arange(n, dtype=float), p=p, alternative=side)
    interval = test.confidence_interval(confidence_level=CONFIDENCE)
    bound = interval.high if side == "less" else interval.low
    if np.isnan(bound):
        return None
    return int(bound)


def limit_test(
    values: Sequence[float],
    limit: float,
    p: float,
) -> LimitTest:
    """Test whether the p-quantile lies below or above a limit (Conover's quantile test, exact).

    A value on the limit meets it: scipy's 'less' counts the values under q, so q is the next
    number above the limit there.
    """
    from scipy import stats

    array = np.asarray(values, dtype=float)
    above_limit = np.nextafter(limit, np.inf)
    less = stats.quantile_test(array, q=above_limit, p=p, alternative="less")
    greater = stats.quantile_test(array, q=limit, p=p, alternative="greater")
    return LimitTest(
        n=int(array.size),
        exceeding=int(np.count_nonzero(array > limit)),
        p_less=float(less.pvalue),
        p_greater=float(greater.pvalue),
    )


def trials_to_prove(
    p: float,
    exceeding: int = 0,
    alpha: float = 0.05,
) -> int:
    """Smallest n with which `exceeding` trials above a limit still prove the p-quantile below it.

    The number of trials until one more than `exceeding` exceed has a negative binomial
    distribution; n is where it is at most alpha likely not to have come yet.
    """
    from scipy import stats

    failures = exceeding + 1
    return int(stats.nbinom.isf(alpha, failures, 1 - p)) + failures


def share_excluded(n: int) -> float:
    """n trials of which none exceeds show that at most this share does, with 95 % confidence."""
    return float(1 - 0.05 ** (1 / n))


def prediction_limit(
    medians: Sequence[float],
    alpha: float,
    floor_sd: float = FLOOR_SD,
) -> float:
    """Give what the next run's median exceeds with probability alpha, if nothing changed.

    `medians` are those of K >= 2 earlier runs, all positive; the limit has their unit. In logs:
    mean + t(1 - alpha, K - 1) * s * sqrt(1 + 1/K), s at least `floor_sd`: a few runs made in one
    quiet hour do not show how far a machine drifts.
    """
    from scipy import stats

    logs = np.log(np.asarray(medians, dtype=float))
    runs = logs.size
    spread = max(float(logs.std(ddof=1)), floor_sd)
    t = float(stats.t.isf(alpha, runs - 1))
    margin = t * spread * np.sqrt(1 + 1 / runs)
    return float(np.exp(logs.mean() + margin))


def trend(values: Sequence[float]) -> Trend | None:
    """Kendall's tau of values against their order, and the change between outer quarters.

    None for fewer than 8 values, values that are all the same, or a first quarter at 0.
    """
    from scipy import stats

    array = np.asarray(values, dtype=float)
    if array.size < MIN_TREND or np.ptp(array) == 0:
        return None
    quarter = array.size // 4
    first = float(np.median(array[:quarter]))
    last = float(np.median(array[-quarter:]))
    if first == 0:
        return None
    tau = stats.kendalltau(np.arange(array.size), array)
    return Trend(p_value=float(tau.pvalue), change=last / first - 1)


def summarize(values: Sequence[float], missing: int = 0) -> dict[str, float | None]:
    """Mean, min, max, p50, p95, p99 and their upper bounds; `missing` trials are not in `values`.

    Figures are those of the values; for the bounds a missing trial is a very large one, so that a
    bound that would rest on it is None. Empty when there are no values.
    """
    if not values:
        return {}
    figures: dict[str, float | None] = {
        "mean": float(np.mean(values)),
        "min": float(np.min(values)),
        "max": float(np.max(values)),
    }
    padded = [*values, *[np.inf] * missing]
    for name, p in PERCENTILES.items():
        bound = upper_bound(padded, p)
        if bound == np.inf:
            bound = None
        figures[name] = quantile(values, p)
        figures[f"{name}_bound"] = bound
    return figures
