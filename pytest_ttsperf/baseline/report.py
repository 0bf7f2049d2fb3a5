"""Stored baselines as text: which there are, what is in them, what the screen makes of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import chain

from pytest_ttsperf import secrets
from pytest_ttsperf.records.commands import (
    Acceptance,
    AcceptedCell,
    MetricScreening,
    Removal,
    ScreeningReport,
    StoredBaseline,
    StoredCell,
    StoredRun,
)
from pytest_ttsperf.report.layout import grid
from pytest_ttsperf.report.rows import cell_label, number

COMMIT_APART = "Commit the changed files apart from other changes, with the reason."
PRUNE_HINT = "Nothing was deleted; --yes deletes them."
MACHINES = {
    True: "this machine",
    False: "another machine",
    None: "perhaps this machine: the files do not say what it stands for",
}
"""Whether a fingerprint is that of this machine."""


def listing(stored: StoredBaseline) -> str:
    """A table for each fingerprint, this machine's first; then what cannot be read."""
    groups: dict[str, list[StoredCell]] = defaultdict(list)
    for cell in sorted(stored.cells, key=lambda cell: not cell.this_machine):
        groups[cell.fingerprint].append(cell)
    blocks = []
    for cells in groups.values():
        lines = [_fingerprint_text(cells[0]), _cells_table(cells)]
        for cell in cells:
            lines += _ground_lines(cell)
        blocks.append("\n".join(lines))
    blocks += [f"unreadable: {error}" for error in stored.unreadable]
    blocks += _unreadable_run_lines(stored.left_aside)
    return "\n\n".join(blocks) or "no baselines yet; pytest -m perf --ttsperf-save makes them"


def _ground_lines(stored: StoredCell) -> Iterator[str]:
    """Who accepted what of a cell and when, and why its runs say less than they seem to."""
    label = cell_label(stored.cell)
    for run in stored.runs:
        if run.accepted:
            yield f"accepted: {label}: {_acceptance_text(run)}"
    for doubt in _doubts(stored):
        yield f"note: {label}: {doubt}"


def _acceptance_text(run: StoredRun) -> str:
    """`the run of 2025-10-30 10:19, on 2025-11-02 09:00 by Ann <ann@example.org>`."""
    who = run.accepted_by or "somebody whose name is not stored"
    return f"the run of {_minute(run.saved)}, on {_minute(run.accepted or '')} by {who}"


def _doubts(stored: StoredCell) -> Iterator[str]:
    counted = [run for run in stored.runs if run.counts]
    if stored.is_old:
        yield (
            f"its newest run is of {counted[-1].saved[:10]}, more than a year ago; save new runs "
            "(--ttsperf-save)"
        )
    if stored.other_texts:
        yield (
            f"{stored.other_texts} of {len(counted)} runs spoke another version of the texts of "
            f"{stored.cell.preset} than there is now ({stored.corpus}), and are not compared with; "
            "save new runs (--ttsperf-save)"
        )


def cell(stored: StoredCell) -> str:
    """One baseline, a line for each run, newest last."""
    target = secrets.mask(stored.cell.target)
    lines = [
        f"{cell_label(stored.cell)}: {stored.cell.test}",
        f"{target}, provider {stored.cell.provider}, voice {stored.cell.voice}",
        f"fingerprint {_fingerprint_text(stored)}",
    ]
    if stored.fingerprint_parts:
        parts = [f"{name} {value}" for name, value in stored.fingerprint_parts.items()]
        lines.append("  " + ", ".join(parts))
    lines += [f"file {stored.file}", ""]
    if not stored.runs:
        return "\n".join([*lines, "no runs are in it"])
    headings = ("saved", "revision", "n", *_headings(stored), "counts")
    rows = [_run_row(stored, run) for run in stored.runs]
    lines.append(grid(headings, rows))
    counts = Counter(chain.from_iterable(set(run.notes) for run in stored.runs))
    ground = list(_ground_lines(stored))
    if ground:
        lines += ["", *ground]
    notes = dict.fromkeys(chain.from_iterable(run.notes for run in stored.runs))
    if notes:
        lines.append("")
    lines += [f"note ({counts[note]} of {len(rows)} runs): {note}" for note in notes]
    return "\n".join(lines)


