"""Data of SVG paths, in few characters: a page holds some hundred of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

DIGITS = 1
"""Behind the point: a tenth of a unit is less than a pixel of the widest page."""
DOT = "h.01"
"""A line so short is a dot, where strokes have round ends; without any length some draw none."""


class Shape(NamedTuple):
    """A path, the classes that say how it looks, and what it stands for."""

    look: str
    path: str
    part: str = ""
    """By which scripts and tests find it; empty for what nobody looks for."""


Point = tuple[float, float]


def number(value: float, digits: int = DIGITS) -> str:
    """A coordinate without what it can do without: `12.5`, `3`, `0`."""
    text = f"{value:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def line(points: Iterable[Point], digits: int = DIGITS) -> str:
    """Straight from point to point; empty for none."""
    places = [_place(x, y, digits) for x, y in points]
    if not places:
        return ""
    return "M" + "L".join(places)


def area(points: Sequence[Point], floor: float) -> str:
    """What lies between a line and a height, filled."""
    if not points:
        return ""
    first_x = number(points[0][0])
    last_x = number(points[-1][0])
    return f"{line(points)}L{last_x},{number(floor)}L{first_x},{number(floor)}Z"


def steps(points: Sequence[Point]) -> str:
    """To the right, then up or down, from point to point: the form of a distribution function.

    Places from left to right are whole units.
    """
    if not points:
        return ""
    first, *others = points
    moves = [f"H{number(x, 0)}V{number(y)}" for x, y in others]
    return f"M{_place(*first)}" + "".join(moves)


def dots(points: Iterable[Point]) -> str:
    """A dot at each point, for strokes with round ends; its place is in whole units."""
    return "".join(f"M{_place(x, y, 0)}{DOT}" for x, y in points)


def uprights(places: Iterable[float], top: float, bottom: float) -> str:
    """A line from top to bottom at each place."""
    height = number(bottom - top)
    return "".join(f"M{_place(x, top)}v{height}" for x in places)


def boxes(extents: Iterable[Point], top: float, bottom: float) -> str:
    """A rectangle for each extent from left to right."""
    height = number(bottom - top)
    texts = []
    for left, right in extents:
        width = number(right - left)
        texts.append(f"M{_place(left, top)}h{width}v{height}h-{width}z")
    return "".join(texts)


def outline(xs: Sequence[float], sizes: Sequence[float], middle: float) -> str:
    """What lies as far above a height as below it: a waveform. Both have the same length."""
    if not xs:
        return ""
    above = [(x, middle - size) for x, size in zip(xs, sizes, strict=True)]
    below = [(x, middle + size) for x, size in zip(xs, sizes, strict=True)]
    return line([*above, *reversed(below)]) + "Z"


def _place(x: float, y: float, digits: int = DIGITS) -> str:
    return f"{number(x, digits)},{number(y, digits)}"
