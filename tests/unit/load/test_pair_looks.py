"""Looks at a comparison under load: suspicions, their confirmation, and when it is over."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.load import pair_looks, pairs, window_blocks
from pytest_ttsperf.load.pair_looks import WindowLooks
from pytest_ttsperf.records import Outcome
from tests.unit.load.test_pairs import P95, STALLED, draw_blocks

PLAN = pairs.WindowBlockPlan(blocks=7, seconds=900.0)
TYPICAL = next(
    metric for metric in window_blocks.choose_metrics() if metric.label == "ttfa geometric mean"
)


def test_a_suspicion_of_two_sessions_is_confirmed_by_a_third() -> None:
    blocks = draw_blocks(8, slower=1.0, deviation=0.01)
    looks, used = pair_looks.replay(blocks, [P95], PLAN, block_s=120.0)
    (verdict,) = looks.verdicts
    assert used == pairs.FEWEST_SESSIONS
    assert verdict.outcome is Outcome.FAIL
    assert verdict.confirmed
    assert verdict.decided_s == 360.0
    assert "1 of the blocks is a fresh one, to confirm a FAIL" in verdict.reason


def test_a_suspicion_that_fresh_blocks_do_not_bear_out_is_dropped() -> None:
    blocks = draw_blocks(2, slower=0.6, deviation=0.01) + draw_blocks(6, deviation=0.01, seed=2)
    looks, used = pair_looks.replay(blocks, [P95], PLAN)
    (verdict,) = looks.verdicts
    assert verdict.outcome is not Outcome.FAIL
    assert used > pairs.FEWEST_SESSIONS


def test_nothing_passes_before_three_sessions() -> None:
    blocks = draw_blocks(8, deviation=0.002)
    looks, used = pair_looks.replay(blocks, [P95], PLAN)
    assert used == pairs.FEWEST_SESSIONS
    assert looks.verdicts[0].outcome is Outcome.PASS


def test_one_confirmed_failure_is_red_and_ends_it() -> None:
    blocks = draw_blocks(8, slower=1.0, deviation=0.01)
    looks, used = pair_looks.replay(blocks, [P95, STALLED], PLAN)
    first, other = looks.verdicts
    assert first.outcome is Outcome.FAIL
    assert other.outcome is Outcome.INCONCLUSIVE, "not measured, and not waited for"
    assert used == pairs.FEWEST_SESSIONS


def test_what_is_open_takes_the_whole_budget() -> None:
    blocks = draw_blocks(9, slower=0.09, deviation=0.08)
    looks, used = pair_looks.replay(blocks, [P95], PLAN)
    assert looks.verdicts[0].outcome is Outcome.INCONCLUSIVE
    assert used == PLAN.blocks
    assert "further block" in looks.verdicts[0].reason


def test_a_failure_of_the_last_look_is_confirmed_beyond_the_budget() -> None:
    blocks = draw_blocks(8, slower=0.5, deviation=0.03)
    looks = WindowLooks([P95])
    looks.look(blocks[:3], pairs.END, pairs.END)
    assert looks.verdicts[0].outcome is Outcome.FAIL
    assert not looks.is_settled
    assert looks.fresh_blocks_wanted(3) == 1
    looks.confirm(blocks[:4], pairs.END, elapsed_s=500.0)
    assert looks.verdicts[0].confirmed
    assert looks.is_settled


@pytest.mark.parametrize(("done", "fresh"), [(2, 1), (3, 1), (4, 2), (6, 2), (7, 3), (9, 3)])
def test_a_suspicion_wants_a_third_as_many_fresh_blocks(done: int, fresh: int) -> None:
    looks = WindowLooks([P95])
    looks.look(draw_blocks(done, slower=1.0, deviation=0.01), pairs.EARLY, pairs.END)
    assert looks.fresh_blocks_wanted(done) == fresh


def test_a_control_that_fires_voids_the_times_and_not_the_work() -> None:
    blocks = []
    for block in draw_blocks(4, slower=0.5, deviation=0.01):
        old, again, *new = block.windows
        again = structs.replace(again, ttfa_sound_p95_ms=1.5 * old.ttfa_sound_p95_ms)
        typical = [structs.replace(each, ttfa_sound_typical_ms=100.0) for each in (old, again)]
        slower = [structs.replace(each, ttfa_sound_typical_ms=150.0) for each in new]
        speech = (3.0, 3.001, 2.0, 2.001)
        blocks.append(block._replace(windows=(*typical, *slower), speech_s=speech))
    speech_metric = window_blocks.choose_metrics()[-1]
    looks = WindowLooks([TYPICAL, P95, speech_metric])
    looks.look(blocks, pairs.END, pairs.END)
    typical, p95, said = looks.verdicts
    assert p95.control_fired
    assert typical.outcome is Outcome.INCONCLUSIVE
    assert "But a control" in typical.reason
    assert said.outcome is Outcome.FAIL


def test_before_a_look_there_is_no_verdict() -> None:
    with pytest.raises(ValueError, match="no look at this cell yet"):
        _ = WindowLooks([P95]).verdicts


@pytest.mark.uncovered
def test_unchanged_code_is_red_in_fewer_than_one_in_a_hundred() -> None:
    red = 0
    for seed in range(400):
        looks, _ = pair_looks.replay(draw_blocks(12, deviation=0.06, seed=seed), [P95], PLAN)
        red += looks.verdicts[0].outcome is Outcome.FAIL
    assert red <= 4


@pytest.mark.uncovered
def test_a_third_more_is_found_within_four_blocks() -> None:
    used = []
    for seed in range(40):
        blocks = draw_blocks(12, slower=0.35, deviation=0.05, seed=seed)
        looks, count = pair_looks.replay(blocks, [P95], PLAN)
        assert looks.verdicts[0].outcome is Outcome.FAIL
        used.append(count)
    assert sum(count <= 4 for count in used) >= 20
