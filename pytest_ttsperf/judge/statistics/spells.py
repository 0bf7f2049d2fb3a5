"""Slow trials come in spells: how much less neighbouring trials say than independent ones.

A machine is busy for a moment, and several trials in a row are late. Their number scatters more
than the binomial distribution allows for, so a verdict that takes each of them for a witness of
its own is too sure. Trials of different processes are never neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LONGEST = 12
"""Trials. Two that are this far apart are in different spells."""
GATE_LAGS = 5
GATE_Z = 1.645
"""Autocorrelation counts if so much of it has one chance in twenty in independent trials."""
MIN_TRIALS = 8
"""Fewer show no spells."""


class SeparateTrials(NamedTuple):
    """What a sequence comes to when a spell counts as one trial."""

    n: int
    exceeding: int


def variance_inflation(
    values: Sequence[float],
    limit: float,
    processes: Sequence[int] = (),
) -> float:
    """How many times the number of slow trials scatters as it does in independent ones; >= 1.

    `values` [trials] are in the order of the trials, +inf where nothing was measured. Spells are
    looked for in two ways, and the larger inflation counts: in which trials exceed the limit, and
    in the lateness of those that came near it, so that spells below the limit are seen as well.
    """
    array = np.asarray(values, dtype=float)
    if array.size < MIN_TRIALS:
        return 1.0
    exceeding = np.asarray(array > limit, dtype=float)
    lateness = _lateness(array, limit)
    return max(mean_inflation(exceeding, processes), mean_inflation(lateness, processes))


def _lateness(values: Array, limit: float) -> Array:
    """How late trials are that came more than half of the way from the median to the limit.

    Scores of the ranks, spread as the values of an exponential distribution are (Savage 1956). All
    others are equal: how an engine's times go up and down far below its limit is no evidence.
    """
    from scipy import stats

    usual = float(np.quantile(values, 0.5, method="inverted_cdf"))
    if usual >= limit:
        return np.zeros(values.size)
    near = np.maximum(values, (usual + limit) / 2)
    ranks = stats.rankdata(near)
    return np.asarray(-np.log1p(-ranks / (values.size + 1)), dtype=float)


def mean_inflation(series: Array, processes: Sequence[int] = ()) -> float:
    """The variance of a series' mean, as a multiple of what it is in independent trials; >= 1.

    That is 1 + 2 * sum of the autocorrelations (Bartlett 1946). The sum ends before the first that
    is not positive (the initial positive sequence, after Geyer 1992), and at LONGEST. It is 1 where
    independent trials have as much autocorrelation in one sample of twenty.
    """
    if series.min() == series.max():
        return 1.0
    lags = autocorrelations(split_by_process(series - series.mean(), processes))
    if not _is_significant(lags, series.size):
        return 1.0
    ends = np.flatnonzero(lags <= 0)
    if ends.size:
        lags = lags[: ends[0]]
    return max(1.0, 1 + 2 * float(lags.sum()))


def split_by_process(values: Array, processes: Sequence[int]) -> list[Array]:
    """The values of each process, in their order; all together where nothing says which it was."""
    if not processes:
        return [values]
    labels = np.asarray(processes)
    return [values[labels == label] for label in np.unique(labels)]


def autocorrelations(parts: Sequence[Array]) -> Array:
    """Of lags 1 to LONGEST [lags]; only trials of one part are neighbours.

    Each part [trials] holds deviations from the mean of all.
    """
    products = np.zeros(LONGEST)
    squares = 0.0
    for part in parts:
        squares += float(part @ part)
        of_part = np.correlate(part, part, mode="full")[part.size : part.size + LONGEST]
        products[: of_part.size] += of_part
    return products / squares


def _is_significant(lags: Array, n: int) -> bool:
    """Whether neighbours are more alike than in 19 of 20 samples of independent trials.

    By a weighted sum of the first lags (as Newey and West 1987 weigh them). In n independent trials
    each autocorrelation has a mean of -1/n and a variance of 1/n.
    """
    weights = 1 - np.arange(1, GATE_LAGS + 1) / (GATE_LAGS + 1)
    found = float(weights @ lags[:GATE_LAGS])
    expected = -float(weights.sum()) / n
    deviation = math.sqrt(float(weights @ weights) / n)
    return found > expected + GATE_Z * deviation


def separate_trials(parts: Sequence[Array]) -> SeparateTrials:
    """Count trials so that a spell counts once: after one that exceeds, 11 are passed over.

    Each part [trials] holds, for the trials of one process in their order, whether they exceed.
    Where spells are no longer than LONGEST, each trial that is counted exceeds as if by itself.
    What is slow all the time is counted once every LONGEST trials.
    """
    n = 0
    exceeding = 0
    for part in parts:
        position = 0
        while position < part.size:
            n += 1
            step = 1
            if part[position]:
                exceeding += 1
                step = LONGEST
            position += step
    return SeparateTrials(n, exceeding)
