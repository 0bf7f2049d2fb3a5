"""Limits of a soak: what fails, what passes, and what a drifting machine leaves open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.endurance import figures, verdicts
from pytest_ttsperf.records import (
    Cell,
    CellResult,
    Drift,
    LeakSlope,
    Memory,
    Outcome,
    SoakSlice,
    Threshold,
    Verdict,
)
from tests.unit.endurance.factories import drifting, slices, soak_of

CELL = Cell(
    test="t", target="engine:Engine", provider="cpu", voice="heart",
    preset="short", mode="stream", phase="warm",
)  # fmt: skip
METRICS = {
    "drift": "drift",
    "underruns_per_10min": "underruns_per_10min",
    "leak_mb_per_1000": "leak_mb_per_1000",
    "handles": "handles_growth",
}


def threshold(keyword: str, limit: float) -> Threshold:
    return Threshold(
        marker="soak", keyword=keyword, metric=METRICS[keyword], statistic="value", limit=limit
    )


def judge(of: list[SoakSlice], memory: Memory | None = None, **limits: float) -> list[Verdict]:
    result = CellResult(
        cell=CELL,
        fingerprint="f",
        declared_trials=1,
        trials=(),
        ready=None,
        thresholds=tuple(threshold(keyword, limit) for keyword, limit in limits.items()),
        soak=figures.derive(soak_of(of)),
        memory=memory or Memory(),
    )
    return list(verdicts.judge(result))


def times(factor: Callable[[int], float], value: float) -> Callable[[int], float]:
    return lambda index: value * factor(index)


def ttfa_verdict(of_target: float, of_machine: float = 0.0, **more: Any) -> Verdict:
    """The verdict on a drift of TTFA, beside a drift of the null target; the limit is 5 %."""
    of = slices(
        ttfa_ms=times(drifting(of_target, seed=1, **more), 12.0),
        null_ms=times(drifting(of_machine, seed=2), 20.0),
    )
    ttfa, rtf = judge(of, drift=0.05)
    assert (ttfa.subject, rtf.subject) == ("soak drift (ttfa)", "soak drift (rtf)")
    return ttfa


def test_a_drift_beyond_the_limit_on_a_steady_machine_fails() -> None:
    verdict = ttfa_verdict(0.15)
    assert verdict.outcome is Outcome.FAIL
    assert "the machine accounts for none of that" in verdict.reason
    assert "while the null target drifted by" in verdict.reason
    assert verdict.bound is not None
    assert 0.05 < verdict.bound < verdict.value < 0.16  # type: ignore[operator]


def test_no_drift_passes() -> None:
    verdict = ttfa_verdict(0.0)
    assert verdict.outcome is Outcome.PASS
    assert "limit 5 %: all of it within the limit" in verdict.reason


@pytest.mark.parametrize("of_machine", [0.15, 0.03])
def test_a_machine_that_drifts_by_itself_leaves_it_open(of_machine: float) -> None:
    verdict = ttfa_verdict(0.15, of_machine)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "on a machine that has drifted by itself" in verdict.reason


def of_20_min(low: float, high: float) -> Drift:
    return Drift(
        metric="ttfa", per_20_min=(low + high) / 2, low=low, high=high, slices=8, minutes=20.0
    )


@pytest.mark.parametrize(
    ("null", "outcome"),
    [
        (of_20_min(-0.02, 0.02), Outcome.INCONCLUSIVE),
        (of_20_min(-0.02, 0.009), Outcome.FAIL),
        (of_20_min(0.011, 0.012), Outcome.INCONCLUSIVE),
        (of_20_min(-0.05, -0.04), Outcome.FAIL),
    ],
)
def test_the_null_target_is_to_account_for_none_of_it(null: Drift, outcome: Outcome) -> None:
    soak = soak_of(slices(), drifts=(of_20_min(0.06, 0.08),), null_drift=null)
    verdict = verdicts.judge_drift(threshold("drift", 0.05), "ttfa", soak)
    assert verdict.outcome is outcome


def test_a_noisy_drift_is_open() -> None:
    verdict = ttfa_verdict(0.06, scatter=0.08)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "a longer soak" in verdict.reason


def test_a_machine_that_becomes_faster_may_hide_a_drift() -> None:
    verdict = ttfa_verdict(0.0, -0.10)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "became faster" in verdict.reason


def test_a_target_that_becomes_faster_passes() -> None:
    assert ttfa_verdict(-0.2).outcome is Outcome.PASS


def test_without_a_null_target_nothing_fails() -> None:
    of = slices(ttfa_ms=times(drifting(0.3), 12.0), null_ms=None)
    ttfa, _ = judge(of, drift=0.05)
    assert ttfa.outcome is Outcome.INCONCLUSIVE
    assert "nobody knows whether the machine has drifted" in ttfa.reason


def test_a_short_soak_says_how_long_it_was() -> None:
    ttfa, _ = judge(slices(seconds=5.0), drift=0.05)
    assert "2.67 min were measured" in ttfa.reason


def test_what_has_no_drift_fails_its_limit() -> None:
    ttfa, rtf = judge(slices(ttfa_ms=None), drift=0.05)
    assert (ttfa.outcome, ttfa.value) == (Outcome.FAIL, None)
    assert "not measured" in ttfa.reason
    assert rtf.outcome is Outcome.PASS


# Underruns


@pytest.mark.parametrize(
    ("underruns", "audio_s", "outcome"),
    [
        (0, 3000.0, Outcome.PASS),  # 0 in 1600 minutes
        (0, 37.5, Outcome.INCONCLUSIVE),  # 0 in 20 minutes: at most 1.5 in 10
        (0, 57.0, Outcome.PASS),  # 0 in 30.4 minutes
        (1, 37.5, Outcome.FAIL),  # 32 in 20 minutes
    ],
)
def test_underruns_are_a_rate_in_the_minutes_that_were_played(
    underruns: int, audio_s: float, outcome: Outcome
) -> None:
    (verdict,) = judge(slices(underruns=underruns, audio_s=audio_s), underruns_per_10min=1.0)
    assert verdict.outcome is outcome
    assert verdict.exceeding == 32 * underruns


def test_a_rate_names_its_bound() -> None:
    (verdict,) = judge(slices(underruns=0, audio_s=37.5), underruns_per_10min=1.0)
    assert "0 in 20.0 min of audio, 0 per 10 min" in verdict.reason
    assert "at most 1.5 with 95 % confidence" in verdict.reason


def test_nothing_played_meets_no_limit() -> None:
    (verdict,) = judge(slices(underruns=None, audio_s=0.0), underruns_per_10min=1.0)
    assert verdict.outcome is Outcome.FAIL


# Leak, handles


def test_a_leak_is_judged_as_that_of_memory() -> None:
    leaking = Memory(leak=LeakSlope(mb_per_1000=8.0, low=7.0, high=9.0, readings=24))
    (verdict,) = judge(slices(), leaking, leak_mb_per_1000=5.0)
    assert (verdict.outcome, verdict.subject) == (Outcome.FAIL, "soak leak")
    (verdict,) = judge(slices(), leaking, leak_mb_per_1000=9.5)
    assert verdict.outcome is Outcome.PASS


@pytest.mark.parametrize(("limit", "outcome"), [(24, Outcome.PASS), (23, Outcome.FAIL)])
def test_handles_are_counted(limit: float, outcome: Outcome) -> None:
    (verdict,) = judge(slices(handles=lambda index: 30 + index), handles=limit)
    assert verdict.outcome is outcome
    assert "+24 descriptors and threads" in verdict.reason


def test_handles_that_cannot_be_counted_meet_no_limit() -> None:
    (verdict,) = judge(slices(handles=None), handles=5)
    assert (verdict.outcome, verdict.value) == (Outcome.FAIL, None)


def test_limits_of_other_marks_are_not_judged_here() -> None:
    limit = structs.replace(threshold("drift", 0.05), marker="ttfa")
    result = CellResult(
        cell=CELL, fingerprint="f", declared_trials=1, trials=(), ready=None,
        thresholds=(limit,), soak=figures.derive(soak_of(slices())),
    )  # fmt: skip
    assert list(verdicts.judge(result)) == []
    assert list(verdicts.judge(structs.replace(result, soak=None))) == []


@pytest.mark.parametrize(("seconds", "outcome"), [(5.0, "INCONCLUSIVE"), (37.5, "FAIL")])
def test_a_short_soak_fails_by_what_it_has_measured_alone(seconds: float, outcome: str) -> None:
    """Of 4 % in 2.7 minutes nobody knows whether they become 34 % in 20; of 15 % in 20 one does."""
    drift = 0.04 if seconds < 10 else 0.15
    of = slices(ttfa_ms=times(drifting(drift, scatter=0.001, seed=1), 12.0), seconds=seconds)
    ttfa, _ = judge(of, drift=0.05)
    assert ttfa.value is not None
    assert ttfa.value > 0.14
    assert ttfa.outcome == outcome
    assert ("if it goes on so for 20 min" in ttfa.reason) == (seconds < 10)
