"""A comparison over several attempts of its test: whose blocks, which levels, what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_ttsperf.compare import metrics, run
from pytest_ttsperf.compare.blocks import ARMS, BlockTrials, ComparedCell, ComparisonSpec
from pytest_ttsperf.compare.looks import CellLooks
from pytest_ttsperf.errors import TargetError
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.judge.statistics.always_valid import OPEN, SequentialEstimate, further_plan
from pytest_ttsperf.judge.statistics.t_rule import BlockPlan
from pytest_ttsperf.records import (
    Arms,
    Block,
    ComparedMetric,
    Comparison,
    Outcome,
    TargetSpec,
    Trial,
)
from tests.unit.compare.test_looks import simulate
from tests.unit.experiment.test_cell import trial
from tests.unit.judge.simulation import wilson

PASS, FAIL, OPEN_END = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
(P50,) = metrics.choose_metrics("warm")[:1]
PLAN = Plan(test="t", text="short", mode="stream", phase="warm", trials=3)
BLOCK_S = 10.0


def source(name: str, **more: Any) -> TargetFactory:
    return TargetFactory(spec=TargetSpec(spec=name), inline=True, **more)


def spec_of(
    cells: Mapping[str, ComparedCell] | None = None,
    *,
    candidate: str = "engines:New",
    budget_s: float = 60.0,
) -> ComparisonSpec:
    return ComparisonSpec(
        baseline=source("engines:Old"),
        candidate=source(candidate),
        cells=cells or {"cell": ComparedCell(PLAN, (P50,))},
        against="main",
        budget_s=budget_s,
    )


class ScriptedRunner:
    """Blocks of so many ms: the candidate is slower by a share that changes with the block.

    Where that is `open`, blocks scatter so that nothing is decided.
    """

    def __init__(self, slower: list[float], *, scatter: float = 0.0005) -> None:
        self.slower = slower
        self.scatter = scatter
        self.durations_s: list[float] = []
        self.notes: list[str] = []
        self.measured: list[tuple[str, ...]] = []
        self.expected_block_s: float | None = None
        self.draw: object = None
        self._rng = np.random.default_rng(7)

    def run_next(self, spec: ComparisonSpec) -> dict[str, BlockTrials]:
        slower = self.slower[min(len(self.durations_s), len(self.slower) - 1)]
        self.durations_s.append(BLOCK_S)
        self.measured.append(tuple(spec.cells))
        return {cell_id: self._block(slower) for cell_id in spec.cells}

    def _block(self, slower: float) -> BlockTrials:
        by_arm: dict[str, tuple[Trial, ...]] = {}
        for arm in ARMS:
            level = 1 + self._rng.normal(0, self.scatter)
            if arm.startswith("candidate"):
                level += slower
            times = 500.0 * level * (1 + self._rng.normal(0, 0.0005, 6))
            by_arm[arm] = tuple(trial(index, ms) for index, ms in enumerate(times))
        return BlockTrials(by_arm, dict.fromkeys(ARMS, 100.0))


def scripted(
    runner: ScriptedRunner, earlier: run.EarlierRuns, spec: ComparisonSpec | None = None
) -> run.ComparisonRun:
    """A comparison whose blocks are of that runner, as an attempt that is to be made."""
    spec = spec or spec_of()
    comparison = run.ComparisonRun(spec, lambda _: None)
    comparison.runner = runner  # type: ignore[assignment]
    earlier[spec.against, "warm"] = comparison
    return comparison


def attempt(earlier: run.EarlierRuns, spec: ComparisonSpec | None = None) -> Comparison:
    return run.compare(spec or spec_of(), lambda _: None, earlier=earlier)["cell"]


@pytest.fixture(autouse=True)
def engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(t_rule, "plan_blocks", plan_six)
    monkeypatch.setattr(run, "refuse_silent_baseline", lambda *_: None)


def plan_six(budget_s: float, block_s: float) -> BlockPlan:
    return BlockPlan(blocks=6, seconds=budget_s)


def test_a_rerun_goes_on_from_the_blocks_of_the_first_attempt() -> None:
    earlier: run.EarlierRuns = {}
    runner = ScriptedRunner([0.02], scatter=0.05)
    scripted(runner, earlier)
    first = attempt(earlier)
    assert (first.changes[0].outcome, first.blocks, first.attempts) == (OPEN_END, 6, 1)
    assert not any("pooled" in note for note in first.notes)
    second = attempt(earlier)
    assert (second.blocks, second.attempts) == (12, 2)
    assert "pooled over 2 attempts of the test" in second.notes
    assert second.measured[P50.metric][:6] == first.measured[P50.metric]
    assert second.changes[0].blocks == 12
    assert second.seconds >= first.seconds


def test_looks_after_a_spent_budget_are_by_a_rule_that_holds_at_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    levels: list[t_rule.Levels] = []
    look = CellLooks.look

    def note_levels(
        self: CellLooks, blocks: Any, at: t_rule.Levels, *rest: Any, **more: Any
    ) -> None:
        levels.append(at)
        look(self, blocks, at, *rest, **more)

    monkeypatch.setattr(CellLooks, "look", note_levels)
    earlier: run.EarlierRuns = {}
    scripted(ScriptedRunner([0.02], scatter=0.05), earlier)
    attempt(earlier)
    before = len(levels)
    assert {one.estimate for one in levels} == {t_rule.Estimate}
    for _ in range(2):
        attempt(earlier)
    assert {one.estimate for one in levels[before:]} == {SequentialEstimate}
    assert len({one.passes for one in levels[before:]}) <= 2, "by how many blocks there are"
    assert all(one.passes <= t_rule.END.passes for one in levels[before:])


def test_a_fail_stays_a_fail_and_is_not_measured_again() -> None:
    earlier: run.EarlierRuns = {}
    runner = ScriptedRunner([0.3] * 9 + [0.0] * 50)
    scripted(runner, earlier)
    first = attempt(earlier)
    assert (first.changes[0].outcome, first.changes[0].confirmed) == (FAIL, True)
    done = len(runner.durations_s)
    second = attempt(earlier)
    assert len(runner.durations_s) == done
    assert second.changes == first.changes
    assert (second.blocks, second.attempts) == (first.blocks, 1)
    assert "settled in attempt 1 of the test, and not measured again" in second.notes


def test_only_what_is_open_is_measured_again() -> None:
    earlier: run.EarlierRuns = {}
    cells = {
        "cell": ComparedCell(PLAN, (P50,)),
        "open": ComparedCell(PLAN, (replace_margin(P50, 0.0001),)),
    }
    runner = ScriptedRunner([0.0])
    scripted(runner, earlier, spec_of(cells))
    found = run.compare(spec_of(cells), lambda _: None, earlier=earlier)
    assert found["cell"].changes[0].outcome is PASS
    assert found["open"].changes[0].outcome is OPEN_END
    runner.measured.clear()
    again = run.compare(spec_of(cells), lambda _: None, earlier=earlier)
    assert set(runner.measured) == {("open",)}
    assert again["cell"].blocks == found["cell"].blocks
    assert again["open"].blocks > found["open"].blocks


def replace_margin(metric: ComparedMetric, margin: float) -> ComparedMetric:
    return run.structs.replace(metric, margin=margin)


@pytest.mark.parametrize(
    "other",
    [
        spec_of(candidate="engines:Newest"),
        replace(spec_of(), baseline=source("engines:Old", voice="joe")),
        spec_of({"cell": ComparedCell(PLAN, (replace_margin(P50, 0.5),))}),
        spec_of({"another": ComparedCell(PLAN, (P50,))}),
    ],
    ids=["candidate", "baseline", "margin", "cell"],
)
def test_what_is_not_the_same_does_not_go_on(other: ComparisonSpec) -> None:
    comparison = run.ComparisonRun(spec_of(), lambda _: None)
    assert comparison.may_go_on(spec_of())
    assert not comparison.may_go_on(other)


def test_a_server_on_another_port_is_the_same_server() -> None:
    first = replace(spec_of(), candidate=source_of_server(8001), baseline=source_of_server(9001))
    second = replace(spec_of(), candidate=source_of_server(8002), baseline=source_of_server(9002))
    assert run.ComparisonRun(first, lambda _: None).may_go_on(second)


def source_of_server(port: int) -> TargetFactory:
    return TargetFactory(spec=TargetSpec(spec=f"http://127.0.0.1:{port}/wav"))


def test_a_budget_that_was_too_short_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was looked at, so nothing of the levels is spent."""

    def plan_three(budget_s: float, block_s: float) -> BlockPlan:
        return BlockPlan(blocks=3, seconds=budget_s, shortfall="too short for 5")

    monkeypatch.setattr(t_rule, "plan_blocks", plan_three)
    earlier: run.EarlierRuns = {}
    runner = ScriptedRunner([0.0])
    runner.expected_block_s = BLOCK_S
    scripted(runner, earlier)
    first = attempt(earlier)
    assert first.reason is not None
    assert first.reason.endswith("50 s decide a median, about 120 s a p95 (--ttsperf-budget)")
    assert len(runner.durations_s) == 1
    second = attempt(earlier)
    assert second.reason == "too short for 5 (--ttsperf-budget)"
    monkeypatch.setattr(t_rule, "plan_blocks", plan_six)
    third = attempt(earlier)
    assert third.changes[0].outcome is PASS
    assert third.changes[0].blocks >= t_rule.MIN_BLOCKS


