"""What may be asked of stored baselines: which there are, and how a cell is screened."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from msgspec import structs

from pytest_ttsperf.baseline import screening, store
from pytest_ttsperf.errors import BaselineUnreadable, CellUnknown
from pytest_ttsperf.machine import fingerprint
from pytest_ttsperf.records import Baseline, CellResult, Run
from pytest_ttsperf.records.commands import (
    GateReason,
    ScreeningReport,
    StoredBaseline,
    StoredCell,
    StoredRun,
)
from pytest_ttsperf.report.artifact import recent_runs
from pytest_ttsperf.report.terminal import cell_label

RECENT_RUNS = 20
TOLD_NAMES = 8


def list_baselines(storage: Path, artifacts: Path) -> StoredBaseline:
    """Every baseline of a storage. CellUnknown when there is no such folder."""
    found = read_storage(storage)
    left_aside: dict[str, None] = {}
    seen_here = _fingerprints_here(artifacts, left_aside)
    return StoredBaseline(
        cells=tuple(
            _stored_cell(one.path, one.baseline, seen_here)
            for one in found
            if one.baseline is not None
        ),
        unreadable=tuple(one.trouble for one in found if one.trouble is not None),
        left_aside=tuple(left_aside),
    )


def find(kept: StoredBaseline, asked: str) -> StoredCell:
    """The one cell that is meant by a part of its name.

    CellUnknown lists near ones; BaselineUnreadable when it is the name of a damaged file.
    """
    named = {_name(cell): cell for cell in kept.cells}
    matched = matching(
        {name: (name, cell.cell.id, cell_label(cell.cell)) for name, cell in named.items()}, asked
    )
    if len(matched) == 1:
        return named[matched[0]]
    damaged = [trouble for trouble in kept.unreadable if asked.lower() in trouble.lower()]
    if damaged and not matched:
        raise BaselineUnreadable(damaged[0])
    raise CellUnknown(unknown_cell(asked, matched, list(named)))


def why(storage: Path, artifacts: Path, asked: str) -> ScreeningReport:
    """How the cell is screened, and what its last run does against it."""
    every = list_baselines(storage, artifacts)
    cell = find(every, asked)
    stored = store.load(Path(cell.file))
    if stored is None:
        raise CellUnknown(f"{cell.file} has gone meanwhile; list the baselines again")
    run, result = _last(artifacts, cell) or (None, None)
    is_stored = run is not None and any(one.run == run.id for one in stored.runs)
    if run is not None:
        # A run that is stored already must not be judged against itself.
        others = tuple(one for one in stored.counting if one.run != run.id)
        stored = structs.replace(stored, runs=others)
    judged = {v.subject: v for v in screening.judge_against(stored, result)} if result else {}
    gates = []
    for told in screening.predictions(stored):
        verdict = judged.get(told.gate.label)
        gates.append(
            GateReason(
                label=told.gate.label,
                unit=told.gate.unit,
                trials_wanted=told.gate.trials,
                earlier=told.figures,
                middle=told.middle,
                spread=told.spread,
                floor=told.floor,
                doubt=told.doubt,
                limit=told.limit,
                value=verdict.value if verdict else None,
                outcome=verdict.outcome if verdict else None,
                reason=verdict.reason if verdict else None,
            )
        )
    return ScreeningReport(
        kept=cell,
        runs_wanted=screening.MIN_RUNS,
        gates=tuple(gates),
        last_run=run.id if run else None,
        last_is_stored=is_stored,
        left_aside=every.left_aside,
    )


def read_storage(storage: Path) -> list[store.Stored]:
    """The files of a storage. CellUnknown when there is no such folder."""
    if not storage.is_dir():
        raise CellUnknown(
            f"found no folder {storage}, wanted the storage of the baselines; name it with "
            "--storage, or make one with pytest -m perf --ttsperf-save"
        )
    return store.list_stored(storage)


def _stored_cell(path: Path, stored: Baseline, seen_here: set[str]) -> StoredCell:
    gates = screening.screened_metrics(stored.cell)
    counting = {id(run) for run in stored.counting}
    return StoredCell(
        file=str(path),
        fingerprint=stored.fingerprint,
        this_machine=_is_here(stored, seen_here),
        cell=stored.cell,
        units={gate.label: gate.unit for gate in gates},
        runs=tuple(
            StoredRun(
                saved=run.saved,
                run=run.run,
                revision=run.revision,
                dirty=run.dirty,
                n=run.n,
                figures={gate.label: screening.value_of(run.summary, gate) for gate in gates},
                notes=run.notes,
                accepted=run.accepted,
                counts=id(run) in counting,
            )
            for run in stored.runs
        ),
        fingerprint_parts=stored.fingerprint_parts,
    )


def _fingerprints_here(artifacts: Path, left_aside: dict[str, None]) -> set[str]:
    """Fingerprints that recent runs on this very machine had."""
    here = fingerprint.machine()
    stored = recent_runs(artifacts, lambda file: left_aside.setdefault(file))
    runs = islice(stored, RECENT_RUNS)
    return {
        result.fingerprint
        for run in runs
        if run.environment.machine == here
        for result in run.cells
    }


def _is_here(stored: Baseline, seen_here: set[str]) -> bool | None:
    here = fingerprint.machine()
    if stored.fingerprint_parts:
        own = fingerprint.local_parts(here)
        return all(
            stored.fingerprint_parts.get(name) == own.get(name) for name in here.__struct_fields__
        )
    if stored.fingerprint in seen_here:
        return True
    common = fingerprint.fingerprint(here, None).rpartition("-unknown-")[0]
    return None if stored.fingerprint.startswith(f"{common}-") else False


def _name(cell: StoredCell) -> str:
    return f"{cell.fingerprint}/{cell.cell.slug}"


def matching(names: Mapping[str, tuple[str, ...]], asked: str) -> list[str]:
    """Keys with a name that is `asked`; else those with a name that contains it."""
    wanted = asked.lower()
    exact = [key for key, told in names.items() if wanted in {name.lower() for name in told}]
    return exact or [
        key for key, told in names.items() if any(wanted in name.lower() for name in told)
    ]


def unknown_cell(asked: str, matched: Sequence[str], every: Sequence[str]) -> str:
    """What to say of a name that fits no cell, or several: the ones that are meant, or near."""
    if matched:
        found, near = f"{len(matched)} cells", list(matched)
    else:
        short = {name.partition("/")[2] or name: name for name in every}
        close = difflib.get_close_matches(asked.lower(), list(short), n=TOLD_NAMES, cutoff=0.3)
        found, near = "no cell", [short[name] for name in close] or list(every)
    told = "".join(f"\n  {name}" for name in near[:TOLD_NAMES]) or " none at all"
    more = f"\n  and {len(near) - TOLD_NAMES} more" if len(near) > TOLD_NAMES else ""
    return (
        f"found {found} with {asked!r} in the name, wanted exactly one; give more of one of these:"
        f"{told}{more}"
    )


def _last(artifacts: Path, cell: StoredCell) -> tuple[Run, CellResult] | None:
    for run in islice(recent_runs(artifacts), RECENT_RUNS):
        for result in run.cells:
            if result.cell.id == cell.cell.id and result.fingerprint == cell.fingerprint:
                return run, result
    return None
