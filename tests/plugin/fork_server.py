"""Forks a process for each run of pytest, from one that has imported what every run needs.

To import pytest, numpy and scipy anew takes most of a second, and no test is about that. All else
is as in a process that a user starts: nothing of the plugin is imported, no test has run in it
before, and it ends as processes do.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import signal
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest
from _pytest.config import default_plugins

OF_OTHERS = (
    "asyncio", "concurrent.futures.thread", "execnet", "filelock", "http.client", "msgspec",
    "numpy", "packaging.version", "pdb", "platformdirs", "psutil", "scipy.stats.mstats",
    "statistics", "tomllib", "urllib.request", "xml.sax.saxutils",
)  # fmt: skip
"""What pytest, the plugins beside ours and our own import, without those plugins themselves."""

IMPORTS_ALL = """
import importlib, pkgutil, pytest_ttsperf

def test_all():
    for module in pkgutil.walk_packages(pytest_ttsperf.__path__, "pytest_ttsperf."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""


def compile_once() -> None:
    """Where PYTHONDONTWRITEBYTECODE is set, each run would compile all plugins anew.

    What a scratch project has of its own is still compiled by each run: it may change.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_all.py").write_text(IMPORTS_ALL)
        pid = os.fork()
        if pid == 0:
            sys.dont_write_bytecode = False
            run(["-p", "no:randomly"], folder, dict(os.environ))
        os.waitpid(pid, 0)


def serve(requests: int, replies: int) -> None:
    """Answer each request, a line of JSON, with the pid and then the status of its process."""
    for line in os.fdopen(requests, "rb", buffering=0):
        pid = os.fork()
        if pid == 0:
            os.close(replies)
            run(**json.loads(line))
        os.write(replies, f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        os.write(replies, f"{os.waitstatus_to_exitcode(status)}\n".encode())


def run(arguments: list[str], folder: str, environment: dict[str, str]) -> NoReturn:
    """Be `python -m pytest` in the folder; its files `stdout` and `stderr` take what is printed."""
    os.setsid()
    # Where tests run in the background, SIGINT comes ignored, and this process inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, name in ((0, os.devnull), (1, "stdout"), (2, "stderr")):
        mode = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        opened = os.open(name, mode, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    sys.path[0] = folder
    sys.argv = ["pytest", *arguments]
    random.seed()
    if any(name.startswith("COVERAGE_PROCESS") for name in environment):
        import coverage

        coverage.process_startup()
    raise SystemExit(pytest.main(arguments))


if __name__ == "__main__":
    for module in (*OF_OTHERS, *(f"_pytest.{name}" for name in default_plugins)):
        importlib.import_module(module)
    gc.freeze()  # so that collecting garbage copies none of it
    own = os.dup(0), os.dup(1)
    for number in (0, 1):
        os.close(number)
        os.open(os.devnull, os.O_RDWR)
    if sys.dont_write_bytecode:
        compile_once()
    serve(*own)
