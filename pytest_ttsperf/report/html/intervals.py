"""Paired differences with their intervals: a line for each figure, and the blocks behind it.

As in the table beside them, more is worse of most figures: slower is on the right, faster on the
left, and the ends of each line say so in words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pytest_ttsperf.report.html import paths, scales
from pytest_ttsperf.report.html.paths import Shape
from pytest_ttsperf.report.html.scales import LinearScale
from pytest_ttsperf.report.page_model import ChangeRow, StageChangeRow
from pytest_ttsperf.report.rows import effect_text

HEIGHT = 30.0
MIDDLE = HEIGHT / 2
BLOCKS = 7.0
"""Where the blocks of the new version stand; those of the control stand as far from the bottom."""
SERIF = 4.0
LEAST_SHARE = -1.0
"""Of what there was before, that a figure may fall by: it is nothing then."""


class IntervalChart(NamedTuple):
    """One line: an effect, its interval, the change that counts, and no change."""

    height: float
    shapes: tuple[Shape, ...]
    low_text: str
    high_text: str
    """What the ends of the line stand for: `faster (-24.0 %)`, `slower (+24.0 %)`."""
    description: str


def draw_changes(rows: Sequence[ChangeRow]) -> tuple[IntervalChart | None, ...]:
    """A chart for each row, None where nothing was estimated.

    Shares of the same kind, as all that are faster or slower, have one scale in common: what is 14
    times as slow would else leave nothing to be seen of a length that is as before. What is not
    finite, as an interval of a single block, is not drawn.
    """
    shares: dict[str, list[float]] = {}
    for row in rows:
        if row.is_share:
            shares.setdefault(row.more_text, []).extend(_numbers(row))
    charts: list[IntervalChart | None] = []
    for row in rows:
        numbers = _numbers(row)
        if row.effect is None or not math.isfinite(row.effect):
            charts.append(None)
            continue
        scale = _scale(shares[row.more_text] if row.is_share else numbers)
        charts.append(_change_chart(row, row.effect, scale))
    return tuple(charts)


def draw_stages(rows: Sequence[StageChangeRow]) -> tuple[IntervalChart, ...]:
    """A chart for each stage, all on one scale."""
    numbers = [number for row in rows for number in (row.ms, row.low_ms, row.high_ms)]
    scale = _scale(numbers)
    return tuple(_stage_chart(row, scale) for row in rows)


def _scale(numbers: Iterable[float]) -> LinearScale:
    """Both sides of no change are equally long, so that its place is the same in all lines."""
    most = max((abs(number) for number in numbers if math.isfinite(number)), default=0.0)
    return scales.horizontal((-most, most))


def _numbers(row: ChangeRow) -> list[float]:
    """Everything of a row that stands on its scale."""
    single = (row.effect, row.low, row.high, row.margin)
    numbers = [number for number in single if number is not None]
    return [*numbers, *row.block_effects, *row.control_effects]


def _change_chart(row: ChangeRow, effect: float, scale: LinearScale) -> IntervalChart:
    shapes = [
        Shape("zero", paths.uprights([scale.place(0.0)], 0.0, HEIGHT)),
        Shape("control", _block_dots(row.control_effects, HEIGHT - BLOCKS, scale)),
        Shape("block", _block_dots(row.block_effects, BLOCKS, scale)),
    ]
    places = [scale.place(margin) for margin in _margins(row)]
    shapes.append(Shape("limit", paths.uprights(places, 0.0, HEIGHT)))
    shapes += _estimate(effect, row.low, row.high, scale)
    text = f"{row.label}: {row.effect_text}, 95 % interval {row.interval_text}"
    if row.margin is not None:
        text += f", {row.margin_text} counts"
    return IntervalChart(
        height=HEIGHT,
        shapes=tuple(shape for shape in shapes if shape.path),
        low_text=_end_text(row.less_text, scale.low, row),
        high_text=_end_text(row.more_text, scale.high, row),
        description=text,
    )


def _margins(row: ChangeRow) -> list[float]:
    """The changes that count, from which on they do."""
    if row.margin is None:
        return []
    return [-row.margin, row.margin] if row.is_both_ways else [row.margin]


def _end_text(direction: str, value: float, row: ChangeRow) -> str:
    """The direction alone, where nothing can be so far: no time falls by more than 100 %."""
    if row.is_share and value < LEAST_SHARE:
        return direction
    return f"{direction} ({effect_text(value, row.unit, is_share=row.is_share)})"


def _stage_chart(row: StageChangeRow, scale: LinearScale) -> IntervalChart:
    shapes = [
        Shape("zero", paths.uprights([scale.place(0.0)], 0.0, HEIGHT)),
        *_estimate(row.ms, row.low_ms, row.high_ms, scale),
    ]
    return IntervalChart(
        height=HEIGHT,
        shapes=tuple(shape for shape in shapes if shape.path),
        low_text=f"shorter ({scale.low:+.3g} ms)",
        high_text=f"longer ({scale.high:+.3g} ms)",
        description=f"{row.stage}: {row.ms:+.3g} ms, {row.low_ms:+.3g} to {row.high_ms:+.3g} ms",
    )


def _block_dots(effects: Iterable[float], height: float, scale: LinearScale) -> str:
    drawn = [effect for effect in effects if math.isfinite(effect)]
    return paths.dots((scale.place(effect), height) for effect in drawn)


def _estimate(
    effect: float, low: float | None, high: float | None, scale: LinearScale
) -> list[Shape]:
    """The interval as a line with ends, and the effect as a dot on it."""
    shapes = []
    if low is not None and high is not None and math.isfinite(high - low):
        left = scale.place(low)
        right = scale.place(high)
        path = paths.line([(left, MIDDLE), (right, MIDDLE)])
        ends = paths.uprights([left, right], MIDDLE - SERIF, MIDDLE + SERIF)
        shapes.append(Shape("interval", path + ends))
    shapes.append(Shape("effect", _block_dots([effect], MIDDLE, scale)))
    return shapes
