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
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

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
        self._tree = self._looked_up()

    def usage(self, peak_bytes: int = 0) -> Usage | None:
        """RSS, USS and CPU seconds of the tree now; `peak_bytes` is what sampling has seen.

        None where it cannot be read, and `unreadable` says why. TargetCrashed when the process at
        its top has ended: nothing would be read as 0.
        """
        if not self._root.is_running():
            raise TargetCrashed(
                f"process {self._root.pid}, whose memory was read, has ended; a server that "
                "answers on was started anew while it was measured"
            )
        self._tree = self._looked_up()
        rss, cpu_s = self._rss(self._tree), self.cpu_s()
        if self.unreadable:
            return None
        high_water = _high_water(self._root.pid) if self._started_here else 0
        return Usage(
            rss_bytes=rss,
            rss_peak_bytes=max(rss, peak_bytes, high_water),
            uss_bytes=self._uss(),
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
        over = threading.Event()

        def sample() -> None:
            tree, samples = self._tree, 0
            while not over.wait(SAMPLE_S):
                samples += 1
                if samples % SAMPLES_PER_LOOKUP == 0:
                    tree = self._looked_up()
                peak[0] = max(peak[0], self._rss(tree))

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        try:
            yield peak
        finally:
            over.set()
            thread.join()

    def is_quiet(self) -> bool:
        """Whether the tree uses under a quarter of a core over the next 100 ms."""
        before = self.cpu_s()
        REAL.sleep(QUIET_WINDOW_S)
        return (self.cpu_s() - before) / QUIET_WINDOW_S < BUSY_SHARE

    def wait_quiet(self, timeout_s: float) -> bool:
        """Wait until the tree uses under 5 % of a core for 100 ms; False when it never does."""
        return wait_all_quiet([self], timeout_s)

    def _looked_up(self) -> list[psutil.Process]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return [self._root]
        except UNREADABLE:  # psutil wants to know since when the machine runs, and may not
            return self._looked_up_by_kernel()

    def _looked_up_by_kernel(self) -> list[psutil.Process]:
        found = []
        for pid in tree(self._root.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(self._root if pid == self._root.pid else psutil.Process(pid))
        return found

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

    def _rss(self, tree: Iterable[psutil.Process]) -> int:
        total = 0
        for process in tree:
            with self._reading(process):
                total += process.memory_info().rss
        return total

    def _uss(self) -> int | None:
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
        spent = max((b - a for a, b in zip(before, now, strict=True)), default=0.0)
        if spent / QUIET_WINDOW_S < QUIET_SHARE:
            return True
        before = now
    return False


def _high_water(pid: int) -> int:
    """Highest RSS the process ever had, in bytes; 0 where the system does not keep it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


SAMPLE_S = 0.05
PROC = Path("/proc")


class PeakMemory:
    """The highest memory seen of a process and all below it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.peak_bytes = 0
        """0 until something was seen."""

    def look(self) -> None:
        """Look once: what all have together now, or what one of them had at its highest."""
        read = [_memory(pid) for pid in tree(self._pid)]
        together = sum(now for now, _ in read)
        self.peak_bytes = max([self.peak_bytes, together, *(highest for _, highest in read)])


@contextlib.contextmanager
def sample_peak_memory(pid: int) -> Iterator[PeakMemory]:
    """Look twenty times a second, in a thread."""
    footprint, over = PeakMemory(pid), threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLE_S):
            footprint.look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield footprint
    finally:
        over.set()
        thread.join()


def tree(pid: int) -> list[int]:
    """A process and all below it, as the kernel lists them; itself alone where it does not."""
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        with contextlib.suppress(OSError):  # it may end at any moment
            for task in PROC.glob(f"{found[-1]}/task/*/children"):
                left += [int(child) for child in _read(task).split()]
    return found


def _memory(pid: int) -> tuple[int, int]:
    """Resident now and at the highest, in bytes; 0 for what is gone."""
    status = _read(PROC / str(pid) / "status")
    sizes = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.MULTILINE))
    return int(sizes.get("VmRSS", 0)) * 1024, int(sizes.get("VmHWM", 0)) * 1024


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
