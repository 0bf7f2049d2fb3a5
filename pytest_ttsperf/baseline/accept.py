"""Make runs the new ground of their cells, as `ttsperf baseline accept` does.

The screen then compares with these and with later runs only; what came before stays in the file
as history. Nothing else changes what a baseline compares with but `--ttsperf-save`, which adds a
run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from pytest_ttsperf import files
from pytest_ttsperf.baseline import screening, store
from pytest_ttsperf.baseline.listing import matching, unknown_cell
from pytest_ttsperf.baseline.store import baseline_run, traits
from pytest_ttsperf.errors import ArtifactUnreadable, CellUnknown, FileUnreadable
from pytest_ttsperf.records import CellResult, Outcome, Run
from pytest_ttsperf.records.commands import Acceptance, AcceptedCell, RefusedCell
from pytest_ttsperf.report.artifact import recent_runs
from pytest_ttsperf.report.terminal import cell_label


def accept(
    storage: Path, artifacts: Path, named: Sequence[Path], asked: Sequence[str], newest: int
) -> Acceptance:
    """Make runs the ground of their cells: the named artifacts, else the newest finished ones.

    `asked` limits it to some cells. Of several runs the oldest is the ground and the others follow
    it. Cells that a run found INVALID, or over a fixed limit, are refused. Raises
    ArtifactUnreadable, CellUnknown, BaselineUnreadable, or BaselineUnwritable.
    """
    left_aside: list[str] = []
    runs = [_read(file) for file in named] or _newest(artifacts, newest, left_aside)
    runs.sort(key=_started_s)
    wanted = _select_cells(runs, asked)
    groups: dict[tuple[str, str], list[tuple[Run, CellResult]]] = {}
    refused = []
    for run in runs:
        for result in run.cells:
            if result.cell.id not in wanted:
                continue
            reason = _unfit(result)
            if reason is not None:
                refused.append(RefusedCell(cell=result.cell, run=run.id, reason=reason))
                continue
            groups.setdefault((result.fingerprint, result.cell.id), []).append((run, result))
    accepted = [_accept(storage, group) for group in groups.values()]
    return Acceptance(
        accepted=tuple(accepted), refused=tuple(refused), left_aside=tuple(left_aside)
    )


def _accept(storage: Path, group: Sequence[tuple[Run, CellResult]]) -> AcceptedCell:
    ground: str | None = datetime.now(UTC).isoformat(timespec="seconds")
    for run, result in group:
        entry = baseline_run(result, run)
        path = store.append(storage, result, entry, traits(result, run), ground)
        ground = None
    stored = store.load(path)
    counting = len(stored.counting) if stored else 0
    return AcceptedCell(
        cell=result.cell,
        fingerprint=result.fingerprint,
        file=str(path),
        runs=tuple(run.id for run, _ in group),
        counting=counting,
        wanted=screening.MIN_RUNS,
        history=len(stored.runs) - counting if stored else 0,
        dirty=any(
            run.environment.git is not None and run.environment.git.dirty for run, _ in group
        ),
    )


def _read(file: Path) -> Run:
    try:
        run = files.read_json(file, Run)
    except (FileNotFoundError, FileUnreadable) as error:
        reason = error.reason if isinstance(error, FileUnreadable) else files.reason_of(error)
        raise ArtifactUnreadable(
            f"cannot read the artifact {file}: {reason}; the run_<HHMMSS>.json of a run was wanted"
        ) from error
    return _is_finished(run, str(file))


def _newest(artifacts: Path, count: int, left_aside: list[str]) -> list[Run]:
    runs = list(islice(recent_runs(artifacts, left_aside.append), count))
    if len(runs) < count:
        damaged = "".join(f"\n  cannot be read: {file}" for file in left_aside)
        raise ArtifactUnreadable(
            f"found {len(runs)} readable runs in {artifacts}, wanted {count}; make them with "
            f"pytest -m perf, or name the folder with --artifacts{damaged}"
        )
    return [_is_finished(run, f"run {run.id}") for run in runs]


def _is_finished(run: Run, name: str) -> Run:
    if not run.finished:
        raise ArtifactUnreadable(
            f"found that {name} was interrupted or is still running, wanted a finished run; wait "
            "for it, or name another artifact"
        )
    return run


def _started_s(run: Run) -> float:
    try:
        return datetime.fromisoformat(run.started).timestamp()
    except ValueError as error:
        raise ArtifactUnreadable(
            f"found that run {run.id} was started at {run.started!r}, wanted an instant in ISO "
            "8601; name another artifact"
        ) from error


def _select_cells(runs: Iterable[Run], asked: Sequence[str]) -> set[str]:
    """Ids of the cells that are meant; all when none is named."""
    cells = {result.cell.id: result.cell for run in runs for result in run.cells}
    if not cells:
        raise CellUnknown("found no cells in the runs, wanted at least one; run pytest -m perf")
    if not asked:
        return set(cells)
    names = {cell.slug: (cell.slug, cell.id, cell_label(cell)) for cell in cells.values()}
    ids = {cell.slug: cell.id for cell in cells.values()}
    wanted = set()
    for part in asked:
        matched = matching(names, part)
        if len(matched) != 1:
            raise CellUnknown(unknown_cell(part, matched, list(names)))
        wanted.add(ids[matched[0]])
    return wanted


def _unfit(result: CellResult) -> str | None:
    """Why a result may not become a baseline; a breach of the old baseline is no reason."""
    for verdict in result.verdicts:
        broken = verdict.outcome is Outcome.FAIL and verdict.gate == "limit"
        if broken or verdict.outcome is Outcome.INVALID:
            return f"{verdict.subject} is {verdict.outcome.value}: {verdict.reason}"
    return None if any(trial.recording for trial in result.counted) else "no trial was recorded"
