"""Memory and CPU of a real process tree."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from pytest_ttsperf.errors import TargetCrashed
from pytest_ttsperf.measure.memory import TreeMeter

pytestmark = pytest.mark.starts

MB = 10**6
CHILD = """
import subprocess, sys
held = bytearray(b"x" * 60_000_000) if "big" in sys.argv else b""
inner = None
if "parent" in sys.argv:
    inner = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[1], "big"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    inner.stdout.readline()
print("ready", flush=True)
for line in sys.stdin:
    if line.startswith("work"):
        sum(i * i for i in range(3_000_000))
    print("done", flush=True)
"""


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, CHILD, "parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    with process:
        yield process
        os.killpg(process.pid, 9)


def ask(process: subprocess.Popen[str], what: str) -> None:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{what}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def test_the_whole_tree_counts(tree: subprocess.Popen[str]) -> None:
    usage = TreeMeter(tree.pid).usage()
    assert usage.rss_bytes > 60 * MB  # the grandchild's bytes
    assert usage.uss_bytes is not None
    assert usage.uss_bytes > 60 * MB


def test_cpu_rises_with_work_and_the_tree_gets_quiet(tree: subprocess.Popen[str]) -> None:
    meter = TreeMeter(tree.pid)
    before_s = meter.cpu_s()
    ask(tree, "work")
    assert meter.cpu_s() > before_s
    assert meter.wait_quiet(10.0)


@contextmanager
def burning() -> Iterator[int]:
    """The pid of a tree of four processes that never rest: one might get no core for a while."""
    program = "import os; os.fork(); os.fork(); print(flush=True)\nwhile True: pass"
    with subprocess.Popen(
        [sys.executable, "-c", program], start_new_session=True, stdout=subprocess.PIPE
    ) as busy:
        try:
            assert busy.stdout is not None
            for _ in range(4):
                busy.stdout.readline()
            yield busy.pid
        finally:
            os.killpg(busy.pid, signal.SIGKILL)


def test_a_tree_that_never_rests_is_told() -> None:
    with burning() as pid:
        assert not TreeMeter(pid).wait_quiet(0.5)


def test_peak_is_at_least_what_was_read(tree: subprocess.Popen[str]) -> None:
    meter = TreeMeter(tree.pid)
    with meter.watch_peak() as peak:
        for _ in range(3):
            ask(tree, "work")
    usage = meter.usage(peak[0])
    assert peak[0] > 60 * MB
    assert usage.rss_peak_bytes >= usage.rss_bytes


def test_a_child_that_comes_and_goes_within_a_trial_counts(tree: subprocess.Popen[str]) -> None:
    meter = TreeMeter(os.getpid())
    holds = "held = bytearray(b'x' * 200_000_000); import time; time.sleep(0.8)"
    with meter.watch_peak() as peak:
        before = meter.usage().rss_bytes
        subprocess.run([sys.executable, "-c", holds], check=True)
    assert peak[0] - before > 150 * MB


def test_a_peak_that_is_over_is_still_known() -> None:
    if not os.path.exists("/proc/self/status"):
        pytest.skip("only Linux keeps a high-water mark")
    script = "held = bytearray(b'x' * 200_000_000); del held; print('freed', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "freed\n"
        usage = TreeMeter(process.pid).usage()
        process.communicate("\n")
    assert usage.rss_bytes < 100 * MB
    assert usage.rss_peak_bytes > 200 * MB


def test_quiet_and_busy_processes_are_told_apart(tree: subprocess.Popen[str]) -> None:
    assert TreeMeter(tree.pid).is_quiet()
    with burning() as pid:
        meter = TreeMeter(pid)
        assert not all(meter.is_quiet() for _ in range(10))  # others may hold the cores


def test_a_tree_that_has_ended_is_told_and_not_read_as_nothing(tree: subprocess.Popen[str]) -> None:
    meter = TreeMeter(tree.pid)
    os.killpg(tree.pid, 9)
    tree.wait()
    with pytest.raises(TargetCrashed, match="has ended"):
        meter.usage()


def test_the_peak_before_ours_is_left_out() -> None:
    code = """
held = bytearray(b"x" * 80_000_000)
del held
print("ready", flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.readline()
        ran_before = TreeMeter(process.pid, started_here=False).usage()
        assert ran_before.rss_peak_bytes == ran_before.rss_bytes
        if sys.platform == "linux":
            ours = TreeMeter(process.pid).usage()
            assert ours.rss_peak_bytes > ours.rss_bytes + 60 * MB
        process.kill()


def refuse(*_: object, **__: object) -> None:
    raise psutil.AccessDenied


@pytest.mark.parametrize("function", ["memory_info", "cpu_times"])
def test_a_process_that_may_not_be_read_is_unmeasured_and_not_0(
    tree: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    meter = TreeMeter(tree.pid)
    assert meter.usage() is not None
    assert meter.unreadable is None
    monkeypatch.setattr(psutil.Process, function, refuse)
    assert meter.usage() is None
    assert meter.unreadable is not None
    assert "does not let process" in meter.unreadable
    assert "(AccessDenied)" in meter.unreadable
    meter.is_quiet()
    with meter.watch_peak():
        pass


def test_a_part_of_a_tree_is_not_taken_for_the_whole(
    tree: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    readable = psutil.Process.memory_info

    def own_alone(process: psutil.Process) -> object:
        return readable(process) if process.pid == tree.pid else refuse()

    monkeypatch.setattr(psutil.Process, "memory_info", own_alone)
    assert TreeMeter(tree.pid).usage() is None


@pytest.mark.skipif(sys.platform != "linux", reason="where the kernel lists children")
def test_children_are_found_though_psutil_may_not_look_them_up(
    tree: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil.Process, "children", refuse)
    usage = TreeMeter(tree.pid).usage()
    assert usage is not None
    assert usage.rss_bytes > 60 * MB  # the grandchild's bytes


def test_memory_that_cannot_be_read_uniquely_is_none_alone(
    tree: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil.Process, "memory_full_info", refuse)
    usage = TreeMeter(tree.pid).usage()
    assert usage is not None
    assert usage.uss_bytes is None


def test_a_process_that_is_gone_is_told_so(tree: subprocess.Popen[str]) -> None:
    with pytest.raises(TargetCrashed, match="has ended or is hidden"):
        TreeMeter(2**22 + 1)