def acceptance(done: Acceptance) -> str:
    """What was accepted, and what was refused."""
    lines: list[str] = []
    for accepted in done.accepted:
        lines += _acceptance_lines(accepted)
    for refused in done.refused:
        lines.append(f"refused: {cell_label(refused.cell)} of run {refused.run}: {refused.reason}")
    lines += _unreadable_run_lines(done.left_aside)
    if done.accepted:
        lines.append(COMMIT_APART)
    return "\n".join(lines)


def removals(found: Sequence[Removal], deleted: bool) -> str:
    """What would go, or went, and why."""
    if not found:
        return "nothing to prune"
    lines = []
    for removal in found:
        action = "would go"
        if deleted:
            action = "deleted" if removal.removed else "kept (it changed)"
        lines.append(f"{action}: {cell_label(removal.cell)}: {removal.reason}\n  {removal.file}")
    lines.append(COMMIT_APART if deleted else PRUNE_HINT)
    return "\n".join(lines)


def why(report: ScreeningReport) -> str:
    """In sentences: what is compared with what, the limits, and what the last run does to them."""
    stored = report.cell
    names = _join([screened.label for screened in report.gates])
    lines = [
        f"{cell_label(stored.cell)} on {_fingerprint_text(stored)}",
        f"With --ttsperf-compare the screen compares {names} of a run with those of earlier "
        "runs of the same cell on the same fingerprint, and with nothing else.",
    ]
    lines += _history_lines(stored)
    lines += _last_run_lines(report)
    lines += _unreadable_run_lines(report.left_aside)
    for screened in report.gates:
        lines += ["", *_screening_lines(screened, report)]
    return "\n".join(lines)


def _history_lines(stored: StoredCell) -> Iterator[str]:
    counted = [run for run in stored.runs if run.counts]
    if not counted:
        return
    verb = "1 run is" if len(counted) == 1 else f"{len(counted)} runs are"
    yield f"{verb} compared with, from {_when(counted[0])} to {_when(counted[-1])}."
    history = len(stored.runs) - len(counted)
    if history:
        verb = "is" if history == 1 else "are"
        yield (
            f"{history} older {verb} history, as the run of "
            f"{counted[0].saved[:16]} was accepted as the new ground."
        )
    if counted[0].accepted:
        yield f"Accepted: {_acceptance_text(counted[0])}."
    for doubt in _doubts(stored):
        yield f"Note: {doubt}."


def _last_run_lines(report: ScreeningReport) -> Iterator[str]:
    if report.last_run is None:
        yield "No recent artifact has this cell on this fingerprint; run pytest -m perf."
    elif report.last_is_stored:
        yield (
            f"The last run, {report.last_run}, is stored itself and left out below: it is compared "
            "with the others."
        )


def _unreadable_run_lines(files: Sequence[str]) -> list[str]:
    return [f"left aside: {file}; delete it, or restore it" for file in files]


def _cells_table(cells: Sequence[StoredCell]) -> str:
    # The columns of the cell that has most of them come first.
    headings: dict[str, str] = {}
    for cell in sorted(cells, key=lambda cell: -len(cell.units)):
        columns = zip(_headings(cell), cell.units, strict=True)
        headings |= dict(columns)
    rows = [_cell_row(cell, headings.values()) for cell in cells]
    return grid(("cell", "runs", "newest", "revision", *headings), rows)


def _cell_row(cell: StoredCell, labels: Collection[str]) -> tuple[str, ...]:
    counted = sum(run.counts for run in cell.runs)
    runs = str(counted)
    if counted < len(cell.runs):
        runs = f"{counted} of {len(cell.runs)}"
    newest = ["-"] * (2 + len(labels))
    if cell.runs:
        run = cell.runs[-1]
        figures = map(run.figures.get, labels)
        newest = [_when(run), _revision(run), *map(_figure, figures)]
    return (cell_label(cell.cell), runs, *newest)


def _headings(stored: StoredCell) -> list[str]:
    return [f"{label} [{unit}]" if unit else label for label, unit in stored.units.items()]


