"""What follows from the slices of a soak."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.endurance import figures
from pytest_ttsperf.records import SoakSlice
from tests.unit.endurance.factories import drifting, one_slice, slices, soak_of
from tests.unit.metrics.factories import recording, sound, trial


def drift_of(metric: str, of: list[SoakSlice]) -> float:
    found = figures.find_drift(metric, of)
    assert found is not None
    return found.per_20_min


def test_a_figure_that_grows_by_a_tenth_drifts_by_a_tenth() -> None:
    factor = drifting(0.10)
    of = slices(ttfa_ms=lambda index: 12.0 * factor(index))
    found = figures.find_drift("ttfa", of)
    assert found is not None
    assert found.per_20_min == pytest.approx(0.10, abs=0.01)
    assert found.low < 0.10 < found.high
    assert found.slices == 8
    assert found.minutes == pytest.approx(20.0)
    assert drift_of("rtf", of) == 0.0


@pytest.mark.parametrize(("minutes", "expected"), [(10.0, 0.21), (20.0, 0.10), (40.0, 0.0488)])
def test_drift_is_that_of_20_minutes_however_long_the_soak_is(
    minutes: float, expected: float
) -> None:
    factor = drifting(0.10, scatter=0.0)
    of = slices(ttfa_ms=lambda index: 12.0 * factor(index), seconds=60 * minutes / 32)
    assert drift_of("ttfa", of) == pytest.approx(expected, abs=1e-3)


def test_a_short_soak_has_a_number_for_what_it_cannot_tell() -> None:
    steep = slices(8, ttfa_ms=lambda index: 10.0 * 9**index, seconds=0.1)
    found = figures.find_drift("ttfa", steep)
    assert found is not None
    assert 1e100 < found.per_20_min < float("inf")


def test_seven_slices_are_too_few() -> None:
    soak = figures.derive(soak_of(slices(7)))
    assert soak.drifts == ()
    assert "7 slices, and it takes 8" in soak.missing["ttfa"]
    assert figures.find_drift("ttfa", slices(8)) is not None


def test_what_was_not_measured_is_none_and_says_why() -> None:
    blank = slices(ttfa_ms=None, rtf=None, null_ms=None, underruns=None, handles=None)
    soak = figures.derive(soak_of(blank))
    assert soak.drifts == ()
    assert soak.null_drift is None
    assert soak.underruns is None
    assert soak.handles_growth is None
    assert set(soak.missing) == {"ttfa", "rtf", "underruns", "handles"}


def test_drift_and_growth_are_of_the_longest_session_and_underruns_of_all() -> None:
    first = slices(12, ttfa_ms=10.0, handles=10, underruns=1)
    second = []
    for each in slices(20, ttfa_ms=20.0, handles=50):
        second.append(structs.replace(each, index=12 + each.index, session=1))
    soak = figures.derive(soak_of([*first, *second]))
    assert [drift.per_20_min for drift in soak.drifts] == [0.0, 0.0]
    assert soak.handles_growth == 0
    assert soak.underruns == 12
    assert (soak.sessions, soak.requests) == (2, 32 * 400)
    assert soak.minutes == pytest.approx(20.0)


def test_of_equal_sessions_the_first_counts() -> None:
    both = [one_slice(index, session=index // 2) for index in range(4)]
    assert figures.longest_session(both) == both[:2]
    assert figures.longest_session([]) == []


def test_handles_grow_from_the_first_quarter_to_the_last() -> None:
    soak = figures.derive(soak_of(slices(handles=lambda index: 30 + index)))
    assert soak.handles_growth == 24


def test_a_slice_is_summed_up_from_its_trials() -> None:
    steady = recording([(10, 100), (60, 100)])
    stalling = recording([(30, 100), (400, 100)])
    trials = [
        trial(steady, heard=sound()),
        trial(steady, heard=sound()),
        trial(stalling, heard=sound()),
        trial(None, error="no such phoneme"),
    ]
    found = figures.summarise_slice(trials, index=3, session=1, seconds=5.0, null_ms=20.0)
    assert (found.index, found.session, found.requests, found.failed) == (3, 1, 4, 1)
    assert found.ttfa_ms == pytest.approx(10.0)
    assert found.underruns == 1
    assert found.audio_s == pytest.approx(0.6)
    assert found.null_ms == 20.0


def test_a_slice_in_which_all_failed_has_no_figures() -> None:
    found = figures.summarise_slice([trial(None, error="x")], index=0, session=0, seconds=1.0)
    assert (found.ttfa_ms, found.rtf, found.underruns, found.audio_s) == (None, None, None, 0.0)
