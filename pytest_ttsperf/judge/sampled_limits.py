"""Limits on what is judged of a sample of the trials: words and opinion.

A mean is held against its limit with its 95 % interval over texts, the worst run of words by
itself. What was not listened to does not meet a limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pytest_ttsperf.judge.limits import new_verdict
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import Outcome, Threshold, Verdict

ALPHA = 0.05


class SampledFigure(NamedTuple):
    """A metric of one trial, and what may be told of it."""

    value: float
    weight: float
    """How much it counts in the mean: the words of its text, or 1."""
    text: str
    detail: str = ""


class Interval(NamedTuple):
    """A mean, and where it may be with 95 % confidence."""

    mean: float
    low: float
    high: float


def judge(threshold: Threshold, figures: Sequence[SampledFigure]) -> Verdict:
    """Judge `max` by the worst text, and any other statistic by the weighted mean over texts.

    A mean passes when its whole interval meets the limit, fails when none of it does, and is open
    otherwise.
    """
    if not figures:
        return new_verdict(
            threshold,
            Outcome.FAIL,
            "nothing was listened to; what could not be judged does not meet a limit",
            n=0,
        )
    if threshold.statistic == "max":
        return _judge_worst(threshold, figures)
    return _judge_mean(threshold, figures)


def _judge_worst(threshold: Threshold, figures: Sequence[SampledFigure]) -> Verdict:
    worst = max(figures, key=lambda figure: figure.value)
    reason = f"at most {worst.value:g} in {_texts(figures)}, limit {threshold.limit:g}"
    outcome = Outcome.PASS
    if worst.value > threshold.limit:
        outcome = Outcome.FAIL
        reason = f"{worst.value:g}, limit {threshold.limit:g}: {worst.detail} in {worst.text!r}"
        reason += f" (the worst of {_texts(figures)})"
    return new_verdict(threshold, outcome, reason, n=len(figures), value=worst.value)


def _judge_mean(threshold: Threshold, figures: Sequence[SampledFigure]) -> Verdict:
    interval = mean_interval(figures)
    outcome = _outcome(threshold, interval)
    bound = "at least" if threshold.is_least else "limit"
    reason = (
        f"{interval.mean:.3g} over {_texts(figures)} ({_interval_text(interval)}), "
        f"{bound} {threshold.limit:g}"
    )
    if outcome is Outcome.INCONCLUSIVE:
        reason += "; more trials, or more time for listening (--ttsperf-budget), would decide"
    elif outcome is Outcome.FAIL:
        reason += _worst_detail(figures)
    return new_verdict(threshold, outcome, reason, n=len(figures), value=interval.mean)


def _interval_text(interval: Interval) -> str:
    if math.isinf(interval.high):
        return "one text says nothing of others"
    return f"95 % interval {interval.low:.3g} to {interval.high:.3g}"


def mean_interval(figures: Sequence[SampledFigure]) -> Interval:
    """The weighted mean and its 95 % interval: of a ratio estimate (Cochran 1977, 6.3).

    One text has no interval: it may be anything.
    """
    from scipy import special

    values = np.array([figure.value for figure in figures])
    weights = np.array([figure.weight for figure in figures])
    mean = float(np.average(values, weights=weights))
    if values.size < 2:
        return Interval(mean, -math.inf, math.inf)
    residuals = weights * (values - mean) / weights.mean()
    error = math.sqrt(float((residuals**2).sum()) / (values.size - 1) / values.size)
    half_width = -float(special.stdtrit(values.size - 1, ALPHA / 2)) * error
    return Interval(mean, mean - half_width, mean + half_width)


def _outcome(threshold: Threshold, interval: Interval) -> Outcome:
    low, high, limit = interval.low, interval.high, threshold.limit
    if threshold.is_least:
        low, high, limit = -interval.high, -interval.low, -threshold.limit
    if high <= limit:
        return Outcome.PASS
    if low > limit:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE


def _worst_detail(figures: Sequence[SampledFigure]) -> str:
    worst = max(figures, key=lambda figure: figure.value)
    return f"; for one, {worst.detail} in {worst.text!r}" if worst.detail else ""


def _texts(figures: Sequence[SampledFigure]) -> str:
    return plural(len(figures), "text")