def _run_row(stored: StoredCell, run: StoredRun) -> tuple[str, ...]:
    figures = map(run.figures.get, stored.units)
    counts = "yes" if run.counts else "history"
    if run.accepted:
        counts = "accepted"
    return (_when(run), _revision(run), str(run.n), *map(_figure, figures), counts)


def _figure(value: float | None, unit: str = "") -> str:
    """As in other tables, but small figures with three digits that count."""
    if value is None or not 0 < abs(value) < 1:
        return number(value, unit)
    return f"{value:.3g} {unit}".strip()


def _when(run: StoredRun) -> str:
    return _minute(run.saved)


def _minute(instant: str) -> str:
    """`2025-10-30 10:19` of an instant in ISO 8601."""
    return instant[:16].replace("T", " ")


def _revision(run: StoredRun) -> str:
    if run.revision is None:
        return "none"
    return run.revision[:10] + ("+changes" if run.dirty else "")


def _fingerprint_text(stored: StoredCell) -> str:
    return f"{stored.fingerprint} ({MACHINES[stored.this_machine]})"


def _acceptance_lines(cell: AcceptedCell) -> Iterator[str]:
    runs = f"{len(cell.runs)} runs"
    if len(cell.runs) == 1:
        runs = f"run {cell.runs[0]}"
    by = f" by {cell.accepted_by}" if cell.accepted_by else ""
    yield f"accepted{by}: {cell_label(cell.cell)}: {runs}, {cell.file}"
    if cell.history:
        yield f"  {cell.history} earlier runs are history now and no longer compared with"
    if cell.counted_runs < cell.wanted:
        yield (
            f"  {cell.counted_runs} of the {cell.wanted} runs that the screen needs: INCONCLUSIVE "
            "until more are saved (--ttsperf-save) or accepted together (--runs)"
        )
    if cell.dirty:
        yield (
            "  the sources had uncommitted changes, so its revision is not what was measured: "
            "better commit, run and accept again"
        )


def _screening_lines(screened: MetricScreening, report: ScreeningReport) -> Iterator[str]:
    yield _earlier_line(screened)
    if screened.limit is None or screened.doubt is None or screened.spread is None:
        yield (
            f"  {len(screened.earlier)} figures are too few for a limit, {report.runs_wanted} are "
            "needed; save more (--ttsperf-save)."
        )
    else:
        yield from _limit_lines(screened, screened.spread, screened.doubt, screened.limit)
    if screened.outcome is not None:
        yield f"  Run {report.last_run}: {screened.outcome.value}: {screened.reason}."


def _limit_lines(
    screened: MetricScreening,
    spread: float,
    doubt: float,
    limit: float,
) -> Iterator[str]:
    """On what the limits of a metric rest, and what they are."""
    unit = screened.unit
    text = f"{spread:.1%}"
    if spread < screened.floor:
        text += (
            f", taken as {screened.floor:.0%}, for that is how far shared machines drift from "
            "run to run"
        )
    elif screened.is_capped:
        text += (
            f", taken as {screened.judged_spread:.0%}, for limits of more would let anything pass"
        )
    middle = _figure(screened.middle, unit)
    yield f"  Their median is {middle}; from run to run they spread by {text}."
    yield (
        f"  So unchanged code stays below {_figure(doubt, unit)} in 95 % of runs and "
        f"below {_figure(limit, unit)} in 99.9 %: over the first is INCONCLUSIVE, "
        "over the second FAIL."
    )
    if screened.anchor is not None:
        yield (
            f"  The first {screened.anchor_runs} of them have a median of "
            f"{_figure(screened.anchor, unit)}: over {_figure(screened.anchor_limit, unit)} is "
            "INCONCLUSIVE too, as figures that creep up move the median of all."
        )
    if screened.slope is not None:
        yield f"  From run to run they move by {screened.slope:+.1%}."


def _earlier_line(screened: MetricScreening) -> str:
    if not screened.earlier:
        return (
            f"{screened.label}: no stored run has it from at least {screened.trials_wanted} trials."
        )
    figures = ", ".join(_figure(figure) for figure in screened.earlier)
    return f"{screened.label}: earlier {figures} {screened.unit}".rstrip() + "."


def _join(names: Sequence[str]) -> str:
    *others, last = names
    if not others:
        return last
    return f"{', '.join(others)} and {last}"
