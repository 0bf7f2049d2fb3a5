"""Accept runs as what later ones are compared with, as `ttsperf baseline accept` does.

The screen then compares with these and with later runs only; what came before stays in the file
as history. Nothing else changes what a baseline compares with but `--ttsperf-save`, which adds a
run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from pytest_ttsperf.baseline import person, store
from pytest_ttsperf.baseline.listing import find_matches, unknown_cell_text
from pytest_ttsperf.baseline.prediction import MIN_RUNS
from pytest_ttsperf.errors import ArtifactUnreadable, CellUnknown, FileUnreadable
from pytest_ttsperf.files import read_json, reason_of
from pytest_ttsperf.records import Cell, CellResult, Outcome, Run
from pytest_ttsperf.records.commands import Acceptance, AcceptedCell, RefusedCell
from pytest_ttsperf.report.artifact import recent_runs
from pytest_ttsperf.report.rows import cell_label


def accept(
    storage: Path,
    artifacts: Path,
    files: Sequence[Path],
    cells: Sequence[str],
    newest: int,
) -> Acceptance:
    """Accept runs: the artifacts named by `files`, else the newest finished ones.

    `cells` limits it to cells of these names. Of several runs the oldest is the first that counts,
    and the others follow it. Cells that a run found INVALID, or over a fixed limit, are
    refused; the bands of `admission` are not looked at, as a change is what is accepted here.
    Raises ArtifactUnreadable, CellUnknown, BaselineUnreadable, or BaselineUnwritable.
    """
    left_aside: list[str] = []
    runs = [_read(file) for file in files]
    if not runs:
        runs = _read_newest(artifacts, newest, left_aside)
    runs.sort(key=_start_time_s)
    wanted = _select_cells(runs, cells)
    groups: dict[tuple[str, str], list[tuple[Run, CellResult]]] = defaultdict(list)
    refused = []
    for run in runs:
        for result in run.cells:
            cell = result.cell
            if cell.id not in wanted:
                continue
            reason = _refusal_reason(result)
            if reason is None:
                groups[result.fingerprint, cell.id].append((run, result))
            else:
                refused.append(RefusedCell(cell=cell, run=run.id, reason=reason))
    who = person.find_name(storage if storage.is_dir() else Path())
    accepted = [_accept_cell(storage, group, who) for group in groups.values()]
    return Acceptance(
        accepted=tuple(accepted),
        refused=tuple(refused),
        left_aside=tuple(left_aside),
    )


def _accept_cell(
    storage: Path,
    group: Sequence[tuple[Run, CellResult]],
    who: str | None,
) -> AcceptedCell:
    accepted_by = who
    accepted: str | None = datetime.now(UTC).isoformat(timespec="seconds")
    runs = []
    is_dirty = False
    for run, result in group:
        path, baseline = store.save(storage, result, run, accepted, accepted_by)
        accepted = accepted_by = None  # only the oldest, with which the others count as well
        runs.append(run.id)
        commit = run.environment.git
        is_dirty |= commit is not None and commit.dirty
    counted_runs = len(baseline.counted_runs)
    return AcceptedCell(
        cell=result.cell,
        fingerprint=result.fingerprint,
        file=str(path),
        runs=tuple(runs),
        counted_runs=counted_runs,
        wanted=MIN_RUNS,
        history=len(baseline.runs) - counted_runs,
        dirty=is_dirty,
        accepted_by=who,
    )


def _read(file: Path) -> Run:
    try:
        run = read_json(file, Run)
    except (FileNotFoundError, FileUnreadable) as error:
        reason = error.reason if isinstance(error, FileUnreadable) else reason_of(error)
        raise ArtifactUnreadable(
            f"cannot read the artifact {file}: {reason}; the run_<HHMMSS>.json of a run was wanted"
        ) from error
    return _require_finished(run, str(file))


def _read_newest(
    artifacts: Path,
    count: int,
    left_aside: list[str],
) -> list[Run]:
    runs = list(islice(recent_runs(artifacts, left_aside.append), count))
    if len(runs) < count:
        damaged = "".join(f"\n  cannot be read: {file}" for file in left_aside)
        raise ArtifactUnreadable(
            f"found {len(runs)} readable runs in {artifacts}, wanted {count}; make them with "
            f"pytest -m perf, or name the folder with --artifacts{damaged}"
        )
    return [_require_finished(run, f"run {run.id}") for run in runs]


def _require_finished(run: Run, name: str) -> Run:
    if not run.finished:
        raise ArtifactUnreadable(
            f"found that {name} was interrupted or is still running, wanted a finished run; wait "
            "for it, or name another artifact"
        )
    return run


def _start_time_s(run: Run) -> float:
    try:
        return datetime.fromisoformat(run.started).timestamp()
    except ValueError as error:
        raise ArtifactUnreadable(
            f"found that run {run.id} was started at {run.started!r}, wanted an instant in ISO "
            "8601; name another artifact"
        ) from error


def _select_cells(runs: Iterable[Run], names: Sequence[str]) -> set[str]:
    """Ids of the cells that the names stand for; all when there are none."""
    by_slug: dict[str, Cell] = {}
    for run in runs:
        by_slug |= {result.cell.slug: result.cell for result in run.cells}
    if not by_slug:
        raise CellUnknown("found no cells in the runs, wanted at least one; run pytest -m perf")
    slugs = list(by_slug)
    if names:
        slugs = [_find_slug(by_slug, name) for name in names]
    return {by_slug[slug].id for slug in slugs}


def _find_slug(by_slug: Mapping[str, Cell], name: str) -> str:
    """The one that a part of its cell's name stands for. CellUnknown."""
    aliases = {}
    for slug, cell in by_slug.items():
        aliases[slug] = (slug, cell.id, cell_label(cell))
    matches = find_matches(aliases, name)
    if len(matches) != 1:
        raise CellUnknown(unknown_cell_text(name, matches, list(aliases)))
    return matches[0]


def _refusal_reason(result: CellResult) -> str | None:
    """Why a result may not become a baseline; a breach of the old baseline is no reason."""
    for verdict in result.verdicts:
        is_over_limit = verdict.outcome is Outcome.FAIL and verdict.gate == "limit"
        if is_over_limit or verdict.outcome is Outcome.INVALID:
            return f"{verdict.subject} is {verdict.outcome.value}: {verdict.reason}"
    if not any(trial.recording for trial in result.counted):
        return "no trial was recorded"
    return None
