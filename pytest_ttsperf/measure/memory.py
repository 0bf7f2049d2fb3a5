"""Memory and CPU of a target's process tree, read from outside while it works.

RSS is sampled at 20 Hz during a trial, for the peak of the tree; the tree itself is looked up anew
between trials and four times a second during one, since looking it up costs milliseconds. The
root's own peak is the kernel's high-water mark where the system has one (Linux): it misses nothing,
the opening included. Everything else is read between trials, so that reading does not compete with
the engine. Where the system does not let a process of the tree be read, nothing is measured: what
is left would be a smaller figure, and no warning.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from pytest_ttsperf.errors import TargetCrashed
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Usage

UNREADABLE = (psutil.Error, OSError, RuntimeError, ValueError)
"""What psutil raises where the system's own files are closed to us, or not as it knows them."""
SAMPLE_S = 0.05
SAMPLES_PER_LOOKUP = 5
QUIET_SHARE = 0.05
BUSY_SHARE = 0.25
QUIET_WINDOW_S = 0.1


class TreeMeter:
    """Reads the process tree below (and with) one pid."""

    def __init__(self, pid: int, *, started_here: bool = True) -> None:
        """Of a tree that ran before, the kernel's high-water mark is of work that was not ours."""
        try:
            self._root = psutil.Process(pid)
        except psutil.Error as error:
            raise TargetCrashed(
                f"process {pid}, whose memory was to be read, has ended or is hidden from this "
                f"user ({type(error).__name__})"
            ) from error
        self._started_here = started_here
        self.unreadable: str | None = None
        """Why the tree cannot be read, once that has happened."""
        self._tree = self._look_up()

    def usage(self, peak_bytes: int = 0) -> Usage | None:
        """RSS, USS and CPU seconds of the tree now; `peak_bytes` is the highest RSS sampled.

        None where it cannot be read, and `unreadable` says why. TargetCrashed when the process at
        its top has ended: nothing would be read as 0.
        """
        if not self._root.is_running():
            raise TargetCrashed(
                f"process {self._root.pid}, whose memory was read, has ended; a server that "
                "answers on was started anew while it was measured"
            )
        self._tree = self._look_up()
        rss_bytes = self._rss_bytes(self._tree)
        cpu_s = self.cpu_s()
        if self.unreadable:
            return None
        if self._started_here:
            peak_bytes = max(peak_bytes, _read_memory(self._root.pid).highest_bytes)
        return Usage(
            rss_bytes=rss_bytes,
            rss_peak_bytes=max(rss_bytes, peak_bytes),
            uss_bytes=self._uss_bytes(),
            cpu_s=cpu_s,
        )

    def cpu_s(self) -> float:
        """User and system seconds of the tree, ended children of the root included."""
        total = 0.0
        for process in self._tree:
            with self._reading(process):
                times = process.cpu_times()
                total += times.user + times.system
                if process is self._root:
                    total += getattr(times, "children_user", 0.0)
                    total += getattr(times, "children_system", 0.0)
        return total

    @contextlib.contextmanager
    def watch_peak(self) -> Iterator[list[int]]:
        """Sample RSS in a thread while the block runs; the list holds the peak afterwards."""
        peak = [0]
        tree = self._tree
        samples = itertools.count(1)

        def sample() -> None:
            nonlocal tree
            if next(samples) % SAMPLES_PER_LOOKUP == 0:
                tree = self._look_up()
            peak[0] = max(peak[0], self._rss_bytes(tree))

        with _repeat(sample):
            yield peak

    def is_quiet(self) -> bool:
        """Whether the tree uses under a quarter of a core over the next 100 ms."""
        before = self.cpu_s()
        REAL.sleep(QUIET_WINDOW_S)
        return (self.cpu_s() - before) / QUIET_WINDOW_S < BUSY_SHARE

    def wait_quiet(self, timeout_s: float) -> bool:
        """Wait until the tree uses under 5 % of a core for 100 ms; False when it never does."""
        return wait_all_quiet([self], timeout_s)

    def _look_up(self) -> list[psutil.Process]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return [self._root]
        except UNREADABLE:  # psutil wants to know since when the machine runs, and may not
            return self._look_up_by_kernel()

    def _look_up_by_kernel(self) -> list[psutil.Process]:
        _, *below = tree(self._root.pid)
        processes = [self._root]
        for pid in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                processes.append(psutil.Process(pid))
        return processes

    @contextlib.contextmanager
    def _reading(self, process: psutil.Process) -> Iterator[None]:
        """What has ended is left out; what may not be read makes the whole unreadable."""
        try:
            yield
        except psutil.NoSuchProcess:
            pass
        except UNREADABLE as error:
            self.unreadable = (
                f"this system does not let process {process.pid} be read "
                f"({type(error).__name__}), so memory and CPU of its tree are not measured"
            )

    def _rss_bytes(self, tree: Iterable[psutil.Process]) -> int:
        total = 0
        for process in tree:
            with self._reading(process):
                total += process.memory_info().rss
        return total

    def _uss_bytes(self) -> int | None:
        try:
            return sum(int(process.memory_full_info().uss) for process in self._tree)
        except (*UNREADABLE, AttributeError):
            return None


def wait_all_quiet(meters: Sequence[TreeMeter], timeout_s: float) -> bool:
    """Wait until each tree uses under 5 % of a core for the same 100 ms; False if never."""
    deadline = REAL.monotonic() + timeout_s
    before = [meter.cpu_s() for meter in meters]
    while REAL.monotonic() < deadline:
        REAL.sleep(QUIET_WINDOW_S)
        now = [meter.cpu_s() for meter in meters]
        spent_s = max(map(operator.sub, now, before), default=0.0)
        if spent_s / QUIET_WINDOW_S < QUIET_SHARE:
            return True
        before = now
    return False


@contextlib.contextmanager
def _repeat(action: Callable[[], None]) -> Iterator[None]:
    """Do it twenty times a second, in a thread, while the block runs."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(SAMPLE_S):
            action()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


PROC = Path("/proc")


class PeakMemory:
    """The highest memory seen of a process and all below it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.peak_bytes = 0
        """0 until something was seen."""

    def look(self) -> None:
        """Look once: what all have together now, or what one of them had at its highest."""
        memories = [_read_memory(pid) for pid in tree(self._pid)]
        together = sum(memory.now_bytes for memory in memories)
        highest = max(memory.highest_bytes for memory in memories)
        self.peak_bytes = max(self.peak_bytes, together, highest)


@contextlib.contextmanager
def sample_peak_memory(pid: int) -> Iterator[PeakMemory]:
    """Look twenty times a second, in a thread."""
    memory = PeakMemory(pid)
    with _repeat(memory.look):
        yield memory


def tree(pid: int) -> list[int]:
    """A process and all below it, as the kernel lists them; itself alone where it does not."""
    found = []
    left = [pid]
    while left:
        pid = left.pop()
        found.append(pid)
        with contextlib.suppress(OSError):  # it may end at any moment
            for task in PROC.glob(f"{pid}/task/*/children"):
                left += map(int, _read(task).split())
    return found


class _ProcessMemory(NamedTuple):
    """Of one process."""

    now_bytes: int
    highest_bytes: int


def _read_memory(pid: int) -> _ProcessMemory:
    """Resident now and at the highest; 0 for what is gone, or where the system does not say."""
    status = _read(PROC / str(pid) / "status")
    sizes = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.MULTILINE))
    now_kib = int(sizes.get("VmRSS", 0))
    highest_kib = int(sizes.get("VmHWM", 0))
    return _ProcessMemory(now_kib * 1024, highest_kib * 1024)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
