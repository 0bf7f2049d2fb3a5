"""Baselines as files: one for each fingerprint and cell.

Indented and in a stable order so that git can merge them. Writing is atomic and under a lock per
fingerprint: two runs that end together lose nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
from filelock import FileLock, Timeout
from msgspec import structs

from pytest_ttsperf import files, real
from pytest_ttsperf.baseline.prediction import ANCHOR_RUNS
from pytest_ttsperf.errors import (
    BaselineUnreadable,
    BaselineUnwritable,
    FileUnreadable,
)
from pytest_ttsperf.machine import fingerprint as machine_fingerprint
from pytest_ttsperf.records import (
    Baseline,
    BaselineRun,
    Cell,
    CellResult,
    Json,
    Run,
    Trial,
)
from pytest_ttsperf.records import cell as records_cell

SCHEMA = "ttsperf-baseline/1"
KEPT_RUNS = 30
LOCK_TIMEOUT_S = 60.0
BASELINE_NOTE = "baseline"
"""The guard of notes about the baseline itself, which are not stored with the run beside it."""


def save(
    storage: Path,
    result: CellResult,
    run: Run,
    accepted: str | None = None,
    accepted_by: str | None = None,
) -> tuple[Path, Baseline]:
    """Add a result of a run to its cell's baseline; see `append`."""
    entry = structs.replace(summarise_run(result, run), accepted_by=accepted_by)
    return append(storage, result, entry, describe_fingerprint(result, run), accepted)


def describe_fingerprint(result: CellResult, run: Run) -> dict[str, Json]:
    """What a result's fingerprint is made of; empty where the target has changed since."""
    machine = run.environment.machine
    if machine_fingerprint.fingerprint(machine, result.ready) != result.fingerprint:
        return {}
    return machine_fingerprint.fingerprint_parts(machine, result.ready)


def summarise_run(result: CellResult, run: Run) -> BaselineRun:
    """What a baseline stores of a cell's run."""
    git = run.environment.git
    notes = [f"{note.guard}: {note.text}" for note in result.notes if note.guard != BASELINE_NOTE]
    return BaselineRun(
        saved=run.started,
        run=run.id,
        revision=git.revision if git else None,
        dirty=git.dirty if git else None,
        n=len(result.counted),
        summary=result.summary,
        notes=tuple(notes),
        machine_load=result.machine_load,
        definitions=result.definitions,
        corpus=result.corpus,
    )


# Files


def path_for(storage: Path, fingerprint: str, cell: Cell) -> Path:
    """Give the file of one cell on one machine: `<storage>/<fingerprint>/<cell>.json`."""
    return storage / fingerprint / f"{cell.slug}.json"


def fingerprints_with(storage: Path, cell: Cell) -> list[str]:
    """All fingerprints that have a baseline of this cell, sorted; this machine's among them."""
    return sorted(path.parent.name for path in storage.glob(f"*/{cell.slug}.json"))


def load(path: Path) -> Baseline | None:
    """Read a baseline; None when there is no such file.

    Raises BaselineUnreadable for one that is there and cannot be understood: empty, cut off, of
    another schema, or not to be read at all.
    """
    try:
        found = files.read_json(path, Baseline)
    except FileNotFoundError:
        return None
    except FileUnreadable as error:
        raise BaselineUnreadable(
            f"cannot read the baseline {path}: {error.reason}; a {SCHEMA} file was wanted. "
            f"{_remedy_for(path)} delete it and save a new one (--ttsperf-save)"
        ) from error
    for run in found.runs:
        _instant(run, path)
    return found


def _remedy_for(path: Path) -> str:
    """A file of another version is not damaged, and is read by the version that wrote it."""
    try:
        found = files.read_json(path, _Versioned).schema
    except (FileNotFoundError, FileUnreadable):
        found = SCHEMA
    if found == SCHEMA or not found.startswith("ttsperf-baseline/"):
        return "Restore it from git, or"
    return f"Its {found} is of another version of pytest-ttsperf: install that one, or"


class _Versioned(msgspec.Struct):
    schema: str


def append(
    storage: Path,
    result: CellResult,
    run: BaselineRun,
    fingerprint_parts: Mapping[str, Json] | None = None,
    accepted: str | None = None,
) -> tuple[Path, Baseline]:
    """Add a run to the baseline of its cell and machine; gives the file written and its content.

    The file holds 30 runs (see `drop_oldest`), and of the newest the counted trials (instants and
    figures; sound and stage spans are left out) and the median ms by stage up to the first sounding
    chunk. A run that is there already is replaced, one that is older than others goes before them.
    `accepted`, an instant in ISO 8601, declares this run the first that counts. Raises
    BaselineUnreadable, and writes nothing, when the file is damaged, belongs to another machine or
    cell, or stays locked; BaselineUnwritable when it cannot be written.
    """
    path = path_for(storage, result.fingerprint, result.cell)
    with _lock(path):
        empty = Baseline(cell=result.cell, fingerprint=result.fingerprint, runs=())
        before = load(path) or empty
        _check_identity(path, before, result)
        runs = _insert_run(path, before.runs, run, accepted)
        baseline = structs.replace(
            before,
            cell=_without_port(result.cell),
            runs=tuple(runs),
            fingerprint_parts=fingerprint_parts or before.fingerprint_parts,
        )
        baseline = drop_oldest(baseline)
        if _is_same(runs[-1], run):
            baseline = _with_newest(baseline, result)
        try:
            files.write_file(path, files.encode_json(baseline, is_ordered=True))
        except OSError as error:
            raise _unwritable(path, error) from error
    return path, baseline


