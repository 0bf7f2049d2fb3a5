"""Arrays in, numbers out: the few statistics that verdicts are made of.

The distributions are scipy's, from `scipy.special`: `scipy.stats` has them too, and takes half a
second to import. Both are imported late, as a test session that measures nothing should not pay
for them. Values are finite, or +inf for a trial that could not be measured (it exceeds every
limit); an empty array is the caller's error.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Side = Literal["less", "greater"]
Counts = npt.NDArray[np.int64]
Chances = npt.NDArray[np.float64]
ALPHA = 0.05
"""Of a bound, and of a proof: both are 95 % sure."""
TINY = 1e-300
"""In the place of 0, where the incomplete beta function has a limit and no value."""
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
MIN_TREND = 8
FEW_BEYOND = 2.0
"""Values beyond a quantile, of which it takes more to interpolate it: 40 values for p = 0.95."""


@dataclass(frozen=True, slots=True)
class LimitTest:
    """k of n trials exceed a limit: how likely is that if the quantile lies exactly on it?"""

    n: int
    exceeding: int
    n_effective: float
    """How many independent trials say as much."""
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


def cautious_quantile(values: Sequence[float], p: float) -> float:
    """As `quantile`, but where few values lie beyond it the order statistic above.

    Between the last of a few there is no percentile: for p = 0.95 the linear one of twelve lies, on
    average, at the 88th, and passes what is late.
    """
    if len(values) >= count_with_beyond(p, FEW_BEYOND):
        return quantile(values, p)
    return float(np.quantile(np.asarray(values, dtype=float), p, method="higher"))


def count_with_beyond(p: float, beyond: float) -> int:
    """Of how many values so many lie beyond the p-quantile."""
    return math.ceil(round(beyond / (1 - p), 6))  # the last digits of 1 - p are no part of it


def upper_bound(
    values: Sequence[float],
    p: float,
    inflation: float = 1.0,
    alpha: float = ALPHA,
) -> float | None:
    """The p-quantile is at most this with confidence 1 - alpha, whatever the distribution.

    An order statistic of the sample (Conover 1999, 3.2, as scipy's `quantile_test` has it); None
    when n is too small for any to do (below 59 for p = 0.95). `inflation` is that of `limit_test`.
    """
    return _quantile_bound(values, p, "less", inflation, alpha)


def lower_bound(
    values: Sequence[float],
    p: float,
    inflation: float = 1.0,
    alpha: float = ALPHA,
) -> float | None:
    """The p-quantile is at least this with confidence 1 - alpha; None when n is too small."""
    return _quantile_bound(values, p, "greater", inflation, alpha)


def _quantile_bound(
    values: Sequence[float],
    p: float,
    side: Side,
    inflation: float,
    alpha: float,
) -> float | None:
    index = _bound_index(len(values), p, side, inflation, alpha)
    if index is None:
        return None
    return sorted(map(float, values))[index]


@functools.lru_cache(maxsize=4096)
def _bound_index(
    n: int,
    p: float,
    side: Side,
    inflation: float,
    alpha: float,
) -> int | None:
    """Which of n sorted values is the bound, from 0; None if none is.

    The lowest limit that a test would say is met, or the highest that it would say is exceeded. It
    depends on nothing else: a run needs the same few for each of its metrics.
    """
    index = np.arange(n)
    if side == "less":
        above = n - 1 - index
        proven = np.flatnonzero(p_at_most(above, n, p, inflation) <= alpha)
        return int(proven[0]) if proven.size else None
    from_here_on = n - index
    proven = np.flatnonzero(p_at_least(from_here_on, n, p, inflation) <= alpha)
    return int(proven[-1]) if proven.size else None


def p_at_most(
    exceeding: int | Counts,
    n: int | Counts,
    p: float,
    inflation: float = 1.0,
) -> Chances:
    """The chance that so few or fewer of n trials exceed the p-quantile.

    A binomial distribution, continued to fractions by the incomplete beta function: with an
    `inflation` above 1 there are n / inflation trials, of which exceeding / inflation exceed.
    """
    from scipy import special

    k = np.asarray(exceeding, dtype=float)
    meeting = np.maximum((np.asarray(n) - k) / inflation, TINY)
    return np.asarray(special.betainc(meeting, k / inflation + 1, p), dtype=float)


def p_at_least(
    exceeding: int | Counts,
    n: int,
    p: float,
    inflation: float = 1.0,
) -> Chances:
    """The chance that so many or more of n trials exceed the p-quantile; see `p_at_most`."""
    from scipy import special

    k = np.asarray(exceeding, dtype=float)
    at_least = np.maximum(k / inflation, TINY)
    return np.asarray(special.betainc(at_least, (n - k) / inflation + 1, 1 - p), dtype=float)


def limit_test(
    values: Sequence[float],
    limit: float,
    p: float,
    inflation: float = 1.0,
) -> LimitTest:
    """Test whether the p-quantile lies below or above a limit (Conover's quantile test).

    A value on the limit meets it. If the quantile lies on the limit, the number of independent
    values that exceed it has a binomial distribution, and the test is exact. Values that come in
    spells are tested as so many fewer as their number scatters more (`inflation`, at least 1; see
    `spells.variance_inflation`).
    """
    array = np.asarray(values, dtype=float)
    n = int(array.size)
    exceeding = int(np.count_nonzero(array > limit))
    return LimitTest(
        n=n,
        exceeding=exceeding,
        n_effective=n / inflation,
        p_less=float(p_at_most(exceeding, n, p, inflation)),
        p_greater=float(p_at_least(exceeding, n, p, inflation)),
    )


def trials_to_prove(
    p: float,
    exceeding: int = 0,
    alpha: float = ALPHA,
    inflation: float = 1.0,
) -> int:
    """Smallest n with which `exceeding` trials above a limit still prove the p-quantile below it.

    With so many trials so few are at most alpha likely, if as many exceed as the limit allows.
    Raises ValueError for an alpha that no number of trials could reach.
    """
    if alpha <= 0:
        raise ValueError(f"found alpha {alpha:g}, wanted more than 0: no sample proves more")
    n = exceeding + 1
    step = 1
    while p_at_most(exceeding, n + step, p, inflation) > alpha:
        step *= 2
    counts = np.arange(n, n + step + 1)
    chances = p_at_most(exceeding, counts, p, inflation)
    return int(counts[chances <= alpha][0])


def share_excluded(n: int) -> float:
    """n trials of which none exceeds show that at most this share does, with 95 % confidence."""
    return float(1 - 0.05 ** (1 / n))


def trend(values: Sequence[float]) -> Trend | None:
    """Kendall's tau of values against their order, and the change between outer quarters.

    None for fewer than 8 values, values that are all the same, or a first quarter at 0.
    """
    array = np.asarray(values, dtype=float)
    if array.size < MIN_TREND or np.ptp(array) == 0:
        return None
    quarter = array.size // 4
    first = float(np.median(array[:quarter]))
    last = float(np.median(array[-quarter:]))
    if first == 0:
        return None
    from scipy import stats  # late: few values are no trend, and need not wait for it

    tau = stats.kendalltau(np.arange(array.size), array)
    return Trend(p_value=float(tau.pvalue), change=last / first - 1)


def summarize(values: Sequence[float]) -> dict[str, float | None]:
    """Mean, min, max, p50, p95, p99 and their upper bounds, those of independent trials.

    Figures are those of the finite values; for the bounds a missing trial (+inf) is a very large
    one, so that a bound that would rest on it is None. Empty when nothing was measured.
    """
    measured = [value for value in values if np.isfinite(value)]
    if not measured:
        return {}
    figures: dict[str, float | None] = {
        "mean": float(np.mean(measured)),
        "min": float(np.min(measured)),
        "max": float(np.max(measured)),
    }
    for name, p in PERCENTILES.items():
        bound = upper_bound(values, p)
        if bound == np.inf:
            bound = None
        figures[name] = quantile(measured, p)
        figures[f"{name}_bound"] = bound
    return figures
