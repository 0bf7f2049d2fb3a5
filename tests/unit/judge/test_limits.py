from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.judge.limits import Looks, is_decided_early, judge, judge_value, summarize
from pytest_ttsperf.records import Outcome, Sample
from tests.unit.judge.factories import sample, threshold

PASS, FAIL, OPEN = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("n", "exceeding", "expected"),
    [
        (2, 1, OPEN), (3, 1, OPEN), (3, 2, FAIL), (3, 3, FAIL),
        (10, 2, OPEN), (10, 3, FAIL),
        (20, 0, OPEN), (20, 3, OPEN), (20, 4, FAIL),
        (58, 0, OPEN), (59, 0, PASS), (59, 1, OPEN), (59, 6, OPEN), (59, 7, FAIL),
        (92, 1, OPEN), (93, 1, PASS), (123, 2, OPEN), (124, 2, PASS),
        (152, 3, OPEN), (153, 3, PASS),
    ],
)  # fmt: skip
def test_p95_at_the_declared_number(n, exceeding, expected):
    verdict = judge(threshold(), sample(n, exceeding), declared=n)
    assert verdict.outcome is expected
    assert (verdict.n, verdict.exceeding) == (n, exceeding)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([700.0] * 24, OPEN),
        ([700.0] * 25, FAIL),
        ([700.0] * 12 + [400.0] * 8, OPEN),
        (([700.0] * 2 + [400.0] * 10) * 3, FAIL),
        (([700.0] + [400.0] * 19) * 2 + [700.0], OPEN),
        ([None] * 25, FAIL),
    ],
    ids=["one spell", "slow all the time", "neighbours", "three spells", "too few", "not measured"],
)
def test_p95_before_the_declared_number_fails_only_by_separate_spells(values, expected):
    found = Sample(metric="ttfa_ms", values=tuple(values))
    assert is_decided_early(threshold(), found, declared=59) is (expected is FAIL)
    if any(values):
        assert judge(threshold(), found, declared=59).outcome is expected


def test_trials_of_different_processes_are_separate():
    values = (700.0, 700.0, 700.0)
    one = Sample(metric="ttfa_ms", values=values, processes=(0, 0, 0))
    three = Sample(metric="ttfa_ms", values=values, processes=(0, 1, 2))
    assert not is_decided_early(threshold(), one, declared=59)
    assert is_decided_early(threshold(), three, declared=59)


def test_nothing_passes_before_the_declared_number():
    verdict = judge(threshold(), sample(70), declared=93)
    assert verdict.outcome is OPEN
    assert verdict.trials_needed == 23
    assert not is_decided_early(threshold(), sample(70), declared=93)


@pytest.mark.parametrize(("n", "outcome"), [(4, OPEN), (5, PASS)])
def test_five_starts_prove_a_median(n, outcome):
    assert judge(threshold("p50"), sample(n), declared=n).outcome is outcome


@pytest.mark.parametrize(("n", "outcome"), [(298, OPEN), (299, PASS)])
def test_p99_needs_299(n, outcome):
    assert judge(threshold("p99"), sample(n), declared=n).outcome is outcome


@pytest.mark.parametrize(
    ("n", "exceeding", "declared", "needed"),
    [(20, 0, 20, 39), (20, 0, 59, 39), (20, 0, 100, 80), (59, 1, 59, 34), (59, 2, 59, 65)],
)
def test_inconclusive_says_how_many_more_trials_would_do(n, exceeding, declared, needed):
    verdict = judge(threshold(), sample(n, exceeding), declared)
    assert verdict.outcome is OPEN
    assert verdict.trials_needed == needed
    assert f"{needed} further trials would prove it" in verdict.reason


@given(st.integers(1, 130), st.integers(0, 130), st.sampled_from(["p50", "p95", "p99"]))
def test_the_trials_said_to_be_needed_do_pass(n, exceeding, statistic):
    limit = threshold(statistic)
    verdict = judge(limit, sample(n, min(exceeding, n)), declared=n)
    if verdict.trials_needed is not None:
        more = sample(n + verdict.trials_needed, min(exceeding, n))
        assert judge(limit, more, declared=n).outcome is PASS


