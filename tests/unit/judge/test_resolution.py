"""The steps of a coarse clock, and what they leave unknown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.judge.statistics.resolution import common_step, find_resolution
from pytest_ttsperf.records import Arms
from tests.unit.judge.simulation import arms

STEP = 15.625


def blocks(
    typical: float = 62.5, spread: float = 0.0, scatter: float = 0.01, seed: int = 1
) -> np.ndarray:
    """[9, 3, 38] in ms, before a clock reads them."""
    rng = np.random.default_rng(seed)
    texts = typical * np.exp(rng.normal(0, spread, (9, 1, 38)))
    return texts * np.exp(rng.normal(0, scatter, (9, 3, 38)))


def rounded(values: np.ndarray, step: float = STEP) -> list[Arms]:
    return [arms(block) for block in np.round(values / step) * step]


def test_a_fine_clock_has_no_steps_that_matter() -> None:
    assert find_resolution([arms(block) for block in blocks()]) is None
    assert find_resolution(rounded(blocks(), step=0.5)) is None
    assert find_resolution([]) is None


@pytest.mark.parametrize("spread", [0.1, 0.3, 0.6])
def test_texts_that_lie_anywhere_between_two_steps_are_independent(spread: float) -> None:
    found = find_resolution(rounded(blocks(spread=spread)))
    assert found is not None
    assert found.step == pytest.approx(STEP, rel=0.3)
    if spread > 0.15:
        assert found.texts == 9 * 38
        assert found.error("p50") < 0.006


def test_texts_at_one_place_between_two_steps_tell_nothing_more_than_one() -> None:
    found = find_resolution(rounded(blocks()))
    assert found is not None
    assert found.texts == 1
    assert found.error("p50") > 0.05, "more than any change that is looked for"


def test_a_single_value_may_be_a_single_step() -> None:
    found = find_resolution([Arms(baseline=(70.0,), control=(70.0,), candidate=(70.0,))] * 5)
    assert found is not None
    assert (found.step, found.share, found.texts) == (70.0, 1.0, 1)


def test_scatter_of_half_a_step_makes_the_mean_right() -> None:
    found = find_resolution(rounded(blocks(scatter=0.12)))
    assert found is not None
    assert found.texts == 9 * 38


def test_a_figure_that_is_divided_by_its_text_has_the_steps_of_its_text() -> None:
    """An RTF: times in steps, over seconds of speech that no two texts share."""
    rng = np.random.default_rng(3)
    seconds = rng.uniform(2, 8, (9, 1, 38))
    times = np.round(blocks(typical=100.0, spread=0.2, scatter=0.02) / STEP) * STEP
    found = find_resolution([arms(block) for block in times / seconds])
    assert found is not None
    assert found.share == pytest.approx(STEP / 100, rel=0.3)


def test_a_tail_rests_on_fewer_texts() -> None:
    found = find_resolution(rounded(blocks(spread=0.3)))
    assert found is not None
    assert found.error("p95") == pytest.approx(found.error("p50") * math.sqrt(20))


def test_four_arms_leave_less_unknown_than_three() -> None:
    found = find_resolution(rounded(blocks(spread=0.3)))
    assert found is not None
    four = found._replace(arms=4)
    assert four.error("p50") == pytest.approx(found.error("p50") / math.sqrt(1.5))


def test_one_odd_value_does_not_hide_the_steps() -> None:
    values = np.round(blocks(spread=0.3) / STEP) * STEP
    values[0, 2, 0] += 0.001
    found = find_resolution([arms(block) for block in values])
    assert found is not None
    assert found.step == pytest.approx(STEP, rel=0.3)


@given(
    st.sampled_from([1.0, 4.0, 10.0, 15.625, 15.6]),
    st.lists(st.integers(1, 60), min_size=1, max_size=8),
)
def test_the_common_step_is_the_greatest_common_divisor(step: float, counts: list[int]) -> None:
    values = np.unique(step * np.array(counts))
    assert common_step(values) == pytest.approx(step * math.gcd(*counts))
