"""Stored baselines as text: which there are, what is in them, what the screen makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_ttsperf import secrets
from pytest_ttsperf.records.commands import (
    Acceptance,
    AcceptedCell,
    GateReason,
    Removal,
    ScreeningReport,
    StoredBaseline,
    StoredCell,
    StoredRun,
)
from pytest_ttsperf.report.terminal import cell_label, grid, number

COMMIT_APART = "Commit the changed files apart from other changes, with the reason."
PRUNE_HINT = "Nothing was deleted; --yes deletes them."


def listing(kept: StoredBaseline) -> str:
    """A table for each fingerprint, this machine's first; then what cannot be read."""
    groups: dict[str, list[StoredCell]] = {}
    for cell in sorted(kept.cells, key=lambda cell: not cell.this_machine):
        groups.setdefault(cell.fingerprint, []).append(cell)
    blocks = [
        f"{fingerprint}{_whose(cells[0].this_machine)}\n{_cells(cells)}"
        for fingerprint, cells in groups.items()
    ]
    blocks += [f"unreadable: {trouble}" for trouble in kept.unreadable]
    blocks += _left_aside(kept.left_aside)
    return "\n\n".join(blocks) or "no baselines yet; pytest -m perf --ttsperf-save makes them"


def cell(kept: StoredCell) -> str:
    """One baseline, a line for each run, newest last."""
    lines = [
        f"{cell_label(kept.cell)}: {kept.cell.test}",
        f"{secrets.mask(kept.cell.target)}, provider {kept.cell.provider}, voice {kept.cell.voice}",
        f"fingerprint {kept.fingerprint}{_whose(kept.this_machine)}",
    ]
    if kept.fingerprint_parts:
        lines.append(
            "  " + ", ".join(f"{name} {told}" for name, told in kept.fingerprint_parts.items())
        )
    lines.append(f"file {kept.file}")
    headings = ("saved", "revision", "n", *_units(kept), "counts")
    rows = [_run(kept, run) for run in kept.runs]
    if not rows:
        return "\n".join([*lines, "", "no runs are in it"])
    notes = dict.fromkeys(note for run in kept.runs for note in run.notes)
    told = [f"note ({_share(kept, note)}): {note}" for note in notes]
    return "\n".join([*lines, "", grid(headings, rows), *([""] if told else []), *told])


def acceptance(done: Acceptance) -> str:
    """What is the ground now, and what was refused."""
    lines = [line for cell in done.accepted for line in _acceptance_lines(cell)]
    lines += [f"refused: {cell_label(r.cell)} of run {r.run}: {r.reason}" for r in done.refused]
    lines += _left_aside(done.left_aside)
    if done.accepted:
        lines.append(COMMIT_APART)
    return "\n".join(lines)


def removals(found: Sequence[Removal], deleted: bool) -> str:
    """What would go, or went, and why."""
    if not found:
        return "nothing to prune"
    lines = []
    for removal in found:
        did = "would go" if not deleted else "deleted" if removal.removed else "kept (it changed)"
        lines.append(f"{did}: {cell_label(removal.cell)}: {removal.reason}\n  {removal.file}")
    return "\n".join([*lines, COMMIT_APART if deleted else PRUNE_HINT])


def why(told: ScreeningReport) -> str:
    """In sentences: what is compared with what, the limits, and what the last run does to them."""
    kept = told.kept
    names = [gate.label for gate in told.gates]
    counting = [run for run in kept.runs if run.counts]
    history = len(kept.runs) - len(counting)
    lines = [
        f"{cell_label(kept.cell)} on {kept.fingerprint}{_whose(kept.this_machine)}",
        f"With --ttsperf-compare the screen compares {_and(names)} of a run with those of earlier "
        "runs of the same cell on the same fingerprint, and with nothing else.",
    ]
    if counting:
        lines.append(
            f"{_count(counting)} compared with, from {_when(counting[0])} to {_when(counting[-1])}."
        )
    if history:
        lines.append(
            f"{history} older {'is' if history == 1 else 'are'} history, as the run of "
            f"{counting[0].saved[:16]} was accepted as the new ground."
        )
    if told.last_run is None:
        lines.append("No recent artifact has this cell on this fingerprint; run pytest -m perf.")
    elif told.last_is_stored:
        lines.append(
            f"The last run, {told.last_run}, is stored itself and left out below: it is compared "
            "with the others."
        )
    lines += _left_aside(told.left_aside)
    for gate in told.gates:
        lines += ["", *_gate(gate, told)]
    return "\n".join(lines)


