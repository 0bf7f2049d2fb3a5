"""When a gate is settled: at which look, by how many fresh blocks, and what a control undoes."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_ttsperf.compare import metrics
from pytest_ttsperf.compare.looks import FEWEST_FRESH, CellLooks, replay
from pytest_ttsperf.judge.statistics.t_rule import EACH, END, END_OF_MANY, BlockPlan
from pytest_ttsperf.records import Arms, Block, Outcome

PASS, FAIL, OPEN = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
GATES = metrics.choose_metrics("warm")
P50 = GATES[0]
FEW, MANY = BlockPlan(blocks=7, seconds=60.0), BlockPlan(blocks=20, seconds=180.0)


def four_arms(scale: float = 1.0, control: float = 1.0, texts: int = 30, seed: int = 0) -> Block:
    """One block of processes that differ by .5 % and trials that differ by 2 %."""
    rng = np.random.default_rng(seed)
    processes = rng.normal(1, 0.005, (4, 1)) * [[1.0], [control], [scale], [scale]]
    values = 70 * processes * rng.normal(1, 0.02, (4, texts))
    baseline, second, candidate, candidate_control = map(tuple, values.tolist())
    return Block(
        metric=Arms(
            baseline=baseline,
            control=second,
            candidate=candidate,
            candidate_control=candidate_control,
        )
    )


def series(*scales: float, control: float = 1.0) -> dict[str, list[Block]]:
    """The blocks of every gate, the candidate in each so many times as slow."""
    blocks = []
    for seed, scale in enumerate(scales):
        blocks.append(four_arms(scale, control, seed=seed))
    return {gate.metric: blocks for gate in GATES}


def look(cell: CellLooks, blocks: dict[str, list[Block]], done: int, plan: BlockPlan) -> None:
    levels = plan.levels_after(done)
    assert levels is not None
    first = {metric: each[:done] for metric, each in blocks.items()}
    cell.look(first, levels, plan.end, elapsed_s=float(done))


def test_a_pass_is_settled_at_its_look_and_stays() -> None:
    cell = CellLooks([P50])
    blocks = series(*[1.0] * 6, *[1.5] * 6)
    look(cell, blocks, 5, MANY)
    assert cell.is_settled
    before = cell.verdicts
    look(cell, blocks, 12, MANY)
    assert cell.verdicts == before
    assert (before[0].outcome, before[0].decided_s, before[0].blocks) == (PASS, 5.0, 5)


def test_a_fail_waits_for_fresh_blocks() -> None:
    cell = CellLooks([P50])
    blocks = series(*[1.2] * 12)
    look(cell, blocks, 4, MANY)
    assert cell.verdicts[0].outcome is FAIL
    assert not cell.is_settled
    assert cell.fresh_blocks_wanted(4) == FEWEST_FRESH
    look(cell, blocks, 5, MANY)
    assert not cell.is_settled
    assert not cell.verdicts[0].confirmed
    look(cell, blocks, 6, MANY)
    assert cell.is_settled
    assert cell.fresh_blocks_wanted(6) == 0
    verdict = cell.verdicts[0]
    assert (verdict.outcome, verdict.confirmed, verdict.blocks) == (FAIL, True, 6)
    assert verdict.decided_s == 6.0
    assert "2 of the blocks are fresh ones" in verdict.reason


def test_a_fail_that_fresh_blocks_do_not_confirm_is_open_again() -> None:
    cell = CellLooks([P50])
    blocks = series(*[1.06] * 4, *[0.95] * 3, *[1.06] * 3)
    look(cell, blocks, 4, MANY)
    assert cell.verdicts[0].outcome is FAIL
    look(cell, blocks, 7, MANY)
    assert cell.verdicts[0].outcome is OPEN
    assert cell.fresh_blocks_wanted(7) == 0
    assert not cell.is_settled


def test_many_blocks_want_half_as_many_fresh_ones() -> None:
    cell = CellLooks([P50])
    blocks = series(*[1.2] * 20)
    cell.look(blocks, END_OF_MANY, END_OF_MANY)
    assert cell.fresh_blocks_wanted(20) == 10
    cell.confirm(series(*[1.2] * 30), END_OF_MANY, elapsed_s=90.0)
    assert cell.is_settled
    assert cell.verdicts[0].decided_s == 90.0


def test_a_control_opens_again_what_failed() -> None:
    cell = CellLooks(GATES)
    cell.look(series(*[1.2] * 6, control=1.1), EACH, END)
    assert {verdict.outcome for verdict in cell.verdicts} == {OPEN}
    assert cell.fresh_blocks_wanted(6) == 0


def test_what_passed_while_its_control_fired_is_judged_again() -> None:
    """Settled for good, its control would void every FAIL of the cell for good."""
    cell = CellLooks([P50])
    blocks = series(*[1.0] * 12, control=1.1)
    look(cell, blocks, 5, MANY)
    (verdict,) = cell.verdicts
    assert (verdict.outcome, verdict.control_fired) == (PASS, True)
    assert not cell.is_settled
    look(cell, series(*[1.0] * 12), 6, MANY)
    assert cell.is_settled


def test_what_is_open_was_not_decided_at_any_time() -> None:
    cell = CellLooks(GATES)
    blocks = series(*[1.2] * 6, control=1.1)
    look(cell, blocks, 6, MANY)
    assert {verdict.outcome for verdict in cell.verdicts} == {OPEN}
    assert {verdict.decided_s for verdict in cell.verdicts} == {None}


def test_a_version_whose_processes_differ_is_seen_by_its_own_control() -> None:
    """The baseline agrees with itself; the candidate's second process is slower by a tenth."""
    blocks = []
    for seed in range(6):
        block = four_arms(1.2, seed=seed)
        slow = tuple(1.1 * value for value in block.metric.candidate if value is not None)
        metric = Arms(
            baseline=block.metric.baseline,
            control=block.metric.control,
            candidate=slow,
            candidate_control=block.metric.candidate_control,
        )
        blocks.append(Block(metric=metric))
    cell = CellLooks([P50])
    cell.look({P50.metric: blocks}, END, END)
    (verdict,) = cell.verdicts
    assert (verdict.outcome, verdict.control_fired) == (OPEN, True)
    assert verdict.control_effect == pytest.approx(0.1, abs=0.02)


