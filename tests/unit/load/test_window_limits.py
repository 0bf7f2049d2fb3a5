"""Limits of a cell under load: what windows prove, refute and leave open."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_ttsperf.judge.limits import Looks
from pytest_ttsperf.load import window_limits
from pytest_ttsperf.load.window_limits import WindowValue
from pytest_ttsperf.records import Outcome, Recording, Sound, Trial, TrialLoad, Verdict
from tests.unit.judge.factories import threshold

UNDERRUNS = {"marker": "cadence", "keyword": "underruns", "metric": "underruns"}


def values(*each: float, exceeding: int = 0) -> list[WindowValue]:
    return [WindowValue(value, 60, exceeding, 0) for value in each]


def judge(*each: float, statistic: str = "p95", limit: float = 500.0, **looks: int):
    return window_limits.judge_windows(
        threshold(statistic, limit), values(*each), Looks(**looks) if looks else Looks()
    )


def test_windows_that_are_well_below_the_limit_prove_it() -> None:
    verdict = judge(300, 330, 280, 310, 320, 290)
    assert verdict.outcome is Outcome.PASS
    assert verdict.n == 6
    assert verdict.exceeding == 0
    assert verdict.bound is not None
    assert 300 < verdict.bound < 500
    assert "p95 of the typical window" in verdict.reason
    assert "none of 6 windows exceeds it (360 requests)" in verdict.reason


def test_windows_that_are_well_beyond_refute_it() -> None:
    verdict = judge(700, 760, 690, 720, 800, 710)
    assert verdict.outcome is Outcome.FAIL
    assert "99 % confidence" in verdict.reason
    assert "6 of 6 windows exceed it" in verdict.reason


def test_windows_around_the_limit_leave_it_open_and_say_how_many_would_do() -> None:
    verdict = judge(380, 520, 430, 490, 400, 510)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.trials_needed is not None
    assert f"{verdict.trials_needed} further window" in verdict.reason


def test_what_lies_on_the_limit_is_decided_by_no_number_of_windows() -> None:
    verdict = judge(499, 501, 500, 500, 499, 501)
    assert verdict.trials_needed is None
    assert "any number" in verdict.reason


def test_as_many_windows_as_are_said_to_be_needed_do_decide() -> None:
    few = (400.0, 480.0, 420.0, 460.0, 410.0, 470.0, 390.0)
    verdict = judge(*few[:5])
    if verdict.outcome is Outcome.INCONCLUSIVE:
        assert verdict.trials_needed is not None
        again = few[:5] * (1 + math.ceil(verdict.trials_needed / 5))
        assert judge(*again).outcome is Outcome.PASS


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_windows_prove_nothing(count: int) -> None:
    verdict = judge(*[100.0 + place for place in range(count)])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.trials_needed == window_limits.FEWEST_WINDOWS - count


def test_three_windows_that_are_all_far_beyond_refute_it() -> None:
    verdict = judge(760, 900, 800)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.bound is None
    assert "each by half or more" in verdict.reason
    assert judge(760, 900, 740).outcome is Outcome.INCONCLUSIVE
    assert judge(900, 900).outcome is Outcome.INCONCLUSIVE


def test_windows_whose_percentile_is_of_nobody_count_as_far_beyond() -> None:
    lost = [WindowValue(math.inf, 60, 9, 9)] * 6
    verdict = window_limits.judge_windows(threshold(), lost)
    assert verdict.outcome is Outcome.FAIL
    assert "54 requests were refused, failed, never sent or silent" in verdict.reason
    one_lost = [*values(300, 310, 290, 305, 300), WindowValue(math.inf, 60, 9, 9)]
    assert window_limits.judge_windows(threshold(), one_lost).outcome is Outcome.INCONCLUSIVE


def test_announced_reruns_share_the_error_of_a_pass() -> None:
    borderline = (473.0, 330.0, 506.0, 385.0, 440.0, 363.0)
    assert judge(*borderline).outcome is Outcome.PASS
    assert judge(*borderline, announced=5).outcome is Outcome.INCONCLUSIVE
    spent = judge(*borderline, announced=1, earlier=1)
    assert spent.outcome is Outcome.INCONCLUSIVE
    assert "rerun was announced" in spent.reason


def test_a_count_fails_on_the_first_window_that_has_any() -> None:
    limit = threshold("max", 0.0, **UNDERRUNS)
    windows = [*values(0, 0, 0, 0, 0), WindowValue(2, 60, 3, 0)]
    verdict = window_limits.judge_windows(limit, windows)
    assert verdict.outcome is Outcome.FAIL
    assert "3 of 360 requests exceed it, in 1 of 6 windows" in verdict.reason


def test_a_count_that_no_window_has_passes_and_says_what_that_shows() -> None:
    limit = threshold("max", 0.0, **UNDERRUNS)
    verdict = window_limits.judge_windows(limit, values(0, 0, 0, 0, 0, 0))
    assert verdict.outcome is Outcome.PASS
    assert "40 % of windows" in verdict.reason


def test_without_a_window_nothing_was_measured() -> None:
    assert window_limits.judge_windows(threshold(), []).outcome is Outcome.FAIL


def test_a_share_that_may_be_0_is_judged_as_it_is() -> None:
    limit = threshold("p95", 0.2, marker="rtf", keyword="p95", metric="stall_ratio")
    assert window_limits.judge_windows(limit, values(0, 0, 0.1, 0, 0, 0)).outcome is Outcome.PASS


def trial(index: int, window: int, ttfa_ms: float | None, ended: str = "answered") -> Trial:
    recording = None
    if ttfa_ms is not None:
        at_ns = round(ttfa_ms * 1e6)
        recording = Recording(
            request_ns=0,
            arrivals_ns=(at_ns,),
            frame_counts=(24_000,),
            end_ns=at_ns,
            sample_rate=24_000,
        )
    return Trial(
        index=index,
        kind="trial",
        process=0,
        text="text",
        recording=recording,
        sound=Sound(onset_frame=0, last_frame=24_000, silence_share=0.0, active_level_dbfs=-20.0),
        load=TrialLoad(window=window, listener=0, scheduled_ns=0, ended=ended),
    )


def test_each_window_gives_its_own_percentile_over_all_that_it_offered() -> None:
    trials = [trial(place, 0, 100.0 + place) for place in range(21)]
    trials += [trial(place, 1, 300.0) for place in range(19)]
    trials += [trial(19, 1, None, "refused"), trial(20, 1, 50.0, "failed")]
    first, second = window_limits.window_values(threshold(limit=110.0), trials)
    assert first == WindowValue(119.0, 21, 10, 0)
    assert second.value == math.inf
    assert (second.requests, second.exceeding, second.unserved) == (21, 21, 2)


def few(requests: int, *each: float, statistic: str = "p95") -> Verdict:
    """The verdict on windows of so few requests; the limit is 500."""
    windows = [WindowValue(value, requests, 0, 0) for value in each]
    return window_limits.judge_windows(threshold(statistic, 500.0), windows)


def test_between_the_last_of_few_requests_there_is_no_percentile() -> None:
    twelve = [trial(place, 0, 100.0 + place) for place in range(12)]
    sixty = [trial(place, 0, 100.0 + place) for place in range(60)]
    (of_twelve,) = window_limits.window_values(threshold(), twelve)
    (of_sixty,) = window_limits.window_values(threshold(), sixty)
    (median_of_twelve,) = window_limits.window_values(threshold("p50"), twelve)
    assert of_twelve.value == 111.0, "the slowest"
    assert of_sixty.value == pytest.approx(156.05), "between two of them"
    assert median_of_twelve.value == 105.5


def test_windows_of_few_requests_prove_a_limit_and_say_what_that_costs() -> None:
    verdict = few(12, 300, 330, 280, 310, 320, 290)
    assert verdict.outcome is Outcome.PASS
    assert "a window holds 12 requests, and the p95 of so few scatters" in verdict.reason
    assert "so few" not in few(60, 300, 330, 280, 310, 320, 290).reason
    assert "so few" not in few(12, 300, 330, 280, 310, 320, 290, statistic="p50").reason


@pytest.mark.parametrize(("statistic", "requests", "wanted"), [("p95", 6, 10), ("p99", 12, 50)])
def test_windows_without_a_percentile_prove_nothing_and_may_refute(
    statistic: str, requests: int, wanted: int
) -> None:
    verdict = few(requests, 300, 330, 280, 310, 320, 290, statistic=statistic)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    found = f"{requests} requests has no {statistic}, which takes {wanted} at least"
    assert found in verdict.reason
    assert "--ttsperf-window" in verdict.reason
    assert verdict.trials_needed is None
    late = few(requests, 900, 930, 880, 910, 920, 890, statistic=statistic)
    assert late.outcome is Outcome.FAIL


@pytest.mark.uncovered
def test_a_target_on_its_limit_is_not_passed_more_often_by_windows_of_few_requests() -> None:
    """Requests of one window share its speed, and each has a scatter with a long tail."""
    generator = np.random.default_rng(6)
    speeds = np.exp(generator.normal(0, 0.03, (1000, 6, 1)))
    requests_ms = 400 * speeds + 100 * generator.exponential(size=(1000, 6, 12))
    limit = threshold(limit=400 + 100 * float(np.log(20)))
    passed = 0
    for test in requests_ms:
        windows = [window_limits._window_value(limit, window.tolist()) for window in test]
        passed += window_limits.judge_windows(limit, windows).outcome is Outcome.PASS
    assert passed <= 0.08 * 1000


@pytest.mark.uncovered
def test_a_target_on_its_limit_passes_and_fails_no_more_often_than_announced() -> None:
    generator = np.random.default_rng(3)
    outcomes = []
    for _ in range(1000):
        deviations = generator.normal(0, 0.3, 6)
        outcomes.append(judge(*(500 * np.exp(deviations)).tolist()).outcome)
    assert outcomes.count(Outcome.PASS) <= 0.07 * len(outcomes)
    assert outcomes.count(Outcome.FAIL) <= 0.02 * len(outcomes)


@pytest.mark.uncovered
def test_a_few_windows_of_a_target_on_its_limit_hardly_ever_fail() -> None:
    generator = np.random.default_rng(4)
    failed = 0
    for _ in range(1000):
        deviations = generator.normal(0, 0.4, 3)
        failed += judge(*(500 * np.exp(deviations)).tolist()).outcome is Outcome.FAIL
    assert failed <= 0.015 * 1000


@pytest.mark.uncovered
def test_a_target_far_from_its_limit_is_decided() -> None:
    generator = np.random.default_rng(5)
    outcomes = []
    for _ in range(200):
        deviations = generator.normal(0, 0.25, 6)
        outcomes.append(judge(*(300 * np.exp(deviations)).tolist()).outcome)
    assert outcomes.count(Outcome.PASS) >= 0.9 * len(outcomes)
    assert Outcome.FAIL not in outcomes
