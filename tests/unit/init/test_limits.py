"""Limits of what was measured: 1.3 times as much, in numbers that a person would write."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.init import limits
from tests.unit.metrics.factories import recording, sound, trial

STEADY = [(50.0, 200.0), (100.0, 200.0), (150.0, 200.0)]
LATE_SECOND = [(50.0, 100.0), (240.0, 1000.0)]
"""A player that has less than 101 ms when it begins runs dry."""
FAR_TOO_LATE = [(50.0, 1500.0), (5000.0, 1000.0)]


def trials(*timelines):
    return [
        trial(recording(timeline), index=index, heard=sound())
        for index, timeline in enumerate(timelines)
    ]


def figures(*, mode="stream", phase="warm", **changed):
    measured = {
        "ttfa_ms": 50.0,
        "rtf": 0.02,
        "rss_peak_mb": 200.0,
        "prebuffer_ms": 100.0,
        "is_streamed": True,
    }
    return limits.MeasuredFigures(trials=59, mode=mode, phase=phase, **{**measured, **changed})


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (46.3, 48),
        (61, 65),
        (65, 65),
        (1.3 * 50, 65),
        (605.8, 650),
        (100, 100),
        (101, 110),
        (999, 1000),
        (1.0, 1),
        (0.0377, 0.038),
        (1.3 * 0.03, 0.04),
        (0.00741, 0.0075),
        (2693, 2800),
    ],
)
def test_a_limit_is_a_number_that_a_person_would_write(value, rounded):
    assert limits.round_up(value) == rounded


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_rounding_goes_up_and_never_by_more_than_a_tenth(value):
    rounded = limits.round_up(value)
    assert value * (1 - 1e-5) <= rounded <= 1.1 * value * (1 + 1e-5)
    assert limits.round_up(rounded) == rounded
    assert len(f"{rounded:.15g}".replace(".", "").strip("0").partition("e")[0]) <= 2


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
def test_what_is_no_figure_has_no_limit(value):
    with pytest.raises(ValueError, match="wanted a number above 0"):
        limits.round_up(value)


def test_a_limit_is_well_above_what_was_measured():
    assert limits.limit_of(50.0) >= 1.3 * 50.0


def test_a_mark_is_written_as_python_has_it():
    mark = limits.MarkKeywords("cadence", {"underruns": 0.0, "prebuffer_ms": 100.0})
    assert mark.line == "@cadence(underruns=0, prebuffer_ms=100)"
    by_provider = limits.MarkKeywords("ttfa", {"p95_ms": {"cpu": 500.0, "coreml": 9.5}})
    assert by_provider.line == '@ttfa(p95_ms={"cpu": 500, "coreml": 9.5})'


@pytest.mark.parametrize(
    ("timelines", "prebuffer_ms"),
    [
        ([STEADY], 100.0),
        ([STEADY, LATE_SECOND], 250.0),
        ([STEADY, FAR_TOO_LATE], None),
        ([], None),
        ([[]], None),
    ],
)
def test_the_least_usual_prebuffer_is_taken_that_is_enough_by_far(timelines, prebuffer_ms):
    assert limits.choose_prebuffer_ms(trials(*timelines)) == prebuffer_ms


def test_figures_are_those_that_the_test_will_see():
    measured = limits.measure_figures(
        trials(*[[(40.0 + at, 200.0), (90.0 + at, 200.0)] for at in range(20)]),
        "stream",
        "warm",
        rss_peak_mb=200.0,
        prebuffer_ms=100.0,
    )
    assert measured.trials == 20
    assert measured.ttfa_ms == pytest.approx(58.05), "the p95 of 40 to 59"
    assert measured.rtf == pytest.approx(108.05 / 400)
    buffering = limits.measure_figures(
        trials([(40.0, 50.0), (90.0, 200.0)]),
        "stream",
        "warm",
        rss_peak_mb=None,
        prebuffer_ms=100.0,
    )
    assert buffering.ttfa_ms == pytest.approx(90.0), "the player waits for the second chunk"


def test_of_cold_starts_the_median_counts():
    measured = limits.measure_figures(
        trials([(100.0, 200.0)], [(200.0, 200.0)], [(900.0, 200.0)]),
        "stream",
        "cold",
        rss_peak_mb=200.0,
        prebuffer_ms=None,
    )
    assert measured.ttfa_ms == pytest.approx(200.0)
    assert measured.text == "ttfa p50 200 ms, rss peak 200 MB (3 starts)"


def lines(measured):
    return [mark.line for mark in limits.choose_marks(measured)]


def test_the_marks_of_a_warm_stream():
    assert lines(figures()) == [
        "@ttfa(p95_ms=65)",
        "@rtf(p95=0.026)",
        "@cadence(underruns=0, prebuffer_ms=100, streamed=True)",
        "@memory(rss_peak_mb=260)",
    ]


def test_the_marks_of_a_cold_start():
    cold = figures(phase="cold", prebuffer_ms=None)
    assert lines(cold) == ["@ttfa(p50_ms=65)", "@memory(rss_peak_mb=260)"]


def test_a_whole_answer_has_no_first_audio_of_its_own():
    whole = figures(mode="nonstream", prebuffer_ms=None)
    assert lines(whole) == ["@rtf(p95=0.026)", "@memory(rss_peak_mb=260)"]


def test_what_was_not_measured_has_no_mark():
    nothing = figures(ttfa_ms=None, rtf=None, rss_peak_mb=None, prebuffer_ms=None)
    assert lines(nothing) == []
    assert nothing.text == "nothing (59 trials)"


def test_only_what_is_streamed_has_to_stay_so():
    whole = figures(is_streamed=False)
    assert "@cadence(underruns=0, prebuffer_ms=100)" in lines(whole)
    assert "@cadence(underruns=0, prebuffer_ms=100)" in lines(figures(is_streamed=None))


@pytest.mark.parametrize(
    ("timelines", "is_streamed"),
    [
        ([STEADY, STEADY, [(400.0, 200.0)]], True),
        ([STEADY, [(400.0, 200.0)], [(400.0, 200.0)]], False),
        ([[]], None),
    ],
)
def test_most_answers_say_whether_a_target_streams(timelines, is_streamed):
    assert limits.is_streamed(trials(*timelines)) is is_streamed
