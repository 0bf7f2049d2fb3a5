"""Memory and CPU time of a target under load: of one process tree, or of several together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from msgspec import structs

from pytest_ttsperf.measure.memory import TreeMeter, wait_all_quiet
from pytest_ttsperf.records import Usage


class TargetMeter:
    """Reads the process trees of a target; an engine may live in several."""

    def __init__(self, pids: Sequence[int], *, started_here: bool) -> None:
        """TargetCrashed where one of them has ended."""
        self._trees = [TreeMeter(pid, started_here=started_here) for pid in pids]

    @property
    def unreadable(self) -> str | None:
        """Why they cannot be read, once that has happened, or where there is none."""
        if not self._trees:
            return "the target has no process tree of its own that could be read"
        return next((tree.unreadable for tree in self._trees if tree.unreadable), None)

    def cpu_s(self) -> float:
        """User and system seconds of all since their start."""
        return sum(tree.cpu_s() for tree in self._trees)

    def usage(self, peaks_bytes: Sequence[int] = ()) -> Usage | None:
        """Of all together; `peaks_bytes` is the highest RSS of each that was sampled.

        None where one of them cannot be read. Trees need not have their peaks at the same time, so
        that of all is an upper bound. TargetCrashed where one has ended.
        """
        readings = []
        for place, tree in enumerate(self._trees):
            peak_bytes = peaks_bytes[place] if peaks_bytes else 0
            readings.append(tree.usage(peak_bytes))
        measured = [reading for reading in readings if reading is not None]
        if not measured or len(measured) < len(readings):
            return None
        total = measured[0]
        for reading in measured[1:]:
            total = _add(total, reading)
        return total

    @contextlib.contextmanager
    def watch_peaks(self) -> Iterator[list[int]]:
        """Sample RSS while the block runs; the list holds the peak of each tree afterwards."""
        peaks: list[int] = []
        with contextlib.ExitStack() as stack:
            watched = [stack.enter_context(tree.watch_peak()) for tree in self._trees]
            yield peaks
        peaks += [peak[0] for peak in watched]

    def wait_quiet(self, timeout_s: float) -> bool:
        """Wait until each uses under 5 % of a core for 100 ms; False when that never happens."""
        return wait_all_quiet(self._trees, timeout_s)


def _add(one: Usage, other: Usage) -> Usage:
    uss_bytes = None
    if one.uss_bytes is not None and other.uss_bytes is not None:
        uss_bytes = one.uss_bytes + other.uss_bytes
    return structs.replace(
        one,
        rss_bytes=one.rss_bytes + other.rss_bytes,
        rss_peak_bytes=one.rss_peak_bytes + other.rss_peak_bytes,
        uss_bytes=uss_bytes,
        cpu_s=one.cpu_s + other.cpu_s,
    )
