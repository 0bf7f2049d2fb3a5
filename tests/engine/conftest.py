"""One warmed engine with the real voice for the whole folder: opening it takes a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import Engine


@pytest.fixture(scope="session")
def voice() -> Iterator[Engine]:
    with Engine("heart") as engine:
        engine.warm()
        yield engine
