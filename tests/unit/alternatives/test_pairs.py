"""A pair in blocks over scripted engines in this process: losses and gains are found alike."""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_ttsperf.alternatives import pairs
from pytest_ttsperf.alternatives.candidates import Candidate
from pytest_ttsperf.alternatives.comparison import figures_of
from pytest_ttsperf.compare import blocks as blocks_module
from pytest_ttsperf.compare.incomparable import Incomparable
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.measure import memory, schedule
from pytest_ttsperf.records import (
    Arms,
    Block,
    ComparedMetric,
    Outcome,
    PairComparison,
    TargetSpec,
)

LEVEL = 0.005
BLOCKS = 6
PLAN_BLOCKS = t_rule.plan_blocks
"""As it is: most tests here have it say `BLOCKS`."""


class Quick:
    """As long as its text, 5 ms to the first chunk."""

    sample_rate = 24_000
    first_s = 0.005

    def stream(self, text: str) -> Iterator[NDArray[np.float32]]:
        count = self.sample_rate * len(text) // 15
        time.sleep(self.first_s)
        yield np.sin(np.arange(count, dtype=np.float32) / 20) * np.float32(0.3)


class Late(Quick):
    first_s = 0.03


class Failing(Quick):
    def __init__(self) -> None:
        raise RuntimeError("no kernel for that operator")


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("scripted_alternatives")
    for kind in (Quick, Late, Failing):
        setattr(module, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "scripted_alternatives", module)
    # Each of many arms would warm up; a pause is as long the first time as the fifth.
    monkeypatch.setattr(schedule, "MAX_WARMUPS", 1)
    monkeypatch.setattr(memory, "QUIET_WINDOW_S", 0.04)
    monkeypatch.setattr(blocks_module, "TEXTS", 4)
    monkeypatch.setattr(blocks_module, "texts_worth", lambda *_: 4)
    plan = t_rule.BlockPlan(blocks=BLOCKS, seconds=60.0)  # however busy the machine
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: plan)


def candidate(name: str) -> Candidate:
    spec = TargetSpec(spec=f"scripted_alternatives:{name}")
    return Candidate(name, TargetFactory(spec=spec, inline=True))


def wanted_figures() -> tuple[ComparedMetric, ...]:
    """Of what a target in this process has: no memory, and no tail over so few trials."""
    return tuple(one for one in figures_of("warm") if one.label in ("ttfa p50", "speech"))


def compare(reference: str, alternative: str) -> PairComparison:
    plan = pairs.PairPlan("short", "warm", wanted_figures(), 60.0, LEVEL)
    return pairs.compare_pair(candidate(reference), candidate(alternative), plan)


def test_a_loss_and_a_gain_are_proven_by_the_same_blocks() -> None:
    loss = compare("Quick", "Late")
    gain = compare("Late", "Quick")
    for found, direction in ((loss, "worse"), (gain, "better")):
        assert found.reason is None
        assert found.blocks == BLOCKS, "as many as were planned, whatever they showed"
        figure = found.figure("ttfa p50")
        assert figure is not None
        assert figure.direction == direction
        speech = found.figure("speech")
        assert speech is not None
        assert speech.direction == "alike"
    ratios = [found.figure("ttfa p50").ratio for found in (loss, gain)]  # type: ignore[union-attr]
    assert ratios[0] > 2
    assert ratios[1] < 0.5


def test_what_does_not_run_is_a_reason_and_no_figure() -> None:
    broken = compare("Quick", "Failing")
    assert "Failing failed while it was compared" in (broken.reason or "")
    assert "no kernel for that operator" in (broken.reason or "")
    assert broken.figures == ()
    assert "does not run" in (compare("Failing", "Quick").reason or "")


