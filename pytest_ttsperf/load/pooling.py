"""Windows of several attempts at a cell as those of one: a rerun adds its own, and all are judged.

So it is with what followed hang-ups.

A second measurement of the cell in the same test does likewise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import structs

from pytest_ttsperf.experiment import cell
from pytest_ttsperf.load import barge_in
from pytest_ttsperf.load import cell as load_cell
from pytest_ttsperf.records import (
    BargeIn,
    CellResult,
    IntegrityCheck,
    LoadResult,
    LoadWindow,
    Trial,
)


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
        barge_in=_add_hang_ups(earlier.barge_in, later.barge_in),
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


def _add_hang_ups(earlier: BargeIn | None, later: BargeIn | None) -> BargeIn | None:
    """All hang-ups of both; of what the target held, the attempt in which that grew more."""
    if earlier is None or later is None:
        return later or earlier
    most_handles = max(earlier, later, key=_grown_handles)
    most_rss = max(earlier, later, key=_grown_rss)
    raw = BargeIn(
        hang_ups=earlier.hang_ups + later.hang_ups,
        failed=earlier.failed + later.failed,
        stops_ms=(*earlier.stops_ms, *later.stops_ms),
        wasted_s=_mean_waste(earlier, later),
        next_ttfas_ms=(*earlier.next_ttfas_ms, *later.next_ttfas_ms),
        idle_ttfas_ms=(*earlier.idle_ttfas_ms, *later.idle_ttfas_ms),
        handles_before=most_handles.handles_before,
        handles_after=most_handles.handles_after,
        rss_before_bytes=most_rss.rss_before_bytes,
        rss_after_bytes=most_rss.rss_after_bytes,
        reason=later.reason or earlier.reason,
    )
    return barge_in.summarise(raw)


def _grown_handles(found: BargeIn) -> float:
    """Least where they were not counted."""
    if found.handles_before is None or found.handles_after is None:
        return -math.inf
    return found.handles_after - found.handles_before


def _grown_rss(found: BargeIn) -> float:
    """Least where it was not read."""
    if found.rss_before_bytes is None or found.rss_after_bytes is None:
        return -math.inf
    return found.rss_after_bytes - found.rss_before_bytes


def _mean_waste(earlier: BargeIn, later: BargeIn) -> float | None:
    """CPU seconds after a hang-up whose work has ended, mean over both."""
    total_s = 0.0
    stops = 0
    for found in (earlier, later):
        ended = sum(stop_ms is not None for stop_ms in found.stops_ms)
        if found.wasted_s is not None:
            total_s += ended * found.wasted_s
            stops += ended
    return total_s / stops if stops else None
