"""When work ends after a hang-up, by series of CPU time that are put together."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_ttsperf.load.hang_ups import (
    FLOOR_NS,
    QUIET_NS,
    IdleLevel,
    find_stop,
    read_idle_level,
    spent_after,
)
from pytest_ttsperf.measure.cpu_clock import CpuSeries

MS = 1_000_000
HUNG_UP_NS = 100 * MS
IDLE = IdleLevel(share=0.0, most_ns=0.0)


def series_of(*busy_ms: tuple[int, int], length_ms: int = 1000, tick_ms: float = 0.0) -> CpuSeries:
    """A reading each millisecond of a process that works from .. to; with ticks of idle work."""
    at_ns = np.arange(length_ms + 1) * MS
    is_busy = np.zeros(length_ms)
    for start_ms, end_ms in busy_ms:
        is_busy[start_ms:end_ms] = 1
    is_busy[::100] += tick_ms
    cpu_ns = np.concatenate([[0], np.cumsum(is_busy * MS)])
    return CpuSeries(at_ns, cpu_ns.astype(np.int64))


def test_work_that_ends_at_the_hang_up_takes_no_time() -> None:
    stop = find_stop(series_of((0, 100)), HUNG_UP_NS, IDLE)
    assert stop is not None
    assert stop.after_ns <= FLOOR_NS
    assert stop.cpu_ns <= FLOOR_NS


@pytest.mark.parametrize("more_ms", [5, 40, 300])
def test_the_time_until_work_ends_and_what_it_cost(more_ms: int) -> None:
    stop = find_stop(series_of((0, 100 + more_ms)), HUNG_UP_NS, IDLE)
    assert stop is not None
    assert stop.after_ns == pytest.approx(more_ms * MS, abs=2 * MS)
    assert stop.cpu_ns == pytest.approx(more_ms * MS, abs=2 * MS)


def test_a_pause_between_two_chunks_is_no_end() -> None:
    pause_ms = QUIET_NS // MS // 2
    again_ms = 120 + pause_ms
    stop = find_stop(series_of((0, 120), (again_ms, again_ms + 50)), HUNG_UP_NS, IDLE)
    assert stop is not None
    assert stop.after_ns == pytest.approx((again_ms + 50 - 100) * MS, abs=2 * MS)
    assert stop.cpu_ns == pytest.approx(70 * MS, abs=2 * MS)


def test_what_an_idle_target_does_is_no_work() -> None:
    idle = read_idle_level(series_of(tick_ms=0.9))
    stop = find_stop(series_of((0, 130), tick_ms=0.9), HUNG_UP_NS, idle)
    assert stop is not None
    assert stop.after_ns == pytest.approx(30 * MS, abs=4 * MS)
    assert find_stop(series_of((0, 130), tick_ms=0.9), HUNG_UP_NS, IDLE) is None


def test_what_follows_a_whole_answer_is_no_work_for_a_hang_up() -> None:
    bookkeeping = series_of((0, 100), (140, 144))
    idle = IDLE._replace(after_answer_ns=spent_after(bookkeeping, HUNG_UP_NS, IDLE))
    assert idle.after_answer_ns == pytest.approx(4 * MS)
    stop = find_stop(bookkeeping, HUNG_UP_NS, idle)
    assert stop is not None
    assert stop.after_ns <= FLOOR_NS


def test_work_without_an_end_has_none() -> None:
    assert find_stop(series_of((0, 1000)), HUNG_UP_NS, IDLE) is None


def test_a_series_that_ends_too_soon_says_nothing() -> None:
    early = series_of((0, 100), length_ms=100 + QUIET_NS // MS - 1)
    assert find_stop(early, HUNG_UP_NS, IDLE) is None
    with pytest.raises(ValueError, match="ends too soon"):
        spent_after(early, HUNG_UP_NS, IDLE)
    with pytest.raises(ValueError, match="of an idle target"):
        read_idle_level(series_of(length_ms=QUIET_NS // MS - 1))


def test_a_busy_target_does_not_show_the_end() -> None:
    assert read_idle_level(series_of((0, 300))).is_busy
    assert not read_idle_level(series_of((0, 20))).is_busy
