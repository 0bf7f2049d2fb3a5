"""Charts of a metric over trials: every value as a dot, and the shares that do not exceed it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pytest_ttsperf.report.html import paths, scales
from pytest_ttsperf.report.html.paths import Shape
from pytest_ttsperf.report.html.scales import LinearScale, Tick
from pytest_ttsperf.report.page_model import Distribution

STRIP_HEIGHT = 56.0
ECDF_HEIGHT = 150.0
MARGIN = 10.0
"""Units between the dots and the edges of the strip."""
GOLDEN = 0.618
"""Dots side by side differ in height by this share of the strip: equal values stay apart."""
FAR = 3.0
"""A limit so many times beyond the values is named at the edge: it would crush them."""
SHARE_TICKS = tuple(Tick(100 * share, f"{share:.0%}") for share in (0.0, 0.25, 0.5, 0.75, 1.0))


class ChartMark(NamedTuple):
    """A number on the axis of a chart, in percent of its width, with its name."""

    percent: float
    text: str
    look: str


class StripChart(NamedTuple):
    """A dot for each trial, the percentiles, the bound and the limit."""

    height: float
    shapes: tuple[Shape, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[ChartMark, ...]
    beyond: str | None
    """What is said of a limit that is too far away to be drawn."""
    unit: str
    description: str


class EcdfChart(NamedTuple):
    """The share of trials that take at most so long, of one or of both versions."""

    height: float
    shapes: tuple[Shape, ...]
    ticks: tuple[Tick, ...]
    share_ticks: tuple[Tick, ...]
    marks: tuple[ChartMark, ...]
    names: tuple[tuple[str, str], ...]
    """Look and name of each line."""
    unit: str
    description: str


def draw_strip(distribution: Distribution) -> StripChart | None:
    """None without values."""
    values = distribution.values
    if not values:
        return None
    limit = distribution.limit
    shown_limit = None if limit is None or is_far(limit, values) else limit
    numbers = _measured([*values, distribution.p95_bound, shown_limit])
    scale = scales.horizontal(numbers)
    within = [value for value in values if not breaks_limit(distribution, value)]
    broken = [value for value in values if breaks_limit(distribution, value)]
    shapes = [
        Shape("bound", _bound_box(distribution, scale)),
        Shape("dot", paths.dots(_dot_places(within, scale))),
        Shape("dot over", paths.dots(_dot_places(broken, scale))),
        Shape("percentile", _uprights((distribution.p50, distribution.p95), scale)),
        Shape("limit", _uprights((shown_limit,), scale)),
    ]
    return StripChart(
        height=STRIP_HEIGHT,
        shapes=tuple(shape for shape in shapes if shape.path),
        ticks=scales.ticks(scale),
        marks=tuple(_marks(distribution, shown_limit, scale)),
        beyond=_beyond_text(distribution, shown_limit),
        unit=distribution.unit,
        description=describe_strip(distribution),
    )


def breaks_limit(distribution: Distribution, value: float) -> bool:
    """Whether a trial by itself is beyond the limit of the test; none is without a limit."""
    if distribution.limit is None:
        return False
    if distribution.is_least:
        return value < distribution.limit
    return value > distribution.limit


def is_far(limit: float, values: Sequence[float]) -> bool:
    """Whether a limit is so far beyond the values that a common scale would crush them.

    Next to zeros nothing is far, and 0 is far from nothing: counts are read from there.
    """
    return 0 < FAR * max(values) < limit or 0 < limit < min(values) / FAR


def _measured(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _dot_places(values: Sequence[float], scale: LinearScale) -> Iterable[tuple[float, float]]:
    room = STRIP_HEIGHT - 2 * MARGIN
    for number, value in enumerate(values):
        yield scale.place(value), MARGIN + room * (number * GOLDEN % 1.0)


def _uprights(values: Iterable[float | None], scale: LinearScale) -> str:
    places = [scale.place(value) for value in _measured(values)]
    return paths.uprights(places, 0.0, STRIP_HEIGHT)


def _bound_box(distribution: Distribution, scale: LinearScale) -> str:
    """From the percentile to what it is at most."""
    if distribution.p95 is None or distribution.p95_bound is None:
        return ""
    extent = (scale.place(distribution.p95), scale.place(distribution.p95_bound))
    return paths.boxes([extent], 0.0, STRIP_HEIGHT)


def _marks(
    distribution: Distribution, shown_limit: float | None, scale: LinearScale
) -> Iterable[ChartMark]:
    numbers = (
        ("p50", distribution.p50, "percentile"),
        ("p95", distribution.p95, "percentile"),
        ("limit", shown_limit, "limit"),
    )
    for name, value, look in numbers:
        if value is not None:
            yield ChartMark(scale.percent(value), f"{name} {figure(value)}", look)


def _beyond_text(distribution: Distribution, shown_limit: float | None) -> str | None:
    if distribution.limit is None or shown_limit is not None:
        return None
    where = "right" if distribution.limit > max(distribution.values) else "left"
    return f"the limit lies far to the {where}"


def figure(value: float | None, unit: str = "") -> str:
    """A number in three or four digits; `-` for what was not measured."""
    if value is None:
        return "-"
    decimals = sum(abs(value) < bound for bound in (1, 10, 100))
    text = f"{value:,.{decimals}f}" if value else "0"
    return f"{text} {unit}".rstrip()


def is_constant(distribution: Distribution) -> bool:
    """Whether all that was measured is one number, of which a sentence says all."""
    every = (*distribution.values, *distribution.baseline, *distribution.candidate)
    return len(set(every)) == 1


def describe_constant(distribution: Distribution) -> str:
    """`underruns: 0 in each of 25 trials, limit 0`."""
    value = scales.tick_text(float(f"{distribution.values[0]:.3g}"))
    count = len(distribution.values)
    trials = "the only trial" if count == 1 else f"each of {count} trials"
    text = f"{distribution.label}: {value} {distribution.unit}".rstrip() + f" in {trials}"
    if distribution.limit is not None:
        limit = scales.tick_text(float(f"{distribution.limit:.3g}"))
        text += f", limit {limit} {distribution.unit}".rstrip()
    if distribution.missing:
        text += f", not measured in {distribution.missing}"
    return text


def describe_strip(distribution: Distribution) -> str:
    """What the strip shows, for those who do not see it."""
    values = distribution.values
    unit = distribution.unit
    extent = f"{figure(min(values))} to {figure(max(values), unit)}"
    parts = [f"{distribution.label}: {len(values)} trials, {extent}"]
    numbers = (("median", distribution.p50), ("p95", distribution.p95))
    parts += [f"{name} {figure(value, unit)}" for name, value in numbers if value is not None]
    if distribution.p95_bound is not None:
        parts.append(f"p95 is at most {figure(distribution.p95_bound, unit)} with 95 % confidence")
    if distribution.limit is not None:
        broken = sum(breaks_limit(distribution, value) for value in values)
        side = "below" if distribution.is_least else "above"
        parts.append(f"{broken} {side} the limit of {figure(distribution.limit, unit)}")
    if distribution.missing:
        parts.append(f"not measured in {distribution.missing}")
    return ", ".join(parts)


# Distribution functions


def draw_ecdf(distribution: Distribution) -> EcdfChart | None:
    """Old and new version where both were measured in turns, else all trials; None without any."""
    series = _series(distribution)
    if not series:
        return None
    every = [value for _, _, values in series for value in values]
    limit = distribution.limit
    shown_limit = None if limit is None or is_far(limit, every) else limit
    scale = scales.horizontal(_measured([*every, shown_limit]))
    shapes = [Shape(f"ecdf {look}", _ecdf_path(values, scale)) for look, _, values in series]
    marks: tuple[ChartMark, ...] = ()
    if shown_limit is not None:
        path = paths.uprights([scale.place(shown_limit)], 0.0, ECDF_HEIGHT)
        shapes.append(Shape("limit", path))
        text = f"limit {figure(shown_limit)}"
        marks = (ChartMark(scale.percent(shown_limit), text, "limit"),)
    return EcdfChart(
        height=ECDF_HEIGHT,
        shapes=tuple(shapes),
        ticks=scales.ticks(scale),
        share_ticks=SHARE_TICKS,
        marks=marks,
        names=tuple((look, f"{name}, {len(values)} values") for look, name, values in series),
        unit=distribution.unit,
        description=_describe_ecdf(distribution, series),
    )


Series = tuple[str, str, tuple[float, ...]]
"""Look, name, and values of a line."""


def _series(distribution: Distribution) -> list[Series]:
    if distribution.baseline and distribution.candidate:
        return [
            ("baseline", "the old version", distribution.baseline),
            ("candidate", "the new version", distribution.candidate),
        ]
    if distribution.values:
        return [("candidate", "this run", distribution.values)]
    return []


def _ecdf_path(values: Sequence[float], scale: LinearScale) -> str:
    """From the bottom left to the top right, a step up at each value."""
    upwards = LinearScale(0.0, 1.0, start=ECDF_HEIGHT, end=0.0)
    count = len(values)
    points = [(0.0, upwards.place(0.0))]
    for number, value in enumerate(sorted(values), start=1):
        points.append((scale.place(value), upwards.place(number / count)))
    points.append((scales.WIDTH, upwards.place(1.0)))
    return paths.steps(points)


def _describe_ecdf(distribution: Distribution, series: Sequence[Series]) -> str:
    parts = []
    for _, name, values in series:
        middle = sorted(values)[(len(values) - 1) // 2]
        parts.append(f"{figure(middle, distribution.unit)} in {name}")
    return f"{distribution.label}, cumulative: median {', '.join(parts)}"
