"""The simulated server behind the claims on limits under load, and these on a small scale."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_ttsperf.records import Outcome

pytestmark = pytest.mark.uncovered
BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("window_limits_simulation")


def test_pieces_are_computed_first_in_first_out_on_two_cores(simulation) -> None:
    arrivals = np.array([0.0, 0.1, 0.2])
    ready = simulation.first_pieces(arrivals, np.full((3, simulation.PIECES), 1.0))
    # The third waits for the first core that is free, ahead of the first request's second piece.
    assert ready == pytest.approx([1.0, 1.1, 2.0])


def test_an_idle_server_answers_in_the_time_of_a_piece(simulation) -> None:
    ttfa_ms = simulation.simulate_window(0.05, np.random.default_rng(1))
    assert np.median(ttfa_ms) == pytest.approx(1000 * simulation.PIECE_S, rel=0.15)


def test_more_load_means_more_waiting(simulation) -> None:
    rng = np.random.default_rng(2)
    idle, busy = (simulation.simulate_window(load, rng) for load in (0.3, 0.85))
    assert np.quantile(busy, 0.95) > 1.5 * np.quantile(idle, 0.95)


def test_on_its_limit_a_server_is_judged_by_windows_rarely_and_as_independent_often(
    simulation,
) -> None:
    rng = np.random.default_rng(3)
    drawn = [simulation.simulate_window(0.85, rng) for _ in range(600)]
    p95_ms = [np.quantile(ttfa_ms, 0.95) for ttfa_ms in drawn]
    typical_ms = float(np.exp(np.log(p95_ms).mean()))
    long_run_ms = float(np.quantile(np.concatenate(drawn), 0.95))
    tests = [drawn[start : start + 6] for start in range(0, 600, 6)]
    by_windows = [simulation.judge_by_windows(test, typical_ms) for test in tests]
    independent = [simulation.judge_independently(test, long_run_ms) for test in tests]
    assert by_windows.count(Outcome.PASS) <= 14
    assert by_windows.count(Outcome.FAIL) <= 5
    assert len(tests) - independent.count(Outcome.INCONCLUSIVE) >= 30
