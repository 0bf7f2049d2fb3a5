"""Counts of something rare: exact bounds, and whose they are."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_ttsperf.judge.statistics.exact_counts import (
    ArmCounts,
    EventCount,
    blocks_to_prove,
    count_events,
    difference_bound,
    lower_share,
    split_test,
    upper_share,
)
from tests.examples import examples
from tests.unit.judge.simulation import wilson

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_the_bounds_of_a_share_are_those_of_a_binomial(count: tuple[int, int]) -> None:
    events, trials = count
    upper = upper_share(EventCount(events, trials), 0.05)
    lower = lower_share(EventCount(events, trials), 0.05)
    assert 0 <= lower <= events / trials <= upper <= 1
    if events < trials:
        assert stats.binom.cdf(events, trials, upper) == pytest.approx(0.05, abs=1e-6)
    if events:
        assert stats.binom.sf(events - 1, trials, lower) == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize("trials", [40, 600, 3000])
def test_none_of_n_is_at_most_3_of_n(trials: int) -> None:
    none = EventCount(0, trials)
    bound = difference_bound(none, EventCount(0, 2 * trials), 0.05)
    assert bound == upper_share(none, 0.05)
    assert 2.7 / trials < bound < 3 / trials


@pytest.mark.uncovered
@pytest.mark.parametrize(
    ("new", "old", "texts"),
    [(0.01, 0.0, 300), (0.03, 0.01, 300), (0.05, 0.03, 900), (0.3, 0.3, 60)],
)
def test_the_bound_of_a_difference_is_wrong_no_more_often_than_it_may(
    new: float, old: float, texts: int
) -> None:
    rng = np.random.default_rng(texts)
    wrong = []
    for _ in range(1500):
        candidate = EventCount(int(rng.binomial(texts, new)), texts)
        baseline = EventCount(int(rng.binomial(2 * texts, old)), 2 * texts)
        wrong.append(difference_bound(candidate, baseline, 0.05) < new - old)
    low, _ = wilson(wrong, 0.999)
    assert low <= 0.05
    assert np.mean(wrong) <= 0.06


def test_so_many_more_blocks_show_that_there_are_none() -> None:
    none, nobody = EventCount(0, 40), EventCount(0, 80)
    needed = blocks_to_prove(none, nobody, 5, 0.005, 0.05, most=500)
    assert needed is not None
    texts = 8 * (5 + needed)
    assert upper_share(EventCount(0, texts), 0.05) <= 0.005
    assert upper_share(EventCount(0, texts - 8), 0.05) > 0.005
    assert blocks_to_prove(none, nobody, 5, 0.005, 0.05, most=needed - 1) is None
    frequent = EventCount(4, 40)
    assert blocks_to_prove(frequent, nobody, 5, 0.05, 0.05, most=500) is None


# Whose events they are


@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=5))
@settings(max_examples=examples(30))
def test_the_chance_is_that_of_all_places_which_the_arms_could_have(rows: list[list[int]]) -> None:
    found = split_test(np.array(rows))
    sums = [sum(choice) for choice in itertools.product(*rows)]
    observed = sum(row[2] for row in rows)
    more = sum(each >= observed for each in sums)
    fewer = sum(each <= observed for each in sums)
    assert found.p_more == pytest.approx(more / len(sums))
    assert found.p_fewer == pytest.approx(fewer / len(sums))


def test_two_arms_of_four_have_six_places() -> None:
    found = split_test(np.array([[0, 0, 1, 1]]))
    assert found.p_more == pytest.approx(1 / 6)
    assert found.p_fewer == pytest.approx(1.0)


def test_single_events_are_binomial() -> None:
    """One event in each block that has one: the candidate's with one chance in three."""
    rows = np.array([[0, 0, 1]] * 5 + [[1, 0, 0]] * 2 + [[0, 0, 0]] * 4)
    assert split_test(rows).p_more == pytest.approx(stats.binom.sf(4, 7, 1 / 3))


@pytest.mark.uncovered
@pytest.mark.parametrize("arms", [3, 4])
def test_events_that_come_together_are_no_evidence(arms: int) -> None:
    """One process in ten has them by the dozen: a test of single texts would be sure of that."""
    rng = np.random.default_rng(arms)
    by_blocks = []
    by_texts = []
    for _ in range(1000):
        is_bad = rng.random((9, arms)) < 0.1
        rows = rng.binomial(38, np.where(is_bad, 0.5, 0.01))
        by_blocks.append(split_test(rows).p_more <= 0.01)
        candidates = arms - 2
        p_value = stats.binom.sf(rows[:, 2:].sum() - 1, rows.sum(), candidates / arms)
        by_texts.append(p_value <= 0.01)
    low, _ = wilson(by_blocks, 0.999)
    assert low <= 0.01
    assert np.mean(by_texts) > 0.1


def test_shares_of_blocks_are_compared_by_arms() -> None:
    flags = np.zeros((3, 10), dtype=bool)
    flags[2, :4] = True
    flags[0, :2] = True
    counted = count_events([flags, np.zeros((3, 5), dtype=bool)])
    assert counted.candidate == EventCount(4, 15)
    assert counted.baseline == EventCount(2, 30)
    effects = counted.effects()
    assert effects.candidate.tolist() == pytest.approx([0.3, 0.0])
    assert effects.control.tolist() == pytest.approx([0.2, 0.0])


def test_scaled_counts_keep_their_share() -> None:
    assert EventCount(2, 100).scaled(2.5) == EventCount(5, 250)
    assert EventCount(0, 0).share == 0.0
    assert math.isclose(EventCount(3, 12).share, 0.25)


def test_both_arms_of_the_candidate_count_a_text_once() -> None:
    """Where the same texts are slow in both, twice the trials know nothing more."""
    rows = np.array([[0, 0, 1, 1]] * 3 + [[0, 0, 0, 0]] * 7)
    counted = ArmCounts(events=rows, texts=np.full(10, 38))
    assert counted.candidate == EventCount(6, 760)
    assert counted.candidate_texts == EventCount(3, 380)
    alone = ArmCounts(events=rows[:, :3], texts=np.full(10, 38))
    assert counted.bound(0.05) == alone.bound(0.05)
