"""Memory and CPU of a target's process tree, read from outside while it works.

RSS is sampled at 20 Hz during a trial (the peak), everything else is read between trials, so that
the reading does not compete with the engine. The tree is looked up anew at every reading.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import psutil

from pytest_ttsperf.records import Usage

SAMPLE_S = 0.05
QUIET_SHARE = 0.05
QUIET_WINDOW_S = 0.1


class TreeMeter:
    """Reads the process tree below (and with) one pid."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._tree: list[psutil.Process] = [self._root]
        self._refresh()

    def usage(self, peak_bytes: int = 0) -> Usage:
        """RSS, USS and CPU seconds of the tree now; `peak_bytes` is what sampling has seen."""
        self._refresh()
        rss = self._rss()
        return Usage(
            rss_bytes=rss,
            rss_peak_bytes=max(rss, peak_bytes),
            uss_bytes=self._uss(),
            cpu_s=self.cpu_s(),
        )

    def cpu_s(self) -> float:
        """User and system seconds of the tree, ended children of the root included."""
        total = 0.0
        for process in self._tree:
            with contextlib.suppress(psutil.Error):
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
            while not over.wait(SAMPLE_S):
                peak[0] = max(peak[0], self._rss())

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        try:
            yield peak
        finally:
            over.set()
            thread.join()

    def wait_quiet(self, timeout_s: float) -> bool:
        """Wait until the tree uses under 5 % of a core for 100 ms; False when it never does."""
        deadline = time.monotonic() + timeout_s
        before = self.cpu_s()
        while time.monotonic() < deadline:
            time.sleep(QUIET_WINDOW_S)
            now = self.cpu_s()
            if (now - before) / QUIET_WINDOW_S < QUIET_SHARE:
                return True
            before = now
        return False

    def _refresh(self) -> None:
        with contextlib.suppress(psutil.Error):
            self._tree = [self._root, *self._root.children(recursive=True)]

    def _rss(self) -> int:
        total = 0
        for process in self._tree:
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def _uss(self) -> int | None:
        try:
            return sum(int(process.memory_full_info().uss) for process in self._tree)
        except (psutil.Error, AttributeError):
            return None
