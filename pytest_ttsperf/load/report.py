"""The capacity of a target as text: what was found, and the curve that leads there.

A line for each level. Never wider than it may be, and readable without colour: the limit is a line
through the bars, and what a colour says stands in a word beside it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from pytest_ttsperf.load.capacity import CapacityLimits
from pytest_ttsperf.load.capacity_result import level_text
from pytest_ttsperf.load.capacity_search import SearchStep
from pytest_ttsperf.records import Capacity, CapacityLevel, LoadWindow, Outcome
from pytest_ttsperf.records.commands import Level

Paint = Callable[[str, Level], str]

UNMEASURED = "-"
GAP = "  "
WIDEST_BAR = 48
NARROWEST_BAR = 16
NO_BAR_BELOW = 60
"""Of the terminal's width: the numbers say more than a bar there."""
SCALE = 2.0
"""Times the limit: how far the bars reach."""
P50, P95, LIMIT, BEYOND, EMPTY = "=", "-", "|", ">", " "
PROGRESS_BAR = 16
LEGEND = (
    "Bars: TTFA, its median (=) and p95 (-) in the middle window. Goodput: requests a second that "
    "meet the limits. Cores: those of the target that a stream takes. Good: so many of the windows."
)


class Row(NamedTuple):
    """What a level shows, over its windows."""

    level: float
    p50_ms: float | None
    p95_ms: float | None
    stalled: float | None
    """Share of answers."""
    goodput: float | None
    cores: float | None
    """Of the target, for each stream that is open."""
    good: str
    outcome: Outcome


class Column(NamedTuple):
    """A column of numbers, to the right of its width."""

    heading: str
    cells: tuple[str, ...]

    @property
    def width(self) -> int:
        """Of its widest cell."""
        return max(map(len, (self.heading, *self.cells)))


def capacity_text(
    found: Capacity,
    paint: Paint = lambda text, _: text,
    *,
    width: int = 100,
) -> str:
    """The limits, the curve, what the levels miss, and the answer; no line exceeds `width`."""
    limits = CapacityLimits(found.limits.get("ttfa_p95_ms"), found.limits.get("stall", 0.0))
    lines = [*_fold(f"Good windows: {limits.text}, nothing refused or failed.", width), ""]
    lines += curve(found, paint, width=width)
    lines += ["", *_fold(LEGEND, width), "", *_remarks(found, width)]
    answer = found.reason[0].upper() + found.reason[1:] + "."
    level: Level = "good" if is_good(found) else "bad"
    lines += [paint(line, level) for line in _fold(answer, width)]
    return "\n".join(lines)


def is_good(found: Capacity) -> bool:
    """Whether anything was proven that is to be believed."""
    return found.proven is not None and found.void_because is None


def curve(
    found: Capacity,
    paint: Paint = lambda text, _: text,
    *,
    width: int = 100,
) -> list[str]:
    """A line for each level, downwards: TTFA as a bar, stalls, goodput, CPU, and windows."""
    rows = [_row(level) for level in found.levels]
    columns = _fitting_columns(_columns(found, rows), width)
    taken = sum(column.width for column in columns) + len(GAP) * len(columns)
    bar_width = min(WIDEST_BAR, width - taken)
    has_bar = bar_width >= NARROWEST_BAR
    limit_ms = found.limits.get("ttfa_p95_ms")
    most_ms = _scale_ms(rows, limit_ms)
    lines = [_heading(columns, limit_ms, most_ms, bar_width if has_bar else None)]
    for number, row in enumerate(rows):
        cells = [column.cells[number].rjust(column.width) for column in columns]
        if has_bar:
            cells.insert(1, bar(row.p50_ms, row.p95_ms, limit_ms, most_ms, bar_width))
        line = GAP.join(cells).rstrip()[:width]
        lines.append(paint(line, _paint_level(row.outcome)))
    return lines


def bar(
    p50_ms: float | None,
    p95_ms: float | None,
    limit_ms: float | None,
    most_ms: float,
    width: int,
) -> str:
    """`=====---   |`: to the median, on to the 95th percentile, and where the limit is.

    What reaches beyond `most_ms` ends in `>`.
    """
    cells = [EMPTY] * width
    for value_ms, sign in ((p95_ms, P95), (p50_ms, P50)):
        if value_ms is not None:
            length = max(1, min(width, round(width * value_ms / most_ms)))
            cells[:length] = [sign] * length
    if limit_ms is not None:
        cells[_limit_place(limit_ms, most_ms, width)] = LIMIT
    if max(p50_ms or 0.0, p95_ms or 0.0) > most_ms:
        cells[-1] = BEYOND
    return "".join(cells)


def _limit_place(limit_ms: float, most_ms: float, width: int) -> int:
    return min(width - 1, round(width * limit_ms / most_ms))


def _scale_ms(rows: Sequence[Row], limit_ms: float | None) -> float:
    """What the right end of the bars stands for."""
    if limit_ms:
        return SCALE * limit_ms
    return max((row.p95_ms for row in rows if row.p95_ms), default=1.0)


# Rows and columns


def _row(level: CapacityLevel) -> Row:
    windows = level.windows or level.explored
    good = f"{level.good} of {len(level.windows)}"
    if not level.windows:
        good = "explored"
    return Row(
        level=level.level,
        p50_ms=_median([window.ttfa_p50_ms for window in windows]),
        p95_ms=_median([window.ttfa_p95_ms for window in windows]),
        stalled=_stalled_share(windows),
        goodput=_median([window.goodput for window in windows]),
        cores=_cores_per_stream(windows),
        good=good,
        outcome=level.outcome,
    )


