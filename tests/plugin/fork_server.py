"""Forks a process for each run of pytest, from one that has imported what every run needs.

To import pytest, numpy and scipy anew takes most of a second, and no test is about that. All else is
as in a process that a user starts: nothing of the plugin is imported, no test has run in it before,
and it ends as processes do.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
from typing import NoReturn

import _pytest.fixtures  # noqa: F401
import _pytest.junitxml
import _pytest.python
import _pytest.terminal  # noqa: F401
import filelock  # noqa: F401
import msgspec  # noqa: F401
import numpy  # noqa: F401
import platformdirs  # noqa: F401
import psutil  # noqa: F401
import pytest
import scipy.stats
import scipy.stats.mstats  # noqa: F401


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
    """Be `python -m pytest` in the folder, whose files `stdout` and `stderr` take what it prints."""
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
    raise SystemExit(pytest.console_main())


if __name__ == "__main__":
    gc.freeze()  # so that collecting garbage copies none of it
    own = os.dup(0), os.dup(1)
    for number in (0, 1):
        os.close(number)
        os.open(os.devnull, os.O_RDWR)
    serve(*own)
