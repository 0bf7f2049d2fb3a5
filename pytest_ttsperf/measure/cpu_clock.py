"""The CPU time of a process tree, by the finest clock there is, a thousand times a second.

`measure.memory` reads it from files in ticks of 10 ms, once per trial. When work ends within a few
milliseconds, that is too coarse. Linux has a clock for each process that counts nanoseconds, all of
its threads together, those at work included (clock_getcpuclockid(3)); a reading takes less than a
microsecond. Elsewhere the ticks are what there is.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
import psutil
from numpy.typing import NDArray

from pytest_ttsperf.measure.memory import tree
from pytest_ttsperf.real import REAL

Instants = NDArray[np.int64]

_OF_SCHEDULER = 2
"""CPUCLOCK_SCHED of the kernel: what a process was really running, in nanoseconds."""
_TICK_NS = 10_000_000
SAMPLE_S = 0.001


class CpuSeries(NamedTuple):
    """CPU time of a process tree over time; both arrays [n], in ns, and neither ever falls."""

    at_ns: Instants
    """On time.perf_counter_ns."""
    cpu_ns: Instants

    def cpu_at(self, at_ns: int | Instants) -> NDArray[np.float64]:
        """CPU time at any instants, on straight lines between the readings."""
        return np.asarray(np.interp(at_ns, self.at_ns, self.cpu_ns), dtype=float)


class CpuClock:
    """Reads the CPU time of process trees, from the tops on that are named."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._tops = tuple(pids)
        self._spent_ns: dict[int, int] = {}
        """By process; those that have ended stand as they were last seen."""
        self._running: list[int] = []
        self.is_fine = sys.platform == "linux"
        self.look_up()

    @property
    def resolution_ns(self) -> int:
        """A step of the clock; 0 where it counts nanoseconds."""
        return 0 if self.is_fine else _TICK_NS

    def look_up(self) -> None:
        """Look for the processes of the trees as they are now."""
        running: dict[int, None] = {}
        for top in self._tops:
            running.update(dict.fromkeys(tree(top)))
        self._running = list(running)

    def read_ns(self) -> int:
        """What all have spent so far, in ns."""
        for pid in self._running:
            with contextlib.suppress(OSError, psutil.Error):  # it has ended
                self._spent_ns[pid] = self._read_process_ns(pid)
        return sum(self._spent_ns.values())

    def _read_process_ns(self, pid: int) -> int:
        if self.is_fine:
            return REAL.clock_gettime_ns(~pid << 3 | _OF_SCHEDULER)
        times = psutil.Process(pid).cpu_times()
        return int((times.user + times.system) * 1e9)


class CpuSampler:
    """Reads a clock in a thread while the block runs; `series` is what was read so far."""

    def __init__(self, clock: CpuClock) -> None:
        self._clock = clock
        self._readings: list[tuple[int, int]] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="ttsperf CPU", daemon=True)

    def __enter__(self) -> Self:
        self._clock.look_up()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def series(self) -> CpuSeries:
        """All readings so far; at least one."""
        readings = np.array(list(self._readings), dtype=np.int64).reshape(-1, 2)
        return CpuSeries(readings[:, 0], readings[:, 1])

    def _read(self) -> None:
        while True:
            before_ns = REAL.perf_counter_ns()
            cpu_ns = self._clock.read_ns()
            at_ns = (before_ns + REAL.perf_counter_ns()) // 2
            self._readings.append((at_ns, cpu_ns))
            if self._is_over.wait(SAMPLE_S):
                return
