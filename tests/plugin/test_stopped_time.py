"""Fixtures that stop time stop no measuring, no waiting, and file nothing under a false date."""

from __future__ import annotations

import datetime
import sys
import textwrap

import pytest

from tests.plugin.conftest import Project

FREEZEGUN = """
from freezegun import freeze_time
@pytest.fixture(autouse=True)
def stopped():
    with freeze_time("2020-01-02 03:04:05"):
        yield
"""
TIME_MACHINE = """
import time_machine
@pytest.fixture(autouse=True)
def stopped():
    with time_machine.travel("2020-01-02 03:04:05", tick=False):
        yield
"""
BY_HAND = """
import datetime, time
class Stopped(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2020, 1, 2, 3, 4, 5, tzinfo=tz)
def no_sleep(seconds):
    raise AssertionError("a test sleeps")
@pytest.fixture(autouse=True)
def stopped(monkeypatch):
    for name in ("time", "monotonic", "perf_counter", "process_time"):
        monkeypatch.setattr(time, name, lambda: 1577934245.0)
        monkeypatch.setattr(time, f"{name}_ns", lambda: 1577934245 * 10**9)
    monkeypatch.setattr(time, "sleep", no_sleep)
    monkeypatch.setattr(datetime, "datetime", Stopped)
"""
WAYS = {"freezegun": FREEZEGUN, "time_machine": TIME_MACHINE, "by hand": BY_HAND}
ENGINES = '''
import asyncio, threading
import numpy as np

class Waits:
    """Its first chunk comes after 20 ms, by no clock that Python code could replace."""
    sample_rate = 24000
    first_s = 0.02
    def stream(self, text):
        threading.Event().wait(self.first_s)
        yield (np.sin(np.arange(1600 * len(text)) / 20) * 0.3).astype(np.float32)

class Asynchronous(Waits):
    async def stream(self, text):
        await asyncio.sleep(self.first_s)
        yield (np.sin(np.arange(1600 * len(text)) / 20) * 0.3).astype(np.float32)

class Hangs(Waits):
    first_s = 600
'''
PROGRAM = """
import sys, threading
text = sys.stdin.read()
threading.Event().wait(0.02)
sys.stdout.buffer.write(b"\\x10\\x27\\xf0\\xd8" * 800 * len(text))
"""
TEST = "@trials(5)\n@ttfa(p50_ms=60000)\ndef test_x(perf): perf.stream('short')\n"
DAY = datetime.timedelta(days=1)


@pytest.fixture(params=WAYS)
def frozen(request: pytest.FixtureRequest, project: Project) -> Project:
    """A project whose every test runs in stopped time."""
    if request.param != "by hand":
        pytest.importorskip(request.param)
    project.pytester.makeconftest(f"import pytest\n{WAYS[request.param]}")
    project.pytester.makepyfile(waits=ENGINES, program=PROGRAM)
    project.ini(ttsperf_target="waits:Waits")
    project.test(TEST)
    return project


def run(project: Project, *arguments: str) -> pytest.RunResult:
    """In a process of its own, which would not end if something waited by a stopped clock."""
    return project.run_apart("-p", "no:randomly", *arguments)


def assert_measured_rightly(project: Project, cells: int = 1) -> None:
    (artifact,) = project.artifacts()
    assert len(artifact["cells"]) == cells
    for cell in artifact["cells"]:
        # No upper bound: the machine may be busy. In stopped time all would be 0, or years.
        assert 20 <= cell["summary"]["ttfs_ms"]["p50"] < 60_000
        assert 0 < cell["duration_s"] < 600
    assert 0 < artifact["environment"]["weather_after"]["seconds"] < 600
    today = datetime.datetime.now().astimezone()
    assert abs(datetime.datetime.fromisoformat(artifact["started"]) - today) < DAY
    filed = datetime.date.fromisoformat(project.artifact_paths()[0].parent.name)
    assert abs(filed - today.date()) <= DAY


def test_a_measurement_and_a_cold_start_go_by_the_real_clock(frozen: Project) -> None:
    frozen.test(TEST + TEST.replace("test_x(perf)", "test_cold(perf, cold_engine)"))
    options = ("--ttsperf-cold-trials=2", "--ttsperf-save")
    run(frozen, *options).assert_outcomes(passed=2)
    assert_measured_rightly(frozen, cells=2)
    (cold,) = (cell for cell in frozen.cells() if cell["cell"]["phase"] == "cold")
    phases = [trial["phases_ms"] for trial in cold["trials"]]
    assert all(0 < each["process"] < 60_000 for each in phases)
    assert len(list(frozen.path.glob("baselines/*/*.json"))) == 2


def test_so_does_one_in_our_process_awaited_or_not(frozen: Project) -> None:
    frozen.test(
        f"""
        @pytest.fixture(params=["waits:Waits", "waits:Asynchronous"])
        def ttsperf_target(request):
            return request.param

        {textwrap.indent(TEST, " " * 8).strip()}
        """
    )
    run(frozen, "--ttsperf-inline").assert_outcomes(passed=2)
    assert_measured_rightly(frozen, cells=2)


def test_a_program(frozen: Project) -> None:
    frozen.test(TEST.replace("perf)", "perf, cold_engine)"))
    target = f"--ttsperf-target=cmd:{sys.executable} program.py"
    options = ["--ttsperf-target-option", "rate=24000", "--ttsperf-cold-trials=2"]
    run(frozen, target, *options).assert_outcomes(passed=1)
    assert_measured_rightly(frozen)


def test_a_target_that_hangs_is_ended_in_time(frozen: Project) -> None:
    result = run(frozen, "--ttsperf-target=waits:Hangs", "--ttsperf-timeout=1")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*gave no answer within 1 s and was ended*"])


HELD = """
from filelock import FileLock
from pytest_ttsperf.baseline import store

store.LOCK_TIMEOUT_S = 0.5
path_for = store.path_for
held = []

def path_in_held_folder(*arguments):
    path = path_for(*arguments)
    if not held:
        path.parent.mkdir(parents=True)
        held.append(FileLock(path.parent / ".lock"))
        held[0].acquire()
    return path

store.path_for = path_in_held_folder
"""


def test_a_lock_that_stays_held_is_waited_for_and_no_longer(frozen: Project) -> None:
    with (frozen.path / "conftest.py").open("a") as conftest:
        conftest.write(HELD)
    result = run(frozen, "--ttsperf-save", "--ttsperf-inline")
    assert "has held" in result.stdout.str() + result.stderr.str()