@pytest.mark.parametrize(
    ("durations_s", "blocks"),
    [((10.0, 9.0), 6), ((14.0, 14.0), 5), ((20.0, 17.0), 5)],
    ids=["in the budget", "a little beyond it", "half beyond it"],
)
def test_the_fewest_blocks_that_decide_may_take_half_as_long_again(
    monkeypatch: pytest.MonkeyPatch, durations_s: tuple[float, ...], blocks: int
) -> None:
    monkeypatch.setattr(t_rule, "plan_blocks", PLAN_BLOCKS)
    assert pairs._count_blocks(durations_s, 60.0) == blocks


def test_what_takes_longer_than_that_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(t_rule, "plan_blocks", PLAN_BLOCKS)
    with pytest.raises(Incomparable, match="97 s decide a median"):
        pairs._count_blocks((21.0, 19.0), 60.0)


def test_a_budget_that_holds_too_few_blocks_says_which_is_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    short = t_rule.BlockPlan(blocks=2, seconds=60.0, shortfall="blocks take 30 s")
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: short)
    monkeypatch.setattr(t_rule, "shortfall_text", lambda *_: "blocks take 30 s")
    monkeypatch.setattr(pairs, "OVERRUN", 0.0)
    found = compare("Quick", "Quick")
    assert found.reason == "blocks take 30 s (--ttsperf-budget)"


def scripted_blocks(factor: float, scatter: float, seed: int) -> tuple[Block, ...]:
    """Six blocks of eight texts, the candidate so many times the baseline."""
    rng = np.random.default_rng(seed)
    values = 70 * np.exp(rng.normal(0, scatter, (BLOCKS, 4, 8)))
    values[:, 2:] *= factor
    found = []
    for block in values:
        baseline, control, alternative, its_control = (tuple(map(float, row)) for row in block)
        arms = Arms(
            baseline=baseline,
            control=control,
            candidate=alternative,
            candidate_control=its_control,
        )
        found.append(Block(metric=arms))
    return tuple(found)


def direction(factor: float, scatter: float, seed: int = 1, level: float = LEVEL) -> str:
    (metric,) = [one for one in figures_of("warm") if one.label == "ttfa p50"]
    measured = {metric.metric: scripted_blocks(factor, scatter, seed)}
    (figure,) = pairs.judge(measured, (metric,), level)
    return figure.direction


def test_the_rule_is_the_same_in_both_directions() -> None:
    assert direction(1.25, 0.02) == "worse"
    assert direction(0.8, 0.02) == "better"
    assert direction(1.0, 0.02) == "alike"
    assert direction(1.1, 0.8) == "open"


def test_a_stricter_level_takes_a_gain_back() -> None:
    assert direction(0.8, 0.3) == "better"
    assert direction(0.8, 0.3, level=1e-12) != "better"
    assert direction(1.25, 0.3) == "worse"
    assert direction(1.25, 0.3, level=1e-12) != "worse"


@pytest.mark.uncovered
def test_alternatives_that_are_alike_are_seldom_called_better_or_worse() -> None:
    """At a level of a twentieth for all of them, of two hundred not one in twenty."""
    found = [direction(1.0, 0.05, seed, level=0.05 / 10) for seed in range(200)]
    assert found.count("better") + found.count("worse") <= 5


def test_texts_that_the_alternative_leaves_unspoken_are_the_reason() -> None:
    (metric,) = [one for one in figures_of("warm") if one.label == "ttfa p50"]
    silent = []
    for block in scripted_blocks(1.0, 0.02, 3):
        arms = block.metric
        quiet = (*arms.candidate[:4], *(None,) * 4)
        silent.append(
            Block(
                metric=Arms(
                    baseline=arms.baseline,
                    control=arms.control,
                    candidate=quiet,
                    candidate_control=quiet,
                )
            )
        )
    figures = pairs.judge({metric.metric: tuple(silent)}, (metric,), LEVEL)
    assert figures[0].change.outcome is Outcome.FAIL
    assert "could not be measured" in (pairs._silence_of(figures, "x") or "")
