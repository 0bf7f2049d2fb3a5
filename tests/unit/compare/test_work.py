"""Texts in which one version stands apart: counted, and judged exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.compare import decision, work
from pytest_ttsperf.judge.statistics.t_rule import EARLY, END, Levels
from pytest_ttsperf.records import Arms, Block, ChangeVerdict, ComparedMetric, Outcome
from tests.unit.judge.simulation import arms

BAND = math.log(1.2)
LENGTHS = ComparedMetric(
    label="texts of another length",
    metric="speech_s",
    statistic="outside",
    margin=0.05,
    is_work=True,
    band=BAND,
)


def speak(blocks: int = 9, texts: int = 38, scatter: float = 0.02) -> np.ndarray:
    """Seconds of speech, [blocks, 3, texts], of the same code thrice."""
    rng = np.random.default_rng(blocks)
    usual = rng.uniform(2, 8, (blocks, 1, texts))
    return usual * rng.normal(1, scatter, (blocks, 3, texts))


def judge(seconds: np.ndarray, levels: Levels = END, names: work.Texts = ()) -> ChangeVerdict:
    blocks = [Block(metric=arms(block)) for block in seconds]
    return decision.decide(blocks, LENGTHS, levels, names)


def cut(seconds: np.ndarray, arm: int, count: int) -> np.ndarray:
    """Half of so many texts, in one arm."""
    flat = seconds.transpose(1, 0, 2).reshape(3, -1).copy()
    flat[arm, :count] /= 2
    return flat.reshape(3, *seconds.shape[::2]).transpose(1, 0, 2)


def test_the_same_code_passes_when_there_are_texts_enough() -> None:
    verdict = judge(speak())
    assert verdict.outcome is Outcome.PASS
    assert verdict.effect == 0
    assert verdict.high == pytest.approx(1 - 0.05 ** (1 / 342)), "0 of n, exactly"
    assert "0 of 342 texts stand apart with the new code (by more than 20 %)" in verdict.reason
    few = judge(speak(blocks=5, texts=11))
    assert few.outcome is Outcome.INCONCLUSIVE, "0 of 55 may be 5.3 %"
    assert "5 % would count" in few.reason


@pytest.mark.parametrize(
    ("count", "outcome"),
    [(2, Outcome.PASS), (3, Outcome.INCONCLUSIVE), (4, Outcome.INCONCLUSIVE), (5, Outcome.FAIL)],
)
def test_one_text_in_fifty_is_found_though_the_mean_trims_it_away(
    count: int, outcome: Outcome
) -> None:
    verdict = judge(cut(speak(), 2, count))
    assert verdict.outcome is outcome
    assert verdict.p_slower == pytest.approx(3.0**-count)


@pytest.mark.parametrize("arm", [0, 1])
def test_what_the_old_code_does_to_itself_is_no_fault_of_the_new(arm: int) -> None:
    seconds = cut(speak(), arm, 9)
    assert judge(seconds).outcome is Outcome.PASS
    both = cut(seconds[:, :, ::-1], 2, 5)
    verdict = judge(both)
    assert verdict.outcome is not Outcome.FAIL
    assert "9 of 684 with the old" in verdict.reason


@pytest.mark.parametrize(("texts", "outcome"), [(11, Outcome.INCONCLUSIVE), (21, Outcome.PASS)])
def test_a_pass_before_the_end_wants_twice_the_texts(texts: int, outcome: Outcome) -> None:
    """With a hundred of them one in fifty is missed too often; at the end they are enough."""
    seconds = speak(blocks=9, texts=texts)
    assert judge(seconds, EARLY).outcome is outcome
    assert judge(seconds, END).outcome is Outcome.PASS


def test_an_early_look_wants_more() -> None:
    verdict = judge(cut(speak(), 2, 5), EARLY)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "hardly by chance (exact p = 0.004)" in verdict.reason
    assert judge(cut(speak(), 2, 7), EARLY).outcome is Outcome.FAIL


def test_a_fail_names_a_text() -> None:
    names = [[f"text {block} {text}" for text in range(38)] for block in range(9)]
    assert judge(cut(speak(), 2, 6), names=names).reason.endswith("; listen to 'text 0 0'")


def test_what_was_not_measured_stands_apart_from_nothing() -> None:
    seconds = speak(blocks=2, texts=4)
    values = [[None, 1.0, 1.0, 5.0], [1.0, 1.0, 1.0, 2.0], [2.0, 2.0, 1.0, 1.0]]
    baseline, control, candidate = map(tuple, values)
    first = Block(metric=Arms(baseline=baseline, control=control, candidate=candidate))
    count = work.count_outside([first, Block(metric=arms(seconds[0]))], LENGTHS)
    assert (count.old, count.new) == (0, 1), "of the last text all three differ"
    assert count.examples == ((0, 0),)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 400))
def test_the_chance_and_the_bound_are_those_of_a_binomial(new: int, old: int, more: int) -> None:
    from scipy import stats

    count = work.OutsideCount(old=old, new=new, texts=new + old + more, examples=())
    wanted = stats.binom.sf(new - 1, new + old, 1 / 3)
    assert count.p_value == pytest.approx(min(1.0, wanted), abs=1e-12)
    bound = count.bound(0.05)
    assert stats.binom.cdf(new, count.texts, bound) == pytest.approx(0.05, abs=1e-6)