def test_a_candidate_that_fails_once_loses_no_blocks() -> None:
    earlier: run.EarlierRuns = {}
    runner = ScriptedRunner([0.0])
    scripted(runner, earlier)
    run_next = runner.run_next

    def run_or_fail(spec: ComparisonSpec) -> dict[str, BlockTrials]:
        if len(runner.durations_s) == 2:
            raise TargetError("it died")
        return run_next(spec)

    runner.run_next = run_or_fail  # type: ignore[method-assign]
    with pytest.raises(TargetError, match="it died"):
        attempt(earlier)
    runner.run_next = run_next  # type: ignore[method-assign]
    second = attempt(earlier)
    assert second.attempts == 2
    assert second.changes[0].outcome is PASS


def test_what_was_not_to_be_believed_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise run.Incomparable("the old code is silent")

    earlier: run.EarlierRuns = {}
    comparison = scripted(ScriptedRunner([0.0]), earlier)
    monkeypatch.setattr(run, "refuse_silent_baseline", refuse)
    assert attempt(earlier).outcome is Outcome.INVALID
    assert not comparison.may_go_on(spec_of())


# What is said in time


def test_a_slow_engine_says_after_its_first_block_which_budget_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    lines: list[str] = []
    runner = ScriptedRunner([0.0])
    runner.expected_block_s = 14.0
    comparison = run.ComparisonRun(spec_of(), lambda _: None, lines.append)
    comparison.runner = runner  # type: ignore[assignment]
    runner.durations_s.append(BLOCK_S)
    comparison._foresee(BLOCK_S)
    (line,) = lines
    assert line.startswith(
        "against main: blocks take 14.0 s, so 60 s hold 4, and 5 are the fewest that can decide; "
        "66 s decide a median, about 164 s a p95 (--ttsperf-budget); going on"
    )
    runner.expected_block_s = 5.0
    comparison._foresee(BLOCK_S)
    assert len(lines) == 1, "enough"


