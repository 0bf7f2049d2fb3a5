"""A folder in which the examples of a page are run as a reader would run them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf.targets import tracing
from tests.docs.pages import ROOT

LIMIT_S = 300.0
"""Longest time for one command."""
COLUMNS = "80"
PYTHON = [sys.executable]
PROGRAMS = {
    "python": PYTHON,
    "pytest": [*PYTHON, "-m", "pytest"],
    "ttsperf": [*PYTHON, "-m", "pytest_ttsperf"],
    "git": ["git", "-c", "user.name=reader", "-c", "user.email=reader@example.org"],
}
"""What a page may have a reader type, and what it is here."""
PLUGINS = ("asyncio", "benchmark", "hypothesispytest", "randomly", "rerunfailures")
"""Of ours, which a reader does not have."""
HIDDEN = ("CI", "PYTEST_ADDOPTS", "NO_COLOR", "FORCE_COLOR", "PYTEST_XDIST_WORKER")
INI = """\
[pytest]
ttsperf_target = my_engine:Engine
"""
ENGINE = '''\
"""What the pages call my_engine: it hums for as long as a text would take to say."""

import time

import numpy as np

RATE = 24_000
HUM = 0.3 * np.sin(2 * np.pi * 180 * np.arange(RATE) / RATE)


class Engine:
    sample_rate = RATE

    def __init__(self, provider="cpu", voice="hum", threads=1, first_s=0.01):
        self.provider, self.voice, self.first_s = provider, voice, first_s

    def stream(self, text):
        time.sleep(self.first_s)
        for _ in range(10):
            yield np.resize(HUM, round(RATE * len(text) / 150)).astype(np.float32)
            time.sleep(0.001)


Old = New = Engine
'''


class Finished(NamedTuple):
    """A command that has ended."""

    code: int
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class Scratch:
    """The folder, with an engine and a configuration unless the page brings its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("my_engine.py", ENGINE)
        self.write("pytest.ini", INI)

    def write(self, name: str, body: str) -> None:
        """Write a file of the page. ValueError for one that would lie outside the folder."""
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise ValueError(f"found a file {name!r}, wanted one below the folder of the page")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, "utf-8")

    def run(self, line: str) -> Finished:
        """Run what a reader types. ValueError for a program that is none of PROGRAMS."""
        words = shlex.split(line, comments=True)
        if not words or words[0] not in PROGRAMS:
            raise ValueError(f"found {line!r}, wanted a command of {', '.join(PROGRAMS)}")
        command = [*PROGRAMS[words[0]], *words[1:]]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return Finished(done.returncode, done.stdout.splitlines())

    def _environment(self) -> dict[str, str]:
        """Ours, without what would measure or colour; this repository's package is found."""
        environment = tracing.without_coverage(os.environ)
        for name in HIDDEN:
            environment.pop(name, None)
        options = [f"-p no:{name}" for name in PLUGINS]
        environment["PYTEST_ADDOPTS"] = " ".join(options)
        environment["COLUMNS"] = COLUMNS
        environment["XDG_CACHE_HOME"] = str(self.folder.parent / "cache")
        environment["PYTHONPATH"] = str(ROOT)
        return environment
