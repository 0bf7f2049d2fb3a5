"""Baselines of a cell on other machines: the numbers say nothing here, the revision does."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf.baseline.prediction import newest_clean_revision
from pytest_ttsperf.baseline.store import fingerprints_with, load, path_for
from pytest_ttsperf.errors import BaselineUnreadable
from pytest_ttsperf.records import BaselineRun, Cell


class Elsewhere(NamedTuple):
    """What other machines have of a cell."""

    fingerprints: tuple[str, ...]
    revision: str | None
    """Of the newest run that counts and was measured without changes."""
    unreadable: tuple[str, ...]
    """Of files that cannot be read, why."""


def look_elsewhere(
    storage: Path,
    cell: Cell,
    fingerprint: str,
) -> Elsewhere:
    """What there is of a cell on other fingerprints than this machine's."""
    folders = fingerprints_with(storage, cell)
    fingerprints = [found for found in folders if found != fingerprint]
    runs: list[BaselineRun] = []
    unreadable = []
    # The own folder too: a file that was carried there is of another machine.
    for folder in folders:
        try:
            baseline = load(path_for(storage, folder, cell))
        except BaselineUnreadable as error:
            unreadable.append(str(error))
            continue
        if baseline is not None and baseline.cell.id == cell.id:
            runs += baseline.counted_runs
    runs.sort(key=_saved_s)
    return Elsewhere(
        fingerprints=tuple(fingerprints),
        revision=newest_clean_revision(runs),
        unreadable=tuple(unreadable),
    )


def _saved_s(run: BaselineRun) -> float:
    """When it was saved; a file with a time that cannot be understood is not loaded at all."""
    return datetime.fromisoformat(run.saved).timestamp()