def test_a_hopeless_budget_is_not_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(run, "refuse_silent_baseline", lambda *_: None)
    earlier: run.EarlierRuns = {}
    runner = ScriptedRunner([0.0])
    runner.expected_block_s = 42.0
    scripted(runner, earlier)
    found = attempt(earlier)
    assert len(runner.durations_s) == 1
    assert found.outcome is OPEN_END
    assert found.reason is not None
    assert "178 s decide a median, about 472 s a p95 (--ttsperf-budget)" in found.reason


def test_an_open_gate_says_what_it_would_cost() -> None:
    earlier: run.EarlierRuns = {}
    cell = ComparedCell(PLAN, (replace_margin(P50, 0.001),))
    scripted(ScriptedRunner([0.0008], scatter=0.001), earlier, spec_of({"cell": cell}))
    change = attempt(earlier, spec_of({"cell": cell})).changes[0]
    assert change.outcome is OPEN_END
    assert change.blocks_needed is not None
    seconds = round(change.blocks_needed * BLOCK_S)
    budget = f"--ttsperf-budget={round(6 * BLOCK_S) + seconds}s"
    assert f"like these ({seconds} s, {budget}) would decide" in change.reason


# Without a budget


def test_an_open_budget_goes_on_until_all_is_settled() -> None:
    earlier: run.EarlierRuns = {}
    spec = spec_of(budget_s=float("inf"))
    runner = ScriptedRunner([0.0], scatter=0.06)
    scripted(runner, earlier, spec)
    found = attempt(earlier, spec)
    assert found.changes[0].outcome is PASS
    assert found.blocks > 6, "more than a budget would hold here"
    assert runner.measured


