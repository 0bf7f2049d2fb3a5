"""Paths of SVG: their form, and their length."""

from __future__ import annotations

import pytest

from pytest_ttsperf.report.html import paths


@pytest.mark.parametrize(
    ("value", "text"),
    [(12.0, "12"), (12.34, "12.3"), (-0.01, "0"), (0.0, "0"), (100.0, "100"), (-3.5, "-3.5")],
)
def test_a_coordinate_has_no_digit_too_many(value: float, text: str) -> None:
    assert paths.number(value) == text


def test_a_coordinate_without_decimals_keeps_its_zeros() -> None:
    assert paths.number(100.0, 0) == "100"


def test_a_line() -> None:
    assert paths.line([(0, 10), (5.25, 3)]) == "M0,10L5.2,3"
    assert paths.line([]) == ""


def test_an_area_goes_down_to_its_floor_and_is_closed() -> None:
    assert paths.area([(0, 5), (10, 2)], 40) == "M0,5L10,2L10,40L0,40Z"
    assert paths.area([], 40) == ""


def test_steps_go_to_the_right_first() -> None:
    assert paths.steps([(0, 100), (30, 50), (60, 0)]) == "M0,100H30V50H60V0"
    assert paths.steps([]) == ""


def test_a_dot_has_some_length_so_that_its_round_ends_are_drawn() -> None:
    assert paths.dots([(1, 2), (3, 4)]) == "M1,2h.01M3,4h.01"


def test_uprights_and_boxes_reach_from_top_to_bottom() -> None:
    assert paths.uprights([10, 20], 2, 12) == "M10,2v10M20,2v10"
    assert paths.boxes([(10, 25)], 2, 12) == "M10,2h15v10h-15z"


def test_an_outline_is_as_far_above_its_middle_as_below() -> None:
    assert paths.outline([0, 10], [3, 5], 20) == "M0,17L10,15L10,25L0,23Z"
    assert paths.outline([], [], 20) == ""
