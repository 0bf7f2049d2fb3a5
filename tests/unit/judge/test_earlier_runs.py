"""Limits from earlier runs: robust, with a floor and a cap, and as often wrong as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t as students_t

from pytest_ttsperf.judge.statistics import earlier_runs
from tests.unit.judge.simulation import wilson

DOUBT, FAIL = 0.05, 0.001
CLEAN = [79.0, 81.0, 80.0, 78.0, 82.0]


def predict(figures):
    return earlier_runs.predict_next(figures, DOUBT, FAIL)


def test_five_equal_runs_rest_on_the_floor():
    found = predict([80.0] * 5)
    error = 0.11 * math.sqrt(1 + math.pi / 10)
    assert found.doubt == pytest.approx(80 * math.exp(students_t.isf(DOUBT, 8) * error))
    assert found.limit == pytest.approx(2 * 80)  # the t factor alone would allow more
    assert (found.spread, found.judged_spread) == (0.0, earlier_runs.FLOOR_SD)


def test_limits_widen_with_scatter_and_narrow_with_runs():
    narrow = predict([79, 80, 81, 80, 80] * 2)
    wide = predict([60, 80, 110, 90, 70] * 2)
    assert wide.doubt > narrow.doubt > 80
    assert wide.limit > narrow.limit
    of_ten = 80 * math.exp(students_t.isf(FAIL, 9) * 0.11 * math.sqrt(1 + math.pi / 20))
    assert predict([80] * 10).limit == pytest.approx(of_ten)
    assert predict([80] * 30).limit < of_ten < predict([80] * 5).limit
    assert predict([80] * 30).doubt < predict([80] * 5).doubt


@pytest.mark.parametrize("poison", [3.0, 1000.0, 1 / 3])
def test_one_poisoned_run_of_five_hardly_moves_the_limits(poison):
    poisoned = predict([*CLEAN[:4], CLEAN[4] * poison])
    clean = predict(CLEAN)
    assert poisoned.limit == pytest.approx(clean.limit, rel=0.05)
    assert poisoned.doubt == pytest.approx(clean.doubt, rel=0.05)
    assert poisoned.limit < 3 * 80


def test_runs_that_scatter_wildly_do_not_let_a_doubling_pass():
    found = predict([20.0, 200.0, 80.0, 45.0, 130.0, 60.0, 300.0, 90.0])
    assert found.spread > 0.5
    assert found.judged_spread == earlier_runs.MOST_SD < found.spread
    assert found.limit == pytest.approx(2 * found.middle)
    assert found.middle < found.doubt < found.limit


@pytest.mark.uncovered
@pytest.mark.parametrize("runs", [5, 10, 30])
def test_the_levels_hold_for_a_machine_that_drifts_by_the_floor(runs):
    rng = np.random.default_rng(4)
    figures = np.exp(rng.normal(math.log(80), earlier_runs.FLOOR_SD, size=(1500, runs + 1)))
    predictions = [predict(history[:-1]) for history in figures]
    last = figures[:, -1]
    doubts = [value > found.doubt for value, found in zip(last, predictions, strict=True)]
    fails = [value > found.limit for value, found in zip(last, predictions, strict=True)]
    assert wilson(doubts)[0] <= DOUBT
    assert wilson(fails)[0] <= FAIL


def test_the_anchors_limit_holds_its_level():
    rng = np.random.default_rng(5)
    figures = np.exp(rng.normal(math.log(80), 0.11, size=(4000, 6)))
    above = [run[-1] > earlier_runs.anchor_limit(run[:-1], 0.11, 0.02) for run in figures]
    low, high = wilson(above)
    assert low <= 0.02
    assert high >= 0.01


def test_the_anchors_limit_narrows_with_its_runs():
    of_one = earlier_runs.anchor_limit([80.0], 0.11, 0.02)
    of_five = earlier_runs.anchor_limit([80.0] * 5, 0.11, 0.02)
    assert 80 < of_five < of_one
    assert earlier_runs.anchor_limit([*CLEAN[:4], 8000.0], 0.11, 0.02) < 1.1 * of_five


def test_a_slope_is_found_with_its_share_a_run():
    rising = [80 * 1.02**number for number in range(20)]
    found = earlier_runs.slope(rising)
    assert found.per_run == pytest.approx(0.02)
    assert found.is_significant
    rising[7] *= 3
    assert earlier_runs.slope(rising).per_run == pytest.approx(0.02, rel=0.05)
    assert earlier_runs.slope(rising[::-1]).per_run < 0


def test_a_slope_needs_runs_that_differ():
    assert earlier_runs.slope([80.0 + number for number in range(7)]) is None
    assert earlier_runs.slope([80.0] * 20) is None


@pytest.mark.uncovered
def test_unchanged_runs_have_a_slope_as_rarely_as_they_should():
    rng = np.random.default_rng(6)
    figures = np.exp(rng.normal(math.log(80), 0.11, size=(600, 25)))
    found = [earlier_runs.slope(run).is_significant for run in figures]
    assert wilson(found)[0] <= earlier_runs.ALPHA_SLOPE
