"""Whether a budget can decide anything, by how long a trial took before: said before it is spent.

A block of a slow engine takes minutes, and a comparison that finds out by running one has wasted
them. One trial may have been late, so the fastest one counts for what is refused, and what may do
is tried. What is named instead is what it is likely to take, with the start of each process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

from pytest_ttsperf.compare.blocks import (
    ARMS,
    FEWEST_TEXTS,
    LONGER,
    TEXTS,
    ComparisonSpec,
    texts_worth,
)
from pytest_ttsperf.compare.metrics import DEFAULT_BUDGET_S
from pytest_ttsperf.judge.statistics.t_rule import MIN_BLOCKS
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import Trial

SURELY = 2.0
"""So many times the budget, and no late trial explains it."""
SPARE = 1.5
"""How much more than the fewest blocks a budget has that is to be written into files.

What is decided sooner ends sooner, so it costs nothing."""
STEP_S = 30
"""Such a budget is a multiple of that."""


def fastest_trial_s(trials: Sequence[Trial]) -> float | None:
    """Seconds from the request to the end; None where no trial was spoken."""
    return min(_durations_s(trials), default=None)


def mean_trial_s(trials: Sequence[Trial]) -> float | None:
    """Seconds from the request to the end; None where no trial was spoken."""
    durations_s = _durations_s(trials)
    return mean(durations_s) if durations_s else None


def _durations_s(trials: Sequence[Trial]) -> list[float]:
    durations_s = []
    for trial in trials:
        if trial.recording is not None:
            duration_ns = trial.recording.end_ns - trial.recording.request_ns
            durations_s.append(duration_ns / 1e9)
    return durations_s


def shortfall(spec: ComparisonSpec) -> str | None:
    """Why the budget is much too short, and which would do; None where it may do."""
    if spec.trial_s is None:
        return None
    at_least = _Forecast.of(spec, spec.trial_s, start_s=0.0)
    if at_least.seconds <= SURELY * spec.budget_s:
        return None
    usual_s = spec.trial_s if spec.usual_trial_s is None else spec.usual_trial_s
    likely = _Forecast.of(spec, usual_s, spec.start_s or 0.0)
    return (
        f"{spec.budget_s:.0f} s are too short for an engine that takes {usual_s:.1f} s for a "
        f"text: {MIN_BLOCKS} blocks are the fewest that can decide, each with {len(ARMS)} new "
        f"processes that speak {plural(likely.texts, 'text')}; give "
        f"{math.ceil(LONGER * likely.seconds)} s or more (--ttsperf-budget)"
    )


def longer_budget_s(trial_s: float, start_s: float, *, is_cold: bool = False) -> int | None:
    """Seconds in which a median is likely to be decided, where the usual budget is too short.

    None where the usual one does, if need be with the fewest texts in a block. `start_s` is what it
    takes to open and warm one process, or only to warm up a server that runs already.
    """
    if is_cold:
        fewest = _Forecast.of_texts(trial_s, start_s, first=1, further=1)
    else:
        fewest = _Forecast.of_texts(trial_s, start_s, first=TEXTS, further=FEWEST_TEXTS)
    if LONGER * fewest.seconds <= DEFAULT_BUDGET_S:
        return None
    likely = fewest
    if not is_cold:
        worth = texts_worth(len(ARMS) * start_s, len(ARMS) * trial_s)
        likely = _Forecast.of_texts(trial_s, start_s, first=TEXTS, further=worth)
    return STEP_S * math.ceil(SPARE * likely.seconds / STEP_S)


class _Forecast(NamedTuple):
    """What the fewest blocks that can decide would take."""

    seconds: float
    texts: int
    """Of each process, in all blocks but the first."""

    @classmethod
    def of(cls, spec: ComparisonSpec, trial_s: float, start_s: float) -> _Forecast:
        """By what a trial takes, and what the start of one process does."""
        first, further = TEXTS, texts_worth(len(ARMS) * start_s, len(ARMS) * trial_s)
        if spec.texts is not None:
            first = further = spec.texts
        if spec.is_cold:
            first = further = 1
        return cls.of_texts(trial_s, start_s, first=first, further=further)

    @classmethod
    def of_texts(cls, trial_s: float, start_s: float, *, first: int, further: int) -> _Forecast:
        """With so many texts in the first block, and in each of the others."""
        rounds = first + (MIN_BLOCKS - 1) * further
        seconds = len(ARMS) * (MIN_BLOCKS * start_s + rounds * trial_s)
        return cls(seconds, further)
