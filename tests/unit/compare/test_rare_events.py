"""Figures that are 0 in most texts: no event is no proof of none."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_ttsperf.compare import decision, metrics
from pytest_ttsperf.records import Arms, Block, ChangeVerdict, ComparedMetric, Outcome
from tests.unit.judge.simulation import arms


def figure(name: str, margin: float) -> ComparedMetric:
    label = metrics.ALL[name].label
    chosen = metrics.choose_metrics("warm", {name: margin})
    return next(metric for metric in chosen if metric.label == label)


def judge(values: np.ndarray, name: str = "underruns", margin: float = 0.005) -> ChangeVerdict:
    """Of [blocks, 3, texts]."""
    blocks = [Block(metric=arms(block)) for block in values]
    return decision.decide(blocks, figure(name, margin))


def test_none_in_40_texts_is_no_proof_and_says_what_would_be() -> None:
    verdict = judge(np.zeros((5, 3, 8)))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.high == pytest.approx(1 - 0.05 ** (1 / 40))
    assert verdict.reason.startswith(
        "0 of 40 texts have underruns with the new code, 0 of 80 with the old (5 blocks): up to "
        "0.0722 a text may be more, and 0.005 would count; about 70 further blocks like these"
    )
    assert verdict.blocks_needed == 70
    assert judge(np.zeros((75, 3, 8))).outcome is Outcome.PASS
    assert judge(np.zeros((74, 3, 8))).outcome is Outcome.INCONCLUSIVE


def test_a_larger_margin_needs_fewer() -> None:
    assert judge(np.zeros((5, 3, 8)), margin=1.0).outcome is Outcome.PASS


def test_an_underrun_that_was_seen_to_be_five_counts_as_five() -> None:
    values = np.zeros((24, 3, 38))
    assert judge(values, margin=0.01).outcome is Outcome.PASS
    values[3, 0, 4] = 5
    verdict = judge(values, margin=0.01)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.high is not None
    assert verdict.high > 0.01


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_more_underruns_fail(share: float) -> None:
    rng = np.random.default_rng(2)
    values = np.zeros((24, 3, 38))
    values[:, 2] = rng.random((24, 38)) < share
    verdict = judge(values)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.effect == pytest.approx(share, rel=0.5)


def test_both_tests_share_the_level() -> None:
    """Of 5 single events in 5 blocks all are the candidate's: p = .004, of which half counts."""
    values = np.zeros((40, 3, 4))
    values[:5, 2, 0] = 1
    verdict = judge(values)
    assert verdict.p_slower is not None
    assert verdict.p_slower <= 3.0**-5
    assert verdict.outcome is Outcome.FAIL


def test_one_process_that_stutters_is_no_fail() -> None:
    values = np.zeros((9, 3, 38))
    values[2, 2, :20] = 1
    verdict = judge(values)
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_clipped_texts_are_bounded_by_how_far_they_clip() -> None:
    few = judge(np.zeros((5, 3, 3)), "clipped", 0.01)
    assert few.outcome is Outcome.INCONCLUSIVE
    assert judge(np.zeros((5, 3, 8)), "clipped", 0.01).outcome is Outcome.PASS
    rng = np.random.default_rng(4)
    touching = 1e-5 * rng.random((5, 3, 8))
    assert judge(touching, "clipped", 0.01).outcome is Outcome.PASS, "touches full scale"


def test_other_figures_are_left_to_the_t_rule() -> None:
    assert figure("level", 1.0).event is None
    same = Block(metric=Arms(baseline=(-20.0,), control=(-20.0,), candidate=(-20.0,)))
    assert decision.decide([same] * 5, figure("level", 1.0)).outcome is Outcome.PASS


def test_what_most_texts_have_is_left_to_the_t_rule() -> None:
    """A voice that stutters everywhere: it scatters, and its largest value bounds nothing."""
    rng = np.random.default_rng(8)
    values = rng.poisson(6.0, (24, 3, 38)).astype(float)
    verdict = judge(values, margin=1.0)
    assert verdict.outcome is Outcome.PASS
    assert "surely below +1" in verdict.reason
