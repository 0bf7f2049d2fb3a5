"""The rule for versions under load: what fails, what passes, and what is never said too early."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_ttsperf.experiment import process_luck
from pytest_ttsperf.load import pairs, window_blocks
from pytest_ttsperf.load.window_blocks import StageTimes, WindowBlock
from pytest_ttsperf.records import ChangeVerdict, Outcome
from tests.unit.load.factories import window

METRICS = {metric.label: metric for metric in window_blocks.choose_metrics()}
P95 = METRICS["ttfa p95"]
STALLED = METRICS["share of stalled answers"]


def draw_blocks(
    count: int,
    *,
    slower: float = 0.0,
    deviation: float = 0.03,
    queue_ms: float = 0.0,
    seed: int = 1,
) -> list[WindowBlock]:
    """Blocks of windows whose p95 scatters by `deviation`, as a log."""
    random = np.random.default_rng(seed)
    blocks = []
    for _ in range(count):
        logs = random.normal(math.log(400.0), 0.3) + random.normal(0.0, deviation, 4)
        logs[2:] += math.log1p(slower)
        old = StageTimes(400.0, {"server.queue": 50.0, "decode": 200.0})
        new = StageTimes(400.0 + queue_ms, {"server.queue": 50.0 + queue_ms, "decode": 200.0})
        windows = [window(ttfa_sound_p95_ms=float(value)) for value in np.exp(logs)]
        blocks.append(WindowBlock(tuple(windows), (old, old, new, new)))
    return blocks


def stalled_blocks(count: int, old: int, new: int) -> list[WindowBlock]:
    """Blocks whose windows of 60 answers have so many stalls each."""
    windows = [window(stalled=old), window(stalled=old), window(stalled=new), window(stalled=new)]
    return [WindowBlock(tuple(windows))] * count


def test_what_is_much_slower_fails_and_says_which_stage_it_is() -> None:
    verdict = pairs.decide(draw_blocks(5, slower=0.4, queue_ms=150.0), P95)
    assert verdict.outcome is Outcome.FAIL
    assert 0.3 < verdict.effect < 0.5
    assert verdict.low < verdict.effect < verdict.high
    assert verdict.attribution.explained_alone == "server.queue"
    assert "slowest tenth of the answers, of which server.queue +150.0 ms" in verdict.reason
    assert "5 blocks of four windows" in verdict.reason


def test_unchanged_code_passes_and_what_is_faster_is_an_improvement() -> None:
    assert pairs.decide(draw_blocks(6), P95).outcome is Outcome.PASS
    faster = pairs.decide(draw_blocks(6, slower=-0.3), P95)
    assert faster.outcome is Outcome.PASS
    assert faster.improved
    assert "an improvement by more than 10.0 %" in faster.reason


def test_two_sessions_may_raise_a_suspicion_and_prove_nothing() -> None:
    suspected = pairs.decide(draw_blocks(2, slower=1.0, deviation=0.01), P95, pairs.EARLY)
    assert suspected.outcome is Outcome.FAIL, "to be confirmed (see WindowLooks)"
    same = pairs.decide(draw_blocks(2, deviation=0.001), P95, pairs.EARLY)
    assert same.outcome is Outcome.INCONCLUSIVE
    assert same.blocks_needed == 1
    faster = pairs.decide(draw_blocks(2, slower=-0.5, deviation=0.001), P95, pairs.EARLY)
    assert not faster.improved
    one = pairs.decide(draw_blocks(1, slower=1.0), P95, pairs.EARLY)
    assert one.outcome is Outcome.INCONCLUSIVE
    assert "1 block of four windows: 2 are the fewest" in one.reason


def test_a_change_below_the_margin_is_no_failure_however_sure() -> None:
    verdict = pairs.decide(draw_blocks(8, slower=0.07, deviation=0.005), P95)
    assert verdict.outcome is Outcome.PASS


def test_a_control_that_differs_takes_a_failure_back() -> None:
    blocks = []
    for block in draw_blocks(6, slower=2.0, deviation=0.01):
        old, again, *new = block.windows
        again = window(ttfa_sound_p95_ms=1.5 * old.ttfa_sound_p95_ms)
        blocks.append(block._replace(windows=(old, again, *new)))
    verdict = pairs.decide(blocks, P95)
    assert verdict.control_fired
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "a control, the same code against itself" in verdict.reason


def test_blocks_without_a_number_are_left_out_and_counted() -> None:
    blocks = draw_blocks(5)
    blocks[1] = blocks[1]._replace(fault="the other version was busy")
    verdict = pairs.decide(blocks, P95)
    assert (verdict.blocks, verdict.left_out) == (4, 1)
    assert "1 left out in which it could not be measured" in verdict.reason


def test_windows_that_happen_to_have_the_same_few_stalls_prove_nothing() -> None:
    # Without any scatter the t test would be sure of 2 of 60.
    assert pairs.decide(stalled_blocks(3, 0, 2), STALLED).outcome is Outcome.INCONCLUSIVE
    assert pairs.decide(stalled_blocks(3, 0, 20), STALLED).outcome is Outcome.FAIL
    none = pairs.decide(stalled_blocks(3, 0, 0), STALLED)
    assert none.outcome is Outcome.PASS


@pytest.mark.parametrize("share", [0.8, 1.25])
def test_saying_less_is_as_bad_as_saying_more(share: float) -> None:
    random = np.random.default_rng(1)
    blocks = []
    for _ in range(4):
        speech_s = 3.0 * np.exp(random.normal(0.0, 0.005, 4))
        speech_s[2:] *= share
        blocks.append(WindowBlock((window(),) * 4, speech_s=tuple(speech_s.tolist())))
    verdict = pairs.decide(blocks, METRICS["speech"])
    assert verdict.outcome is Outcome.FAIL
    assert not verdict.improved
    assert "changed by more than 2.0 %" in verdict.reason


def judge_single(slower: float, *, is_single: bool) -> ChangeVerdict:
    """The p95 of two versions, each of which is one process in all windows, or is not."""
    metric = P95
    if is_single:
        (metric,) = process_luck.with_luck([P95])
    return pairs.decide(draw_blocks(6, slower=slower, deviation=0.003), metric)


def test_a_change_as_two_processes_have_it_is_no_failure_of_a_single_one() -> None:
    assert judge_single(0.13, is_single=False).outcome is Outcome.FAIL
    verdict = judge_single(0.13, is_single=True)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.blocks_needed is None
    assert "each version is one server process" in verdict.reason
    assert verdict.reason.endswith(process_luck.REMEDY)


def test_what_is_surely_beyond_that_still_fails() -> None:
    verdict = judge_single(0.25, is_single=True)
    assert verdict.outcome is Outcome.FAIL
    assert "one server process" not in verdict.reason


def test_an_improvement_of_a_single_process_is_one_beyond_that_alone() -> None:
    assert judge_single(-0.12, is_single=False).improved
    verdict = judge_single(-0.12, is_single=True)
    assert verdict.outcome is Outcome.PASS
    assert not verdict.improved
    assert "no proof of an improvement" in verdict.reason
    assert judge_single(-0.3, is_single=True).improved


def test_the_same_speed_of_single_processes_passes_as_ever() -> None:
    single = judge_single(0.0, is_single=True)
    assert single.outcome is Outcome.PASS
    assert single.reason == judge_single(0.0, is_single=False).reason


def test_shares_what_is_left_behind_and_what_is_said_are_no_matter_of_luck() -> None:
    lucky = {
        metric.label
        for metric in process_luck.with_luck(METRICS.values())
        if metric.process_luck is not None
    }
    assert lucky == {"ttfa geometric mean", "ttfa p95", "time per good answer"}


def test_a_margin_of_nothing_is_refused() -> None:
    metrics = window_blocks.choose_metrics({"ttfa_p95": 0.0})
    (metric,) = [each for each in metrics if each.label == P95.label]
    with pytest.raises(ValueError, match="wanted it above 0"):
        pairs.decide(draw_blocks(4), metric)


def test_the_number_of_pairs_follows_from_how_much_a_pair_deviates() -> None:
    assert pairs.blocks_wanted(0.01) == pairs.FEWEST_SESSIONS
    assert pairs.blocks_wanted(0.12) == 5, "nine pairs, for an error of .04"
    assert pairs.blocks_wanted(0.12, error=0.02) == 18
    deviation = 0.16
    sure = deviation / math.sqrt(2 * pairs.blocks_wanted(deviation))
    assert sure <= pairs.WANTED_ERROR


def test_a_budget_that_holds_two_blocks_says_which_would_do() -> None:
    plan = pairs.plan_blocks(250.0, 100.0, math.inf)
    assert plan.shortfall is not None
    assert "300 s hold these" in plan.shortfall
    plan = pairs.plan_blocks(900.0, 125.0, math.inf)
    assert plan.blocks == 7
    assert plan.shortfall is None
    assert plan.levels_after(1) is None
    assert plan.levels_after(2) == pairs.EARLY
    assert plan.levels_after(7) == pairs.END


def test_looks_at_an_open_budget_share_one_level() -> None:
    plan = pairs.plan_blocks(math.inf, 125.0, 28_800.0)
    assert plan.levels_after(2) is None
    assert plan.levels_after(3).fewest == pairs.FEWEST_SESSIONS
    assert plan.levels_after(3).estimate is not pairs.END.estimate
