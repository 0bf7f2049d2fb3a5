"""The servers of benchmarks/capacity_simulation.py do what they are said to do."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf.load.staircase import error_of

pytestmark = pytest.mark.uncovered
BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("capacity_simulation")


def finish_all(cores: Any, simulation: Any, works_s: list[float]) -> list[tuple[int, float]]:
    """Pieces that all come at 0: which listener's is ready when."""
    for listener, work_s in enumerate(works_s):
        cores.submit(0.0, work_s, simulation.Stream(0.0, listener, 1))
    ends = []
    for _ in works_s:
        end_s = cores.next_end_s()
        ends.append((cores.finish().listener, end_s))
    return ends


def test_first_in_is_first_out_on_two_cores(simulation: Any) -> None:
    ends = finish_all(simulation.FirstInFirstOut(), simulation, [1.0, 2.0, 1.0, 1.0])
    assert sorted(ends) == [(0, 1.0), (1, 2.0), (2, 2.0), (3, 3.0)]


def test_shared_cores_are_shared_evenly(simulation: Any) -> None:
    ends = finish_all(simulation.SharedEvenly(), simulation, [1.0, 1.0, 1.0, 2.0])
    assert [listener for listener, _ in ends] == [0, 1, 2, 3]
    assert [end_s for _, end_s in ends] == pytest.approx([2.0, 2.0, 2.0, 3.0])


def test_a_single_piece_takes_one_core(simulation: Any) -> None:
    ends = finish_all(simulation.SharedEvenly(), simulation, [1.0])
    assert ends == [(0, 1.0)]


@pytest.mark.parametrize("number", range(5))
def test_more_listeners_wait_longer(simulation: Any, number: int) -> None:
    server = simulation.SERVERS[number]
    low, high = (4, 12) if server.unit == "listeners" else (0.5, 1.5)
    if "fast" in server.name:
        low, high = 8, 40
    waits = [simulation.Window(server, level, simulation.LONG, (1,)).run() for level in (low, high)]
    assert waits[1].ttfa_p95_ms > 1.5 * waits[0].ttfa_p95_ms
    assert all(window.answered > 20 for window in waits)


def test_a_window_is_drawn_by_its_seed(simulation: Any) -> None:
    server = simulation.SERVERS[0]
    first, again, other = (
        simulation.Window(server, 8, simulation.LONG, (seed,)).run() for seed in (1, 1, 2)
    )
    assert first == again != other


def test_claims_are_held_against_many_windows(simulation: Any) -> None:
    server = simulation.SERVERS[0]
    truth = simulation.Truth(server, 40, simulation.LONG)
    outcomes = [simulation.search_once(server, seed) for seed in range(5)]
    assert truth.bad_share(4) == 0.0
    assert truth.bad_share(14) == 1.0
    row = simulation.row(server, outcomes, truth)
    assert len(row) == len(simulation.HEADS)
    assert row[1] == "5/5"
    assert int(row[2]) <= 1


def test_the_boundary_of_wald_keeps_the_error_of_the_shipped_one(simulation: Any) -> None:
    needed = simulation.wald_boundary(10)
    assert needed[:3] == (16, 29, 41)
    assert error_of(needed, 0.8) <= simulation.WALD_ERROR


def test_a_coin_is_always_wrong(simulation: Any) -> None:
    name, share = simulation.COINS[0]
    row = simulation.coin_row(name, share, 50, 1)
    assert row[0] == "20 % everywhere"
    assert all("/50" in cell for cell in row[1:])
