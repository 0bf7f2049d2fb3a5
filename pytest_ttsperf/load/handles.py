"""Threads and descriptors of a target's processes: what a request may leave behind."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from pytest_ttsperf.measure.memory import UNREADABLE, tree


def count_handles(pids: Sequence[int]) -> int | None:
    """Of all processes in the trees below (and with) `pids`, now; None where it cannot be read."""
    if not pids:
        return None
    handles = 0
    for top in pids:
        for pid in tree(top):
            count = _count_of_process(pid)
            if count is None:
                return None
            handles += count
    return handles


def _count_of_process(pid: int) -> int | None:
    """0 for one that has ended meanwhile."""
    try:
        process = psutil.Process(pid)
        return int(process.num_threads()) + int(process.num_fds())
    except psutil.NoSuchProcess:
        return 0
    except (*UNREADABLE, AttributeError):  # not every system counts descriptors
        return None