def test_an_open_budget_ends_where_no_block_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "summarise_block", lambda *_, **__: silent_block())
    earlier: run.EarlierRuns = {}
    spec = spec_of(budget_s=float("inf"))
    runner = ScriptedRunner([0.0])
    scripted(runner, earlier, spec)
    found = attempt(earlier, spec)
    assert found.changes[0].outcome is OPEN_END
    assert found.blocks == run.FUTILE_AFTER
    assert any("none could be read" in note for note in found.notes)
    assert "more like these are needed" in found.changes[0].reason, "nobody knows how many"


def silent_block() -> Block:
    one = (None, 1.0, None)
    other = (None, None, 1.0)
    return Block(metric=Arms(baseline=one, control=other, candidate=one, candidate_control=other))


def test_an_open_budget_has_a_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "CEILING_S", 8 * BLOCK_S)
    earlier: run.EarlierRuns = {}
    spec = spec_of(budget_s=float("inf"))
    scripted(ScriptedRunner([0.0], scatter=0.3), earlier, spec)
    found = attempt(earlier, spec)
    assert found.blocks == 8
    assert any("the longest without a budget" in note for note in found.notes)
    assert "--ttsperf-budget" not in found.changes[0].reason


# How often it errs


def decide_in(attempts: int, seed: int, slower: float, blocks: int = 12) -> list[Outcome]:
    """What each of many comparisons comes to in so many budgets."""
    rng = np.random.default_rng(seed)
    outcomes = []
    for _ in range(60):
        series = simulate(rng, 2 * attempts * blocks, slower)
        outcomes.append(decide_one(series, attempts, blocks))
    return outcomes


def decide_one(series: Mapping[str, list[Block]], attempts: int, blocks: int) -> Outcome:
    cell = CellLooks([P50])
    done = 0
    for number in range(attempts):
        plan = BlockPlan(blocks=blocks, seconds=60.0)
        if number:
            plan = further_plan(plan, blocks, (number + 1) * blocks)
        while done < plan.blocks and not cell.is_settled:
            done += 1
            levels = plan.levels_after(done)
            if levels is not None:
                first = {metric: each[:done] for metric, each in series.items()}
                cell.look(first, levels, plan.end)
    return cell.verdicts[0].outcome


@pytest.mark.uncovered
def test_four_budgets_pass_what_is_too_slow_hardly_more_often_than_one() -> None:
    """At exactly the margin each PASS is a false one: 3 % of the time in one budget."""
    outcomes = decide_in(4, 11, P50.margin)
    low, _ = wilson([outcome is PASS for outcome in outcomes])
    assert low <= 1.5 * t_rule.END_OF_MANY.passes


@pytest.mark.uncovered
def test_a_second_budget_decides_what_the_first_left_open() -> None:
    outcomes = decide_in(2, 12, 0.0)
    once = decide_in(1, 12, 0.0)
    assert outcomes.count(PASS) >= once.count(PASS)
    assert outcomes.count(FAIL) == 0
    assert OPEN.passes > 0


def test_the_scripted_runner_has_what_the_real_one_has() -> None:
    real = run.BlockRunner(spec_of())
    for name in ("durations_s", "notes", "expected_block_s", "draw", "run_next"):
        assert hasattr(real, name)