def drop_oldest(baseline: Baseline) -> Baseline:
    """With the last 30 runs, among them the first five that count, however old they are.

    What crept up is seen beside these alone, and all others creep along.
    """
    surplus = len(baseline.runs) - KEPT_RUNS
    if surplus <= 0:
        return baseline
    first = len(baseline.runs) - len(baseline.counted_runs)
    anchor = range(first, first + ANCHOR_RUNS)
    others = [index for index in range(len(baseline.runs)) if index not in anchor]
    dropped = others[:surplus]
    runs = [run for index, run in enumerate(baseline.runs) if index not in dropped]
    return structs.replace(baseline, runs=tuple(runs))


def _with_newest(baseline: Baseline, result: CellResult) -> Baseline:
    """With what is stored of the newest run alone."""
    return structs.replace(
        baseline,
        newest=tuple(_slim(trial) for trial in result.counted),
        stages={row.stage: row.ms for row in result.breakdown.to_first_sound},
    )


def _without_port(cell: Cell) -> Cell:
    """The cell as it is from run to run: a file in git does not change with a free port."""
    return structs.replace(cell, target=records_cell.target_identity(cell.target))


def _insert_run(
    path: Path,
    runs: Sequence[BaselineRun],
    run: BaselineRun,
    accepted: str | None,
) -> list[BaselineRun]:
    """The runs with this one in its place by time; if it is accepted, none after it is any more."""
    inserted = structs.replace(run, accepted=accepted)
    others = []
    for other in runs:
        if not _is_same(other, run):
            others.append(other)
        elif accepted is None:
            inserted = structs.replace(run, accepted=other.accepted, accepted_by=other.accepted_by)
    ordered = sorted([*others, inserted], key=lambda one: _instant(one, path))
    if accepted is None:
        return ordered
    after = ordered.index(inserted) + 1
    later = [structs.replace(one, accepted=None, accepted_by=None) for one in ordered[after:]]
    return [*ordered[:after], *later]


def _is_same(one: BaselineRun, other: BaselineRun) -> bool:
    return (one.run, one.saved) == (other.run, other.saved)


def _instant(run: BaselineRun, path: Path) -> float:
    try:
        return datetime.fromisoformat(run.saved).timestamp()
    except (ValueError, OverflowError) as error:
        raise BaselineUnreadable(
            f"found a run in {path} that was saved at {run.saved!r}, wanted an instant in "
            "ISO 8601; restore the baseline from git, or delete it and save a new one "
            "(--ttsperf-save)"
        ) from error


class Stored(NamedTuple):
    """A file of the storage: its baseline, or why it cannot be read."""

    path: Path
    baseline: Baseline | None
    error: str | None = None


def list_stored(storage: Path) -> list[Stored]:
    """Every baseline file of a storage, by fingerprint and name; unreadable ones say why."""
    found = []
    for path in sorted(storage.glob("*/*.json")):
        try:
            found.append(Stored(path, load(path)))
        except BaselineUnreadable as error:
            found.append(Stored(path, None, str(error)))
    return found


def remove(path: Path, expected: Baseline) -> bool:
    """Delete a baseline file; False, and it stays, when it has changed meanwhile or is gone."""
    with _lock(path):
        if load(path) != expected:
            return False
        try:
            path.unlink()
        except OSError as error:
            raise _unwritable(path, error) from error
    return True


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    try:
        # Where links lead, so that two links to one file are under one lock.
        folder = files.destination(path).parent
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        real.acquire(lock, LOCK_TIMEOUT_S)
    except Timeout as error:
        raise BaselineUnreadable(
            f"another process has held {folder / '.lock'} for {LOCK_TIMEOUT_S:g} s, so {path} "
            "cannot be written; end that process and save again"
        ) from error
    except (OSError, NotImplementedError) as error:
        raise _unwritable(path, error) from error
    try:
        # Who writes here holds the lock, so a part of a file is left by one who was killed.
        files.remove_abandoned(folder, older_than_s=0)
        yield
    finally:
        lock.release()


def _unwritable(path: Path, error: Exception) -> BaselineUnwritable:
    return BaselineUnwritable(
        f"the baseline {path} cannot be written: {files.reason_of(error)}; mend that, or choose "
        "another folder (--ttsperf-storage), and save again"
    )


def _check_identity(path: Path, baseline: Baseline, result: CellResult) -> None:
    found = (baseline.fingerprint, baseline.cell.id)
    wanted = (result.fingerprint, result.cell.id)
    if found != wanted:
        raise BaselineUnreadable(
            f"the baseline {path} belongs to {found}, this run is {wanted}: files are not moved "
            "between machines or cells; delete it and save a new one (--ttsperf-save)"
        )


def _slim(trial: Trial) -> Trial:
    if trial.recording is None:
        return trial
    recording = structs.replace(trial.recording.without_pcm(), spans=())
    return structs.replace(trial, recording=recording)
