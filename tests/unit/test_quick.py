"""A test that promises to start nothing and does is failed, whatever it starts."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import quick


@pytest.fixture
def watch() -> quick.Watch:
    watch = quick.Watch()
    watch.begin()
    return watch


def test_nothing_is_noted_where_nothing_starts(watch: quick.Watch) -> None:
    assert sum(range(10)) == 45
    assert watch.end() == []


@pytest.mark.starts
def test_a_process_is_noted(watch: quick.Watch) -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)
    (started,) = watch.end()
    assert "a process" in started


@pytest.mark.starts
def test_a_server_is_noted(watch: quick.Watch) -> None:
    with socket.create_server(("127.0.0.1", 0)):
        (started,) = watch.end()
    assert "a server" in started


@pytest.mark.starts
def test_an_opened_session_is_noted(watch: quick.Watch) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    watch.begin()
    with pytest.raises(Exception, match=r"INVALID_PROTOBUF|ModelProto"):
        onnxruntime.InferenceSession(b"no model")
    assert "a session of onnxruntime" in watch.end()


def test_what_starts_afterwards_is_not_the_tests(watch: quick.Watch) -> None:
    watch.end()
    watch.note("a process")
    assert watch.end() == []


def test_it_is_failed_with_the_remedy() -> None:
    quick.fail_if_started([])
    with pytest.raises(pytest.fail.Exception, match=r"started a process; a server. Mark it"):
        quick.fail_if_started(["a process", "a server", "a process"])


class Item:
    """As much of a test as the rule looks at."""

    def __init__(self, nodeid: str, *marks: str) -> None:
        self.nodeid = nodeid
        self._marks = marks

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self._marks else None


@pytest.mark.parametrize(
    ("markexpr", "place", "is_left_out"),
    [
        (quick.WITHOUT, "tests/plugin/test_target.py", True),
        (quick.WITHOUT, "tests/engine/test_engine_server.py", True),
        (quick.WITHOUT, "tests/engine/test_engine_text.py", None),
        (quick.WITHOUT, "tests/engine", None),
        (quick.WITHOUT, "tests/unit/test_git.py", None),
        ("", "tests/engine/test_engine_server.py", None),
    ],
)
def test_files_in_which_everything_starts_are_not_even_imported(
    markexpr: str, place: str, is_left_out: bool | None
) -> None:
    root = Path("/repository")
    config = SimpleNamespace(option=SimpleNamespace(markexpr=markexpr), rootpath=root)
    assert quick.pytest_ignore_collect(root / place, config) is is_left_out


def test_only_tests_of_the_suite_promise_to_start_nothing() -> None:
    assert quick.is_quick(Item("tests/unit/test_x.py::test_y"))
    assert not quick.is_quick(Item("tests/unit/test_x.py::test_y", quick.MARK))
    assert not quick.is_quick(Item("benchmarks/gate_test.py::test_gate"))
