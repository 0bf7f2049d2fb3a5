"""Windows of several attempts at a cell as those of one: a rerun adds its own, and all are judged.

A second measurement of the cell in the same test does likewise.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from pytest_ttsperf.experiment import cell
from pytest_ttsperf.load import cell as load_cell
from pytest_ttsperf.records import CellResult, IntegrityCheck, LoadResult, LoadWindow, Trial


def pool(earlier: CellResult, later: CellResult) -> CellResult:
    """One result over the windows and trials of both; the later windows are counted on.

    ValueError where one of them has no load.
    """
    first, second = earlier.load, later.load
    if first is None or second is None:
        raise ValueError("found a cell without a load, wanted two with one")
    offset = _next_number([window.index for window in first.windows])
    sessions = _next_number([window.session for window in first.windows])
    windows = [*first.windows, *_move_windows(second.windows, offset, sessions)]
    moved = structs.replace(
        later,
        trials=tuple(_move_trial(trial, offset) for trial in later.trials),
        load=_merge(first, structs.replace(second, windows=tuple(windows))),
    )
    return load_cell.derive(cell.pool(earlier, moved))


def _next_number(numbers: Sequence[int]) -> int:
    return 1 + max(numbers, default=-1)


def _move_windows(
    windows: Sequence[LoadWindow],
    offset: int,
    sessions: int,
) -> list[LoadWindow]:
    moved = []
    for window in windows:
        index, session = window.index + offset, window.session + sessions
        moved.append(structs.replace(window, index=index, session=session))
    return moved


def _move_trial(trial: Trial, offset: int) -> Trial:
    """The trial with its window counted on; one that was alone belongs to none."""
    if trial.load is None:
        return trial
    load = structs.replace(trial.load, window=trial.load.window + offset)
    return structs.replace(trial, load=load)


def _merge(earlier: LoadResult, later: LoadResult) -> LoadResult:
    """The later with what the earlier has found too; what follows from windows is derived."""
    null_rates = [rate for rate in (earlier.null_rate, later.null_rate) if rate is not None]
    return structs.replace(
        later,
        null_rate=min(null_rates, default=None),
        integrity=_add(earlier.integrity, later.integrity),
        barge_in=later.barge_in or earlier.barge_in,
    )


def _add(one: IntegrityCheck | None, other: IntegrityCheck | None) -> IntegrityCheck | None:
    if one is None or other is None:
        return one or other
    return IntegrityCheck(
        answers=one.answers + other.answers,
        outside=one.outside + other.outside,
        compared=one.compared + other.compared,
        differing=(*one.differing, *other.differing),
    )