def _median(values: Sequence[float | None]) -> float | None:
    measured = [value for value in values if value is not None]
    return median(measured) if measured else None


def _stalled_share(windows: Sequence[LoadWindow]) -> float | None:
    """Of all answers that came; None where there are none."""
    stalled = [window.stalled for window in windows if window.stalled is not None]
    served = sum(window.answered + window.hung_up for window in windows)
    if not stalled or not served:
        return None
    return sum(stalled) / served


def _cores_per_stream(windows: Sequence[LoadWindow]) -> float | None:
    read = [window for window in windows if window.cpu_s is not None and window.stream_s]
    stream_s = sum(window.stream_s or 0.0 for window in read)
    if not stream_s:
        return None
    return sum(window.cpu_s or 0.0 for window in read) / stream_s


def _columns(found: Capacity, rows: Sequence[Row]) -> list[Column]:
    """Those of most use first, the level at the very beginning."""
    return [
        Column(found.unit, tuple(f"{row.level:g}" for row in rows)),
        Column("good", tuple(row.good for row in rows)),
        Column("", tuple(_outcome_word(found, row) for row in rows)),
        Column("p95 ms", tuple(_number(row.p95_ms, ".0f") for row in rows)),
        Column("stalls", tuple(_number(row.stalled, ".1%") for row in rows)),
        Column("goodput/s", tuple(_number(row.goodput, ".2f") for row in rows)),
        Column("cores", tuple(_number(row.cores, ".2f") for row in rows)),
        Column("p50 ms", tuple(_number(row.p50_ms, ".0f") for row in rows)),
    ]


SHOWN = ("", "p50 ms", "p95 ms", "stalls", "goodput/s", "cores", "good")
"""The order of the columns behind the level, and behind them the word."""


def _fitting_columns(columns: Sequence[Column], width: int) -> list[Column]:
    """As many as fit beside a bar, or, where that is too much, by themselves; in reading order."""
    chosen: list[Column] = []
    taken = NARROWEST_BAR
    if width < NO_BAR_BELOW:
        taken = 0
    for column in columns:
        taken += column.width + len(GAP)
        if chosen and taken > width:
            break
        chosen.append(column)
    level, *others = chosen
    words = [column for column in others if not column.heading]
    numbers = [column for column in others if column.heading]
    return [level, *sorted(numbers, key=lambda column: SHOWN.index(column.heading)), *words]


def _heading(
    columns: Sequence[Column],
    limit_ms: float | None,
    most_ms: float,
    bar_width: int | None,
) -> str:
    cells = [column.heading.rjust(column.width) for column in columns]
    if bar_width is not None:
        cells.insert(1, _bar_heading(limit_ms, most_ms, bar_width))
    return GAP.join(cells).rstrip()


def _bar_heading(limit_ms: float | None, most_ms: float, width: int) -> str:
    """`TTFA p50 p95  | 500 ms`, the line standing where it stands in the bars."""
    if limit_ms is None:
        return f"TTFA, to {most_ms:.0f} ms".ljust(width)[:width]
    place = _limit_place(limit_ms, most_ms, width)
    return f"{'TTFA'[:place].ljust(place)}{LIMIT} {limit_ms:g} ms".ljust(width)[:width]


def _number(value: float | None, form: str) -> str:
    return UNMEASURED if value is None else format(value, form)


def _outcome_word(found: Capacity, row: Row) -> str:
    if row.level == found.proven:
        return "proven"
    if row.level == found.refuted:
        return "fails"
    return ""


def _paint_level(outcome: Outcome) -> Level:
    levels: dict[Outcome, Level] = {Outcome.PASS: "good", Outcome.FAIL: "bad"}
    return levels.get(outcome, "unmeasured")


# Sentences


def _remarks(found: Capacity, width: int) -> list[str]:
    """What was missed, what the proof rests on, why the search ended early, why it is void."""
    remarks = []
    for level in found.levels:
        if level.reasons and level.outcome is not Outcome.PASS:
            remarks.append(f"{level_text(level.level, found.unit)}: {', '.join(level.reasons)}.")
            break
    if found.evidence is not None:
        remarks.append(f"{found.evidence}.")
    if found.stopped_because is not None:
        remarks.append(f"The search ended there: {found.stopped_because}.")
    if found.void_because is not None:
        remarks.append(f"Nothing of this counts: {found.void_because}.")
    lines: list[str] = []
    for remark in remarks:
        lines += _fold(remark, width)
    return [*lines, ""] if lines else []


def _fold(text: str, width: int) -> list[str]:
    """A sentence in lines that are not wider."""
    return textwrap.wrap(text, width)


# While it runs


def progress_text(step: SearchStep, unit: str, *, width: int = 100) -> str:
    """`[####....] proving 8 listeners: window 5 of 18, 12 of 25 s`, cut to the width."""
    of_wanted = f" of {step.wanted}" if step.wanted is not None else ""
    text = f"{step.phase} {step.level:g} {unit}: window {step.window}{of_wanted}"
    if step.window_s is not None:
        # Answers are followed to their end, beyond the time in which requests come.
        seconds = min(step.seconds, step.window_s)
        text += f", {seconds:.0f} of {step.window_s:.0f} s"
    filled = round(PROGRESS_BAR * share_done(step))
    return f"[{'#' * filled}{'.' * (PROGRESS_BAR - filled)}] {text}"[:width]


def share_done(step: SearchStep) -> float:
    """Of the phase, from 0 to 1; while exploring of the window."""
    of_window = 0.0
    if step.window_s:
        of_window = min(1.0, step.seconds / step.window_s)
    if step.wanted is None:
        return of_window
    return min(1.0, (step.window - 1 + of_window) / step.wanted)
