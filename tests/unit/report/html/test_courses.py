"""Figures over time: lines that join what belongs together, and the numbers behind them."""

from __future__ import annotations

import json
import re

from pytest_ttsperf.report.html import courses
from pytest_ttsperf.report.html.courses import Course, CoursePoint
from tests.unit.report.html import factories


def test_memory_has_a_line_for_rss_and_one_for_uss() -> None:
    chart = courses.draw_memory(factories.memory([400.0, 410.0, 405.0]))
    assert chart is not None
    assert [name for _, name in chart.names] == ["RSS", "USS"]
    assert [shape.look for shape in chart.shapes] == ["course first", "course second"]
    assert "RSS 400 at first and 405 at last, between 400 and 410 MB" in chart.description


def test_what_stays_as_it_is_is_said_once() -> None:
    chart = courses.draw_memory(factories.memory([400.0, 400.0, 400.0]))
    assert chart is not None
    assert "RSS 400 MB throughout" in chart.description


def test_more_stands_higher() -> None:
    chart = courses.draw_memory(factories.memory([400.0, 410.0]))
    assert chart is not None
    heights = [float(y) for y in re.findall(r",([\d.]+)", chart.shapes[0].path)]
    assert heights[0] > heights[1]


def test_processes_are_not_joined() -> None:
    joined = courses.draw_memory(factories.memory([1.0, 2.0, 3.0, 4.0], [0, 0, 0, 0]))
    apart = courses.draw_memory(factories.memory([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1]))
    assert joined is not None
    assert apart is not None
    assert joined.shapes[0].path.count("M") == 1
    assert apart.shapes[0].path.count("M") == 2


def test_a_process_with_one_reading_is_a_dot() -> None:
    chart = courses.draw_memory(factories.memory([1.0, 2.0, 3.0], [0, 0, 1]))
    assert chart is not None
    looks = [shape.look for shape in chart.shapes]
    assert looks == ["course first", "point first", "course second", "point second"]
    assert chart.shapes[1].path.endswith("h.01")


def test_one_reading_is_no_course() -> None:
    assert courses.draw_memory(factories.memory([400.0])) is None
    assert courses.draw_windows(factories.load(1)) is None


def test_a_soak_has_a_chart_for_each_figure_that_was_measured() -> None:
    titles = [chart.title for chart in courses.draw_soak(factories.soak())]
    assert titles == ["Time to first audio", "Null target", "RTF", "Descriptors and threads"]


def test_windows_have_a_course() -> None:
    chart = courses.draw_windows(factories.load(3))
    assert chart is not None
    assert chart.unit == "ms"


def test_few_points_are_not_zoomed() -> None:
    few = courses.draw_memory(factories.memory([1.0, 2.0]))
    many = courses.draw_memory(factories.memory([float(number) for number in range(60)]))
    assert few is not None
    assert many is not None
    assert few.zoom_data is None
    assert many.zoom_data is not None


def test_the_chart_that_zooms_gets_a_column_for_each_course_with_holes_as_null() -> None:
    first = Course("RSS", "first", (CoursePoint(0.0, 1.23456789), CoursePoint(2.0, 3.0)))
    second = Course("USS", "second", (CoursePoint(1.0, 5.0),))
    data = json.loads(courses.zoom_data("MB", "trial", [first, second]))
    assert data["columns"] == [[0, 1, 2], [1.2346, None, 3], [None, 5, None]]
    assert data["names"] == ["RSS", "USS"]
    assert data["unit"] == "MB"


def test_capacity_has_a_dot_for_each_window_in_the_look_of_its_level() -> None:
    chart = courses.draw_capacity(factories.capacity())
    assert chart is not None
    counts = {shape.look: shape.path.count("h.01") for shape in chart.shapes}
    assert counts["level pass"] == 3
    assert counts["level fail"] == 2
    assert {"proven", "limit", "course first"} <= set(counts)
    assert "at least 4 listeners" in chart.description
