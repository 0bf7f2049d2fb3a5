"""The curve of a capacity as the terminal draws it."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.load import report
from pytest_ttsperf.load.capacity_search import SearchStep
from pytest_ttsperf.records import Capacity, CapacityLevel, LoadWindow, Outcome
from tests.unit.load.factories import window

LIMITS = {"ttfa_p95_ms": 500.0, "stall": 0.0}


def level(number: float, good: int, count: int, **more) -> CapacityLevel:
    outcome = Outcome.PASS if number <= 8 else Outcome.FAIL
    windows = tuple(measured(number) for _ in range(count))
    figures = {"explored": (), "reasons": (), "outcome": outcome, "windows": windows}
    return CapacityLevel(level=number, good=good, **{**figures, **more})


def measured(number: float) -> LoadWindow:
    return window(
        ttfa_p50_ms=30.0 * number,
        ttfa_p95_ms=60.0 * number,
        stalled=3 if number > 8 else 0,
        goodput=0.4 * number,
        cpu_s=40.0,
        stream_s=200.0,
    )


FOUND = Capacity(
    unit="listeners",
    limits=LIMITS,
    confidence=0.95,
    proven=8,
    refuted=10,
    levels=(
        level(4, 0, 0, explored=(measured(4),)),
        level(8, 18, 18),
        level(10, 0, 3, reasons=("TTFA p95 was above 500 ms", "answers stalled")),
        level(32, 0, 0, explored=(measured(32),)),
    ),
    reason="at least 8 listeners, 95 % sure; 10 fails in 3 of 3 windows",
    evidence="18 of 18 windows at 8 listeners were good",
)


def test_a_line_for_each_level_downwards_with_goodput_and_cpu_in_80_columns() -> None:
    assert report.curve(FOUND, width=80) == [
        "listeners  TTFA    | 500 ms   p95 ms  stalls  goodput/s  cores      good",
        "        4  ==--    |             240    0.0%       1.60   0.20  explored",
        "        8  ====----|             480    0.0%       3.20   0.20  18 of 18  proven",
        "       10  =====---|-            600    5.0%       4.00   0.20    0 of 3   fails",
        "       32  ========|=======>    1920    5.0%      12.80   0.20  explored",
    ]


def test_requests_a_second_have_the_same_columns_in_80() -> None:
    by_rate = structs.replace(FOUND, unit="requests/s")
    lines = report.curve(by_rate, width=80)
    assert "goodput/s" in lines[0]
    assert "cores" in lines[0]
    assert "|" in lines[1], "the bar is still there"
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("width", range(12, 160))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    void = structs.replace(
        FOUND, void_because="listener 1 got another's text", stopped_because="it was late " * 20
    )
    for found in (FOUND, void):
        lines = report.capacity_text(found, width=width).splitlines()
        assert max(map(len, lines)) <= width


def test_what_is_of_least_use_goes_first_where_there_is_no_room() -> None:
    headings = [report.curve(FOUND, width=width)[0] for width in (100, 80, 60, 40)]
    assert "p50 ms" in headings[0]
    assert "p50 ms" not in headings[1]
    assert "goodput" in headings[1]
    assert "goodput" not in headings[2]
    assert "p95 ms" in headings[2]
    assert "500 ms" in headings[2]
    assert "500 ms" not in headings[3]
    assert "good" in headings[3]


def test_the_answer_stands_below_with_what_it_rests_on() -> None:
    text = report.capacity_text(FOUND, width=100)
    first, *_, missed, evidence, empty, answer = text.splitlines()
    assert "Cores: those of the target that a stream takes." in " ".join(text.splitlines())
    assert (
        first
        == "Good windows: TTFA p95 at most 500 ms, no answer stalls, nothing refused or failed."
    )
    assert missed == "10 listeners: TTFA p95 was above 500 ms, answers stalled."
    assert evidence == "18 of 18 windows at 8 listeners were good."
    assert empty == ""
    assert answer == "At least 8 listeners, 95 % sure; 10 fails in 3 of 3 windows."


def test_why_it_ended_and_why_it_is_void() -> None:
    found = structs.replace(FOUND, stopped_because="time was up", void_because="it was another's")
    text = report.capacity_text(found)
    assert "The search ended there: time was up." in text
    assert "Nothing of this counts: it was another's." in text


@pytest.mark.parametrize(
    ("changed", "is_good"),
    [({}, True), ({"proven": None}, False), ({"void_because": "another's text"}, False)],
)
def test_good_is_what_is_proven_and_to_be_believed(changed: dict, is_good: bool) -> None:
    assert report.is_good(structs.replace(FOUND, **changed)) == is_good


def test_colours_say_nothing_that_words_do_not() -> None:
    painted = report.capacity_text(FOUND, lambda text, level: f"<{level}>{text}")
    plain = report.capacity_text(FOUND)
    assert painted.replace("<good>", "").replace("<bad>", "") == plain
    (proven,) = [line for line in painted.splitlines() if line.endswith("proven")]
    (failed,) = [line for line in painted.splitlines() if line.endswith("fails")]
    assert proven.startswith("<good>")
    assert failed.startswith("<bad>")


@pytest.mark.parametrize(
    ("p50_ms", "p95_ms", "limit_ms", "text"),
    [
        (100, 200, 500, "==--      |         "),
        (10, 20, 500, "=         |         "),
        (100, 700, 500, "==--------|---      "),
        (600, 1500, 500, "==========|=------->"),
        (None, None, 500, "          |         "),
        (100, 200, None, "==--                "),
    ],
)
def test_a_bar(p50_ms, p95_ms, limit_ms, text) -> None:
    assert report.bar(p50_ms, p95_ms, limit_ms, 1000.0, 20) == text


def test_what_was_not_measured_is_a_dash() -> None:
    bare = level(6, 1, 1, windows=(window(ttfa_p50_ms=None),))
    lines = report.curve(structs.replace(FOUND, levels=(bare,)), width=120)
    assert lines[1].split().count("-") == 5


def test_without_a_limit_on_ttfa_the_bars_reach_the_slowest() -> None:
    lines = report.curve(structs.replace(FOUND, limits={"stall": 0.0}), width=120)
    assert "TTFA, to 1920 ms" in lines[0]
    assert "|" not in "".join(lines)


def test_progress_is_a_bar() -> None:
    step = SearchStep("proving", 8, 5, 18)
    assert report.progress_text(step, "listeners") == (
        "[####............] proving 8 listeners: window 5 of 18"
    )
    step = step._replace(seconds=12.4, window_s=25.0)
    assert report.progress_text(step, "listeners") == (
        "[####............] proving 8 listeners: window 5 of 18, 12 of 25 s"
    )
    over = step._replace(seconds=31.0)
    assert report.progress_text(over, "listeners").endswith("25 of 25 s")
    assert len(report.progress_text(step, "listeners", width=30)) == 30


def test_while_exploring_the_bar_is_that_of_the_window() -> None:
    step = SearchStep("exploring", 8, 5, None, seconds=5.0, window_s=10.0)
    assert report.progress_text(step, "requests/s") == (
        "[########........] exploring 8 requests/s: window 5, 5 of 10 s"
    )
