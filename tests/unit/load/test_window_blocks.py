"""Blocks of four windows: their order, their figures, and their slowest answers."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from pytest_ttsperf.load import window_blocks, windows
from pytest_ttsperf.load.window_blocks import ARMS, StageTimes, WindowBlock
from pytest_ttsperf.metrics import load_figures
from tests.unit.load.factories import babble, request, window, window_record

METRICS = {metric.label: metric for metric in window_blocks.choose_metrics()}
P95 = METRICS["ttfa p95"]


def block_of(*values: float | None, **more) -> WindowBlock:
    """A block whose windows have these p95, in the order of the arms."""
    return WindowBlock(tuple(window(ttfa_sound_p95_ms=value) for value in values), **more)


def test_both_versions_stand_in_the_middle_of_the_order_equally_often() -> None:
    random = np.random.default_rng(3)
    orders = Counter(window_blocks.draw_order(random) for _ in range(800))
    assert len(orders) == 8, "ABBA or BAAB, and either of each version first"
    for order in orders:
        places = {arm: order.index(arm) for arm in ARMS}
        old = places["baseline"] + places["control"]
        assert old == places["candidate"] + places["candidate_control"], "a drift cancels"
    assert min(orders.values()) > 60


def test_the_control_of_a_server_is_always_its_second_time() -> None:
    random = np.random.default_rng(3)
    orders = {window_blocks.draw_order(random, may_swap=False) for _ in range(50)}
    assert orders == {
        ("baseline", "candidate", "candidate_control", "control"),
        ("candidate", "baseline", "control", "candidate_control"),
    }


def test_every_arm_has_the_number_of_its_window() -> None:
    arms = window_blocks.to_block(block_of(100.0, 101.0, 120.0, None), P95).metric
    assert (arms.baseline, arms.control) == ((100.0,), (101.0,))
    assert (arms.candidate, arms.candidate_control) == ((120.0,), (None,))
    assert not arms.is_readable()


def test_nothing_is_read_of_a_block_with_a_fault() -> None:
    block = block_of(100.0, 101.0, 120.0, 121.0, fault="the generator was the bottleneck")
    assert window_blocks.to_block(block, P95).metric.baseline == (None,)


def test_a_window_without_a_good_answer_has_a_time_for_one() -> None:
    metric = METRICS["time per good answer"]
    some = window(seconds=20.0, goodput=3.0)
    none = window(seconds=20.0, goodput=0.0)
    without_limits = window(seconds=20.0, answered=40)
    block = WindowBlock((some, some, none, without_limits))
    arms = window_blocks.to_block(block, metric).metric
    assert arms.baseline[0] == pytest.approx(1 / 3, rel=0.01)
    assert arms.candidate == (40.0,)
    assert arms.candidate_control[0] == pytest.approx(0.5, rel=0.02)


def test_stalls_and_what_is_left_behind_are_shares_of_the_requests() -> None:
    clean = window(stalled=0, handles_before=30, handles_after=30)
    bad = window(stalled=6, handles_before=30, handles_after=90)
    block = WindowBlock((clean, clean, bad, window()))
    stalled = window_blocks.to_block(block, METRICS["share of stalled answers"]).metric
    assert (stalled.baseline, stalled.candidate) == ((0.0,), (0.1,))
    assert stalled.candidate_control == (None,), "not measured is not 0"
    left = METRICS["threads and descriptors left behind by a request"]
    arms = window_blocks.to_block(block, left).metric
    assert (arms.baseline, arms.candidate) == ((0.0,), (1.0,))
    assert arms.candidate_control == (None,)


def test_margins_are_by_name_and_two_targets_need_not_say_the_same() -> None:
    metrics = window_blocks.choose_metrics({"ttfa_p95": 0.5, "rtf_p50": 0.1}, is_same_work=False)
    by_label = {metric.label: metric for metric in metrics}
    assert by_label["ttfa p95"].margin == 0.5
    assert not any(metric.is_work for metric in metrics)
    assert METRICS["speech"].both_ways
    named = window_blocks.choose_metrics({"speech": 0.05}, is_same_work=False)
    assert [metric.margin for metric in named if metric.is_work] == [0.05]


def test_every_figure_takes_a_margin_and_is_read_from_a_window() -> None:
    wanted = dict.fromkeys(load_figures.FIGURES, 0.5)
    assert {metric.margin for metric in window_blocks.choose_metrics(wanted)} == {0.5}
    assert window_blocks.READERS.keys() == load_figures.FIGURES.keys()


def test_stages_are_of_the_slowest_answers() -> None:
    requests = [request(6 + place, index=place, ttfa_ms=100, queue_ms=10) for place in range(10)]
    requests[4] = request(10, index=4, ttfa_ms=400, queue_ms=300)
    trials = windows.trials_of(window_record(requests), 0)
    times = window_blocks.slowest_stages(trials)
    assert times.elapsed_ms == pytest.approx(400, abs=1)
    assert times.stages_ms["server.queue"] == pytest.approx(300, abs=1)
    assert window_blocks.slowest_stages(trials[:0]) is None


def test_stages_of_all_four_windows_go_with_the_ttfa_alone() -> None:
    times = StageTimes(400.0, {"server.queue": 300.0})
    other = StageTimes(100.0, {"decode": 50.0})
    block = block_of(1.0, 1.0, 1.0, 1.0, stages=(other, other, times, times))
    found = window_blocks.to_block(block, P95)
    assert found.stages_ms["server.queue"].baseline == (0.0,)
    assert found.stages_ms["server.queue"].candidate == (300.0,)
    assert not window_blocks.to_block(block, METRICS["speech"]).stages_ms
    incomplete = block._replace(stages=(None, other, times, times))
    assert not window_blocks.to_block(incomplete, P95).stages_ms


def test_the_typical_ttfa_is_a_geometric_mean_of_the_counted_answers() -> None:
    requests = [
        request(1, index=0, ttfa_ms=9000),
        request(6, index=1, ttfa_ms=100),
        request(7, index=2, ttfa_ms=400),
    ]
    trials = windows.trials_of(window_record(requests), 0)
    found = window_blocks.add_figures(window(), trials)
    assert found.ttfa_sound_typical_ms == pytest.approx(200, rel=0.05)
    assert window_blocks.add_figures(window(), ()).ttfa_sound_typical_ms is None


def test_speech_is_compared_of_texts_that_all_have_answered() -> None:
    long_text = "a text that only one of the windows has answered, and at length"
    short = [request(6, text="a short text"), request(9, index=1, text=long_text)]
    whole = windows.trials_of(window_record(short), 0)
    cut = [request(6, text="a short text", sound=babble("a short"))]
    trials = windows.trials_of(window_record(cut), 0)
    old, again, new, new_again = window_blocks.common_speech_s([whole, whole, trials, trials])
    assert old == again
    assert new == new_again
    assert new / old == pytest.approx(7 / 12, rel=0.1)
    nothing = window_blocks.common_speech_s([whole, whole, trials, ()])
    assert nothing == (None, None, None, None)


def test_the_band_of_the_same_code_is_that_of_the_controls() -> None:
    blocks = [block_of(100.0, 110.0, 300.0, 330.0), block_of(110.0, 100.0, 300.0, 300.0)]
    deviation = window_blocks.pair_deviation(blocks, P95)
    assert deviation == pytest.approx(math.log(1.1) * math.sqrt(3 / 4))
    assert window_blocks.pair_deviation([block_of(1.0, None, 1.0, 1.0)], P95) is None