def _left_aside(files: Sequence[str]) -> list[str]:
    return [f"left aside: {file}; delete it, or restore it" for file in files]


def _cells(cells: Sequence[StoredCell]) -> str:
    units = [_units(cell) for cell in sorted(cells, key=lambda cell: -len(cell.units))]
    labels = list(dict.fromkeys(label for each in units for label in each))
    headings = ("cell", "runs", "newest", "revision", *labels)
    rows = []
    for each in cells:
        newest = each.runs[-1] if each.runs else None
        counting = sum(run.counts for run in each.runs)
        of = f"{counting} of {len(each.runs)}" if counting < len(each.runs) else str(counting)
        figures = newest.figures if newest else {}
        rows.append(
            (
                cell_label(each.cell),
                of,
                _when(newest) if newest else "-",
                _revision(newest) if newest else "-",
                *(_figure(figures.get(label.rpartition(" [")[0] or label)) for label in labels),
            )
        )
    return grid(headings, rows)


def _units(kept: StoredCell) -> list[str]:
    return [f"{label} [{unit}]" if unit else label for label, unit in kept.units.items()]


def _run(kept: StoredCell, run: StoredRun) -> tuple[str, ...]:
    figures = [_figure(run.figures.get(label)) for label in kept.units]
    counts = "accepted" if run.accepted else "yes" if run.counts else "history"
    return (_when(run), _revision(run), str(run.n), *figures, counts)


def _share(kept: StoredCell, note: str) -> str:
    having = sum(note in run.notes for run in kept.runs)
    return f"{having} of {len(kept.runs)} runs"


def _figure(value: float | None, unit: str = "") -> str:
    """As in other tables, but small figures with three digits that count."""
    if value is None or not 0 < abs(value) < 1:
        return number(value, unit)
    return f"{value:.3g} {unit}".strip()


def _when(run: StoredRun) -> str:
    return run.saved[:16].replace("T", " ")


def _revision(run: StoredRun) -> str:
    if run.revision is None:
        return "none"
    return run.revision[:10] + ("+changes" if run.dirty else "")


def _whose(this_machine: bool | None) -> str:
    if this_machine is None:
        return " (perhaps this machine: the files do not say what it stands for)"
    return " (this machine)" if this_machine else " (another machine)"


def _acceptance_lines(cell: AcceptedCell) -> Iterator[str]:
    runs = f"run {cell.runs[0]}" if len(cell.runs) == 1 else f"{len(cell.runs)} runs"
    yield f"accepted: {cell_label(cell.cell)}: {runs}, {cell.file}"
    if cell.history:
        yield f"  {cell.history} earlier runs are history now and no longer compared with"
    if cell.counting < cell.wanted:
        yield (
            f"  {cell.counting} of the {cell.wanted} runs that the screen needs: INCONCLUSIVE "
            "until more are saved (--ttsperf-save) or accepted together (--runs)"
        )
    if cell.dirty:
        yield (
            "  the sources had uncommitted changes, so its revision is not what was measured: "
            "better commit, run and accept again"
        )


def _gate(gate: GateReason, told: ScreeningReport) -> Iterator[str]:
    unit = gate.unit
    if not gate.earlier:
        yield f"{gate.label}: no stored run has it from at least {gate.trials_wanted} trials."
    else:
        figures = ", ".join(_figure(figure) for figure in gate.earlier)
        yield f"{gate.label}: earlier {figures}{' ' + unit if unit else ''}."
    if gate.limit is None or gate.doubt is None or gate.spread is None:
        yield (
            f"  {len(gate.earlier)} figures are too few for a limit, {told.runs_wanted} are "
            "needed; save more (--ttsperf-save)."
        )
    else:
        floor = "" if gate.spread >= gate.floor else f", taken as {gate.floor:.0%}, for that is how"
        floor += " far shared machines drift from run to run" if floor else ""
        yield (
            f"  Their median is {_figure(gate.middle, unit)}; from run to run they spread by "
            f"{gate.spread:.1%}{floor}."
        )
        yield (
            f"  So unchanged code stays below {_figure(gate.doubt, unit)} in 95 % of runs and "
            f"below {_figure(gate.limit, unit)} in 99.9 %: over the first is INCONCLUSIVE, over "
            "the second FAIL."
        )
    if gate.outcome is not None:
        yield f"  Run {told.last_run}: {gate.outcome.value}: {gate.reason}."


def _count(runs: Sequence[StoredRun]) -> str:
    return "1 run is" if len(runs) == 1 else f"{len(runs)} runs are"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
