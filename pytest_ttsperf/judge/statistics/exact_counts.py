"""Exact bounds and tests for counts: how often something rare happened, and in which arms.

Where nearly all values are 0 their scatter is 0 as well, and a t test takes that for certainty: no
event in 40 texts says only that at most 7 % of all texts have one. Pure; a share is 0 to 1, and
alpha is one-sided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pytest_ttsperf.judge.statistics.estimators import BASELINES, Effects, contrasts

Counts = npt.NDArray[np.int64]


class EventCount(NamedTuple):
    """How many of so many trials have the event."""

    events: int
    trials: int

    @property
    def share(self) -> float:
        """0 of no trials."""
        return self.events / self.trials if self.trials else 0.0

    def scaled(self, factor: float) -> EventCount:
        """As many trials as that times these, with as large a share of events; rounded up."""
        return EventCount(
            events=math.ceil(self.events * factor),
            trials=math.floor(self.trials * factor),
        )


class ArmCounts(NamedTuple):
    """How many texts of each block have an event, in each of its arms."""

    events: Counts
    """[blocks, arms], the baseline's arms first."""
    texts: Counts
    """[blocks]: those that all arms measured; each at least 1."""

    @property
    def baseline(self) -> EventCount:
        """Of all arms that run the baseline's code, together."""
        return self._total(self.events[:, :BASELINES])

    @property
    def candidate(self) -> EventCount:
        """Of all arms that run the candidate's code, together."""
        return self._total(self.events[:, BASELINES:])

    def bound(self, alpha: float) -> float:
        """By how much the candidate's share is larger at most (`difference_bound`)."""
        return difference_bound(self.candidate_texts, self.baseline, alpha)

    @property
    def candidate_texts(self) -> EventCount:
        """Of the candidate, each text once: for both arms of it the same texts may be slow."""
        _, arms = self.events.shape
        events = self.candidate.events / (arms - BASELINES)
        return EventCount(events=math.ceil(events), trials=int(self.texts.sum()))

    def effects(self) -> Effects:
        """By how much the share is larger, in each block: the candidate's and the controls'."""
        shares = self.events / self.texts[:, np.newaxis]
        candidate, *controls = contrasts(shares.T)
        return Effects(candidate, tuple(controls))

    def _total(self, events: Counts) -> EventCount:
        _, arms = events.shape
        return EventCount(events=int(events.sum()), trials=arms * int(self.texts.sum()))


class SplitTest(NamedTuple):
    """How likely is it that so many of the events are the candidate's, if the code is the same?"""

    p_more: float
    """Small when the candidate has too many: the chance of so many or more."""
    p_fewer: float
    """Small when it has too few: the chance of so many or fewer."""


def count_events(blocks: Sequence[npt.NDArray[np.bool_]]) -> ArmCounts:
    """Count what is true in [arms, texts] each."""
    return ArmCounts(
        events=np.array([block.sum(axis=1) for block in blocks], dtype=np.int64),
        texts=np.array([block.shape[1] for block in blocks], dtype=np.int64),
    )


def upper_share(count: EventCount, alpha: float) -> float:
    """The share is at most this, but for a chance of alpha (Clopper and Pearson 1934)."""
    from scipy import special

    events, trials = count
    if events >= trials:
        return 1.0
    return float(special.betaincinv(events + 1, trials - events, 1 - alpha))


def lower_share(count: EventCount, alpha: float) -> float:
    """The share is at least this, but for a chance of alpha (Clopper and Pearson 1934)."""
    from scipy import special

    events, trials = count
    if not events:
        return 0.0
    return float(special.betaincinv(events, trials - events + 1, alpha))


def difference_bound(
    candidate: EventCount,
    baseline: EventCount,
    alpha: float,
) -> float:
    """The candidate's share is above the baseline's by at most this, but for a chance of alpha.

    The distances of both shares from their own exact bounds, squared, added and rooted (Newcombe
    1998, method 10; Zou and Donner 2008). With no event in either it is the candidate's own bound:
    about 3 / n at alpha = 0.05.
    """
    above = upper_share(candidate, alpha) - candidate.share
    below = baseline.share - lower_share(baseline, alpha)
    return candidate.share - baseline.share + math.hypot(above, below)


def blocks_to_prove(
    candidate: EventCount,
    baseline: EventCount,
    blocks: int,
    limit: float,
    alpha: float,
    most: int,
) -> int | None:
    """Further blocks until `difference_bound` is at most the limit, if events stay as frequent.

    `blocks` are those of the counts; None where `most` would not do.
    """
    for further in range(1, most + 1):
        factor = (blocks + further) / blocks
        grown = difference_bound(candidate.scaled(factor), baseline.scaled(factor), alpha)
        if grown <= limit:
            return further
    return None


def split_test(counts: Counts) -> SplitTest:
    """Test whether the candidate's arms have more or fewer of the events than chance gives them.

    `counts` are events of each block and arm, [blocks, arms], the baseline's arms first. If all run
    the same code, the processes of a block could have changed places: whichever arms had been the
    candidate's, each choice was as likely (a randomisation test, Pitman 1937). The sum over blocks
    has exactly the distribution computed here, whatever makes events come together: a spell that
    hits all arms, or a process that is slow for all its life.
    """
    chances = np.ones(1)
    for block in counts:
        sums = _sums_of_choices(block)
        chances = np.convolve(chances, np.bincount(sums) / sums.size)
    observed = int(counts[:, BASELINES:].sum())
    return SplitTest(
        p_more=_as_chance(chances[observed:]),
        p_fewer=_as_chance(chances[: observed + 1]),
    )


def _sums_of_choices(block: Counts) -> Counts:
    """The events of each choice of as many arms as the candidate has."""
    chosen = block.size - BASELINES
    sums = [sum(choice) for choice in combinations(block.tolist(), chosen)]
    return np.array(sums, dtype=np.int64)


def _as_chance(chances: npt.NDArray[np.float64]) -> float:
    """Their sum, which rounding may lift above 1."""
    return min(1.0, float(chances.sum()))
