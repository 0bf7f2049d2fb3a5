"""One line for each cell in which all is well, and what concerns every cell. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import Cell, CellResult, Outcome, Threshold, Verdict
from pytest_ttsperf.report import layout, rows

HEADINGS = ("cell", "n", "TTFA p50", "TTFA p95", "RTF p95", "closest to its limit", "verdict")
EXPENDABLE = (4, 5, 2, 3, 1)
"""Columns that go where there is no room, the first of them first; the verdict never goes. The
80 columns of a terminal, or of a log, have room for n and both TTFAs whatever else is measured."""
FIGURES = (2, 3, 4)
"""Columns that nobody misses where no cell has anything there."""
WHO = ("target", "voice", "provider")
KIND = ("preset", "mode", "phase")
NAMED = {"voice": "voice {}", "provider": "provider {}"}
"""Fields that do not say by themselves what they are."""
COUNTS = {1: "Measured", 2: "Both cells"}
Label = Callable[[Cell], str]
"""What a cell is called in a table or a note."""
Paint = Callable[[str, Outcome | None], str]


# What concerns every cell


def shared_line(results: Sequence[CellResult]) -> str | None:
    """What all cells have in common, and what their labels therefore leave out.

    `All 4 cells: engine:Engine, voice heart, provider cpu, short stream warm`; of a single cell its
    target, voice and provider, as its label says the rest. None where cells have nothing in common.
    """
    cells = [result.cell for result in results]
    parts = [*_common_words(cells, WHO), *_common_kind(cells)]
    if not parts:
        return None
    beginning = COUNTS.get(len(cells), f"All {len(cells)} cells")
    return f"{beginning}: {', '.join(parts)}"


def _common_words(cells: Sequence[Cell], names: Sequence[str]) -> list[str]:
    words = []
    for name in names:
        value = _common(cells, name)
        if value is not None:
            words.append(NAMED.get(name, "{}").format(value))
    return words


def _common_kind(cells: Sequence[Cell]) -> list[str]:
    """What several cells share of their kind and load; the label of a single cell says it."""
    if len(cells) < 2:
        return []
    parts = []
    words = _common_words(cells, KIND)
    if words:
        parts.append(" ".join(words))
    return [*parts, *_common_words(cells, ("load",))]


def _common(cells: Sequence[Cell], name: str) -> str | None:
    """What a field is in all cells; None where they differ, or have nothing there."""
    values: set[str | None] = {getattr(cell, name) for cell in cells}
    return values.pop() if len(values) == 1 else None


def label_of(results: Sequence[CellResult]) -> Label:
    """How cells are called below `shared_line`: by what they do not all have in common."""
    cells = [result.cell for result in results]
    if len(cells) < 2:
        return rows.cell_label
    differing = [name for name in KIND if _common(cells, name) is None]
    has_loads = _common(cells, "load") is None

    def label(cell: Cell) -> str:
        words = [cell.test.rsplit("::", 1)[-1], *(getattr(cell, name) for name in differing)]
        text = " ".join(words)
        return f"{text}, {cell.load}" if has_loads and cell.load is not None else text

    return label


# Cells in which all is well


def is_well(result: CellResult) -> bool:
    """Whether there is nothing to look at: all is PASS, nothing better, and no player stood still.

    A soak is a run by itself, and always shown whole.
    """
    if result.soak is not None or _has_stalled(result):
        return False
    for verdict in rows.judged(result):
        if verdict.outcome is not Outcome.PASS or verdict.improved:
            return False
    return True


def _has_stalled(result: CellResult) -> bool:
    stalls = result.summary.get(result.longest_stall_key)
    return stalls is not None and bool(stalls.max or stalls.p95)


def table(
    results: Sequence[CellResult],
    paint: Paint,
    *,
    label: Label = rows.cell_label,
    width: int | None = None,
) -> str:
    """A line for each cell: its figures, and which of its limits is the closest.

    What there is no room for goes, column by column; a name that is too long is cut.
    """
    lines: list[rows.Row] = [HEADINGS]
    for result in results:
        lines.append((label(result.cell), *_figures(result), _verdict_text(result)))
    lines = _select(lines, _measured_columns(lines))
    places = layout.choose_columns(lines, width, _expendable_in(lines[0]))
    lines = _select(lines, places)
    widths = layout.widths_of(lines)
    if width is not None:
        room = width - (layout.total_width(widths) - widths[0])
        widths[0] = min(widths[0], max(room, len(layout.ELLIPSIS)))
    text = layout.heading(lines[0], widths)
    for result, line in zip(results, lines[1:], strict=True):
        first, *others = line
        aligned = layout.align([layout.shorten(first, widths[0]), *others], widths)
        verdict = others[-1]
        # Not the outcome of the cell: that it has no baseline says nothing of what was judged.
        outcome = Outcome.PASS if rows.judged(result) else None
        text.append(aligned.removesuffix(verdict) + paint(verdict, outcome))
    return "\n".join(text)


def _select(lines: Sequence[rows.Row], places: Sequence[int]) -> list[rows.Row]:
    """The lines with these columns alone."""
    selected = []
    for line in lines:
        selected.append(tuple(line[place] for place in places))
    return selected


def _measured_columns(lines: Sequence[rows.Row]) -> list[int]:
    """The columns, without figures that no cell has."""
    places = []
    for place in range(len(HEADINGS)):
        is_empty = all(line[place] == "-" for line in lines[1:])
        if place not in FIGURES or not is_empty:
            places.append(place)
    return places


def _expendable_in(headings: rows.Row) -> list[int]:
    """Where the expendable columns are among those that are left."""
    names = [HEADINGS[place] for place in EXPENDABLE]
    return [headings.index(name) for name in names if name in headings]


def _figures(result: CellResult) -> rows.Row:
    """All between the label and the verdict."""
    ttfa = result.summary.get(_ttfa_key(result))
    rtf = result.summary.get("rtf")
    return (
        _evidence(result),
        rows.number(ttfa.p50 if ttfa else None, "ms"),
        rows.number(ttfa.p95 if ttfa else None, "ms"),
        rows.number(rtf.p95 if rtf else None),
        closest_to_limit(result),
    )


def _ttfa_key(result: CellResult) -> str:
    """Where `summary` has the TTFA that the test limits, which its player may buffer."""
    for threshold in result.thresholds:
        if threshold.metric == "ttfa_ms":
            return threshold.sample_key
    return "ttfa_ms"


def _evidence(result: CellResult) -> str:
    """How much was measured: trials, windows or hang-ups."""
    if result.capacity is not None:
        windows = sum(len(level.windows) for level in result.capacity.levels)
        return plural(windows, "window")
    if result.load is None:
        return str(rows.count_trials(result))
    if not result.load.windows and result.load.barge_in is not None:
        return plural(result.load.barge_in.hang_ups, "hang-up")
    return plural(len(result.load.windows), "window")


def _verdict_text(result: CellResult) -> str:
    """`PASS`, `5 PASS`, or that there is no limit."""
    count = len(rows.judged(result))
    if not count:
        return rows.NO_LIMIT
    return Outcome.PASS.value if count == 1 else f"{count} {Outcome.PASS.value}"


def closest_to_limit(result: CellResult) -> str:
    """`rtf p95 0.310 of 0.600`: the verdict that uses the most of its limit; `-` without any."""
    verdicts = rows.judged(result)
    if not verdicts:
        return "-"
    return _limit_sentence(result, max(verdicts, key=used_share))


def used_share(verdict: Verdict) -> float:
    """How much of its limit a verdict uses: 1 is all of it, 0 is nothing or nothing to be said."""
    threshold = verdict.threshold
    limit = verdict.limit if threshold is None else threshold.limit
    if verdict.value is None or not limit:
        return 0.0
    if threshold is not None and threshold.is_least:
        return limit / verdict.value if verdict.value else 1.0
    return verdict.value / limit


def _limit_sentence(result: CellResult, verdict: Verdict) -> str:
    threshold = verdict.threshold
    if threshold is not None:
        return f"{verdict.subject} {_of_limit(threshold, verdict)}"
    change = rows.find_change(result, verdict)
    if change is not None:
        effect = rows.change_text(change.effect, change)
        return f"{verdict.subject} {effect} of {rows.change_text(change.margin, change)}"
    if verdict.value is None or verdict.limit is None:
        return verdict.subject
    limit = rows.number(verdict.limit, verdict.unit)
    return f"{verdict.subject} {rows.number(verdict.value)} of {limit}"


def _of_limit(threshold: Threshold, verdict: Verdict) -> str:
    """`0.310 of 0.600`, `6 of at least 6`, `yes`."""
    value = rows.amount(threshold, verdict.value)
    if threshold.metric == rows.DELIVERY:
        return value
    least = "at least " if threshold.is_least else ""
    return f"{value} of {least}{rows.limit_text(threshold)}"
