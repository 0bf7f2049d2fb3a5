"""The CPU time of a real process tree, as finely as the system counts it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from pytest_ttsperf.measure.cpu_clock import CpuClock, CpuSampler, CpuSeries
from pytest_ttsperf.real import REAL

pytestmark = pytest.mark.starts

WORKER = """
import subprocess, sys
inner = None
if "parent" in sys.argv:
    inner = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[1]],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    inner.stdout.readline()
print("ready", flush=True)
for line in sys.stdin:
    if line == "work\\n":
        sum(i * i for i in range(1_000_000))
    if line == "inner\\n":
        inner.stdin.write("work\\n")
        inner.stdin.flush()
        inner.stdout.readline()
    if line == "end\\n":
        inner.communicate()
    print("done", flush=True)
"""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    """A process with a child, that works when it is asked to."""
    command = [sys.executable, "-c", WORKER, WORKER, "parent"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        yield worker
        worker.communicate()


def ask(process: subprocess.Popen[str], what: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{what}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


@pytest.mark.parametrize("worker", ["work", "inner"])
def test_the_work_of_the_whole_tree_counts(process: subprocess.Popen[str], worker: str) -> None:
    clock = CpuClock([process.pid])
    before_ns = clock.read_ns()
    idle_ns = clock.read_ns() - before_ns
    ask(process, worker)
    assert clock.read_ns() - before_ns > 10 * idle_ns + clock.resolution_ns


def test_what_an_ended_process_has_spent_is_not_lost(process: subprocess.Popen[str]) -> None:
    clock = CpuClock([process.pid])
    ask(process, "inner")
    before_ns = clock.read_ns()
    ask(process, "end")
    clock.look_up()
    assert clock.read_ns() >= before_ns


@pytest.mark.skipif(sys.platform != "linux", reason="counts in ticks elsewhere")
def test_a_sampler_reads_often_enough_to_tell_milliseconds(
    process: subprocess.Popen[str],
) -> None:
    with CpuSampler(CpuClock([process.pid])) as sampler:
        begun_ns = REAL.perf_counter_ns()
        ask(process, "work")
        ended_ns = REAL.perf_counter_ns()
        REAL.sleep(0.05)
    series = sampler.series()
    assert np.all(np.diff(series.at_ns) > 0)
    assert np.all(np.diff(series.cpu_ns) >= 0)
    spent_ns = series.cpu_at(np.array([begun_ns, ended_ns, int(series.at_ns[-1])]))
    assert spent_ns[1] - spent_ns[0] > 10 * (spent_ns[2] - spent_ns[1])


def test_between_readings_time_is_on_a_line() -> None:
    series = CpuSeries(np.array([0, 100, 200]), np.array([0, 10, 10]))
    assert series.cpu_at(np.array([50, 100, 150])).tolist() == [5, 10, 10]
