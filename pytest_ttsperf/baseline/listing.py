"""What can be asked of stored baselines: which there are, and how a cell is screened."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

from msgspec import structs

from pytest_ttsperf import real
from pytest_ttsperf.baseline import age, prediction, screening, store
from pytest_ttsperf.errors import BaselineUnreadable, CellUnknown
from pytest_ttsperf.machine import fingerprint
from pytest_ttsperf.measure.corpus import version
from pytest_ttsperf.records import Baseline, BaselineRun, CellResult, Run
from pytest_ttsperf.records.commands import (
    MetricScreening,
    ScreeningReport,
    StoredBaseline,
    StoredCell,
    StoredRun,
)
from pytest_ttsperf.report.artifact import recent_runs
from pytest_ttsperf.report.rows import cell_label

RECENT_RUNS = 20
SHOWN_NAMES = 8


def list_baselines(
    storage: Path,
    artifacts: Path,
    now: datetime | None = None,
) -> StoredBaseline:
    """Every baseline of a storage. CellUnknown when there is no such folder."""
    files = read_storage(storage)
    left_aside: dict[str, None] = {}
    local = _list_local_fingerprints(artifacts, left_aside)
    cells = []
    for path, baseline, _ in files:
        if baseline is not None:
            cells.append(_describe_cell(path, baseline, local, now or real.now()))
    return StoredBaseline(
        cells=tuple(cells),
        unreadable=tuple(file.error for file in files if file.error is not None),
        left_aside=tuple(left_aside),
    )


def find(stored: StoredBaseline, name: str) -> StoredCell:
    """The one cell that a part of its name stands for.

    CellUnknown lists similar ones; BaselineUnreadable when it is the name of a damaged file.
    """
    cells: dict[str, StoredCell] = {}
    aliases = {}
    for stored_cell in stored.cells:
        cell = stored_cell.cell
        key = f"{stored_cell.fingerprint}/{cell.slug}"
        cells[key] = stored_cell
        aliases[key] = (key, cell.id, cell_label(cell))
    matches = find_matches(aliases, name)
    if len(matches) == 1:
        return cells[matches[0]]
    damaged = [error for error in stored.unreadable if name.lower() in error.lower()]
    if damaged and not matches:
        raise BaselineUnreadable(damaged[0])
    raise CellUnknown(unknown_cell_text(name, matches, list(cells)))


def why(storage: Path, artifacts: Path, name: str) -> ScreeningReport:
    """How the cell is screened, and what its last run does against it."""
    every = list_baselines(storage, artifacts)
    cell = find(every, name)
    baseline = store.load(Path(cell.file))
    if baseline is None:
        raise CellUnknown(f"{cell.file} has gone meanwhile; list the baselines again")
    run, result = _last_run(artifacts, cell)
    last_run = None
    is_stored = False
    if run is not None:
        last_run = run.id
        is_stored = any(stored.run == last_run for stored in baseline.runs)
        # A run that is stored already must not be judged against itself.
        others = [stored for stored in baseline.counted_runs if stored.run != last_run]
        baseline = structs.replace(baseline, runs=tuple(others))
    return ScreeningReport(
        cell=cell,
        runs_wanted=prediction.MIN_RUNS,
        gates=tuple(_screen_metrics(baseline, result)),
        last_run=last_run,
        last_is_stored=is_stored,
        left_aside=every.left_aside,
    )


def _screen_metrics(baseline: Baseline, result: CellResult | None) -> list[MetricScreening]:
    metrics = prediction.select_metrics(baseline.cell)
    corpus = version(baseline.cell.preset)
    if result is not None:
        corpus = result.corpus
    screenings = [_screen_metric(metric, baseline, corpus) for metric in metrics]
    if result is None:
        return screenings
    verdicts = screening.judge_against(baseline, result)
    for index, verdict in enumerate(verdicts):
        screenings[index] = structs.replace(
            screenings[index],
            value=verdict.value,
            outcome=verdict.outcome,
            reason=verdict.reason,
        )
    return screenings


def _screen_metric(
    metric: prediction.ScreenedMetric,
    baseline: Baseline,
    corpus: str | None,
) -> MetricScreening:
    screened = prediction.predict(metric, baseline, corpus)
    slope = prediction.find_slope(metric, baseline, corpus)
    if slope is None or not slope.is_significant:
        return screened
    return structs.replace(screened, slope=slope.per_run)


def read_storage(storage: Path) -> list[store.Stored]:
    """The files of a storage. CellUnknown when there is no such folder."""
    if not storage.is_dir():
        raise CellUnknown(
            f"found no folder {storage}, wanted the storage of the baselines; name it with "
            "--storage, or make one with pytest -m perf --ttsperf-save"
        )
    return store.list_stored(storage)


def _describe_cell(
    path: Path,
    baseline: Baseline,
    local: set[str],
    now: datetime,
) -> StoredCell:
    corpus = version(baseline.cell.preset)
    other_texts = [run for run in baseline.counted_runs if not run.is_of_corpus(corpus)]
    metrics = prediction.select_metrics(baseline.cell)
    history = len(baseline.runs) - len(baseline.counted_runs)
    return StoredCell(
        file=str(path),
        fingerprint=baseline.fingerprint,
        this_machine=_is_local(baseline, local),
        cell=baseline.cell,
        units={metric.label: metric.unit for metric in metrics},
        runs=tuple(
            _describe_run(run, metrics, counts=index >= history)
            for index, run in enumerate(baseline.runs)
        ),
        fingerprint_parts=baseline.fingerprint_parts,
        corpus=corpus,
        other_texts=len(other_texts),
        is_old=age.is_old(baseline, now),
    )


def _describe_run(
    run: BaselineRun,
    metrics: Sequence[prediction.ScreenedMetric],
    *,
    counts: bool,
) -> StoredRun:
    return StoredRun(
        saved=run.saved,
        run=run.run,
        revision=run.revision,
        dirty=run.dirty,
        n=run.n,
        figures={metric.label: metric.find_reliable_value(run.summary) for metric in metrics},
        notes=run.notes,
        accepted=run.accepted,
        accepted_by=run.accepted_by,
        corpus=run.corpus,
        counts=counts,
    )


def _list_local_fingerprints(artifacts: Path, left_aside: dict[str, None]) -> set[str]:
    """Fingerprints that recent runs on this very machine had."""
    machine = fingerprint.machine()
    readable = recent_runs(artifacts, lambda file: left_aside.setdefault(file))
    fingerprints = set()
    for run in islice(readable, RECENT_RUNS):
        if run.environment.machine == machine:
            fingerprints |= {result.fingerprint for result in run.cells}
    return fingerprints


def _is_local(baseline: Baseline, local: set[str]) -> bool | None:
    """Whether it is of this machine; None where that is open."""
    machine = fingerprint.machine()
    parts = baseline.fingerprint_parts
    if parts:
        local_parts = fingerprint.local_parts(machine)
        names = machine.__struct_fields__
        return all(parts.get(name) == local_parts.get(name) for name in names)
    if baseline.fingerprint in local:
        return True
    common, _, _ = fingerprint.fingerprint(machine, None).rpartition("-unknown-")
    if baseline.fingerprint.startswith(f"{common}-"):
        return None
    return False


def find_matches(names: Mapping[str, tuple[str, ...]], wanted: str) -> list[str]:
    """Keys with a name that is the one wanted; else those with a name that contains it."""
    wanted = wanted.lower()
    exact = []
    containing = []
    for key, aliases in names.items():
        lowered = [alias.lower() for alias in aliases]
        if wanted in lowered:
            exact.append(key)
        if any(wanted in alias for alias in lowered):
            containing.append(key)
    return exact or containing


def unknown_cell_text(
    wanted: str,
    matches: Sequence[str],
    every: Sequence[str],
) -> str:
    """What to say of a name that fits no cell, or several: which it may stand for."""
    found = f"{len(matches)} cells"
    candidates = list(matches)
    if not matches:
        found = "no cell"
        candidates = _find_similar(wanted, every) or list(every)
    listed = "".join(f"\n  {name}" for name in candidates[:SHOWN_NAMES]) or " none at all"
    if len(candidates) > SHOWN_NAMES:
        listed += f"\n  and {len(candidates) - SHOWN_NAMES} more"
    return (
        f"found {found} with {wanted!r} in the name, wanted exactly one; give more of one of these:"
        f"{listed}"
    )


def _find_similar(wanted: str, every: Sequence[str]) -> list[str]:
    by_slug = {}
    for name in every:
        _, _, slug = name.rpartition("/")
        by_slug[slug] = name
    slugs = difflib.get_close_matches(wanted.lower(), by_slug, n=SHOWN_NAMES, cutoff=0.3)
    return [by_slug[slug] for slug in slugs]


def _last_run(artifacts: Path, cell: StoredCell) -> tuple[Run, CellResult] | tuple[None, None]:
    wanted = (cell.cell.id, cell.fingerprint)
    for run in islice(recent_runs(artifacts), RECENT_RUNS):
        for result in run.cells:
            if (result.cell.id, result.fingerprint) == wanted:
                return run, result
    return None, None
