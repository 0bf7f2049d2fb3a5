"""Arrays in, numbers out: the few statistics that verdicts are made of.

The distributions are scipy's, from `scipy.special`: `scipy.stats` has them too, and takes half a
second to import. Both are imported late, as a test session that measures nothing should not pay
for them. Values are finite, or +inf for a trial that could not be measured (it exceeds every
limit); an empty array is the caller's error.
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
    """Which of n sorted values is the bound, from 0; None if none is.

    The number of values up to the p-quantile has a binomial distribution. It depends on nothing
    else: a run needs the same few for each of its metrics.
    """
    from scipy import special

    at_most = special.bdtr(np.arange(n), n, p)
    if side == "less":
        reaching = np.flatnonzero(at_most >= CONFIDENCE)
        return int(reaching[0]) if reaching.size else None
    unlikely = np.flatnonzero(at_most < 1 - CONFIDENCE)
    return int(unlikely[-1]) if unlikely.size else None


def limit_test(
    values: Sequence[float],
    limit: float,
    p: float,
) -> LimitTest:
    """Test whether the p-quantile lies below or above a limit (Conover's quantile test, exact).

    A value on the limit meets it. If the quantile lies on the limit, the number of values that meet
    it has a binomial distribution.
    """
    from scipy import special

    array = np.asarray(values, dtype=float)
    n = int(array.size)
    meeting = int(np.count_nonzero(array <= limit))
    fewer = meeting - 1
    return LimitTest(
        n=n,
        exceeding=n - meeting,
        p_less=float(special.bdtrc(fewer, n, p)),
        p_greater=float(special.bdtr(meeting, n, p)),
    )


def trials_to_prove(
    p: float,
    exceeding: int = 0,
    alpha: float = 0.05,
) -> int:
    """Smallest n with which `exceeding` trials above a limit still prove the p-quantile below it.

    The number of trials that exceed has a binomial distribution; with so many trials so few are at
    most alpha likely, if as many exceed as the limit allows.
    """
    from scipy import special

    n = exceeding + 1
    while special.bdtr(exceeding, n, 1 - p) > alpha:
        n += 1
    return n


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
