"""What a generator says of itself."""

from __future__ import annotations

import time

import pytest

from pytest_ttsperf.load.generator.health import HealthMonitor, ProcessHealth, summarise

MS = 1_000_000


def of_process(*lags_ms: int, cpu_s: float = 0.5, seconds: float = 10.0) -> ProcessHealth:
    return ProcessHealth(tuple(lag * MS for lag in lags_ms), int(cpu_s * 1e9), seconds)


def test_percentiles_are_sends_that_happened() -> None:
    lateness = [*[1 * MS] * 98, 7 * MS, 30 * MS]
    found = summarise(lateness, [of_process(1, 2)], works_beside_target=False)
    assert found.sends == 100
    assert (found.lateness_p50_ms, found.lateness_p99_ms, found.lateness_max_ms) == (1, 30, 30)


def test_the_busiest_process_and_the_worst_pause_of_all_count() -> None:
    processes = [of_process(1, 2, cpu_s=1.0), of_process(3, 90, cpu_s=6.0)]
    found = summarise([0], processes, works_beside_target=False)
    assert found.cpu_share == pytest.approx(0.6)
    assert found.loop_lag_max_ms == 90
    assert found.loop_lag_p99_ms == 90


def test_beside_a_target_nothing_is_said_of_cpu_time() -> None:
    assert summarise([0], [of_process(1)], works_beside_target=True).cpu_share is None


def test_of_nothing_nothing_is_said() -> None:
    found = summarise([], [], works_beside_target=False)
    assert found.sends == 0
    assert found.lateness_p99_ms is None
    assert found.loop_lag_p99_ms is None
    assert found.cpu_share is None


def burn(cpu_s: float) -> None:
    end = time.process_time() + cpu_s
    while time.process_time() < end:
        pass


def test_a_monitor_counts_cpu_time_until_the_window_closes() -> None:
    monitor = HealthMonitor(time.perf_counter_ns() + 40 * MS)
    monitor.start()
    time.sleep(0.1)
    burn(0.2)
    found = monitor.stop()
    assert found.cpu_ns < 0.2 * 1e9
    assert found.lags_ns
    assert min(found.lags_ns) >= 0


def test_a_monitor_that_ends_before_counts_what_there_was() -> None:
    monitor = HealthMonitor(time.perf_counter_ns() + 3600 * 1000 * MS)
    monitor.start()
    burn(0.05)
    found = monitor.stop()
    assert found.cpu_ns >= 0.05 * 1e9
    assert found.seconds >= 0.05
