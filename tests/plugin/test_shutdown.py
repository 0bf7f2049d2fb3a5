"""Whatever ends a run, no process of an engine stays behind."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.plugin.conftest import ForkedRun, Project

PATIENT_S = 30.0
Starter = Callable[..., ForkedRun]

DYING = '''
import subprocess
from engines import *

class Announced(Telling):
    """Leaves its pid and that of a child of its own."""
    def __init__(self, provider="cpu", voice="hum"):
        super().__init__(provider, voice)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        with open("pids.txt", "w") as file:
            file.write(f"{os.getpid()} {child.pid}")

class Daemon(Telling):
    """Starts a child in a session of its own."""
    def __init__(self, provider="cpu", voice="hum"):
        super().__init__(provider, voice)
        code = "import time; time.sleep(600)"
        child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        with open("pids.txt", "w") as file:
            file.write(f"{os.getpid()} {child.pid}")

class Hangs(Announced):
    def stream(self, text):
        with open("hanging", "w"):
            pass
        time.sleep(600)
        yield

class Crashes(Announced):
    def stream(self, text):
        print("loading the last straw", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
        yield

class Exits(Announced):
    def stream(self, text):
        print("out of licences", file=sys.stderr, flush=True)
        os._exit(7)
        yield
'''


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {PATIENT_S} s"
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def dying(project: Project) -> Project:
    project.pytester.makepyfile(dying=DYING)
    project.test("@trials(3)\n@ttfa(max_ms=5000)\ndef test_x(perf): perf.stream('short')")
    return project


def pids(project: Project) -> list[int]:
    return [int(word) for word in (project.path / "pids.txt").read_text().split()]


def all_gone(project: Project) -> bool:
    return all(is_gone(pid) for pid in pids(project))


@pytest.mark.parametrize("target", ["Announced", "Daemon"])
def test_a_normal_run(dying: Project, target: str) -> None:
    dying.run(f"--ttsperf-target=dying:{target}").assert_outcomes(passed=1)
    wait_for(lambda: all_gone(dying), "the worker's end")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("Crashes", ["*worker process ended (killed by SIGSEGV)*", "*loading the last straw*"]),
        ("Exits", ["*worker process ended (exit code 7)*", "*out of licences*"]),
    ],
)
def test_a_crash_is_told_with_its_last_words(dying: Project, target: str, told: list[str]) -> None:
    result = dying.run(f"--ttsperf-target=dying:{target}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(told)
    wait_for(lambda: all_gone(dying), "the worker's end")


def test_a_hang_ends_at_the_timeout_and_says_where(dying: Project) -> None:
    result = dying.run("--ttsperf-target=dying:Hangs", "--ttsperf-timeout=2")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*gave no answer within 2 s*", "*dying.py*in stream*"])
    wait_for(lambda: all_gone(dying), "the worker's end")


@pytest.fixture
def start() -> Iterator[Starter]:
    """Start pytest in a process of its own, and wait until its engine hangs."""
    runs: list[ForkedRun] = []

    def start(project: Project, *arguments: str) -> ForkedRun:
        asked = arguments or ("--ttsperf-target=dying:Hangs",)
        runs.append(project.forks.start(["-p", "no:randomly", *asked], project.path))
        wait_for(Path(project.path / "hanging").exists, "the engine's hanging")
        return runs[-1]

    yield start
    for run in runs:
        run.kill()


def test_ctrl_c(dying: Project, start: Starter) -> None:
    process = start(dying)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENT_S) == pytest.ExitCode.INTERRUPTED
    wait_for(lambda: all_gone(dying), "the worker's end")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_pytest_killed(dying: Project, number: signal.Signals, start: Starter) -> None:
    process = start(dying)
    os.kill(process.pid, number)
    process.wait(PATIENT_S)
    wait_for(lambda: all_gone(dying), "the worker's end")


ESCAPING = """
import os, sys, time

def escape(marker):
    # Forked twice, in a session of its own, with another environment: a daemon by the book.
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open("hanging", "w").close()
            code = "import time; time.sleep(600)"
            os.execve(sys.executable, [sys.executable, "-c", code, marker], {})
        os._exit(0)
    os.wait()

class Escaping:
    sample_rate = 24000
    def __init__(self, marker):
        escape(marker)
    def stream(self, text):
        time.sleep(600)
        yield

if __name__ == "__main__":
    escape(sys.argv[1])
    time.sleep(600)
"""
KINDS = ["once", "lines", "worker"]


@pytest.fixture
def escaping(project: Project) -> tuple[Project, dict[str, list[str]], str]:
    """A project, by kind the arguments that start a daemon there, and a word in its command."""
    marker = f"marker-{uuid.uuid4().hex}"
    project.pytester.makepyfile(escaping=ESCAPING)
    project.test(
        """
        @trials(3)
        @ttfa(max_ms=5000)
        def test_warm(perf): perf.stream("short")

        @trials(3)
        @ttfa(max_ms=5000)
        def test_cold(perf, cold_engine): perf.stream("short")
        """
    )
    program = f"cmd:{shlex.quote(sys.executable)} {project.path}/escaping.py {marker}"
    option = "--ttsperf-target-option"
    of_program = ["--ttsperf-target", program, option, "rate=16000", option]
    arguments = {
        "once": [*of_program, "protocol=once", "-k", "cold"],
        "lines": [*of_program, "protocol=lines", option, "end=length", "-k", "warm"],
        "worker": ["--ttsperf-target=escaping:Escaping", option, f"marker={marker}", "-k", "warm"],
    }
    return project, arguments, marker


def left(marker: str) -> list[int]:
    """Processes that have the word in their command line, which that of pytest has not."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if any(marker in word for word in words):
            found.append(process.pid)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets orphans be adopted")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_daemon_of_the_engine_ends_with_the_run(
    escaping: tuple[Project, dict[str, list[str]], str],
    kind: str,
    number: signal.Signals,
    start: Starter,
) -> None:
    project, arguments, marker = escaping
    process = start(project, *arguments[kind])
    wait_for(lambda: bool(left(marker)), "the engine's start")
    os.kill(process.pid, number)
    process.wait(PATIENT_S)
    wait_for(lambda: not left(marker), "the end of all that was started")
