from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.judge.statistics import spells
from tests.unit.judge.simulation import wilson

LIMIT = 180.0


def inflation(values, processes=()) -> float:
    """By lateness alone: nothing exceeds the limit, to which half of the way is 140."""
    return spells.variance_inflation(values, LIMIT, processes)


def noise(n: int, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 1, n)


def with_spell(n: int, length: int, at=20) -> np.ndarray:
    values = noise(n)
    values[at : at + length] += 50
    return values


@pytest.mark.uncovered
def test_independent_trials_say_as_much_as_they_are():
    counts = [spells.variance_inflation(noise(59, seed), 101.645) == 1 for seed in range(400)]
    low, high = wilson(counts)
    assert low > 0.85
    assert high < 1.0


def test_spells_far_below_the_limit_are_no_evidence():
    values = with_spell(59, 12)
    assert inflation(values) > 4
    assert spells.variance_inflation(values, 250.0) == 1.0


@pytest.mark.parametrize(("length", "least"), [(6, 1.5), (9, 3.0), (12, 4.0)])
def test_a_spell_inflates_the_variance_the_more_the_longer_it_is(length, least):
    assert inflation(with_spell(59, length)) > least


def test_slow_trials_that_are_apart_inflate_nothing():
    values = noise(59)
    values[::6] += 50
    assert inflation(values) == 1.0


@given(
    st.lists(st.floats(0, 1000) | st.just(math.inf), min_size=1, max_size=80),
    st.floats(0, 1000),
)
def test_inflation_is_never_below_one(values, limit):
    assert spells.variance_inflation(values, limit) >= 1.0


@pytest.mark.parametrize("value", [1.0, math.inf])
def test_equal_values_show_no_spells(value):
    assert inflation([value] * 30) == 1.0


def test_fast_trials_in_a_row_count_where_the_median_is_over_the_limit():
    values = noise(59)
    values[20:34] -= 20
    assert spells.variance_inflation(values, 90.0) > 5


def test_trials_of_different_processes_are_no_neighbours():
    values = with_spell(60, 12, at=14)
    together = inflation(values)
    apart = inflation(values, [0] * 20 + [1] * 20 + [2] * 20)
    assert 1 < apart < together
    assert inflation(values, list(range(60))) == 1.0


def test_processes_that_took_turns_are_put_in_order():
    values = with_spell(60, 12)
    in_turns = np.empty(60)
    processes = [0, 1] * 30
    in_turns[0::2], in_turns[1::2] = values[:30], values[30:]
    in_a_row = inflation(values, [0] * 30 + [1] * 30)
    assert inflation(in_turns, processes) == pytest.approx(in_a_row)


def test_a_process_that_is_slow_all_its_life_is_a_spell():
    values = noise(60)
    values[20:40] += 50
    assert inflation(values, [0] * 20 + [1] * 20 + [2] * 20) > 5


@pytest.mark.parametrize(
    ("parts", "n", "exceeding"),
    [
        ([[0, 0, 0]], 3, 0),
        ([[1] * 12], 1, 1),
        ([[1] * 13], 2, 2),
        ([[0, 1, 1, 0, 0]], 2, 1),
        ([[1] + [0] * 11 + [1]], 2, 2),
        ([[1], [1], [1]], 3, 3),
        ([[0, 1], [1, 0]], 3, 2),
        ([], 0, 0),
    ],
)
def test_a_spell_counts_once(parts, n, exceeding):
    arrays = [np.array(part, dtype=float) for part in parts]
    assert spells.separate_trials(arrays) == (n, exceeding)
