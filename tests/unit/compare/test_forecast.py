"""Whether a budget is refused before it is spent: too short for certain, and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_ttsperf.compare import forecast, metrics, run
from pytest_ttsperf.compare.blocks import ComparedCell, ComparisonSpec, texts_worth
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.records import Outcome, TargetSpec
from tests.unit.experiment.test_cell import trial

SOURCE = TargetFactory(spec=TargetSpec(spec="nowhere:Nothing"))
WARM = Plan(test="t", text="short", mode="stream", phase="warm", trials=3)
BLOCKS_OF_TEXTS = 16 + 4 * 8
"""The texts of five blocks, as few as there are."""
ARMS = 4


def spec_of(trial_s: float | None, budget_s: float, plan: Plan = WARM) -> ComparisonSpec:
    return ComparisonSpec(
        baseline=SOURCE,
        candidate=SOURCE,
        cells={"cell": ComparedCell(plan, metrics.choose_metrics(plan.phase))},
        against="main",
        budget_s=budget_s,
        trial_s=trial_s,
    )


@pytest.mark.parametrize("trial_s", [0.03, 2.5])
def test_a_budget_of_less_than_half_of_five_blocks_is_refused(trial_s: float) -> None:
    needed_s = ARMS * BLOCKS_OF_TEXTS * trial_s
    assert forecast.shortfall(spec_of(trial_s, 0.51 * needed_s)) is None
    refused = forecast.shortfall(spec_of(trial_s, 0.49 * needed_s))
    assert refused is not None
    assert "--ttsperf-budget" in refused


def test_the_budget_that_is_named_is_accepted() -> None:
    named = named_s(forecast.shortfall(spec_of(2.5, 60.0)))
    assert forecast.shortfall(spec_of(2.5, named)) is None


def named_s(refused: str | None) -> float:
    assert refused is not None
    _, _, named = refused.partition("give ")
    return float(named.split()[0])


def test_the_budget_that_is_named_has_the_start_of_each_process_in_it() -> None:
    """Of four that start at once, on fewer processors, the starts take as long as one by one."""
    started = replace(spec_of(2.5, 60.0), start_s=15.0)
    further = texts_worth(ARMS * 15.0, ARMS * 2.5)
    rounds = 16 + 4 * further
    foreseen_s = ARMS * (5 * 15.0 + rounds * 2.5)
    assert named_s(forecast.shortfall(started)) == pytest.approx(1.1 * foreseen_s, abs=1)


def test_the_budget_that_is_named_is_that_of_a_usual_trial() -> None:
    """The fastest one says what is refused: whatever else was late, that is too short."""
    usual = replace(spec_of(2.5, 60.0), usual_trial_s=5.0)
    refused = forecast.shortfall(usual)
    assert refused is not None
    assert "5.0 s for a text" in refused
    assert named_s(refused) == pytest.approx(2 * named_s(forecast.shortfall(spec_of(2.5, 60.0))))


def test_nothing_is_refused_where_no_trial_was_measured() -> None:
    assert forecast.shortfall(spec_of(None, 0.001)) is None


def test_cold_blocks_are_of_one_text_each() -> None:
    cold = replace(WARM, phase="cold")
    assert forecast.shortfall(spec_of(2.5, ARMS * 5 * 2.5 / 2, cold)) is None
    assert forecast.shortfall(spec_of(2.5, ARMS * 4 * 2.5 / 2, cold)) is not None


def test_a_refused_comparison_starts_nothing_and_is_open() -> None:
    comparison = run.compare(spec_of(2.5, 60.0), lambda _: None)["cell"]
    assert comparison.outcome is Outcome.INCONCLUSIVE
    assert comparison.blocks == 0
    assert comparison.reason is not None
    assert "2.5 s for a text" in comparison.reason


def test_the_fastest_trial_refuses_and_the_mean_is_named() -> None:
    trials = [trial(0, 500.0), trial(1, 10.0)]
    assert forecast.fastest_trial_s(trials) == pytest.approx(0.061)
    assert forecast.mean_trial_s(trials) == pytest.approx(0.306)
    assert forecast.fastest_trial_s([]) is None
    assert forecast.mean_trial_s([]) is None


@pytest.mark.parametrize(
    ("trial_s", "start_s"),
    [(0.06, 1.2), (0.1, 0.5)],
    ids=["an engine", "a server"],
)
def test_the_usual_budget_is_enough_for_what_is_fast(trial_s: float, start_s: float) -> None:
    assert forecast.longer_budget_s(trial_s, start_s) is None


def test_what_is_slow_gets_a_budget_that_its_blocks_fit_in() -> None:
    budget_s = forecast.longer_budget_s(0.22, 1.3)
    assert budget_s == 150
    spec = replace(spec_of(0.22, budget_s), start_s=1.3)
    assert forecast.shortfall(spec) is None
    assert forecast.longer_budget_s(2.5, 15.0) == 1590


def test_cold_starts_have_one_text_each() -> None:
    assert forecast.longer_budget_s(1.0, 1.0, is_cold=True) is None
    assert forecast.longer_budget_s(1.0, 4.0, is_cold=True) == 150
