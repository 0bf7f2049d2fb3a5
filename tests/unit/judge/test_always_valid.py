"""E-values of the t statistic: their closed form, and how often they err over hundreds of looks."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from pytest_ttsperf.judge.statistics.always_valid import (
    OPEN,
    OpenPlan,
    SequentialEstimate,
    further_plan,
    log_e_value,
    open_plan,
    t_bound,
)
from pytest_ttsperf.judge.statistics.estimators import Estimate
from pytest_ttsperf.judge.statistics.t_rule import (
    END,
    END_OF_MANY,
    MOST_BLOCKS,
    BlockPlan,
    Contrast,
    blocks_needed,
)
from tests.unit.judge.simulation import wilson

MARGIN = math.log(1.03)
COMPARISONS = 800
LOOKS = 500
SCATTER = 0.02


# The e-value


@pytest.mark.parametrize(("t", "blocks", "freedom"), [(2.5, 6, 5), (-1.0, 8, 23), (4.0, 12, 35)])
@pytest.mark.parametrize("variance", [0.5, 1.0])
def test_it_is_the_mean_of_the_likelihood_ratios_of_the_bet(t, blocks, freedom, variance):
    """Non-central t against central t, over the positive half of the normal bet."""

    def weighted(effect):
        shifted = stats.nct.pdf(t, freedom, effect * math.sqrt(blocks))
        bet = 2 * stats.norm.pdf(effect, scale=math.sqrt(variance))
        return shifted / stats.t.pdf(t, freedom) * bet

    expected, _ = integrate.quad(weighted, 0, 8)
    found = math.exp(log_e_value(t, blocks, freedom, variance))
    assert found == pytest.approx(expected, rel=1e-4)


def test_more_above_is_more_evidence_and_below_there_is_hardly_any():
    evidence = log_e_value(np.linspace(-8, 8, 65), 9, 26)
    assert (np.diff(evidence) > 0).all()
    assert evidence[0] < math.log(0.1)
    assert np.isfinite(log_e_value(np.array([-1e100, 1e100]), 9, 26)).all()


def test_p_is_1_over_e_and_never_above_1():
    estimate = SequentialEstimate(mean=0.03, error=0.01, freedom=17, blocks=6)
    assert estimate.p_above(0.0) == pytest.approx(math.exp(-log_e_value(3.0, 6, 17)))
    assert estimate.p_above(0.05) == 1.0
    assert estimate.p_below(0.06) == pytest.approx(estimate.p_above(0.0))
    assert isinstance(estimate.mirrored, SequentialEstimate)


def test_it_takes_more_than_one_t_test_does():
    at_once = Estimate(mean=0.03, error=0.01, freedom=17, blocks=6)
    at_each = SequentialEstimate(*at_once)
    assert at_each.p_above(0.0) > at_once.p_above(0.0)
    low, high = at_each.interval()
    once_low, once_high = at_once.interval()
    assert low < once_low < once_high < high


def test_blocks_without_any_scatter_are_no_certainty():
    estimate = SequentialEstimate.of(np.full(5, 0.1))
    assert estimate.error == 0
    assert 0 < estimate.p_above(0.0) < 0.05
    assert estimate.p_above(0.1) == estimate.p_above(0.2) == 1.0


def test_the_bound_is_where_the_two_sided_evidence_is_at_the_level():
    blocks, freedom, alpha = 8, 23, 0.05
    t = t_bound(blocks, freedom, alpha)
    # Both halves of the bet together, each half of the whole.
    both = np.exp(log_e_value(np.array([t, -t]), blocks, freedom)).mean()
    assert both == pytest.approx(1 / alpha)
    assert t_bound(3, 2, alpha) == math.inf, "too few to say anything"
    assert t < t_bound(5, 4, alpha) < math.inf


# Over many looks


@functools.cache
def series(effect: float, noisier: float = 1.0, seed: int = 1):
    """After each block: mean, error and freedom, pooled over the controls of four arms."""
    rng = np.random.default_rng(seed)
    shape = (COMPARISONS, LOOKS)
    baseline, control = rng.normal(0, SCATTER, (2, *shape))
    candidate, second = rng.normal(effect, SCATTER * noisier, (2, *shape))
    numbers = (candidate + second - baseline - control) / 2
    squares = ((baseline - control) ** 2 + (candidate - second) ** 2) / 2
    count = np.arange(1, LOOKS + 1)
    mean = numbers.cumsum(axis=1) / count
    deviations = (numbers**2).cumsum(axis=1) - count * mean**2
    freedom = 3 * count - 1
    error = np.sqrt((deviations + squares.cumsum(axis=1)) / freedom / count)
    return mean, error, freedom, count


def ever(estimate, level, effect, *, below=None, noisier=1.0):
    """Which comparisons are once so surely above 0, or below that."""
    mean, error, freedom, count = series(effect, noisier)
    t = mean / error if below is None else (below - mean) / error
    p_values = estimate.p_of(t, count, freedom)
    is_look = count >= OPEN.fewest
    return ((p_values <= level) & is_look).any(axis=1)


@pytest.mark.parametrize("noisier", [1.0, 2.0])
def test_unchanged_code_is_hardly_ever_slower_at_any_of_500_looks(noisier):
    hits = ever(SequentialEstimate, 0.05, 0.0, noisier=noisier)
    low, _ = wilson(hits)
    assert low <= 0.05
    assert hits.mean() > 0, "a rule that never says anything is not worth having"


@pytest.mark.parametrize("noisier", [1.0, 2.0])
def test_what_is_slower_by_the_margin_hardly_ever_passes_at_any_of_500_looks(noisier):
    hits = ever(SequentialEstimate, OPEN.passes, MARGIN, below=MARGIN, noisier=noisier)
    low, _ = wilson(hits)
    assert low <= OPEN.passes


def test_the_t_test_at_each_look_errs_many_times_as_often():
    hits = ever(Estimate, OPEN.passes, MARGIN, below=MARGIN)
    low, _ = wilson(hits)
    assert low > 3 * OPEN.passes


def test_what_is_slower_is_found_and_what_is_not_passes():
    assert ever(SequentialEstimate, OPEN.fail, math.log(1.05)).all()
    assert ever(SequentialEstimate, OPEN.passes, 0.0, below=MARGIN).all()


def test_the_interval_has_the_truth_in_it_at_all_looks():
    mean, error, _, count = series(0.0)
    bounds = np.array([t_bound(n, 3 * n - 1, 0.05) for n in count])
    is_outside = np.abs(mean / error) > bounds
    low, _ = wilson(is_outside[:, OPEN.fewest :].any(axis=1))
    assert low <= 0.05


def test_foreseen_blocks_decide_if_the_rest_are_like_these():
    candidate = SequentialEstimate(mean=0.0, error=0.012, freedom=14, blocks=5)
    contrast = Contrast(candidate, (candidate,), MARGIN)
    needed = blocks_needed(contrast, "p50", OPEN)
    assert needed is not None
    for further, is_enough in ((needed, True), (needed - 1, False)):
        count = 5 + further
        t = MARGIN / (0.012 * math.sqrt(5 / count))
        assert (SequentialEstimate.p_of(t, count, 3 * count - 1) <= OPEN.passes) == is_enough
    once = Contrast(Estimate(*candidate), (candidate,), MARGIN)
    assert (blocks_needed(once, "p50", END_OF_MANY) or 0) < needed


# Plans


def test_an_open_plan_looks_after_every_block_and_then_after_every_twentieth_more():
    plan = open_plan(3600.0)
    assert (plan.blocks, plan.seconds) == (MOST_BLOCKS, 3600.0)
    looks = [done for done in range(1, MOST_BLOCKS + 1) if plan.levels_after(done)]
    assert looks[:36] == list(range(5, 41))
    gaps = np.diff(looks)
    assert (gaps <= np.maximum(1, np.array(looks[1:]) / 20)).all()
    assert looks[-1] == MOST_BLOCKS
    levels = plan.levels_after(7)
    assert levels is not None
    assert (levels.look, levels.fail, levels.estimate) == ("early", OPEN.fail, SequentialEstimate)
    assert plan.end.look == "end"
    assert plan.shortfall is None


def test_exact_tests_share_one_level_over_all_looks():
    plan = OpenPlan(blocks=MOST_BLOCKS, seconds=1.0)
    shares = []
    for done in range(1, MOST_BLOCKS + 1):
        levels = plan.levels_after(done)
        if levels is not None:
            shares.append(levels.share)
            assert levels.exact_passes == pytest.approx(OPEN.passes * levels.share)
    assert 0.9 < sum(shares) <= 1.0
    assert END.share == 1.0


def test_after_a_spent_budget_all_further_looks_share_the_levels_of_its_end():
    few = further_plan(BlockPlan(blocks=5, seconds=60.0), 5, 10)
    many = further_plan(BlockPlan(blocks=20, seconds=60.0), 20, 40)
    for plan, end in ((few, END), (many, END_OF_MANY)):
        assert plan.end.fail == end.fail
        assert plan.end.passes == end.passes
        assert plan.end.estimate is SequentialEstimate
    assert few.levels_after(5) is None
    assert few.levels_after(6) is not None
    assert few.levels_after(10) == few.end


def test_a_block_scatters_by_what_its_arms_do():
    """The pooled estimate has the same expectation as that of the candidate's number alone."""
    mean, error, freedom, count = series(0.0)
    assert (error * np.sqrt(count))[:, -1].mean() == pytest.approx(SCATTER, rel=0.02)
    assert freedom[-1] == 3 * LOOKS - 1
    assert special.stdtr(freedom[-1], 0.0) == 0.5
    assert abs(mean[:, -1].mean()) < SCATTER / 10
