"""Memory and CPU of a target that has one process tree, or several."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pytest_ttsperf.load.metering import TargetMeter

pytestmark = pytest.mark.starts

HOLD = """
import sys
held = bytearray(b"x" * int(sys.argv[1]))
print("ready", flush=True)
for line in sys.stdin:
    sum(i * i for i in range(2_000_000))
    print("done", flush=True)
"""


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    with ExitStack() as stack:
        started = []
        for size in ("30000000", "60000000"):
            process = subprocess.Popen(
                [sys.executable, "-c", HOLD, size],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            started.append(process)
        yield started


def work(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    assert process.stdout
    process.stdin.write("work\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def test_several_trees_are_read_as_one_target(processes) -> None:
    pids = [process.pid for process in processes]
    both = TargetMeter(pids, started_here=True).usage()
    each = [TargetMeter([pid], started_here=True).usage() for pid in pids]
    assert both is not None
    assert both.rss_bytes > 90e6
    assert both.rss_bytes == pytest.approx(sum(one.rss_bytes for one in each if one), rel=0.05)


def test_work_of_any_of_them_counts(processes) -> None:
    meter = TargetMeter([process.pid for process in processes], started_here=True)
    before_s = meter.cpu_s()
    with meter.watch_peaks() as peaks:
        work(processes[1])
    assert meter.cpu_s() > before_s
    assert len(peaks) == 2
    assert meter.wait_quiet(10.0)


def test_a_target_without_a_tree_says_so() -> None:
    meter = TargetMeter([], started_here=True)
    assert meter.usage() is None
    assert meter.unreadable is not None
