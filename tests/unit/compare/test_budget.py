"""What a budget holds, and what a larger one would buy."""

from __future__ import annotations

import math

import pytest

from pytest_ttsperf.compare import budget, decision, metrics
from pytest_ttsperf.compare.report import text
from pytest_ttsperf.records import Comparison, Outcome
from tests.unit.compare.test_looks import GATES, four_arms


def test_a_further_block_costs_what_those_after_the_first_took() -> None:
    durations_s = [30.0, 10.0, 10.0, 10.0]
    assert budget.mean_block_s(durations_s) == 10.0
    assert budget.mean_block_s(durations_s[:1]) == 30.0
    assert budget.cost_text(4, durations_s, budget.OPTION) == "40 s, --ttsperf-budget=100s"
    assert budget.cost_text(1, durations_s, "--budget") == "10 s, --budget=70s"
    assert budget.cost_text(4, durations_s, None) == "40 s"


def test_an_open_verdict_says_what_it_lacks_in_seconds() -> None:
    blocks = [four_arms(1.02, texts=6, seed=seed) for seed in range(6)]
    verdict = decision.decide(blocks, GATES[1])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.blocks_needed is not None
    with_cost = decision.add_cost(verdict, "40 s, --ttsperf-budget=100s")
    assert "like these (40 s, --ttsperf-budget=100s) would decide" in with_cost.reason
    few = decision.decide(blocks[:2], GATES[1])
    with_cost = decision.add_cost(few, "9 s, --budget=20s")
    assert "3 more like these (9 s, --budget=20s) are needed" in with_cost.reason


def test_what_is_slow_says_what_decides_a_median_and_what_a_p95() -> None:
    plan = budget.plan_blocks(60.0, [42.0])
    assert plan is not None
    assert plan.shortfall == (
        "blocks take 42.0 s, so 60 s hold 1, and 5 are the fewest that can decide; 210 s decide a "
        "median, about 504 s a p95"
    )
    assert budget.plan_blocks(60.0, [20.0]) is None
    assert budget.plan_after_first(60.0, 20.0, 42.0).blocks == 1
    assert budget.plan_after_first(60.0, 20.0, 10.0).blocks == 5
    assert budget.plan_after_first(60.0, 90.0, 10.0).blocks == 1


def test_open_is_a_budget_without_an_end() -> None:
    assert math.isinf(metrics.budget_s("open", "--budget"))
    assert math.isinf(metrics.budget_s(" open ", "--budget"))


@pytest.mark.parametrize(
    ("decided_s", "outcome", "when"),
    [
        (24.0, Outcome.PASS, "decided after 24 s"),
        (None, Outcome.INCONCLUSIVE, "open after 61 s"),
        (24.0, Outcome.INCONCLUSIVE, "open after 61 s"),
    ],
)
def test_the_command_says_how_soon_each_gate_was_decided(
    decided_s: float | None, outcome: Outcome, when: str
) -> None:
    gate = GATES[0]
    blocks = [four_arms(seed=seed) for seed in range(5)]
    change = decision.decide(blocks, gate)
    change = decision.structs.replace(change, outcome=outcome, decided_s=decided_s)
    comparison = Comparison(
        against="A", blocks=5, seconds=61.0, gates=(gate,), changes=(change,), notes=("noted",)
    )
    shown = text("A", "B", {"short": comparison}, lambda word, _: word)
    assert f"{outcome.value}  ttfa p50, {when}: p50 changed by" in shown
    assert shown.endswith("note: noted")
