"""How many windows a claim takes: exact errors, against counting every course one by one."""

from __future__ import annotations

from itertools import product

import pytest

from pytest_ttsperf.load import capacity_search
from pytest_ttsperf.load.staircase import Staircase, boundary, error_of

GOOD, BAD = True, False


def count_error(needed: tuple[int, ...], chance: float) -> float:
    """The probability of a claim, of all courses of windows there are."""
    total = 0.0
    for course in product((GOOD, BAD), repeat=needed[-1]):
        stairs = Staircase(needed)
        for is_good in course:
            stairs.count(is_for=is_good)
            if stairs.is_over:
                break
        if stairs.has_proven:
            probability = 1.0
            for is_good in course:
                probability *= chance if is_good else 1 - chance
            total += probability
    return total


@pytest.mark.parametrize("chance", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("needed", [(3,), (2, 5), (3, 7, 9), (1, 2, 4, 12)])
def test_the_error_is_that_of_all_courses(needed: tuple[int, ...], chance: float) -> None:
    assert error_of(needed, chance) == pytest.approx(count_error(needed, chance))


@pytest.mark.parametrize(
    ("needed", "chance", "most"),
    [
        (capacity_search.PROVING, 0.8, 0.041),
        (capacity_search.REFUTING, 0.2, 0.009),
        (capacity_search.PROVING_ONE, 0.8, 0.05),
        (capacity_search.REFUTING_ONE, 0.2, 0.05),
    ],
)
def test_the_boundaries_in_use_spend_what_they_may(
    needed: tuple[int, ...], chance: float, most: float
) -> None:
    assert 0.8 * most < error_of(needed, chance) <= most
    assert list(needed) == sorted(set(needed))


def test_the_errors_of_a_search_are_5_percent_together() -> None:
    proving = error_of(capacity_search.PROVING, 0.8)
    refuting = error_of(capacity_search.REFUTING, 0.2)
    assert proving + refuting <= 0.05


def test_the_first_steps_are_powers() -> None:
    assert capacity_search.PROVING_ONE == (14, 29)
    assert 0.8**14 < 0.05 < 0.8**13
    assert capacity_search.REFUTING[0] == capacity_search.REFUTING_ONE[0] == 3
    assert capacity_search.PROVING[:2] == (18, 26)


def test_more_error_takes_fewer_windows() -> None:
    careful = boundary(0.8, (0.01, 0.02, 0.03))
    bold = boundary(0.8, (0.1, 0.15, 0.2))
    assert all(few < many for few, many in zip(bold, careful, strict=True))


def test_each_window_against_a_claim_asks_for_more() -> None:
    stairs = Staircase((14, 29))
    for _ in range(13):
        stairs.count(is_for=True)
    assert (stairs.wanted, stairs.is_over) == (14, False)
    stairs.count(is_for=False)
    assert (stairs.wanted, stairs.is_over) == (29, False)
    for _ in range(15):
        stairs.count(is_for=True)
    assert stairs.has_proven


def test_too_many_against_it_end_a_claim() -> None:
    stairs = Staircase((14, 29))
    stairs.count(is_for=False)
    stairs.count(is_for=False)
    assert stairs.is_hopeless
    assert stairs.is_over
    assert not stairs.has_proven
    assert stairs.wanted == 29