@given(st.permutations([400.0] * 55 + [700.0] * 7 + [None]))
def test_the_direction_of_time_does_not_matter(values):
    forth = judge(threshold(), Sample(metric="ttfa_ms", values=tuple(values)), 59)
    back = judge(threshold(), Sample(metric="ttfa_ms", values=tuple(reversed(values))), 59)
    assert forth.outcome is back.outcome
    assert forth.n_effective == pytest.approx(back.n_effective)


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=80), st.sampled_from([0.001, 1000.0]))
def test_units_do_not_matter(values, factor):
    limit = threshold(limit=500.0)
    scaled = Sample(metric="ttfa_ms", values=tuple(v * factor for v in values))
    found = judge(limit, Sample(metric="ttfa_ms", values=tuple(values)), 59)
    assert judge(threshold(limit=500.0 * factor), scaled, 59).outcome is found.outcome


def test_a_value_on_the_limit_meets_it():
    assert judge(threshold(), sample(59, under=500.0), 59).outcome is PASS


# What could not be measured


def test_missing_trials_exceed_and_the_reason_says_so():
    verdict = judge(threshold(), sample(59, 7, missing=7), 59)
    assert verdict.outcome is FAIL
    assert verdict.value == 400.0
    assert "7 of 59 trials exceed it, 7 of them as they were not measured" in verdict.reason
    assert "what could not be measured does not meet a limit" in verdict.reason


def test_one_missing_trial_is_one_exceeding():
    verdict = judge(threshold(), sample(93, 1, missing=1), 93)
    assert verdict.outcome is PASS
    assert "1 of them as it was not measured" in verdict.reason
    assert judge(threshold(), sample(59, 1, missing=1), 59).bound is None


@pytest.mark.parametrize("statistic", ["p50", "p95", "max"])
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_nothing_measured_at_all_fails(statistic, value):
    verdict = judge(threshold(statistic), Sample(metric="ttfa_ms", values=(value,) * 9), 59)
    assert verdict.outcome is FAIL
    assert verdict.value is None
    assert verdict.reason.startswith("not measured in any of 9 trials")


def test_no_trials_at_all_fail():
    verdict = judge(threshold(), Sample(metric="ttfa_ms", values=()), 59)
    assert verdict.outcome is FAIL
    assert verdict.reason.startswith("nothing was measured: 0 trials")


# max


def test_max_fails_on_the_first_excess():
    verdict = judge(threshold("max"), sample(3, 1), declared=59)
    assert verdict.outcome is FAIL
    assert verdict.value == 700.0
    assert verdict.reason == "max is 700 ms, limit 500 ms: 1 of 3 trials exceeds it; one is enough"
    assert is_decided_early(threshold("max"), sample(3, 1), declared=59)
    assert is_decided_early(threshold("max"), sample(3, 1, missing=1), declared=59)


def test_max_passes_at_the_declared_number_and_says_what_that_shows():
    verdict = judge(threshold("max"), sample(59), declared=59)
    assert verdict.outcome is PASS
    assert "none of 59 trials exceeds it; n=59 shows that at most 5 % of trials" in verdict.reason


def test_max_waits_for_the_declared_number():
    verdict = judge(threshold("max"), sample(20), declared=59)
    assert verdict.outcome is OPEN
    assert verdict.trials_needed == 39
    assert "20 of 59 trials declared were made" in verdict.reason
    assert not is_decided_early(threshold("max"), sample(20), declared=59)


def test_max_with_a_missing_trial_fails():
    verdict = judge(threshold("max"), sample(59, 1, missing=1), declared=59)
    assert verdict.outcome is FAIL
    assert verdict.value == 400.0
    assert "not measured" in verdict.reason


