from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from pytest_ttsperf.judge.statistics import quantiles

counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
levels = st.sampled_from([0.5, 0.95, 0.99])


def test_quantile_interpolates_between_order_statistics():
    assert quantiles.quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert quantiles.quantile([7.0], 0.95) == 7.0


@given(counts, levels)
def test_limit_test_is_the_exact_binomial(count, p):
    n, exceeding = count
    values = [2.0] * exceeding + [1.0] * (n - exceeding)
    found = quantiles.limit_test(values, 1.5, p)
    assert (found.n, found.exceeding) == (n, exceeding)
    assert found.p_less == pytest.approx(binom.cdf(exceeding, n, 1 - p), abs=1e-9)
    assert found.p_greater == pytest.approx(binom.sf(exceeding - 1, n, 1 - p), abs=1e-9)


@given(counts, levels)
def test_a_value_on_the_limit_meets_it(count, p):
    n, exceeding = count
    values = [9.0] * exceeding + [5.0] * (n - exceeding)
    below = [9.0] * exceeding + [1.0] * (n - exceeding)
    assert quantiles.limit_test(values, 5.0, p) == quantiles.limit_test(below, 5.0, p)


def test_what_was_not_measured_exceeds_every_limit():
    assert quantiles.limit_test([1.0, math.inf], 1e9, 0.5).exceeding == 1


@pytest.mark.parametrize(
    ("p", "exceeding", "n"),
    [(0.95, 0, 59), (0.95, 1, 93), (0.95, 2, 124), (0.95, 3, 153), (0.5, 0, 5), (0.99, 0, 299)],
)
def test_trials_to_prove(p, exceeding, n):
    assert quantiles.trials_to_prove(p, exceeding) == n


@given(levels, st.integers(0, 12), st.sampled_from([0.05, 0.01]))
def test_trials_to_prove_is_the_smallest_number_that_does(p, exceeding, alpha):
    n = quantiles.trials_to_prove(p, exceeding, alpha)
    assert binom.cdf(exceeding, n, 1 - p) <= alpha < binom.cdf(exceeding, n - 1, 1 - p)


@pytest.mark.parametrize(("n", "percent"), [(59, 5), (5, 46), (1, 95), (299, 1)])
def test_share_excluded(n, percent):
    assert math.ceil(quantiles.share_excluded(n) * 100) == percent


@pytest.mark.parametrize(("p", "n"), [(0.95, 59), (0.5, 5), (0.99, 299)])
def test_upper_bound_is_none_when_n_is_too_small(p, n):
    assert quantiles.upper_bound(list(range(n - 1)), p) is None
    assert quantiles.upper_bound(list(range(n)), p) == n - 1


def test_upper_bound_does_not_depend_on_order_and_passes_infinity_on():
    assert quantiles.upper_bound([*range(92), math.inf], 0.95) == 91
    assert quantiles.upper_bound([math.inf, *range(58)], 0.95) == math.inf


def test_lower_bound():
    assert quantiles.lower_bound([1.0, 2.0, 3.0], 0.95) == 2.0
    assert quantiles.lower_bound([1.0], 0.5) is None


@pytest.mark.parametrize(("p", "n"), [(0.5, 20), (0.95, 59), (0.95, 100)])
def test_bounds_cover_the_true_quantile(p, n):
    rng = np.random.default_rng(20)
    truth = -math.log(1 - p)
    draws = rng.exponential(size=(500, n))
    above = np.mean([quantiles.upper_bound(draw, p) >= truth for draw in draws])
    below = np.mean([quantiles.lower_bound(draw, p) <= truth for draw in draws])
    assert above >= 0.92
    assert below >= 0.92


@given(st.lists(st.floats(1, 100), min_size=59, max_size=150, unique=True), st.floats(1, 100))
def test_bounds_and_tests_agree(values, limit):
    test = quantiles.limit_test(values, limit, 0.95)
    upper, lower = quantiles.upper_bound(values, 0.95), quantiles.lower_bound(values, 0.95)
    assert (test.p_less <= 0.05) == (upper is not None and upper <= limit)
    if test.p_greater <= 0.05:
        assert lower is not None
        assert lower > limit


def test_trend():
    rising = quantiles.trend([100 + i for i in range(16)])
    assert rising.p_value < 1e-6
    assert rising.change == pytest.approx(113.5 / 101.5 - 1)
    assert quantiles.trend([5.0] * 20) is None
    assert quantiles.trend([1, 2, 3, 4, 5, 6, 7]) is None
    assert quantiles.trend([0, 0, 0, 0, 1, 2, 3, 4]) is None


def test_summarize():
    found = quantiles.summarize([float(i) for i in range(1, 60)])
    assert found["mean"] == found["p50"] == 30.0
    assert (found["min"], found["max"]) == (1.0, 59.0)
    assert found["p95_bound"] == 59.0
    assert found["p99_bound"] is None
    assert 30 < found["p50_bound"] < found["p95"] < found["p99"]


def test_summarize_has_no_bound_that_would_rest_on_missing_trials():
    found = quantiles.summarize([*map(float, range(58)), math.inf])
    assert found["p95_bound"] is None
    assert found["max"] == 57.0
    assert quantiles.summarize([*map(float, range(92)), math.inf])["p95_bound"] == 91.0
    assert quantiles.summarize([math.inf] * 3) == {}


def test_bounds_of_values_that_come_in_spells_are_wider():
    values = [float(i) for i in range(1, 200)]
    for level in (0.5, 0.95):
        plain = quantiles.upper_bound(values, level)
        assert quantiles.upper_bound(values, level, inflation=3.0) > plain
    assert quantiles.lower_bound(values, 0.5, 3.0) < quantiles.lower_bound(values, 0.5)
    assert quantiles.upper_bound(values, 0.95, inflation=4.0) is None


def test_inflation_counts_as_many_fewer_trials():
    fewer = quantiles.limit_test([2.0] + [1.0] * 58, 1.5, 0.95)
    tripled = quantiles.limit_test([2.0] * 3 + [1.0] * 174, 1.5, 0.95, inflation=3.0)
    assert tripled.n_effective == 59
    assert tripled.p_less == pytest.approx(fewer.p_less)
    assert tripled.p_greater == pytest.approx(fewer.p_greater)


@given(st.integers(0, 8), st.floats(1, 12))
def test_trials_to_prove_with_spells(exceeding, inflation):
    n = quantiles.trials_to_prove(0.95, exceeding, inflation=inflation)
    assert quantiles.p_at_most(exceeding, n, 0.95, inflation) <= 0.05
    assert n >= quantiles.trials_to_prove(0.95, 0)


def test_no_number_of_trials_proves_without_any_error():
    with pytest.raises(ValueError, match="wanted more than 0"):
        quantiles.trials_to_prove(0.95, alpha=0.0)


def test_between_the_last_of_a_few_the_order_statistic_above_stands_for_a_quantile() -> None:
    twelve = [float(value) for value in range(12)]
    forty = [float(value) for value in range(40)]
    assert quantiles.cautious_quantile(twelve, 0.95) == 11.0
    assert quantiles.cautious_quantile(forty, 0.95) == quantiles.quantile(forty, 0.95)
    assert quantiles.cautious_quantile(twelve, 0.5) == quantiles.quantile(twelve, 0.5)
    assert quantiles.count_with_beyond(0.95, 0.5) == 10
    assert quantiles.count_with_beyond(0.99, 0.5) == 50
