"""Peak memory of a short-lived process tree, read cheaply beside a recorder in this process.

Looking a tree up with psutil takes milliseconds of this interpreter, which the recorder would
feel; two small files of /proc for each process do not. Without /proc nothing is measured.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path

SAMPLE_S = 0.05
PROC = Path("/proc")


class Footprint:
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
def watched(pid: int) -> Iterator[Footprint]:
    """Look twenty times a second, in a thread."""
    footprint, over = Footprint(pid), threading.Event()

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
