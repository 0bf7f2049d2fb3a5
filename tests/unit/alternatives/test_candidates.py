"""What an alternative is like once it is open, read from scripted engines in this process."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_ttsperf.alternatives.candidates import Candidate, probe
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.records import TargetSpec

CLOSED: list[str] = []


class Placed:
    """Runs eight nodes on the provider, and leaves two to the CPU."""

    sample_rate = 24_000
    on_provider = 8

    def __init__(self, provider: str = "cpu") -> None:
        self.provider = provider

    def stream(self, text: str) -> Iterator[NDArray[np.float32]]:
        yield np.zeros(2400, np.float32)

    def placement(self) -> dict[str, object]:
        nodes = {"CPUExecutionProvider": 2, "MadeUpExecutionProvider": self.on_provider}
        return {"provider": "MadeUpExecutionProvider", "nodes": nodes}

    def close(self) -> None:
        CLOSED.append(self.provider)


class Idle(Placed):
    on_provider = 0


class Silent(Placed):
    def placement(self) -> None:  # type: ignore[override]
        return None


class Broken(Placed):
    def __init__(self, provider: str = "cpu") -> None:
        raise RuntimeError("no such device")


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("scripted_candidates")
    for kind in (Placed, Idle, Silent, Broken):
        setattr(module, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "scripted_candidates", module)
    CLOSED.clear()


def candidate(name: str, provider: str | None = "madeup") -> Candidate:
    spec = TargetSpec(spec=f"scripted_candidates:{name}")
    return Candidate("it", TargetFactory(spec=spec, provider=provider, inline=True))


def test_nodes_on_the_provider_are_counted_and_the_target_is_closed() -> None:
    found = probe(candidate("Placed"))
    assert (found.name, found.provider, found.nodes, found.error) == ("it", "madeup", 8, None)
    assert found.is_comparable
    assert found.opening_s is not None
    assert found.rss_mb is None, "in this process no memory is its alone"
    assert CLOSED == ["madeup"]


def test_a_provider_that_runs_nothing_is_idle_and_not_comparable() -> None:
    found = probe(candidate("Idle"))
    assert found.nodes == 0
    assert found.is_idle
    assert not found.is_comparable


@pytest.mark.parametrize(("name", "provider"), [("Silent", "madeup"), ("Placed", None)])
def test_what_nobody_says_is_none_and_no_zero(name: str, provider: str | None) -> None:
    found = probe(candidate(name, provider))
    assert found.nodes is None
    assert not found.is_idle
    assert found.is_comparable


def test_why_it_does_not_open_is_one_line() -> None:
    found = probe(candidate("Broken"))
    assert found.error is not None
    assert found.error.endswith("RuntimeError: no such device")
    assert not found.is_comparable
