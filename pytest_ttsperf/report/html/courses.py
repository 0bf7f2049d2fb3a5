"""Figures over time: memory by trial, a soak by minute, a crowd by window, capacity by level.

Each is drawn as SVG; `zoom_data` has the same numbers for the chart that zooms.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from pytest_ttsperf.report.html import paths, scales
from pytest_ttsperf.report.html.charts import figure
from pytest_ttsperf.report.html.paths import Shape
from pytest_ttsperf.report.html.scales import LinearScale, Tick
from pytest_ttsperf.report.page_model import (
    CapacityCurve,
    LoadSection,
    MemorySection,
    SoakPoint,
    SoakSection,
)

HEIGHT = 140.0
MOST_TICKS = 4
FEWEST_POINTS = 2
WORTH_ZOOMING = 20
"""Points: fewer are all to be seen as they are."""
SIGNIFICANT = 5
"""Digits of a number for the chart that zooms."""
AXIS_NAMES = {"trial": "trial", "minute": "minutes", "window": "window"}


class CoursePoint(NamedTuple):
    """A figure at a place; points of another `part` (a process, a session) are not joined to it."""

    at: float
    value: float
    part: int = 0


class Course(NamedTuple):
    """A figure over time, as numbers."""

    name: str
    look: str
    points: tuple[CoursePoint, ...]


class CourseChart(NamedTuple):
    """Some courses on common axes."""

    title: str
    unit: str
    axis: str
    height: float
    shapes: tuple[Shape, ...]
    ticks: tuple[Tick, ...]
    value_ticks: tuple[Tick, ...]
    names: tuple[tuple[str, str], ...]
    """Look and name of each line."""
    zoom_data: str | None
    """JSON for the chart that zooms; None where there is nothing to be zoomed."""
    description: str


def draw_memory(memory: MemorySection) -> CourseChart | None:
    """RSS and USS after each trial, window or minute; None where there are too few readings."""
    rss = [CoursePoint(point.at, point.rss_mb, point.process) for point in memory.points]
    uss = [
        CoursePoint(point.at, point.uss_mb, point.process)
        for point in memory.points
        if point.uss_mb is not None
    ]
    courses = (Course("RSS", "first", tuple(rss)), Course("USS", "second", tuple(uss)))
    return draw_courses("Memory", "MB", AXIS_NAMES[memory.axis], courses)


def draw_soak(soak: SoakSection) -> tuple[CourseChart, ...]:
    """TTFA beside the null target, RTF and handles, by minute; memory has a chart of its own."""
    rows = (
        ("Time to first audio", "ms", "TTFA", "ttfa_ms"),
        ("Null target", "ms", "null target", "null_ms"),
        ("RTF", "", "RTF", "rtf"),
        ("Descriptors and threads", "", "handles", "handles"),
    )
    charts = []
    for title, unit, name, field in rows:
        course = Course(name, "first", _soak_points(soak.points, field))
        chart = draw_courses(title, unit, "minutes", (course,))
        if chart is not None:
            charts.append(chart)
    return tuple(charts)


def _soak_points(points: Iterable[SoakPoint], field: str) -> tuple[CoursePoint, ...]:
    found = []
    for point in points:
        value = getattr(point, field)
        if value is not None:
            found.append(CoursePoint(point.minute, float(value), point.session))
    return tuple(found)


def draw_windows(load: LoadSection) -> CourseChart | None:
    """TTFA p95 of each window; None of fewer than two."""
    points = [
        CoursePoint(float(window.index), window.ttfa_p95_ms)
        for window in load.windows
        if window.ttfa_p95_ms is not None
    ]
    course = Course("TTFA p95", "first", tuple(points))
    return draw_courses("Time to first audio by window", "ms", "window", (course,))


def draw_courses(title: str, unit: str, axis: str, courses: Iterable[Course]) -> CourseChart | None:
    """Lines on common axes; None where no line has two points."""
    drawn = [course for course in courses if len(course.points) >= FEWEST_POINTS]
    if not drawn:
        return None
    points = [point for course in drawn for point in course.points]
    across = scales.horizontal(point.at for point in points)
    upwards = scales.vertical((point.value for point in points), HEIGHT)
    shapes = []
    for course in drawn:
        shapes += _course_shapes(course, across, upwards)
    return CourseChart(
        title=title,
        unit=unit,
        axis=axis,
        height=HEIGHT,
        shapes=tuple(shapes),
        ticks=scales.ticks(across),
        value_ticks=scales.ticks(upwards, MOST_TICKS),
        names=tuple((course.look, course.name) for course in drawn),
        zoom_data=zoom_data(unit, axis, drawn) if len(points) >= WORTH_ZOOMING else None,
        description=_describe(title, unit, axis, drawn),
    )


def _course_shapes(course: Course, across: LinearScale, upwards: LinearScale) -> list[Shape]:
    """A line for each part, or a dot for one of a single point."""
    parts: dict[int, list[tuple[float, float]]] = {}
    for point in course.points:
        place = (across.place(point.at), upwards.place(point.value))
        parts.setdefault(point.part, []).append(place)
    lines = [paths.line(places, 0) for places in parts.values() if len(places) > 1]
    dots = [paths.dots(places) for places in parts.values() if len(places) == 1]
    shapes = (
        Shape(f"course {course.look}", "".join(lines)),
        Shape(f"point {course.look}", "".join(dots)),
    )
    return [shape for shape in shapes if shape.path]


def zoom_data(unit: str, axis: str, courses: Sequence[Course]) -> str:
    """`{"unit", "axis", "names", "looks", "columns"}` as JSON: places, then a column a course.

    A place at which a course has no figure has null there.
    """
    places = sorted({point.at for course in courses for point in course.points})
    columns: list[list[float | None]] = [[_rounded(place) for place in places]]
    for course in courses:
        by_place = {point.at: _rounded(point.value) for point in course.points}
        columns.append([by_place.get(place) for place in places])
    content = {
        "unit": unit,
        "axis": axis,
        "names": [course.name for course in courses],
        "looks": [course.look for course in courses],
        "columns": columns,
    }
    return json.dumps(content, separators=(",", ":"))


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT}g}")


def _describe(title: str, unit: str, axis: str, courses: Sequence[Course]) -> str:
    """From what to what each line goes, for those who do not see it."""
    parts = []
    for course in courses:
        values = [point.value for point in course.points]
        if figure(min(values)) == figure(max(values)):
            parts.append(f"{course.name} {figure(values[0], unit)} throughout")
            continue
        extent = f"between {figure(min(values))} and {figure(max(values), unit)}"
        ends = f"{figure(values[0])} at first and {figure(values[-1])} at last"
        parts.append(f"{course.name} {ends}, {extent}")
    return f"{title} by {axis}: {'; '.join(parts)}"


# Capacity


class CapacityChart(NamedTuple):
    """TTFA of the windows of each level, and how far it is proven."""

    height: float
    shapes: tuple[Shape, ...]
    ticks: tuple[Tick, ...]
    value_ticks: tuple[Tick, ...]
    unit: str
    description: str


def draw_capacity(curve: CapacityCurve) -> CapacityChart | None:
    """Dots for windows, a line through their medians; None where no window has a first sound."""
    levels = [point.level for point in curve.points]
    times = [time_ms for point in curve.points for time_ms in point.ttfa_p95_ms]
    if not times:
        return None
    across = scales.horizontal(levels)
    upwards = scales.vertical([0.0, *times], HEIGHT)
    medians = [
        (across.place(point.level), upwards.place(median(point.ttfa_p95_ms)))
        for point in curve.points
        if point.ttfa_p95_ms
    ]
    shapes = [Shape("course first", paths.line(medians))]
    for point in curve.points:
        look = f"level {point.outcome.value.lower()}"
        x = across.place(point.level)
        places = [(x, upwards.place(time_ms)) for time_ms in point.ttfa_p95_ms]
        shapes.append(Shape(look, paths.dots(places)))
    for look, level in (("proven", curve.proven), ("limit", curve.refuted)):
        if level is not None:
            shapes.append(Shape(look, paths.uprights([across.place(level)], 0.0, HEIGHT)))
    return CapacityChart(
        height=HEIGHT,
        shapes=tuple(shape for shape in shapes if shape.path),
        ticks=scales.ticks(across),
        value_ticks=scales.ticks(upwards, MOST_TICKS),
        unit=curve.unit,
        description=f"TTFA p95 of {len(times)} windows at {len(levels)} levels: {curve.sentence}",
    )
