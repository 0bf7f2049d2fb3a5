"""Text in the room that there is: folded lines, and columns. Knows nothing of what it says.

A width is a number of characters, or None where nothing limits it, as in a file.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

GAP = "  "
HANG = "  "
"""What further lines of a folded one begin with, behind the indent of the first."""
ELLIPSIS = "..."
NARROWEST = 24
"""Characters that are left to the first column at least, which names what a row is about."""


def fold(line: str, width: int | None, *, hang: str = HANG) -> list[str]:
    """One line as several that are not wider, the further ones indented.

    A word that is wider by itself stays whole: it is a path or an address, which people copy.
    """
    if width is None or len(line) <= width:
        return [line]
    text = line.lstrip(" ")
    indent = line[: len(line) - len(text)]
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + hang,
        break_long_words=False,
        break_on_hyphens=False,
    )


def fold_text(text: str, width: int | None, *, hang: str = HANG) -> str:
    """A text whose lines are not wider; those that fit stay as they are."""
    lines: list[str] = []
    for line in text.split("\n"):
        lines += fold(line, width, hang=hang)
    return "\n".join(lines)


def fold_command(words: Sequence[str], width: int | None) -> list[str]:
    r"""A command of a shell, its words already quoted, in lines that can be copied and run.

    Each but the last ends in a backslash.
    """
    lines: list[str] = []
    line = ""
    for word in words:
        longer = f"{line} {word}" if line else word
        room = None if width is None else width - len(" \\")
        if line and room is not None and len(longer) > room:
            lines.append(f"{line} \\")
            longer = f"{HANG}{word}"
        line = longer
    return [*lines, line]


def first_line(text: str) -> str:
    """Of a text of several, as the error of a target that ends in its traceback."""
    return text.strip().partition("\n")[0]


def shorten(text: str, width: int) -> str:
    """A text, or its beginning and `...` where it is wider."""
    if len(text) <= width:
        return text
    beginning = text[: max(0, width - len(ELLIPSIS))]
    return (beginning + ELLIPSIS)[: max(0, width)]


# Columns


def grid(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows below their headings: the first and last column to the left, the others to the right."""
    widths = widths_of([headings, *rows])
    lines = heading(headings, widths)
    for row in rows:
        lines.append(align(row, widths))
    return "\n".join(lines)


def widths_of(rows: Sequence[Sequence[str]]) -> list[int]:
    """Of each column, its widest text."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def total_width(widths: Sequence[int]) -> int:
    """Of a whole row, the gaps included."""
    return sum(widths) + len(GAP) * (len(widths) - 1)


def fit_widths(rows: Sequence[Sequence[str]], width: int | None) -> list[int] | None:
    """Of each column, where all fit beside one another; the first is narrowed as far as needed.

    None where less than NARROWEST would be left to it.
    """
    widths = widths_of(rows)
    if width is None:
        return widths
    surplus = total_width(widths) - width
    if surplus <= 0:
        return widths
    widths[0] -= surplus
    return widths if widths[0] >= NARROWEST else None


def choose_columns(
    rows: Sequence[Sequence[str]],
    width: int | None,
    expendable: Sequence[int],
) -> list[int]:
    """Which columns stay, in their order: `expendable` ones go, the first of them first.

    As many as it takes to leave the first column its widest text, or NARROWEST of it. One that
    went in vain, as it fits in the room that a wider one has left, comes back.
    """
    widths = widths_of(rows)
    places = list(range(len(widths)))
    if width is None:
        return places
    widths[0] = min(widths[0], NARROWEST)
    left_out = []
    for place in expendable:
        if _fits(places, widths, width):
            break
        places.remove(place)
        left_out.append(place)
    for place in reversed(left_out):
        more = sorted([*places, place])
        if _fits(more, widths, width):
            places = more
    return places


def _fits(places: Iterable[int], widths: Sequence[int], width: int) -> bool:
    """Whether these columns are no wider than `width` together."""
    return total_width([widths[place] for place in places]) <= width


def heading(headings: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The headings and the rule below them."""
    return [align(headings, widths), "-" * total_width(widths)]


def align(row: Sequence[str], widths: Sequence[int]) -> str:
    """First and last column to the left, figures to the right."""
    first, *middle, last = row
    first_width, *middle_widths, _ = widths
    figures = map(str.rjust, middle, middle_widths)
    return GAP.join([first.ljust(first_width), *figures, last])


def align_lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """As `align`; a first text that is too wide is folded, with the others on its last line."""
    first, *others = row
    parts = [first]
    if len(first) > widths[0]:
        text = first.lstrip(" ")
        indent = first[: len(first) - len(text)]
        parts = textwrap.wrap(
            text, widths[0], initial_indent=indent, subsequent_indent=indent + HANG
        )
    *above, last_part = parts
    return [*above, align([last_part, *others], widths)]