def test_a_count_of_none_allowed():
    limit = threshold("max", 0.0, marker="cadence", keyword="underruns", metric="underruns")
    values = Sample(metric="underruns", values=(0.0,) * 59)
    assert judge(limit, values, 59).outcome is PASS
    verdict = judge(limit, Sample(metric="underruns", values=(0.0, 2.0)), 59)
    assert verdict.reason.startswith("max is 2, limit 0: 1 of 2 trials exceeds it")


# One value


MEMORY = threshold("value", 300.0, marker="memory", keyword="rss_range_mb", metric="rss_range_mb")


@pytest.mark.parametrize(
    ("value", "outcome", "word"), [(300.0, PASS, "within"), (300.5, FAIL, "over")]
)
def test_one_value_is_compared_directly(value, outcome, word):
    verdict = judge_value(MEMORY, value)
    assert verdict.outcome is outcome
    assert verdict.reason == f"{value:g} MB is {word} limit 300 MB"
    assert (verdict.value, verdict.limit, verdict.unit, verdict.n) == (value, 300.0, "MB", 1)


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_value_that_was_not_measured_fails_with_its_reason(value):
    verdict = judge_value(MEMORY, value, "not the target")
    assert verdict.outcome is FAIL
    assert "not measured (not the target)" in verdict.reason
    assert "no reason is known" in judge_value(MEMORY, None).reason


def test_a_sample_is_not_judged_as_one_value():
    with pytest.raises(ValueError, match="judge_value"):
        judge(MEMORY, sample(3), 3)
    assert not is_decided_early(MEMORY, sample(3, 3), 59)


# Wording


def test_reason_of_a_failure():
    times = [450.0] * 59
    times[::6] = range(600, 1000, 40)
    values = Sample(metric="ttfa_ms", values=tuple(times))
    verdict = judge(threshold(), values, 59)
    assert verdict.reason == (
        "p95 is 844 ms (at least 720 ms in these minutes, with 95 % confidence), limit 500 ms: "
        "10 of 59 trials exceed it"
    )
    assert verdict.bound == 960.0
    assert verdict.lower_bound == 720.0
    assert verdict.p_value < 0.05


def test_reason_of_a_pass():
    verdict = judge(threshold(), sample(59, under=412.34), 59)
    assert verdict.reason == (
        "p95 is 412.3 ms (at most 412.3 ms in these minutes, with 95 % confidence), limit 500 ms: "
        "none of 59 trials exceeds it"
    )
    assert verdict.subject == "ttfa p95"


def test_reason_of_an_open_end():
    verdict = judge(threshold(), sample(20), 59)
    assert verdict.reason == (
        "p95 is 400 ms, limit 500 ms: none of 20 trials exceeds it; that neither proves nor "
        "refutes the limit before the 59 trials declared are made, 39 further trials would prove "
        "it if none exceeds"
    )
    assert "if no more exceed" in judge(threshold(), sample(59, 1), 59).reason
    assert "1 further trial would" in judge(threshold(), sample(58), 58).reason


@pytest.mark.parametrize("outcome_n", [3, 20, 59])
def test_overridden_limit_tells_both(outcome_n):
    limit = threshold(limit=800.0, declared=500.0, overridden_by="--ttsperf-limit")
    wanted = "limit 800 ms (500 in the test, overridden by --ttsperf-limit)"
    assert wanted in judge(limit, sample(outcome_n), 59).reason
    assert wanted in judge(limit, Sample(metric="ttfa_ms", values=(None,)), 59).reason
    unknown = threshold(limit=800.0, overridden_by="ttsperf_limit")
    assert "limit 800 ms (overridden by ttsperf_limit)" in judge(unknown, sample(3), 59).reason


def test_large_figures_are_not_written_with_an_exponent():
    assert "p95 is 123457 ms" in judge(threshold(), sample(3, 3, over=123456.7), 3).reason


# Spells


SPELL = Sample(metric="ttfa_ms", values=tuple([400.0] * 20 + [700.0] * 7 + [400.0] * 32))


