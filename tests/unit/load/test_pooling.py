"""Two attempts at a cell with many listeners are judged by the windows of both."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.load import pooling
from pytest_ttsperf.records import (
    BargeIn,
    Cell,
    CellResult,
    GeneratorHealth,
    IntegrityCheck,
    LoadResult,
    LoadSpec,
    LoadWindow,
    Trial,
    TrialLoad,
)

SPEC = LoadSpec(listeners=2)


def trial(index: int, window: int) -> Trial:
    load = TrialLoad(window=window, listener=0, scheduled_ns=0, ended="failed", failure="HTTP 500")
    return Trial(
        index=index, kind="trial", process=0, text=f"Text {index}.", recording=None,
        error="HTTP 500", load=load,
    )  # fmt: skip


def attempt(windows: int, **more: Any) -> CellResult:
    """A cell of so many windows, each of which has two requests."""
    cell = Cell(
        test="a.py::test_x", target="engine:Engine", provider="cpu", voice="heart",
        preset="short", mode="stream", phase="warm", load=SPEC.label,
    )  # fmt: skip
    health = GeneratorHealth(sends=2)
    measured = tuple(
        LoadWindow(index=number, seconds=1.0, offered=2, answered=0, failed=2, generator=health)
        for number in range(windows)
    )
    trials = tuple(trial(number, number // 2) for number in range(2 * windows))
    return CellResult(
        cell=cell, fingerprint="f", declared_trials=2 * windows, trials=trials, ready=None,
        load=LoadResult(spec=SPEC, seed=1, windows=measured, **more),
    )  # fmt: skip


def pooled(earlier: CellResult, later: CellResult) -> LoadResult:
    load = pooling.pool(earlier, later).load
    assert load is not None
    return load


def test_windows_are_counted_on_and_trials_keep_to_theirs() -> None:
    both = pooling.pool(attempt(2), attempt(3))
    assert both.load is not None
    assert [window.index for window in both.load.windows] == [0, 1, 2, 3, 4]
    assert [window.session for window in both.load.windows] == [0, 0, 1, 1, 1]
    loads = [each.load for each in both.trials if each.load is not None]
    assert [load.window for load in loads] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert both.declared_trials == 10


def test_three_attempts_have_three_sessions() -> None:
    twice = pooling.pool(attempt(1), attempt(1))
    windows = pooled(twice, attempt(1)).windows
    assert [(window.index, window.session) for window in windows] == [(0, 0), (1, 1), (2, 2)]


def test_of_null_rates_the_lower_is_kept_and_what_follows_from_windows_is_of_all() -> None:
    load = pooled(attempt(1, null_rate=300.0), attempt(3, null_rate=200.0))
    assert load.null_rate == 200.0
    assert load.wanted_rate == 2.0, "two requests a second in each window"
    assert pooled(attempt(1, null_rate=300.0), attempt(1)).null_rate == 300.0


def test_integrity_is_of_both() -> None:
    check = IntegrityCheck(answers=10, outside=1, compared=4, differing=("a",))
    both = pooled(attempt(1, integrity=check), attempt(1, integrity=check)).integrity
    assert both == IntegrityCheck(answers=20, outside=2, compared=8, differing=("a", "a"))
    assert pooled(attempt(1, integrity=check), attempt(1)).integrity == check


def hung_up(*stops_ms: float | None, wasted_s: float, **more: Any) -> BargeIn:
    return BargeIn(
        hang_ups=len(stops_ms) + 1, stops_ms=stops_ms, wasted_s=wasted_s,
        next_ttfas_ms=(20.0,), idle_ttfas_ms=(20.0,), **more,
    )  # fmt: skip


def test_hang_ups_are_those_of_both_attempts_with_or_without_windows() -> None:
    first = hung_up(10.0, 20.0, wasted_s=0.1, failed=1, handles_before=40, handles_after=60)
    second = hung_up(30.0, None, wasted_s=0.4, handles_before=42, handles_after=43)
    for windows in (0, 2):
        both = pooled(attempt(windows, barge_in=first), attempt(windows, barge_in=second)).barge_in
        assert both is not None
        assert both.stops_ms == (10.0, 20.0, 30.0, None)
        assert (both.hang_ups, both.failed) == (6, 1)
        assert both.wasted_s == pytest.approx((2 * 0.1 + 0.4) / 3), "of those that ended"
        assert (both.handles_before, both.handles_after) == (40, 60), "where they grew more"
        assert both.stop_p50_ms == 30.0
    assert pooled(attempt(2, barge_in=first), attempt(2)).barge_in == first


def test_a_cell_of_one_listener_is_not_pooled_here() -> None:
    with pytest.raises(ValueError, match="wanted two with one"):
        pooling.pool(structs.replace(attempt(1), load=None), attempt(1))
