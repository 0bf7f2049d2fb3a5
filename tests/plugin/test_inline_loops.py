"""Targets in pytest's own process, inside tests whose event loop is running."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Project

ENGINES = '''
import asyncio, contextvars, threading
from engines import tone

LABEL = contextvars.ContextVar("LABEL", default="none")

class Asynchronous:
    """Says by its chunks which loop it was in: its objects belong to one."""
    sample_rate = 24000
    def __init__(self):
        self.loops = set()
    async def warm(self):
        self.loops.add(asyncio.get_running_loop())
    async def stream(self, text):
        self.loops.add(asyncio.get_running_loop())
        assert len(self.loops) == 1
        await asyncio.sleep(0.02)
        yield tone(len(text) / 15)
    async def close(self):
        self.loops.add(asyncio.get_running_loop())
        assert len(self.loops) == 1

async def make():
    await asyncio.sleep(0)
    return Asynchronous()

class RunsLoopsItself:
    sample_rate = 24000
    def stream(self, text):
        asyncio.run(asyncio.sleep(0.02))
        yield tone(len(text) / 15)

class Synchronous:
    sample_rate = 24000
    def stream(self, text):
        assert LABEL.get() == "of the test"
        threading.Event().wait(0.02)
        yield tone(len(text) / 15)

class Hangs(Asynchronous):
    async def stream(self, text):
        await asyncio.sleep(600)
        yield
'''
TESTS = """
import asyncio
from loops import LABEL

async def measure(perf):
    mine = asyncio.get_running_loop()
    LABEL.set("of the test")
    assert perf.stream("short")["ttfs_ms"].p50 >= 20
    assert asyncio.get_running_loop() is mine
    await asyncio.sleep(0.001)

@pytest.mark.asyncio
@trials(5)
@ttfa(p50_ms=60000)
async def test_passes(perf):
    await measure(perf)

@pytest.mark.asyncio
@trials(5)
@ttfa(p50_ms=0.01)
async def test_fails(perf):
    await measure(perf)
"""


@pytest.fixture
def looping(project: Project) -> Project:
    project.pytester.makepyfile(loops=ENGINES)
    project.ini(ttsperf_target="loops:Asynchronous")
    project.test(TESTS)
    return project


@pytest.mark.parametrize("target", ["Asynchronous", "make", "RunsLoopsItself", "Synchronous"])
def test_it_is_measured_and_judged(looping: Project, target: str) -> None:
    result = looping.run("--ttsperf-inline", f"--ttsperf-target=loops:{target}")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*FAIL  ttfa p50*"])
    assert "close()" not in result.stdout.str()


def test_in_a_case_of_unittest(looping: Project) -> None:
    looping.test(
        """
        import unittest
        class TestCase(unittest.IsolatedAsyncioTestCase):
            @pytest.fixture(autouse=True)
            def _take(self, perf): self.perf = perf
            @trials(5)
            async def test_it(self): self.perf.stream("short")
        """
    )
    looping.run("--ttsperf-inline").assert_outcomes(passed=1)
    assert looping.cells()[0]["summary"]["ttfs_ms"]["p50"] >= 20


def test_a_loop_of_the_test_stays_the_current_one(looping: Project) -> None:
    looping.test(
        """
        import asyncio
        def test_x(request):
            mine = asyncio.new_event_loop()
            asyncio.set_event_loop(mine)
            request.getfixturevalue("perf").stream("short")
            assert asyncio.get_event_loop() is mine
            asyncio.set_event_loop(None)
            mine.close()
        """
    )
    looping.run("--ttsperf-inline", "--ttsperf-trials=3").assert_outcomes(passed=1)


def test_what_hangs_in_its_thread_keeps_no_run_from_ending(looping: Project) -> None:
    looping.test(
        """
        import signal
        class Alarm(Exception): pass
        def ring(*_): raise Alarm
        @pytest.mark.asyncio
        async def test_x(perf):
            before = signal.signal(signal.SIGALRM, ring)
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            with pytest.raises(Alarm):
                perf.stream("short")
            signal.signal(signal.SIGALRM, before)
            perf.stream("short")
        """
    )
    result = looping.run_apart(
        "-p", "no:randomly", "--ttsperf-inline", "--ttsperf-target=loops:Hangs", timeout_s=60
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*loops:Hangs is still at work on what was interrupted*"])
