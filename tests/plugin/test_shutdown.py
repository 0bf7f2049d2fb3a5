"""Whatever ends a run, no process of an engine stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.plugin.conftest import Project

PATIENT_S = 30.0

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


def test_a_normal_run(dying: Project) -> None:
    dying.run("--ttsperf-target=dying:Announced").assert_outcomes(passed=1)
    assert all_gone(dying)


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
    assert all_gone(dying)


def test_a_hang_ends_at_the_timeout_and_says_where(dying: Project) -> None:
    result = dying.run("--ttsperf-target=dying:Hangs", "--ttsperf-timeout=2")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*gave no answer within 2 s*", "*dying.py*in stream*"])
    assert all_gone(dying)


def started(project: Project) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "--ttsperf-target=dying:Hangs", "-p", "no:randomly"],
        cwd=project.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(Path(project.path / "hanging").exists, "the engine's hanging")
    return process


def test_ctrl_c(dying: Project) -> None:
    process = started(dying)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENT_S) == pytest.ExitCode.INTERRUPTED
    wait_for(lambda: all_gone(dying), "the worker's end")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_pytest_killed(dying: Project, number: signal.Signals) -> None:
    process = started(dying)
    process.send_signal(number)
    process.wait(PATIENT_S)
    wait_for(lambda: all_gone(dying), "the worker's end")
