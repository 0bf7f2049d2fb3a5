"""How often limits are judged wrongly, on a smaller scale than benchmarks/limit_simulation.py."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_ttsperf.experiment import plan
from pytest_ttsperf.judge.limits import Looks, judge
from pytest_ttsperf.records import Outcome
from tests.unit.judge.simulation import wilson

pytestmark = pytest.mark.uncovered
BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
ALPHA, ALPHA_EARLY = 0.05, 0.002


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("limit_simulation")


def judge_many(simulation, engine, count: int, **how) -> list[Any]:
    case = simulation.Case("x", engine, **how)
    rng = np.random.default_rng(7)
    return [simulation.simulate(case, rng) for _ in range(count)]


def share(judged, outcome: Outcome) -> tuple[float, float]:
    return wilson([each.outcome is outcome for each in judged])


def share_early(judged) -> tuple[float, float]:
    return wilson([each.outcome is Outcome.FAIL and each.is_early for each in judged])


@pytest.mark.parametrize("kind", ["rare_spells", "graded_spells"])
@pytest.mark.parametrize("length", [3, 6, 12])
def test_engines_on_the_limit_seldom_fail_for_their_spells(simulation, kind, length):
    judged = judge_many(simulation, getattr(simulation, kind)(length), 300)
    assert share_early(judged)[0] <= ALPHA_EARLY
    assert share(judged, Outcome.FAIL)[0] <= ALPHA


def test_independent_trials_are_judged_as_before(simulation):
    judged = judge_many(simulation, simulation.independent(), 400)
    assert share(judged, Outcome.PASS)[0] <= ALPHA
    assert share(judged, Outcome.FAIL)[0] <= ALPHA
    assert share_early(judged)[0] <= ALPHA_EARLY


@pytest.mark.parametrize(("trials", "least"), [(59, 0.50), (93, 0.68)])
def test_an_engine_within_its_limit_passes_as_often(simulation, trials, least):
    """Without any allowance for spells: in 55 and in 76 of 100."""
    judged = judge_many(simulation, simulation.independent(0.01), 300, trials=trials)
    assert share(judged, Outcome.PASS)[1] >= least


def test_an_engine_that_is_always_slow_is_stopped_early(simulation):
    judged = judge_many(simulation, simulation.independent(0.9999), 40)
    assert all(each.outcome is Outcome.FAIL and each.is_early for each in judged)
    assert np.mean([each.trials for each in judged]) < 30


def ever_passes(simulation, rng, looks: int) -> bool:
    """Whether an engine on its limit passes at any look at its growing sample."""
    n = plan.default_trials("warm", [simulation.THRESHOLD], looks)
    values: list[float] = []
    for earlier in range(looks):
        values += simulation.to_ms(simulation.independent()(rng, n).log_excess)
        found = simulation.as_sample(values)
        verdict = judge(simulation.THRESHOLD, found, len(values), Looks(looks, earlier))
        if verdict.outcome is Outcome.PASS:
            return True
    return False


@pytest.mark.parametrize("looks", [2, 4])
def test_reruns_pass_no_more_than_one_look_may(simulation, looks):
    rng = np.random.default_rng(7)
    assert wilson([ever_passes(simulation, rng, looks) for _ in range(300)])[0] <= ALPHA


def test_a_simulated_rerun_is_pooled_as_shipped(simulation):
    (judged,) = judge_many(simulation, simulation.independent(0.15), 1, reruns=1)
    assert judged.trials == 2 * plan.default_trials("warm", [simulation.THRESHOLD], 2)


def test_of_these_minutes_a_verdict_is_right(simulation):
    """Where speed drifts from run to run, what a verdict says holds for the run."""
    judged = judge_many(simulation, simulation.drifting(0.11), 400)
    assert share(judged, Outcome.PASS)[0] > 0.5
    assert wilson([each.is_wrong_now for each in judged])[0] <= ALPHA


def test_the_table_counts_every_verdict_once(simulation):
    verdicts = [
        simulation.Judged(Outcome.PASS, False, 59, 0.2),
        simulation.Judged(Outcome.FAIL, True, 25, 0.2),
        simulation.Judged(Outcome.FAIL, False, 59, 0.01),
        simulation.Judged(Outcome.INCONCLUSIVE, False, 59, 0.2),
    ]
    case = simulation.Case("x", simulation.independent(), trials=59)
    passed, early, late, wrong, trials = simulation.row(case, verdicts)[2:]
    assert [text.partition(",")[0] for text in (passed, early, late, wrong)] == [
        "1/4", "1/4", "1/4", "2/4",
    ]  # fmt: skip
    assert trials == "50"
