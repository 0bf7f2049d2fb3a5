"""Quick tests start nothing: no process, no engine, no server. Held here, so that care need not.

A test that starts something is marked `starts`, by its folder, a fixture or by hand; `make quick`
leaves it out. A test without the mark fails as soon as it starts something, in whichever run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MARK = "starts"
WITHOUT = f"not {MARK}"
FOLDERS = (
    "tests/adversarial/",
    "tests/browser/",
    "tests/plugin/",
    "tests/perf/",
    "tests/engine/",
)
"""Their tests measure in a pytest of their own, speak with an engine, or open a browser."""
READING = ("audio", "encoders", "providers", "reading_cases", "text", "voices")
QUICK = tuple(f"tests/engine/test_engine_{name}.py" for name in READING)
"""But these files are about texts and numbers."""
FIXTURES = {"voice", "pytester"}
"""Who uses one of these starts something."""
PROCESSES = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}
SERVERS = {"socket.bind"}
RUNTIME = "onnxruntime"
SESSION = f"{RUNTIME}.InferenceSession"


class Watch:
    """Notes what is started while a quick test runs; between such tests it sees nothing."""

    def __init__(self) -> None:
        self.is_on = False
        self.started: list[str] = []
        self._is_installed = False

    def begin(self) -> None:
        """Watch from now on, with nothing noted."""
        if not self._is_installed:
            self._is_installed = True
            sys.addaudithook(self._audit)
        _announce_sessions()
        self.started.clear()
        self.is_on = True

    def end(self) -> list[str]:
        """What was started since the beginning."""
        self.is_on = False
        return list(self.started)

    def note(self, what: str) -> None:
        """Something was started."""
        if self.is_on:
            self.started.append(what)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        if event in PROCESSES:
            self.note(f"a process ({event}{arguments[:2]!r})")
        elif event in SERVERS:
            self.note(f"a server (at {arguments[1]!r})")
        elif event == SESSION:
            self.note(f"a session of {RUNTIME}")
        elif event == "import" and arguments[0] == RUNTIME:
            self.note(f"{RUNTIME} (an import of it)")


def _announce_sessions() -> None:
    """Have the sessions of the runtime seen by all hooks, once it is there."""
    session = getattr(sys.modules.get(RUNTIME), "InferenceSession", None)
    if session is None or hasattr(session, "is_announced"):
        return
    opened = session.__init__

    def announce(self: object, *arguments: Any, **keywords: Any) -> None:
        sys.audit(SESSION)
        opened(self, *arguments, **keywords)

    session.__init__ = announce
    session.is_announced = True


WATCH = Watch()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where -m leaves out what starts something, do not even import files of nothing else."""
    if config.option.markexpr != WITHOUT or not collection_path.is_relative_to(config.rootpath):
        return None
    place = collection_path.relative_to(config.rootpath).as_posix()
    if place.endswith(".py") and _starts_by_folder(place):
        return True
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by folder and by fixture, before -m selects."""
    for item in items:
        if _is_marked_by_its_place(item):
            item.add_marker(MARK)


def _is_marked_by_its_place(item: pytest.Item) -> bool:
    if FIXTURES.intersection(getattr(item, "fixturenames", ())):
        return True
    return _starts_by_folder(item.nodeid)


def _starts_by_folder(place: str) -> bool:
    return place.startswith(FOLDERS) and not place.startswith(QUICK)


def is_quick(item: pytest.Item) -> bool:
    """Whether the test promises to start nothing; scripts in benchmarks/ promise no such thing."""
    return item.nodeid.startswith("tests/") and item.get_closest_marker(MARK) is None


def fail_if_started(started: list[str]) -> None:
    """Fail a quick test that has started something."""
    if started:
        pytest.fail(
            f"a test without @pytest.mark.{MARK} started {'; '.join(dict.fromkeys(started))}. "
            "Mark it, or let it look at records instead",
            pytrace=False,
        )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    if is_quick(item):
        WATCH.begin()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    result = yield
    if is_quick(item):
        fail_if_started(WATCH.end())
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    WATCH.end()
    return (yield)
