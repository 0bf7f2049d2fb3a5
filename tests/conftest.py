"""What all tests of this repository share."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest

from pytest_ttsperf.targets import tracing

OWN = "coverage"

# Property tests judge what comes out, not how long a busy machine took for it.
hypothesis.settings.register_profile("day", deadline=None)
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=2000)


def pytest_configure(config: pytest.Config) -> None:
    """Take the profile of the day, unless another was named by --hypothesis-profile."""
    if not config.getoption("--hypothesis-profile", None):
        hypothesis.settings.load_profile("day")


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: no search for garbage goes through it."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Replay and simulation take half their time for coverage, which learns nothing from them."""
    if pyfuncitem.get_closest_marker("uncovered") is None:
        return (yield)
    with untraced():
        return (yield)


@contextmanager
def untraced() -> Iterator[None]:
    """Nothing traces this thread, nor those that it starts; afterwards all is as before."""
    tracer, tracer_of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    try:
        yield
    finally:
        threading.settrace(tracer_of_threads)  # type: ignore[arg-type]
        sys.settrace(tracer)


@pytest.fixture(autouse=True)
def _own_coverage_is_no_tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where our coverage is measured it traces this process, and with it all inline targets.

    They are looked at for what they do, not for how fast; a worker is never traced by it.
    """
    found = tracing.tracers

    def others() -> tuple[str, ...]:
        return tuple(tracer for tracer in found() if OWN not in tracer)

    monkeypatch.setattr(tracing, "tracers", others)


@pytest.fixture(scope="session", autouse=True)
def _nobody_says_how_wide() -> Iterator[None]:
    """A worker of xdist has COLUMNS set, as a terminal has: then all that is printed is folded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COLUMNS", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def coverage_variables() -> Iterator[dict[str, str]]:
    """What has our coverage begin in each new Python; tests start theirs without it.

    Hundreds of small processes would import it, be slower for it and leave a file each, for code
    that runs in our own process as well; and what they measure would be of both.
    """
    found = {}
    for name, value in os.environ.items():
        if tracing.COVERAGE_VARIABLES.fullmatch(name):
            found[name] = value
    with pytest.MonkeyPatch.context() as patch:
        for name in found:
            patch.delenv(name)
        yield found


@pytest.fixture
def traced_children(coverage_variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that start what runs nowhere else: our coverage begins in their processes."""
    for name, value in coverage_variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run, the same in all workers of xdist."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def run_cache(run_folder: Path) -> Path:
    """What engines derive from their models is derived once in a run, not once in a test."""
    folder = run_folder / "engine-cache"
    folder.mkdir(exist_ok=True)
    return folder
