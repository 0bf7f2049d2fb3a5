"""Slopes that steps do not fool, changes between quarters, and how often rare things happen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pytest_ttsperf.judge.statistics import long_runs


def readings(seed: int, slope: float, count: int = 60) -> tuple[list[float], list[float]]:
    """Requests, and megabytes that scatter by 0.3 around a line."""
    noise = np.random.default_rng(seed).normal(0.0, 0.3, count)
    x = np.arange(count, dtype=float)
    return x.tolist(), (100.0 + slope * x + noise).tolist()


def test_points_on_a_line_have_its_slope_and_no_doubt() -> None:
    x = [float(n) for n in range(20)]
    found = long_runs.theil_sen(x, [3 * n + 7 for n in x])
    assert found is not None
    assert found[:3] == pytest.approx((3.0, 3.0, 3.0))
    assert found.n == 20


def test_what_does_not_change_has_no_slope() -> None:
    found = long_runs.theil_sen(range(20), [100.0] * 20)
    assert found == long_runs.ConfidenceInterval(0.0, 0.0, 0.0, 20)


def test_of_independent_readings_the_interval_is_that_of_scipy() -> None:
    x, y = readings(seed=1, slope=0.02)
    found = long_runs.theil_sen(x, y)
    theirs = stats.theilslopes(y, x, 0.95)
    assert found is not None
    assert found[:3] == pytest.approx((theirs.slope, theirs.low_slope, theirs.high_slope))


@pytest.mark.uncovered
def test_the_interval_holds_the_slope_in_nearly_all_of_many_series() -> None:
    held = 0
    for seed in range(200):
        found = long_runs.theil_sen(*readings(seed, slope=0.02))
        assert found is not None
        held += found.low <= 0.02 <= found.high
    assert held >= 180


def test_an_arena_that_grows_twice_is_no_leak_and_plain_theil_and_sen_take_it_for_one() -> None:
    x = np.arange(45, dtype=float)
    steps = np.repeat([100.0, 104.0, 108.0], 15) + np.random.default_rng(3).normal(0, 0.05, 45)
    found = long_runs.theil_sen(x.tolist(), steps.tolist())
    assert found is not None
    plain = stats.theilslopes(steps, x, 0.95)
    assert plain.low_slope > 0.05
    assert found.low < plain.low_slope / 2


def test_a_leak_is_found_beside_noise() -> None:
    proven = 0
    for seed in range(50):
        found = long_runs.theil_sen(*readings(seed, slope=0.05))
        assert found is not None
        proven += found.low > 0.02
    assert proven >= 45


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (list(range(7)), [1.0] * 7),
        ([5.0] * 20, list(range(20))),
        ([], []),
    ],
)
def test_too_few_readings_or_all_of_one_request_have_no_slope(
    x: list[float], y: list[float]
) -> None:
    assert long_runs.theil_sen(x, y) is None


# Changes


def test_a_change_is_the_ratio_of_medians() -> None:
    found = long_runs.relative_change([10.0, 10.1, 9.9, 10.0], [11.0, 11.1, 10.9, 11.0])
    assert found is not None
    assert found.value == pytest.approx(0.10)
    assert 0.08 < found.low < 0.10 < found.high < 0.12
    assert found.n == 4


def test_the_interval_of_a_change_is_that_of_welch() -> None:
    generator = np.random.default_rng(5)
    before, after = generator.lognormal(2.0, 0.1, 8), generator.lognormal(2.2, 0.2, 8)
    found = long_runs.relative_change(before.tolist(), after.tolist())
    test = stats.ttest_ind(np.log(after), np.log(before), equal_var=False)
    low, high = test.confidence_interval(0.95)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((math.expm1(low), math.expm1(high)))


def test_values_without_any_scatter_have_an_exact_change() -> None:
    found = long_runs.relative_change([10.0] * 4, [12.0] * 4)
    assert found is not None
    assert found[:3] == pytest.approx((0.2, 0.2, 0.2))


def test_one_side_without_scatter_is_no_trouble() -> None:
    found = long_runs.relative_change([10.0] * 4, [12.0, 12.1, 11.9, 12.0])
    assert found is not None
    assert found.low < 0.2 < found.high


@pytest.mark.uncovered
def test_no_change_is_found_more_often_than_one_time_in_twenty() -> None:
    wrong = 0
    for seed in range(400):
        generator = np.random.default_rng(seed)
        before, after = generator.lognormal(0, 0.05, (2, 8)).tolist()
        found = long_runs.relative_change(before, after)
        assert found is not None
        wrong += found.low > 0 or found.high < 0
    assert wrong <= 36


@pytest.mark.parametrize(
    ("before", "after"),
    [([1.0], [1.0, 2.0]), ([], []), ([1.0, 0.0], [1.0, 2.0]), ([1.0, 2.0], [-1.0, 2.0])],
)
def test_of_single_values_and_of_nothing_no_change_is_known(
    before: list[float], after: list[float]
) -> None:
    assert long_runs.relative_change(before, after) is None


# Rates


@pytest.mark.parametrize(
    ("events", "low", "high"),
    [(0, 0.0, 2.996), (1, 0.0513, 4.744), (5, 1.970, 10.513), (20, 13.255, 29.062)],
)
def test_bounds_of_a_rate_are_those_of_the_tables(events: int, low: float, high: float) -> None:
    found = long_runs.rate_bounds(events, 1.0)
    assert found == pytest.approx((low, high), abs=2e-3)
    assert long_runs.rate_bounds(events, 4.0) == pytest.approx((low / 4, high / 4), abs=1e-3)


@pytest.mark.parametrize("exposure", [0.0, -1.0])
def test_no_time_has_no_rate(exposure: float) -> None:
    with pytest.raises(ValueError, match="wanted one above 0"):
        long_runs.rate_bounds(0, exposure)