def test_there_are_no_verdicts_before_the_first_look() -> None:
    with pytest.raises(ValueError, match="wanted one before its verdicts"):
        _ = CellLooks([P50]).verdicts


def test_a_replay_ends_when_all_is_settled() -> None:
    cell, used = replay(series(*[1.0] * 20), GATES, MANY)
    assert {verdict.outcome for verdict in cell.verdicts} == {PASS}
    assert used < 20


@pytest.mark.parametrize("plan", [FEW, MANY])
def test_a_replay_confirms_beyond_the_plan_where_there_are_blocks(plan: BlockPlan) -> None:
    late = [1.0] * (plan.blocks - 4) + [1.3] * 40
    cell, used = replay(series(*late), [P50], BlockPlan(blocks=plan.blocks, seconds=1.0))
    assert cell.verdicts[0].outcome in (FAIL, PASS)
    sure, used = replay(series(*[1.2] * 40), [P50], plan)
    assert sure.verdicts[0].confirmed
    short, used = replay(series(*[1.2] * 5), [P50], BlockPlan(blocks=5, seconds=1.0))
    assert used == 5
    assert (short.verdicts[0].outcome, short.verdicts[0].confirmed) == (FAIL, False)


# How often unchanged code fails, and how soon a change is seen


def simulate(
    rng: np.random.Generator, blocks: int, slower: float, *, share_slow: float = 0.0
) -> dict[str, list[Block]]:
    """Processes by .7 %, trials by 2 %; a share of the processes is slower by 8 %."""
    found = []
    for _ in range(blocks):
        processes = rng.normal(1, 0.007, (4, 1)) * (1 + 0.08 * (rng.random((4, 1)) < share_slow))
        processes[2:] *= 1 + slower
        values = processes * rng.normal(1, 0.02, (4, 24))
        baseline, control, candidate, candidate_control = map(tuple, values.tolist())
        arms = Arms(
            baseline=baseline,
            control=control,
            candidate=candidate,
            candidate_control=candidate_control,
        )
        found.append(Block(metric=arms))
    return {P50.metric: found}


@pytest.mark.uncovered
@pytest.mark.parametrize("share_slow", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("plan", [FEW, MANY])
def test_unchanged_code_does_not_fail(plan: BlockPlan, share_slow: float) -> None:
    """Even where half of all processes are slower by 8 %, for all their lives."""
    rng = np.random.default_rng(plan.blocks)
    failed = 0
    for _ in range(150):
        blocks = simulate(rng, 2 * plan.blocks, 0.0, share_slow=share_slow)
        cell, _ = replay(blocks, [P50], plan)
        failed += cell.verdicts[0].outcome is FAIL
    assert failed <= 1


def test_a_slower_version_is_found_after_few_blocks() -> None:
    rng = np.random.default_rng(5)
    used = []
    for _ in range(60):
        cell, blocks = replay(simulate(rng, 40, 0.05), [P50], MANY)
        assert cell.verdicts[0].outcome is FAIL
        used.append(blocks)
    assert np.median(used) <= 8