def test_one_spell_refutes_nothing_and_the_reason_says_why():
    assert judge(threshold(), sample(59, 7), 59).outcome is FAIL
    verdict = judge(threshold(), SPELL, 59)
    assert verdict.outcome is OPEN
    assert verdict.n == 59
    assert verdict.n_effective < 20
    effective = math.floor(verdict.n_effective)
    assert f"; 59 trials that say as much as {effective}, as slow ones came" in verdict.reason


def test_spells_below_the_limit_count_too():
    values = [400.0] * 20 + [480.0] * 9 + [400.0] * 30
    verdict = judge(threshold(), Sample(metric="ttfa_ms", values=tuple(values)), 59)
    assert verdict.outcome is OPEN
    assert verdict.exceeding == 0
    assert verdict.trials_needed > 59


def test_before_the_end_the_reason_counts_spells():
    early = judge(threshold(), sample(25, 25), 59)
    assert "25 of 25 trials exceed it (3 of 3, if each spell of slow ones counts" in early.reason


def test_what_is_slow_all_the_time_fails():
    verdict = judge(threshold(), sample(59, 59), 59)
    assert verdict.outcome is FAIL
    assert verdict.n_effective == 59


def test_other_figures_have_no_effective_number():
    assert judge(threshold("max"), sample(59), 59).n_effective is None
    assert judge_value(MEMORY, 1.0).n_effective is None


# Looks


@pytest.mark.parametrize(
    ("looks", "n", "outcome"),
    [
        (Looks(), 59, PASS),
        (Looks(2), 59, OPEN),
        (Looks(2), 72, PASS),
        (Looks(4), 86, PASS),
        (Looks(4, earlier=3), 86, PASS),
        (Looks(2, earlier=2), 500, OPEN),
        (Looks(1, earlier=1), 500, OPEN),
    ],
)
def test_looks_share_the_error(looks, n, outcome):
    verdict = judge(threshold(), sample(n), n, looks)
    assert verdict.outcome is outcome
    assert (verdict.trials_needed is None) is (outcome is PASS or looks.alpha == 0)


def test_reasons_of_several_looks():
    shared = judge(threshold(), sample(59), 59, Looks(2))
    assert shared.trials_needed == 13
    assert "reruns are announced, so 2 looks share the error of 5 %" in shared.reason
    spent = judge(threshold(), sample(118), 118, Looks(1, earlier=1))
    assert "unless its rerun was announced (--reruns)" in spent.reason
    assert judge(threshold(), sample(59, 20), 59, Looks(1, earlier=1)).outcome is FAIL


# Rates


def test_looking_after_every_trial_reddens_few_engines_on_the_limit():
    rng = np.random.default_rng(11)
    limit, declared, runs = threshold(limit=0.95), 59, 200
    red = 0
    for draws in rng.random((runs, declared)):
        over = np.flatnonzero(draws > 0.95) + 1  # only there can the evidence grow
        looks = [Sample(metric="ttfa_ms", values=tuple(draws[:n].tolist())) for n in over]
        whole = Sample(metric="ttfa_ms", values=tuple(draws.tolist()))
        early = any(is_decided_early(limit, look, declared) for look in looks)
        red += early or judge(limit, whole, declared).outcome is FAIL
    assert red / runs < 0.07


# Summary


def test_summary_counts_all_trials_and_figures_those_measured():
    found = summarize(Sample(metric="rtf", values=(0.1, None, 0.3, math.nan, 0.2)))
    assert (found.metric, found.n, found.missing) == ("rtf", 5, 2)
    assert (found.min, found.p50, found.max) == (0.1, 0.2, 0.3)
    assert found.mean == pytest.approx(0.2)
    assert found.p95_bound is None


def test_summary_of_nothing():
    found = summarize(Sample(metric="rtf", values=(None, None)))
    assert (found.n, found.missing, found.p50, found.p50_bound) == (2, 2, None, None)
