"""The simulation of comparisons under load: a server that queues, and the shipped rule."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_ttsperf.records import Outcome

pytestmark = pytest.mark.uncovered
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("load_simulation")


def window_of(simulation: Any, crowd: Any, server: Any, seed: int = 1) -> Any:
    random = np.random.default_rng(seed)
    trace = crowd.draw_trace(random)
    calm = simulation.WEATHERS[0]
    return simulation.simulate_window(crowd, server, trace, calm, 0.0, random)


def server(simulation: Any, name: str) -> Any:
    (found,) = [each for each in simulation.CHANGES if name in each.name]
    return found


def test_a_window_holds_about_as_many_requests_as_it_should(simulation: Any) -> None:
    for crowd in simulation.CROWDS:
        window = window_of(simulation, crowd, simulation.UNCHANGED)
        assert 40 <= window.offered <= 110
        assert window.answered == window.offered


def test_one_listener_hears_nothing_of_what_a_crowd_does(simulation: Any) -> None:
    random = np.random.default_rng(1)
    calm = simulation.WEATHERS[0]
    crowd = simulation.CROWDS[1]
    alone = [simulation.Request(0, 3.0, 2.0 * place) for place in range(20)]
    for name in ("lock", "first in", "pool"):
        windows = []
        for version in (simulation.UNCHANGED, server(simulation, name)):
            args = (crowd, version, alone, calm, 0.0, random)
            windows.append(simulation.simulate_window(*args))
        before, after = windows
        assert after.ttfa_p95_ms == pytest.approx(before.ttfa_p95_ms, rel=0.1)


@pytest.mark.parametrize("name", ["lock", "first in", "pool"])
def test_a_crowd_hears_it(simulation: Any, name: str) -> None:
    crowd = simulation.CROWDS[0]
    before = window_of(simulation, crowd, simulation.UNCHANGED)
    after = window_of(simulation, crowd, server(simulation, name))
    assert after.ttfa_p95_ms > 1.5 * before.ttfa_p95_ms


def test_a_session_is_judged_by_the_looks_of_the_product(simulation: Any) -> None:
    crowd, calm = simulation.CROWDS[0], simulation.WEATHERS[0]
    same = simulation.simulate_session(crowd, simulation.UNCHANGED, calm, seed=1)
    assert not same.failed
    slow = simulation.simulate_session(crowd, server(simulation, "lock"), calm, seed=1)
    assert "ttfa p95" in slow.failed
    assert slow.verdicts[0].outcome is Outcome.FAIL
    assert slow.blocks == 3
