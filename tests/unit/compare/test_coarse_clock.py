"""A clock that is too coarse decides nothing, and one that is not too coarse is not doubted."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_ttsperf.compare import decision, metrics
from pytest_ttsperf.records import Arms, Block, ChangeVerdict, Outcome
from tests.unit.judge.simulation import arms

STEP = 15.6
P50, P95, RTF = metrics.choose_metrics("warm")


def judge(
    slower: float, *, spread: float = 0.0, step: float = STEP, texts: int = 38, metric=P50
) -> ChangeVerdict:
    """Of nine blocks around 66 ms that scatter by 1 %, each time rounded by itself."""
    rng = np.random.default_rng(6)
    usual = 66 * np.exp(rng.normal(0, spread, (9, 1, texts)))
    times = usual * np.exp(rng.normal(0, 0.01, (9, 3, texts)))
    times[:, 2] *= 1 + slower
    shown = np.round(times / step) * step
    return decision.decide([Block(metric=arms(block)) for block in shown], metric)


@pytest.mark.parametrize("slower", [0.0, 0.03, 0.05])
@pytest.mark.parametrize("metric", [P50, P95])
def test_what_lies_within_one_step_is_not_decided(slower: float, metric) -> None:
    verdict = judge(slower, metric=metric)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "too coarse for this change: the clock's steps " in verdict.reason
    assert verdict.reason.endswith(" % of the median")
    assert verdict.blocks_needed is None


def test_the_steps_are_named() -> None:
    assert judge(0.05).reason.endswith("the clock's steps are 15.6 ms, 25 % of the median")
    assert judge(0.0).reason.endswith("the clock's steps may be 62.4 ms, 100 % of the median")


def test_texts_of_many_lengths_decide_in_spite_of_it() -> None:
    assert judge(0.0, spread=0.3).outcome is Outcome.PASS
    assert judge(0.08, spread=0.3).outcome is Outcome.FAIL
    assert judge(0.03, spread=0.3).outcome is not Outcome.PASS


def test_a_fine_clock_is_not_doubted() -> None:
    assert judge(0.0, step=0.01).outcome is Outcome.PASS
    assert judge(0.05, step=0.01).outcome is Outcome.FAIL


def test_what_is_several_times_slower_fails_by_any_clock() -> None:
    old_and_new = Arms(baseline=(10.0,), control=(10.0,), candidate=(50.0,))
    verdict = decision.decide([Block(metric=old_and_new)] * 9, P50)
    assert verdict.outcome is Outcome.FAIL


def test_sound_that_is_the_same_each_time_has_no_clock() -> None:
    speech = next(metric for metric in metrics.with_work((), "warm") if metric.label == "speech")
    same = Arms(baseline=(2.5,), control=(2.5,), candidate=(2.5,))
    assert decision.decide([Block(metric=same)] * 5, speech).outcome is Outcome.PASS
