"""What else the machine was doing while we measured; told beside verdicts, never part of them.

Everything is a difference of counters that the system keeps anyway, read once before and once after
the time in question: nothing runs while a trial is timed. What cannot be told is None, and
`unmeasured` has the reason.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pytest_ttsperf.machine import cgroups
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import SystemLoad

ROOT = Path("/")
MIN_WINDOW_S = 0.08
"""Counters move in ticks of 10 ms: a shorter window is all rounding."""
CPUS = "sys/devices/system/cpu"
NOT_COUNTED = {"idle", "iowait", "steal", "guest", "guest_nice"}
"""Not somebody's work, or (guest) counted under `user` and `nice` already."""
UNREADABLE = (psutil.Error, OSError, RuntimeError, ValueError, KeyError)
"""What psutil raises where the system's own files are closed to us, or not as it knows them."""
TOO_SHORT = f"less than {MIN_WINDOW_S * 1000:g} ms had passed"
NO_TIMES = "this system does not let its CPU times be read"
NO_OWN_TIMES = "this system does not let the CPU times of our processes be read"
NO_STEAL = "this system does not tell what its host takes away"
NO_PRESSURE = "this system keeps no /proc/pressure"
NO_SWAPPED = "this system does not count what it swaps"
NO_THROTTLES = "this processor or virtual machine counts no thermal throttling"
NO_GOVERNOR = "this system or virtual machine has no clock policy to read"
NO_CLOCK = "this system does not tell its clock rate"
NO_QUOTA = "no control group tells of a CPU quota"


@dataclass(frozen=True, slots=True)
class _Counters:
    """What has been counted so far; seconds of CPU time unless said otherwise."""

    at_s: float
    total_s: float | None
    busy_s: float | None
    own_s: float | None
    steal_s: float | None
    swapped_bytes: int | None
    memory_stall_s: float | None
    throttles: int | None
    quota_wait_s: float | None


class LoadMonitor:
    """Watches from when it is made; `so_far` may be asked at any time, and costs milliseconds.

    Ours are this process, all its children, and the trees below `also` (a server under test).
    """

    def __init__(self, also: Iterable[int] = (), root: Path = ROOT) -> None:
        self._also, self._root = tuple(also), root
        self._start = self._counters()

    def so_far(self, at_least_s: float = 0.0) -> SystemLoad:
        """The weather since the start; waits until `at_least_s` have passed."""
        left_s = at_least_s - (REAL.monotonic() - self._start.at_s)
        if left_s > 0:
            REAL.sleep(min(left_s, at_least_s))
        told = {**_pressure_now(self._root), **_pressure_since(self._start, self._counters())}
        reasons = {name: why for name, (value, why) in told.items() if value is None}
        values = {name: value for name, (value, _) in told.items()}
        return SystemLoad(**values, unmeasured=reasons)

    def _counters(self) -> _Counters:
        told = _cpu_times()
        counted = [s for name, s in told.items() if name not in {"guest", "guest_nice"}]
        busy = [s for name, s in told.items() if name not in NOT_COUNTED]
        return _Counters(
            at_s=REAL.monotonic(),
            total_s=sum(counted) if told else None,
            busy_s=sum(busy) if told else None,
            own_s=_cpu_time_of_tree_s(self._also),
            steal_s=told.get("steal"),
            swapped_bytes=_swap_traffic_bytes(),
            memory_stall_s=_memory_stall_s(self._root),
            throttles=_throttles(self._root),
            quota_wait_s=cgroups.throttled_s(self._root),
        )


def merge_loads(one: SystemLoad | None, other: SystemLoad | None) -> SystemLoad | None:
    """The weather of two stretches of time: shares by their lengths, amounts added up."""
    if one is None or other is None:
        return one or other
    a, b = one.seconds, other.seconds
    if not a or not b:
        return other if not a else one

    def mean(name: str) -> float | None:
        x, y = getattr(one, name), getattr(other, name)
        return None if x is None or y is None else round((x * a + y * b) / (a + b), 4)

    def total(name: str) -> float | None:
        x, y = getattr(one, name), getattr(other, name)
        return None if x is None or y is None else x + y

    throttles = total("thermal_throttles")
    return SystemLoad(
        load_1m=other.load_1m,
        steal_share=mean("steal_share"),
        swap_used_share=other.swap_used_share,
        governor=other.governor,
        seconds=round(a + b, 3),
        others_cores=mean("others_cores"),
        swapped_mb=total("swapped_mb"),
        memory_stall_share=mean("memory_stall_share"),
        clock_mhz=other.clock_mhz,
        thermal_throttles=None if throttles is None else int(throttles),
        quota_wait_s=total("quota_wait_s"),
        unmeasured={**one.unmeasured, **other.unmeasured},
    )


def _pressure_now(root: Path) -> dict[str, tuple[Any, str]]:
    """Field -> value at this moment, and why it would be None."""
    used = _swap_used_share()
    return {
        "load_1m": (_load_1m(), "this system keeps no load average, or does not tell it"),
        "swap_used_share": (used, "there is no swap, or it is not told"),
        "governor": (_governor(root), NO_GOVERNOR),
        "clock_mhz": (_clock_mhz(), NO_CLOCK),
    }


