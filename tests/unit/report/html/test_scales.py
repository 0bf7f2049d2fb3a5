"""Where numbers stand, and which round numbers stand beside them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.report.html import scales
from pytest_ttsperf.report.html.scales import LinearScale

numbers = st.floats(-1e6, 1e6)


def test_a_number_stands_in_proportion() -> None:
    scale = LinearScale(100.0, 300.0)
    assert scale.place(100.0) == 0
    assert scale.place(150.0) == 250
    assert scale.percent(150.0) == 25


def test_upwards_the_larger_stands_higher() -> None:
    scale = LinearScale(0.0, 10.0, start=80.0, end=0.0)
    assert scale.place(0.0) == 80
    assert scale.place(10.0) == 0
    assert scale.percent(10.0) == 100, "percents count from the bottom"


def test_a_number_beyond_an_end_stands_at_that_end() -> None:
    scale = LinearScale(0.0, 10.0)
    assert scale.place(-5.0) == 0
    assert scale.place(50.0) == scales.WIDTH
    assert scale.is_beyond(50.0)
    assert not scale.is_beyond(10.0)


def test_a_scale_without_an_extent_puts_everything_in_its_middle() -> None:
    assert LinearScale(3.0, 3.0).place(3.0) == scales.WIDTH / 2


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0.0, 1000.0, (0, 200, 400, 600, 800, 1000)),
        (0.0, 0.35, (0, 0.1, 0.2, 0.3)),
        (-1.0, 1.0, (-1, -0.5, 0, 0.5, 1)),
        (37.0, 41.0, (37, 38, 39, 40, 41)),
        (7.0, 7.0, (7,)),
        (0.0, math.inf, ()),
    ],
)
def test_round_numbers(low: float, high: float, found: tuple[float, ...]) -> None:
    assert scales.round_numbers(low, high) == pytest.approx(found)


@given(low=numbers, extent=st.floats(1e-3, 1e6))
def test_there_are_few_round_numbers_and_all_lie_inside(low: float, extent: float) -> None:
    high = low + extent
    found = scales.round_numbers(low, high)
    assert 1 <= len(found) <= scales.MOST_TICKS + 1
    room = extent * 1e-6 + abs(low) * 1e-9
    assert low - room <= found[0]
    assert found[-1] <= high + room


@pytest.mark.parametrize(
    ("value", "text"), [(0.1 + 0.2, "0.3"), (12_000.0, "12,000"), (0.0, "0"), (1e6, "1,000,000")]
)
def test_ticks_are_read_as_people_write_them(value: float, text: str) -> None:
    assert scales.tick_text(value) == text


def test_ticks_stand_where_their_numbers_do() -> None:
    found = scales.ticks(LinearScale(0.0, 500.0))
    assert [(tick.percent, tick.text) for tick in found] == [
        (0, "0"), (20, "100"), (40, "200"), (60, "300"), (80, "400"), (100, "500"),
    ]  # fmt: skip


@given(st.lists(numbers, min_size=1))
def test_all_values_lie_inside_of_their_scale(values: list[float]) -> None:
    scale = scales.horizontal(values)
    assert scale.low <= min(values)
    assert max(values) <= scale.high


def test_without_values_there_is_a_scale_all_the_same() -> None:
    assert scales.horizontal([]) == LinearScale(0.0, 1.0)
    assert scales.horizontal([math.nan, math.inf]) == LinearScale(0.0, 1.0)
    assert scales.vertical([], 80.0) == LinearScale(0.0, 1.0, start=80.0, end=0.0)
