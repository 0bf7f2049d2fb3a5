"""benchmarks/unwarmed_server.py: ready at once, and what was not prepared is paid by the first."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def unwarmed_target(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("unwarmed_target")


@pytest.fixture
def server(unwarmed_target: Any) -> Iterator[Any]:
    opened = unwarmed_target.UnwarmedServer(voice="heart")
    yield opened
    opened.close()


def names_of(stages: list[Any]) -> set[str]:
    return {span.stage for span in stages}


def test_the_first_request_opens_the_voice_and_later_ones_do_not(server: Any) -> None:
    assert server.placement() == {}
    assert server.stages() == []
    first = b"".join(server.stream("Hello there."))
    stages = {"server.queue", "server.session", "server.phonemes", "http.body"}
    assert stages <= names_of(server.stages())
    assert server.placement()["nodes"]["CPUExecutionProvider"] > 0
    second = b"".join(server.stream("Good evening."))
    assert first
    assert second
    assert "server.phonemes" in names_of(server.stages())
    assert "server.session" not in names_of(server.stages())


def test_a_server_that_does_not_start_says_so(unwarmed_target: Any) -> None:
    with pytest.raises(RuntimeError, match=r"wanted its port; .*standard error"):
        unwarmed_target.UnwarmedServer(voice="nobody")
