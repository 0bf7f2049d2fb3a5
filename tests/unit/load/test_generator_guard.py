"""When a generator is the bottleneck, and when it is not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.load import generator_guard, windows
from pytest_ttsperf.records import LoadResult, LoadSpec, Trial
from tests.unit.load.factories import HEALTH, request, window, window_record


def result(**more: Any) -> LoadResult:
    figures: dict[str, Any] = {
        "spec": LoadSpec(listeners=8),
        "seed": 1,
        "windows": (window(),),
        "null_rate": 500.0,
        "wanted_rate": 3.0,
    }
    return LoadResult(**{**figures, **more})


def trials(late_ms: list[float]) -> tuple[Trial, ...]:
    requests = [
        request(6 + 0.01 * index, index=index, late_ms=late) for index, late in enumerate(late_ms)
    ]
    return windows.trials_of(window_record(requests), 0)


def faults(found: LoadResult, late_ms: list[float], ttfa_ms: float | None = 100.0) -> list[str]:
    notes = generator_guard.find_notes(found, trials(late_ms), ttfa_ms)
    assert all(note.invalid for note in notes)
    assert all(note.text.startswith("the generator was the bottleneck: ") for note in notes)
    return [note.text for note in notes]


def test_a_generator_in_time_is_not_accused() -> None:
    assert faults(result(), [0.1] * 50) == []


def test_one_late_send_in_a_window_of_many_is_chance() -> None:
    assert faults(result(), [0.1] * 119 + [80.0]) == []


@pytest.mark.parametrize(
    ("late_ms", "ttfa_ms", "is_late"),
    [
        (4.9, 20.0, False),
        (5.1, 20.0, True),
        (5.1, None, True),
        (19.0, 200.0, False),
        (21.0, 200.0, True),
    ],
)
def test_lateness_is_held_against_5_ms_and_a_tenth_of_the_ttfa(late_ms, ttfa_ms, is_late) -> None:
    found = faults(result(), [late_ms] * 20, ttfa_ms)
    assert bool(found) == is_late
    if found:
        assert f"{late_ms:.1f} ms" in found[0]


def test_an_engine_that_holds_the_interpreter_is_noted_and_not_void() -> None:
    inside = window(generator=structs.replace(HEALTH, cpu_share=None))
    (note,) = generator_guard.find_notes(result(windows=(inside,)), trials([40.0] * 20), 100.0)
    assert not note.invalid
    assert "interpreter" in note.text


@pytest.mark.parametrize(("share", "is_busy"), [(0.69, False), (0.71, True), (None, False)])
def test_more_than_70_percent_of_a_core_leave_it_no_time(share, is_busy) -> None:
    busy = window(1, generator=structs.replace(HEALTH, cpu_share=share))
    found = faults(result(windows=(window(), busy)), [0.1])
    assert bool(found) == is_busy


@pytest.mark.parametrize(("null_rate", "is_slow"), [(15.1, False), (14.9, True), (None, False)])
def test_the_machine_takes_five_times_what_is_wanted(null_rate, is_slow) -> None:
    found = faults(result(null_rate=null_rate), [0.1])
    assert bool(found) == is_slow


def test_where_nothing_was_sent_nobody_is_accused() -> None:
    assert generator_guard.lateness_p99_ms([]) is None
    assert faults(result(wanted_rate=None), []) == []


def test_a_single_window_is_judged_by_its_own_health() -> None:
    late = structs.replace(HEALTH, lateness_p99_ms=30.0)
    assert generator_guard.find_window_fault(window()) is None
    fault = generator_guard.find_window_fault(window(generator=late))
    assert fault is not None
    assert "30.0 ms" in fault


def test_a_window_that_asks_for_more_than_a_fifth_of_the_null_rate_is_no_evidence() -> None:
    busy = window(offered=200, seconds=20.0)
    assert generator_guard.find_window_fault(busy, 51.0) is None
    fault = generator_guard.find_window_fault(busy, 49.0)
    assert fault is not None
    assert "it reached 49 requests/s" in fault
    assert generator_guard.find_window_fault(busy) is None
