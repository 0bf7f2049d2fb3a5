"""How memory grows from request to request, by what is read between them."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from pytest_ttsperf.experiment import leaks
from pytest_ttsperf.experiment.leaks import MemoryReading
from pytest_ttsperf.judge import limits
from pytest_ttsperf.records import Memory, Outcome, Threshold
from tests.unit.metrics.factories import trial, usage

MEASURED = Memory(rss_peak_mb=300.0)
LIMIT = Threshold(
    marker="memory",
    keyword="leak_mb_per_1000",
    metric="leak_mb_per_1000",
    statistic="value",
    limit=5.0,
)


def growing(mb_per_1000: float, count: int = 200, *, seed: int = 0) -> list[MemoryReading]:
    """Readings after each request, that scatter by 0.2 MB."""
    noise = np.random.default_rng(seed).normal(0.0, 0.2, count)
    found = []
    for number in range(1, count + 1):
        mb = 200.0 + number * mb_per_1000 / 1000 + noise[number - 1]
        found.append(MemoryReading(number, round(1e6 * mb)))
    return found


def verdict_of(readings: list[MemoryReading]) -> tuple[Outcome, str]:
    verdict = limits.judge_memory(LIMIT, leaks.add_leak(MEASURED, readings, "trial"))
    return verdict.outcome, verdict.reason


def test_a_leak_of_20_mb_in_1000_requests_is_measured_and_fails_a_limit_of_5() -> None:
    slope = leaks.find_slope(growing(20.0))
    assert slope is not None
    assert slope.low < 20.0 < slope.high
    assert slope.high - slope.low < 4.0
    outcome, reason = verdict_of(growing(20.0))
    assert outcome is Outcome.FAIL
    assert "MB per 1000 requests" in reason
    assert "all of it beyond the limit" in reason


def test_memory_that_stays_as_it_is_passes() -> None:
    assert verdict_of(growing(0.0))[0] is Outcome.PASS


def test_a_slope_that_few_readings_cannot_tell_from_the_limit_is_open() -> None:
    outcome, reason = verdict_of(growing(6.0, count=30))
    assert outcome is Outcome.INCONCLUSIVE
    assert "a longer run would tell" in reason


def test_caches_that_fill_in_the_first_quarter_are_no_leak() -> None:
    filling = [MemoryReading(n, round(1e6 * (100 + 2 * min(n, 50)))) for n in range(1, 201)]
    slope = leaks.find_slope(filling)
    assert slope is not None
    assert slope.mb_per_1000 == slope.high == 0.0


def test_too_few_readings_are_no_fault_of_the_target() -> None:
    memory = leaks.add_leak(MEASURED, growing(20.0, count=9), "trial")
    assert memory.leak is None
    assert memory.leak_reason is not None
    assert "9 readings" in memory.leak_reason
    assert "it takes 10" in memory.leak_reason
    assert limits.judge_memory(LIMIT, memory).outcome is Outcome.INCONCLUSIVE
    assert leaks.find_slope(growing(20.0, count=10)) is not None


def test_what_could_not_be_read_fails_the_limit() -> None:
    unread = Memory(reason="process 7 is hidden from this user")
    assert leaks.add_leak(unread, [], "trial") == unread
    verdict = limits.judge_memory(LIMIT, unread)
    assert verdict.outcome is Outcome.FAIL
    assert "hidden from this user" in verdict.reason


def test_thousands_of_readings_take_no_longer_than_some_hundred() -> None:
    slope = leaks.find_slope(growing(3.0, count=5000))
    assert slope is not None
    assert slope.readings <= leaks.MOST_READINGS
    assert slope.mb_per_1000 == pytest.approx(3.0, abs=0.1)


def test_trials_without_a_reading_count_as_requests() -> None:
    trials = [
        trial(None, index=0, usage=usage(100, uss_mb=50)),
        trial(None, index=1),
        trial(None, index=2, usage=usage(100)),
        trial(None, index=3, usage=usage(100, uss_mb=52)),
    ]
    assert leaks.readings_of_trials(trials) == [
        MemoryReading(1, 50_000_000),
        MemoryReading(4, 52_000_000),
    ]


def test_of_two_processes_the_one_counts_that_more_surely_grows() -> None:
    steady, leaking = leaks.find_slope(growing(0.0)), leaks.find_slope(growing(9.0))
    assert leaks.worse(steady, leaking) == leaks.worse(leaking, steady) == leaking
    assert leaks.worse(steady, None) == leaks.worse(None, steady) == steady
    assert leaks.worse(None, None) is None


def test_labels_and_units_of_a_leak() -> None:
    assert (LIMIT.label, LIMIT.key, LIMIT.unit) == (
        "memory leak",
        "memory_leak_mb_per_1000",
        "MB per 1000 requests",
    )
    soak = structs.replace(LIMIT, marker="soak", keyword="underruns_per_10min")
    assert (soak.label, soak.unit) == ("soak underruns", "per 10 min")
