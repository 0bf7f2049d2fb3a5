"""One warmed engine with the real voice for the whole folder: opening it takes a while."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cache import VARIABLE
from engine.engine import Engine


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Tests fill a cache of their own, never the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder))
        yield folder


@pytest.fixture(scope="session")
def voice(cache_folder: Path) -> Iterator[Engine]:
    with Engine("heart") as engine:
        engine.warm()
        yield engine
