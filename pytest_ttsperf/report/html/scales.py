"""Scales of charts: where a number stands, and the round numbers along an axis.

A chart is WIDTH units wide and as many units high as it has pixels. The page stretches it to the
width that there is and leaves its height alone, so whatever has to keep its form is text beside
the drawing, placed in percent, or a stroke that does not scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

WIDTH = 1000.0
MOST_TICKS = 6
PADDING = 0.04
"""Of the extent of the numbers, on both sides of them."""
STEPS = (1.0, 2.0, 5.0)
"""Numbers that people count in, times a power of ten."""
ROUNDING = 1e-9
TINY = 1e-300
"""A smaller extent has no round numbers that a float could tell apart."""


class LinearScale(NamedTuple):
    """Numbers from `low` to `high` on places from `start` to `end`, of which either is larger."""

    low: float
    high: float
    start: float = 0.0
    end: float = WIDTH

    def share(self, value: float) -> float:
        """How far along the scale a number is, 0..1; one beyond an end stands at that end."""
        extent = self.high - self.low
        if extent <= 0:
            return 0.5
        return min(1.0, max(0.0, (value - self.low) / extent))

    def place(self, value: float) -> float:
        """Where a number stands, in units of the chart."""
        return self.start + self.share(value) * (self.end - self.start)

    def percent(self, value: float) -> float:
        """Where it stands in percent of the scale, for text beside the drawing."""
        return 100 * self.share(value)

    def is_beyond(self, value: float) -> bool:
        """Whether a number lies outside of the scale."""
        return not self.low <= value <= self.high


class Tick(NamedTuple):
    """A round number on an axis, and where it stands on it in percent."""

    percent: float
    text: str


def ticks(scale: LinearScale, most: int = MOST_TICKS) -> tuple[Tick, ...]:
    """The round numbers of a scale, at most one more than `most`."""
    numbers = round_numbers(scale.low, scale.high, most)
    return tuple(Tick(scale.percent(number), tick_text(number)) for number in numbers)


def tick_text(value: float) -> str:
    """`0.3`, `12,000`: without the digits that binary fractions add."""
    return f"{value:,.10g}"


def round_numbers(low: float, high: float, most: int = MOST_TICKS) -> tuple[float, ...]:
    """The multiples of a round step between two numbers; none between two that are not finite."""
    extent = high - low
    if not math.isfinite(extent):
        return ()
    if extent <= TINY:
        return (low,)
    step = _round_step(extent / most)
    first = math.ceil(low / step - ROUNDING)
    last = math.floor(high / step + ROUNDING)
    return tuple(number * step for number in range(first, last + 1))


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20 ... that is at least so large."""
    power = 10.0 ** math.floor(math.log10(least))
    for factor in STEPS:
        if factor * power >= least:
            return factor * power
    return 10.0 * power


def horizontal(values: Iterable[float]) -> LinearScale:
    """A scale from left to right with some room on both sides of finite numbers; 0..1 of none."""
    low, high = _widened(values)
    return LinearScale(low, high)


def vertical(values: Iterable[float], height: float) -> LinearScale:
    """A scale upwards, as `horizontal`: places count from the top, percents from the bottom."""
    low, high = _widened(values)
    return LinearScale(low, high, start=height, end=0.0)


def _widened(values: Iterable[float]) -> tuple[float, float]:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low = min(finite)
    high = max(finite)
    room = (high - low) * PADDING
    if low == high:
        room = abs(low) * PADDING or 1.0
    return low - room, high + room
