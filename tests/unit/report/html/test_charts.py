"""Strips of dots and distribution functions: what is drawn, where, and what is said of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.report.html import charts
from pytest_ttsperf.report.html.charts import EcdfChart, StripChart
from pytest_ttsperf.report.page_model import Distribution
from tests.unit.report.html.factories import distribution


def path_of(chart: StripChart | EcdfChart, look: str) -> str:
    """What is drawn in a look; nothing is the empty text."""
    return "".join(shape.path for shape in chart.shapes if shape.look == look)


def count_dots(chart: StripChart, look: str) -> int:
    return path_of(chart, look).count("M")


def strip_of(*values: float, **more: object) -> StripChart:
    chart = charts.draw_strip(distribution(values, **more))
    assert chart is not None
    return chart


def ecdf_of(*values: float, **more: object) -> EcdfChart:
    chart = charts.draw_ecdf(distribution(values, **more))
    assert chart is not None
    return chart


def test_nothing_is_drawn_of_nothing() -> None:
    assert charts.draw_strip(distribution(())) is None
    assert charts.draw_ecdf(distribution(())) is None


def test_each_trial_is_a_dot_and_those_over_the_limit_look_otherwise() -> None:
    chart = strip_of(10.0, 20.0, 30.0, limit=25.0)
    assert count_dots(chart, "dot") == 2
    assert count_dots(chart, "dot over") == 1
    assert "1 above the limit of 25.0 ms" in chart.description


def test_where_the_limit_is_the_least_those_below_it_break_it() -> None:
    chart = strip_of(2.0, 3.0, 4.0, limit=2.5, is_least=True)
    assert count_dots(chart, "dot") == 2
    assert count_dots(chart, "dot over") == 1
    assert "1 below the limit of 2.50 ms" in chart.description


def test_a_value_at_the_limit_is_within_it() -> None:
    assert count_dots(strip_of(25.0, 25.0, limit=25.0), "dot over") == 0


def test_equal_values_do_not_cover_each_other() -> None:
    heights = re.findall(r",([\d.]+)h", path_of(strip_of(5.0, 5.0, 5.0, 5.0), "dot"))
    assert len(set(heights)) == 4


def test_dots_stay_inside_of_the_strip() -> None:
    heights = re.findall(r",([\d.]+)h", path_of(strip_of(*range(1, 60)), "dot"))
    assert all(0 < float(height) < charts.STRIP_HEIGHT for height in heights)


def test_the_bound_reaches_from_the_percentile_to_what_it_is_at_most() -> None:
    chart = strip_of(0.0, 100.0, p95=50.0, p95_bound=75.0)
    found = re.fullmatch(r"M([\d.]+),0h([\d.]+)v56h-[\d.]+z", path_of(chart, "bound"))
    assert found is not None
    left, width = map(float, found.groups())
    assert left == pytest.approx(500, abs=0.1)
    assert width == pytest.approx(1000 * 25 / 108, abs=0.2), "4 % of room on both sides"


def test_without_a_bound_none_is_drawn() -> None:
    assert path_of(strip_of(1.0, 2.0), "bound") == ""


@pytest.mark.parametrize(("limit", "where"), [(500.0, "right"), (0.5, "left")])
def test_a_limit_that_is_far_away_is_said_and_does_not_crush_the_dots(
    limit: float, where: str
) -> None:
    chart = strip_of(8.0, 9.0, 10.0, limit=limit)
    assert path_of(chart, "limit") == ""
    assert chart.beyond is not None
    assert chart.beyond.endswith(f"far to the {where}")
    places = re.findall(r"M([\d.]+),", path_of(chart, "dot") + path_of(chart, "dot over"))
    assert max(map(float, places)) - min(map(float, places)) > 800


@pytest.mark.parametrize(
    ("values", "limit"), [((0.0, 0.0), 1.0), ((2.0, 3.0), 0.0), ((0.0, 0.0), 0.0)]
)
def test_of_counts_every_limit_is_drawn(values: tuple[float, ...], limit: float) -> None:
    chart = strip_of(*values, limit=limit)
    assert path_of(chart, "limit") != ""
    assert chart.beyond is None


def test_a_limit_that_is_near_is_drawn() -> None:
    chart = strip_of(8.0, 10.0, limit=12.0)
    assert path_of(chart, "limit") != ""
    assert chart.beyond is None
    assert "limit 12.0" in [mark.text for mark in chart.marks]


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=80), st.floats(0, 1e6))
def test_no_trial_is_lost(values: list[float], limit: float) -> None:
    chart = strip_of(*values, limit=limit)
    assert count_dots(chart, "dot") + count_dots(chart, "dot over") == len(values)


def test_missing_trials_are_said() -> None:
    assert "not measured in 2" in strip_of(1.0, missing=2).description


# What is the same in all trials


def test_what_is_the_same_in_all_trials_is_said_in_a_sentence() -> None:
    same = distribution((0.0, 0.0, 0.0), label="underruns", unit="", limit=0.0, missing=1)
    assert charts.is_constant(same)
    sentence = "underruns: 0 in each of 3 trials, limit 0, not measured in 1"
    assert charts.describe_constant(same) == sentence
    single = distribution((12.345,))
    assert charts.describe_constant(single) == "ttfa: 12.3 ms in the only trial"


@pytest.mark.parametrize(
    "varied",
    [
        distribution(()),
        distribution((1.0, 2.0)),
        distribution((1.0, 1.0), baseline=(2.0,), candidate=(1.0,)),
    ],
)
def test_what_varies_is_drawn(varied: Distribution) -> None:
    assert not charts.is_constant(varied)


# Distribution functions


def test_an_ecdf_rises_from_none_to_all_by_equal_steps() -> None:
    path = path_of(ecdf_of(3.0, 1.0, 2.0), "ecdf candidate")
    heights = [float(height) for height in re.findall(r"V([\d.]+)", path)]
    assert heights == pytest.approx([100, 50, 0, 0])
    assert path.startswith("M0,150")
    assert path.endswith("H1000V0")


def test_both_versions_stand_on_one_scale() -> None:
    chart = ecdf_of(1.0, baseline=(10.0, 20.0), candidate=(10.0, 20.0))
    assert path_of(chart, "ecdf baseline") == path_of(chart, "ecdf candidate") != ""
    assert [name for _, name in chart.names] == [
        "the old version, 2 values",
        "the new version, 2 values",
    ]
    assert chart.description == (
        "ttfa, cumulative: median 10.0 ms in the old version, 10.0 ms in the new version"
    )


def test_a_slower_version_stands_to_the_right() -> None:
    chart = ecdf_of(1.0, baseline=(10.0, 20.0), candidate=(15.0, 25.0))
    first = [
        float(re.findall(r"H([\d.]+)", path_of(chart, f"ecdf {arm}"))[0])
        for arm in ("baseline", "candidate")
    ]
    assert first[0] < first[1]


def test_without_a_comparison_it_is_of_this_run() -> None:
    assert [name for _, name in ecdf_of(1.0, 2.0).names] == ["this run, 2 values"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"), (0.0, "0 ms"), (0.1234, "0.123 ms"), (4.567, "4.57 ms"), (45.67, "45.7 ms"),
        (4567.0, "4,567 ms"), (-3.456, "-3.46 ms"),
    ],
)  # fmt: skip
def test_a_figure_has_three_digits_or_all_of_its_whole_part(value: float | None, text: str) -> None:
    assert charts.figure(value, "ms") == text
