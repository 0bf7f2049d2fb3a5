"""The share of late trials: judged exactly and by blocks, or shown."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_ttsperf.compare import decision, metrics
from pytest_ttsperf.judge.statistics.t_rule import EARLY, END, Levels
from pytest_ttsperf.records import Block, ChangeVerdict, Outcome
from tests.unit.judge.simulation import arms, speak_in_stages

(LATE,) = [
    metric
    for metric in metrics.choose_metrics("warm", {"ttfa_late": 0.02})
    if metric.statistic == "late"
]


def speak(blocks: int = 24, texts: int = 38, seed: int = 1) -> np.ndarray:
    """Times of the same code thrice, [blocks, 3, texts]; none is late by itself."""
    rng = np.random.default_rng(seed)
    usual = rng.uniform(50, 90, (blocks, 1, texts))
    return usual * np.exp(rng.normal(0, 0.02, (blocks, 3, texts)))


def slow(times: np.ndarray, arm: int, one_in: int, factor: float = 1.5) -> np.ndarray:
    """Every so manieth text slower in one arm."""
    flat = times.transpose(1, 0, 2).reshape(3, -1).copy()
    flat[arm, ::one_in] *= factor
    return flat.reshape(3, *times.shape[::2]).transpose(1, 0, 2)


def judge(times: np.ndarray, levels: Levels = END) -> ChangeVerdict:
    return decision.decide([Block(metric=arms(block)) for block in times], LATE, levels)


def test_nothing_late_passes_where_there_are_texts_enough() -> None:
    verdict = judge(speak())
    assert verdict.outcome is Outcome.PASS
    assert verdict.effect == 0
    assert verdict.high == pytest.approx(1 - 0.05 ** (1 / 912)), "0 of n, exactly"
    assert verdict.reason.startswith(
        "0 of 912 trials are late with the new code (by more than 15 % of their text's median), 0 "
        "of 1824 with the old, which is +0.0 points"
    )


def test_nothing_late_in_few_texts_is_no_proof() -> None:
    verdict = judge(speak(blocks=5, texts=8))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.blocks_needed == 14, "0 of 152 show that fewer than 2 in 100 are"
    assert "about 14 further blocks like these would decide" in verdict.reason


@pytest.mark.parametrize("one_in", [20, 30])
@pytest.mark.parametrize("factor", [1.3, 1.5, 3.0])
def test_one_slow_text_in_twenty_is_found_however_slow(one_in: int, factor: float) -> None:
    verdict = judge(slow(speak(), 2, one_in, factor))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.effect == pytest.approx(1 / one_in, abs=0.002)
    assert "more by over +2.0 points, the smallest change that counts (exact p = " in verdict.reason


@pytest.mark.parametrize("arm", [0, 1])
def test_what_is_late_in_the_old_code_alone_fails_nothing(arm: int) -> None:
    verdict = judge(slow(speak(), arm, 20))
    assert verdict.outcome is not Outcome.FAIL
    assert verdict.control_fired, "of two runs of one code one has 5 points more"
    assert not verdict.improved


def test_fewer_late_trials_are_an_improvement() -> None:
    """Late by chance, and not the same texts in both runs: these would be usual for their text."""
    times = slow(slow(speak(), 0, 20), 1, 19)
    verdict = judge(times)
    assert (verdict.outcome, verdict.improved) == (Outcome.PASS, True)
    assert "fewer by over 2.0 points" in verdict.reason


def test_one_bad_process_is_no_evidence() -> None:
    times = speak()
    times[3, 2, :] *= 1.5
    verdict = judge(times)
    assert verdict.p_slower == pytest.approx(1 / 3), "it could have been any arm's"
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_the_early_look_wants_more() -> None:
    times = slow(slow(speak(blocks=9), 2, 34), 0, 50)
    assert judge(times).outcome is Outcome.FAIL
    assert judge(times, EARLY).outcome is not Outcome.FAIL


def test_the_stage_of_the_slow_texts_is_named() -> None:
    rng = np.random.default_rng(5)
    blocks = speak_in_stages(rng, 24, "vocode", tail=0.5, texts=38)
    verdict = decision.decide(blocks, LATE)
    assert verdict.outcome is Outcome.FAIL
    assert "ms in the slow texts, of which vocode +" in verdict.reason


def test_what_is_shown_is_not_judged() -> None:
    verdict = judge(slow(speak(), 2, 20))
    shown = decision.as_ungated(verdict, metrics.why_ungated(LATE))
    assert shown.outcome is Outcome.INCONCLUSIVE
    assert shown.effect == verdict.effect
    assert "24 blocks): shown, and not judged; it is judged in a budget of " in shown.reason
    assert "@regression(ttfa_late=...)" in shown.reason