def _pressure_since(start: _Counters, end: _Counters) -> dict[str, tuple[Any, str]]:
    """Field -> value over the window, and why it would be None."""
    seconds = end.at_s - start.at_s
    total_s, busy_s = _growth(start.total_s, end.total_s), _growth(start.busy_s, end.busy_s)
    own_s = _growth(start.own_s, end.own_s)
    others_s = None if busy_s is None or own_s is None else max(0.0, busy_s - own_s)
    told = seconds >= MIN_WINDOW_S and bool(total_s)
    steal_s = _growth(start.steal_s, end.steal_s)
    stall_s = _growth(start.memory_stall_s, end.memory_stall_s)
    throttles = _growth(start.throttles, end.throttles)
    swapped_bytes = _growth(start.swapped_bytes, end.swapped_bytes)
    return {
        "seconds": (round(seconds, 3), ""),
        "others_cores": (
            round(others_s / seconds, 3) if told and others_s is not None else None,
            _why_no_others(total_s, own_s),
        ),
        "steal_share": (
            round(steal_s / total_s, 4) if told and total_s and steal_s is not None else None,
            _why_no_steal(total_s, steal_s),
        ),
        "swapped_mb": (
            None if swapped_bytes is None else round(swapped_bytes / 1e6, 3),
            NO_SWAPPED,
        ),
        "memory_stall_share": (
            round(stall_s / seconds, 4) if told and stall_s is not None else None,
            NO_PRESSURE if stall_s is None else TOO_SHORT,
        ),
        "thermal_throttles": (None if throttles is None else int(throttles), NO_THROTTLES),
        "quota_wait_s": (_growth(start.quota_wait_s, end.quota_wait_s), NO_QUOTA),
    }


def _why_no_others(total_s: float | None, own_s: float | None) -> str:
    if total_s is None:
        return NO_TIMES
    return NO_OWN_TIMES if own_s is None else TOO_SHORT


def _why_no_steal(total_s: float | None, steal_s: float | None) -> str:
    if total_s is None:
        return NO_TIMES
    return NO_STEAL if steal_s is None else TOO_SHORT


def _growth(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _cpu_times() -> Mapping[str, float]:
    """Seconds of all processors by what they did; empty where that cannot be read."""
    with suppress(*UNREADABLE):
        told: Mapping[str, float] = psutil.cpu_times()._asdict()
        return told
    return {}


def _load_1m() -> float | None:
    with suppress(OSError, AttributeError):  # AttributeError: Windows has none
        return round(os.getloadavg()[0], 2)
    return None


def _governor(root: Path) -> str | None:
    with suppress(OSError, ValueError):
        return (root / CPUS / "cpu0/cpufreq/scaling_governor").read_text(
            encoding="utf-8"
        ).strip() or None
    return None


def _cpu_time_of_tree_s(also: Iterable[int]) -> float | None:
    """CPU seconds of our processes, their ended children included; None if any cannot be read."""
    try:
        tree = {process for pid in (os.getpid(), *also) for process in _tree(pid)}
        return sum(_spent_s(process) for process in tree)
    except UNREADABLE:
        return None


def _tree(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    return []


def _spent_s(process: psutil.Process) -> float:
    """Nothing for one that has ended: it is counted where it was waited for."""
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        ended_s = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        return float(times.user + times.system + ended_s)
    return 0.0


def _swap_used_share() -> float | None:
    with suppress(*UNREADABLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it says about sin and sout, see _swapped_bytes
        swap = psutil.swap_memory()
        return round(swap.percent / 100, 4) if swap.total else None
    return None


def _swap_traffic_bytes() -> int | None:
    """Bytes moved to and from swap; psutil warns, and says 0, where the system does not tell."""
    if sys.platform == "win32":
        return None
    with suppress(*UNREADABLE), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        swap = psutil.swap_memory()
        return None if caught else int(swap.sin + swap.sout)
    return None


def _memory_stall_s(root: Path) -> float | None:
    """Seconds in which some process waited for memory, by the kernel's pressure counters."""
    with suppress(OSError, IndexError, ValueError):
        some = (root / "proc/pressure/memory").read_text(encoding="utf-8").splitlines()[0]
        return int(some.rpartition("total=")[2]) / 1e6
    return None


def _throttles(root: Path) -> int | None:
    """How often the cores have slowed down for heat; None where one of them does not tell."""
    with suppress(OSError, ValueError):
        counts = sorted((root / CPUS).glob("cpu[0-9]*/thermal_throttle/core_throttle_count"))
        return sum(int(path.read_text(encoding="utf-8")) for path in counts) if counts else None
    return None


def _clock_mhz() -> float | None:
    with suppress(Exception):  # psutil raises whatever the system's files make it raise
        told = psutil.cpu_freq()
        return round(told.current, 1) if told and told.current else None
    return None
