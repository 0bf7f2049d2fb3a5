"""Limits on what is judged of a sample: words and opinion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.judge import sampled_limits
from pytest_ttsperf.judge.sampled_limits import SampledFigure
from pytest_ttsperf.records import Outcome, Threshold

PASS, FAIL, OPEN = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def threshold(keyword: str, limit: float, statistic: str = "value", **more: object) -> Threshold:
    return Threshold(
        marker="quality",
        keyword=keyword,
        metric=keyword,
        statistic=statistic,  # type: ignore[arg-type]
        limit=limit,
        **more,  # type: ignore[arg-type]
    )


def figures(*values: float, weight: float = 1.0) -> list[SampledFigure]:
    return [
        SampledFigure(value, weight, f"text {number}", f"{value:g} words are wrong")
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ((0.0, 0.1, 0.05, 0.02), PASS),
        ((0.5, 0.6, 0.55, 0.52), FAIL),
        ((0.0, 0.6, 0.1, 0.4), OPEN),
        ((0.0,), OPEN),
    ],
)
def test_a_mean_is_held_against_its_limit_with_its_interval(
    values: tuple[float, ...], outcome: Outcome
) -> None:
    verdict = sampled_limits.judge(threshold("max_wer", 0.2), figures(*values))
    assert verdict.outcome is outcome
    assert verdict.n == len(values)
    assert verdict.value == pytest.approx(np.mean(values))


def test_a_fail_names_the_worst_text_and_an_open_one_what_would_decide() -> None:
    verdict = sampled_limits.judge(threshold("max_wer", 0.1), figures(0.5, 0.6, 0.5))
    assert verdict.reason.endswith("for one, 0.6 words are wrong in 'text 1'")
    verdict = sampled_limits.judge(threshold("max_wer", 0.3), figures(0.0, 0.6, 0.2))
    assert "more time for listening (--ttsperf-budget)" in verdict.reason


def test_one_text_has_no_interval_and_none_is_printed() -> None:
    verdict = sampled_limits.judge(threshold("max_wer", 0.3), figures(0.1))
    assert verdict.outcome is OPEN
    assert "one text says nothing of others" in verdict.reason
    assert "inf" not in verdict.reason


def test_opinion_is_limited_from_below() -> None:
    limit = threshold("mos", 3.0, is_least=True)
    assert sampled_limits.judge(limit, figures(3.4, 3.5, 3.6)).outcome is PASS
    assert sampled_limits.judge(limit, figures(2.4, 2.5, 2.6)).outcome is FAIL
    verdict = sampled_limits.judge(limit, figures(2.5, 3.5))
    assert verdict.outcome is OPEN
    assert "at least 3" in verdict.reason


def test_the_worst_run_is_judged_by_itself() -> None:
    limit = threshold("worst_run", 2, "max")
    assert sampled_limits.judge(limit, figures(0, 2, 1)).outcome is PASS
    verdict = sampled_limits.judge(limit, figures(0, 3, 1))
    assert verdict.outcome is FAIL
    assert "3 words are wrong in 'text 1' (the worst of 3 texts)" in verdict.reason


def test_what_nobody_listened_to_meets_no_limit() -> None:
    verdict = sampled_limits.judge(threshold("max_wer", 0.2), [])
    assert (verdict.outcome, verdict.value) == (FAIL, None)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.floats(1, 50))
def test_with_equal_weights_the_interval_is_that_of_a_t_test(
    values: list[float], weight: float
) -> None:
    from scipy import stats

    found = sampled_limits.mean_interval(figures(*values, weight=weight))
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    half = stats.t.ppf(0.975, len(values) - 1) * error
    assert found.mean == pytest.approx(np.mean(values))
    assert found.high - found.low == pytest.approx(2 * half, abs=1e-9)


def test_a_long_text_counts_as_its_words() -> None:
    some = [SampledFigure(0.1, 90, "long"), SampledFigure(1.0, 10, "short")]
    assert sampled_limits.mean_interval(some).mean == pytest.approx(0.19)
