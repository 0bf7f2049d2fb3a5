"""Windows that are drawn: instants, texts, listeners, hang-ups, and how long they are."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.load import traces
from pytest_ttsperf.load.traces import WindowPlan, draw_trace
from pytest_ttsperf.measure import corpus
from pytest_ttsperf.records import LoadSpec, Trace

TEXTS = corpus.texts("short", 120)
SHORT = WindowPlan(lead_s=1.0, counted_s=4.0, least_requests=1)


def draw(seed: int = 1, plan: WindowPlan = SHORT, **load: Any) -> Trace:
    return draw_trace(LoadSpec(**load), TEXTS, seed=seed, plan=plan)


def instants_s(trace: Trace) -> list[float]:
    return [request.at_ns / 1e9 for request in trace.requests if request.at_ns is not None]


@pytest.mark.parametrize(
    "load",
    [
        {"listeners": 4},
        {"listeners": 3, "pace": "greedy", "hangs_up": True},
        {"rate": 5.0},
        {"rate": 5.0, "arrivals": "constant", "hangs_up": True},
    ],
)
def test_a_seed_is_one_trace_and_another_seed_another(load: dict[str, Any]) -> None:
    assert draw(seed=7, **load) == draw(seed=7, **load)
    assert draw(seed=7, **load) != draw(seed=8, **load)


def test_arrivals_of_a_poisson_process_come_at_its_rate_and_know_nothing_of_one_another() -> None:
    trace = draw(rate=20.0, plan=WindowPlan(lead_s=0.0, counted_s=1000.0))
    at_s = instants_s(trace)
    gaps = np.diff(at_s)
    assert len(at_s) == pytest.approx(20_000, rel=0.03)
    assert np.std(gaps) == pytest.approx(np.mean(gaps), rel=0.05)
    neighbours = np.corrcoef(gaps[:-1], gaps[1:])[0, 1]
    assert abs(neighbours) < 0.03


def test_constant_arrivals_are_even() -> None:
    gaps = np.diff(instants_s(draw(rate=8.0, arrivals="constant")))
    assert len(gaps) == 39
    np.testing.assert_allclose(gaps, 1 / 8, rtol=1e-6)


@pytest.mark.parametrize("arrivals", ["poisson", "constant"])
def test_an_open_window_is_in_order_and_within_its_time(arrivals: Any) -> None:
    trace = draw(rate=9.0, arrivals=arrivals)
    at_s = instants_s(trace)
    assert at_s == sorted(at_s)
    assert at_s[0] >= 0
    assert at_s[-1] < trace.lead_s + trace.counted_s
    assert [request.index for request in trace.requests] == list(range(len(at_s)))
    assert [request.listener for request in trace.requests] == list(range(len(at_s)))


def test_a_window_holds_the_least_number_of_requests() -> None:
    plan = WindowPlan(lead_s=5.0, counted_s=20.0, least_requests=60, most_s=1000.0)
    assert draw(rate=10.0, plan=plan).counted_s == 20.0
    assert draw(rate=1.0, plan=plan).counted_s == 60.0
    many = draw(listeners=60, plan=plan)
    few = draw(listeners=2, plan=plan)
    thoughtful = draw(listeners=2, think_s=3.0, plan=plan)
    assert many.counted_s == 20.0
    assert few.counted_s > 20.0
    assert thoughtful.counted_s == pytest.approx(few.counted_s + 60 * 3.0 / 2)
    assert draw(listeners=2, pace="greedy", plan=plan).counted_s == 20.0


def test_nobody_waits_long_for_the_least_number_of_requests_but_for_the_fewest() -> None:
    usual = WindowPlan()
    assert draw(rate=0.25, plan=usual).counted_s == usual.most_s
    assert draw(rate=0.05, plan=usual).counted_s == usual.fewest_requests / 0.05
    alone = draw_trace(LoadSpec(listeners=1), corpus.texts("long", 120), seed=1, plan=usual)
    assert alone.counted_s < usual.least_requests * traces._spoken_s(alone.requests[0].text) / 2
    assert draw(rate=0.25, plan=usual.counting(300.0)).counted_s == 300.0


def test_a_shorter_window_is_shorter_in_all_its_parts() -> None:
    half = WindowPlan().counting(10.0)
    assert half == WindowPlan(2.5, 10.0, 30, 60.0, 5)
    assert draw(rate=0.25, plan=half).counted_s == 60.0


def test_the_listeners_of_a_closed_loop_begin_out_of_step_and_share_no_text() -> None:
    trace = draw(listeners=5)
    first, later = trace.requests[:5], trace.requests[5:]
    begins = [request.at_ns for request in first]
    assert len(set(begins)) == 5
    assert all(at_ns is not None and 0 <= at_ns < traces.FIRST_S * 1e9 for at_ns in begins)
    assert all(request.at_ns is None for request in later)
    assert [request.listener for request in later[:5]] == [0, 1, 2, 3, 4]
    texts = [request.text for request in trace.requests]
    assert len(texts) == len(set(texts)) == len(TEXTS)


def test_listeners_outnumber_the_texts() -> None:
    trace = draw_trace(LoadSpec(listeners=7), TEXTS[:3], seed=1, plan=SHORT)
    assert [request.listener for request in trace.requests] == list(range(7))
    uses = [trace.requests[place].text for place in range(3)]
    assert sorted(uses) == sorted(TEXTS[:3])


def test_all_texts_of_an_open_window_are_used_before_one_comes_again() -> None:
    trace = draw_trace(LoadSpec(rate=50.0), TEXTS[:40], seed=3, plan=SHORT)
    texts = [request.text for request in trace.requests]
    assert len(texts) > 80
    for begin in (0, 40):
        assert sorted(texts[begin : begin + 40]) == sorted(TEXTS[:40])
    assert texts[:40] != texts[40:80]


@pytest.mark.parametrize("load", [{"listeners": 4}, {"rate": 40.0}])
def test_listeners_hang_up_where_they_are_to(load: dict[str, Any]) -> None:
    assert {request.hang_up_after for request in draw(**load).requests} == {None}
    chunks = [request.hang_up_after for request in draw(hangs_up=True, **load).requests]
    cut = [number for number in chunks if number is not None]
    assert 0.35 < len(cut) / len(chunks) < 0.65
    assert set(cut) == set(range(1, traces.LAST_HANG_UP + 1))


def test_what_is_offered_is_the_same_with_and_without_hanging_up() -> None:
    still = draw(rate=10.0)
    cut = draw(rate=10.0, hangs_up=True)
    for one, other in zip(still.requests, cut.requests, strict=True):
        assert (one.at_ns, one.text) == (other.at_ns, other.text)


def test_without_a_text_there_is_nothing_to_offer() -> None:
    with pytest.raises(MeasurementError, match="wanted at least one"):
        draw_trace(LoadSpec(listeners=2), (), seed=1, plan=SHORT)


@pytest.mark.parametrize("load", [LoadSpec(listeners=0), LoadSpec(rate=0.0), LoadSpec(rate=-1.0)])
def test_a_load_is_above_nothing(load: LoadSpec) -> None:
    with pytest.raises(MeasurementError, match="above 0"):
        draw_trace(load, TEXTS, seed=1, plan=SHORT)


def test_gaps_are_drawn_for_the_whole_of_a_long_slow_window() -> None:
    """So many gaps are drawn that a slow start cannot run out of them."""
    for seed in range(200):
        at_s = instants_s(draw(seed=seed, rate=2.0, plan=WindowPlan(0.0, 30.0, 1)))
        assert max(second - first for first, second in pairwise([*at_s, 30.0])) < 8.0
