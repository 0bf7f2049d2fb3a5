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
LATE = 4
"""Late are so many times as many trials as the limit allows: enough to tell spells from chance."""
MOST_LATE = 0.5
GATE_LAGS = 5
GATE_Z = 1.645
"""Autocorrelation counts if so much of it has one chance in twenty in independent trials."""


class SeparateTrials(NamedTuple):
    """What a sequence comes to when a spell counts as one trial."""

    n: int
    exceeding: int


def variance_inflation(
    values: Sequence[float],
    limit: float,
    p: float,
    processes: Sequence[int] = (),
) -> float:
    """How many times the number of late trials scatters as it does in independent ones; >= 1.

    `values` [trials] are in the order of the trials, +inf where nothing was measured; `p` is the
    level of the limited percentile. Late are the trials above the limit, or those above the sample's
    own quantile where that is lower: so spells are seen that stay below the limit.

    The variance of a mean of autocorrelated values is 1 + 2 * sum of their autocorrelations times
    that of independent ones (Bartlett 1946). The sum ends before the first autocorrelation that is
    not positive (the initial positive sequence, after Geyer 1992), and at LONGEST. It is 1 where
    independent trials have as much autocorrelation in one sample of twenty.
    """
    late = _late(np.asarray(values, dtype=float), limit, p)
    if late.min() == late.max():
        return 1.0
    lags = autocorrelations(split_by_process(late - late.mean(), processes))
    if not _is_significant(lags, len(values)):
        return 1.0
    ends = np.flatnonzero(lags <= 0)
    if ends.size:
        lags = lags[: ends[0]]
    return max(1.0, 1 + 2 * float(lags.sum()))


def _late(values: Array, limit: float, p: float) -> Array:
    """1.0 where a trial is late, 0.0 elsewhere."""
    share = min(MOST_LATE, LATE * (1 - p))
    usual = np.quantile(values, 1 - share, method="inverted_cdf")
    return np.asarray(values > min(limit, usual), dtype=float)


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
    """Count trials so that a spell counts once: after one that exceeds, LONGEST - 1 are passed over.

    Each part [trials] holds, for the trials of one process in their order, whether they exceed.
    Where spells are no longer than LONGEST, each trial that is counted exceeds as if by itself. What
    is slow all the time is counted once every LONGEST trials.
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
