"""Rates of the judge in what benchmarks/tail_simulation.py draws, on a smaller scale."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_ttsperf.records import Outcome
from tests.unit.judge.simulation import wilson

pytestmark = pytest.mark.uncovered
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
MINUTE, THREE_MINUTES = 0, 1


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("tail_simulation")


def late(
    simulation: Any,
    shape: int,
    runs: int,
    *,
    noise: str = "real",
    percent: int = 0,
    one_in: int = 1,
) -> list[Outcome]:
    """What is said of the late share in each run."""
    metric = simulation.find_metric("ttfa_late")
    change = simulation.Change(percent, one_in)
    outcomes = []
    for run in range(runs):
        rng = np.random.default_rng(run)
        times = simulation.draw_times(rng, noise, simulation.SHAPES[shape], change)
        outcomes.append(simulation.judge(times, metric))
    return outcomes


def share(outcomes: list[Outcome], wanted: Outcome) -> tuple[float, float]:
    return wilson([outcome is wanted for outcome in outcomes])


@pytest.mark.parametrize("noise", ["real", "normal", "t3", "pareto"])
def test_unchanged_code_has_no_more_late_trials(simulation: Any, noise: str) -> None:
    low, _ = share(late(simulation, MINUTE, 300, noise=noise), Outcome.FAIL)
    assert low <= 0.005


@pytest.mark.parametrize("percent", [30, 50])
def test_one_slow_text_in_twenty_is_found_in_three_minutes(simulation: Any, percent: int) -> None:
    outcomes = late(simulation, THREE_MINUTES, 80, percent=percent, one_in=20)
    low, _ = share(outcomes, Outcome.FAIL)
    assert low >= 0.8


def test_unchanged_code_passes_in_three_minutes(simulation: Any) -> None:
    low, _ = share(late(simulation, THREE_MINUTES, 120), Outcome.PASS)
    assert low >= 0.85


def test_trials_that_are_late_come_in_spells(simulation: Any) -> None:
    shape = simulation.SHAPES[0]._replace(blocks=400)
    is_late = simulation.late_in_spells(np.random.default_rng(1), shape)
    assert is_late.shape == (400, simulation.ARMS, 38)
    assert is_late.mean() == pytest.approx(simulation.LATE_SHARE, rel=0.15)
    together = is_late.all(axis=1).sum() / is_late.any(axis=1).sum()
    assert together > 0.2, "independent ones would hit all arms less than once in a thousand texts"


def test_no_underrun_in_forty_texts_is_no_proof(simulation: Any) -> None:
    forty = simulation.Rarity(5, 8, 0.01, 0.0)
    assert Outcome.PASS not in simulation.simulate_rarity(forty, 60)
    enough = simulation.Rarity(24, 38, 0.01, 0.0)
    low, _ = share(simulation.simulate_rarity(enough, 150), Outcome.PASS)
    assert low <= 0.05


@pytest.mark.parametrize("is_rounding", [True, False])
@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_a_coarse_clock_hides_no_slow_down(
    simulation: Any, is_rounding: bool, spread: float
) -> None:
    clock = simulation.Clock(15.6, is_rounding, spread, 5)
    low, _ = share(simulation.simulate_clock(clock, 60), Outcome.PASS)
    assert low <= 0.05
