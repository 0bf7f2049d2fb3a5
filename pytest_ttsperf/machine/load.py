"""What else the machine did while we measured; reported beside verdicts, never part of them.

Everything is a difference of counters that the system keeps anyway, read once before and once after
the time in question: nothing runs while a trial is timed. What cannot be measured is None, and
`unmeasured` has the reason.
"""

from __future__ import annotations

import operator
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import psutil

from pytest_ttsperf.machine import cgroups
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import SystemLoad

Number = TypeVar("Number", int, float)
ROOT = Path("/")
MIN_WINDOW_S = 0.08
"""Counters move in ticks of 10 ms: a shorter window is all rounding."""
CPUS = "sys/devices/system/cpu"
COUNTED_TWICE = {"guest", "guest_nice"}
"""Counted under `user` and `nice` already."""
NOT_COUNTED = {"idle", "iowait", "steal", *COUNTED_TWICE}
"""Not the work of any process here."""
UNREADABLE = (psutil.Error, OSError, RuntimeError, ValueError, KeyError)
"""What psutil raises where the system's own files are closed to us, or not as it knows them."""
TOO_SHORT = f"less than {MIN_WINDOW_S * 1000:g} ms had passed"
NO_TIMES = "this system does not let its CPU times be read"
NO_TIMES_OF_OURS = "this system does not let the CPU times of our processes be read"
NO_STEAL = "this system does not tell what its host takes away"
NO_PRESSURE = "this system keeps no /proc/pressure"
NO_SWAPPED = "this system does not count what it swaps"
NO_THROTTLES = "this processor or virtual machine counts no thermal throttling"
NO_LOAD_AVERAGE = "this system keeps no load average, or does not tell it"
NO_SWAP = "there is no swap, or it is not told"
NO_GOVERNOR = "this system or virtual machine has no clock policy to read"
NO_CLOCK = "this system does not tell its clock rate"
NO_QUOTA = "no control group tells of a CPU quota"


@dataclass(frozen=True, slots=True)
class _Counters:
    """What has been counted so far; seconds of CPU time unless said otherwise."""

    at_s: float
    total_s: float | None
    busy_s: float | None
    ours_s: float | None
    steal_s: float | None
    swapped_bytes: int | None
    memory_stall_s: float | None
    throttles: int | None
    quota_wait_s: float | None


class _Reading(NamedTuple):
    """A value, and why it is None where it is."""

    value: Any
    reason: str = ""


class LoadMonitor:
    """Watches from when it is created; `so_far` may be called at any time, and costs milliseconds.

    Ours are this process, all its children, and the trees below `also` (a server under test).
    """

    def __init__(self, also: Iterable[int] = (), root: Path = ROOT) -> None:
        self._also = tuple(also)
        self._root = root
        self._start = self._count()

    def so_far(self, at_least_s: float = 0.0) -> SystemLoad:
        """The load since the start; waits until `at_least_s` have passed."""
        left_s = at_least_s - (REAL.monotonic() - self._start.at_s)
        if left_s > 0:
            REAL.sleep(min(left_s, at_least_s))
        readings = {**_read_now(self._root), **_compare(self._start, self._count())}
        reasons: dict[str, str] = {}
        values: dict[str, Any] = {}
        for field, (value, reason) in readings.items():
            values[field] = value
            if value is None:
                reasons[field] = reason
        return SystemLoad(**values, unmeasured=reasons)

    def _count(self) -> _Counters:
        total_s = busy_s = None
        times = _cpu_times()
        if times:
            total_s = sum(s for name, s in times.items() if name not in COUNTED_TWICE)
            busy_s = sum(s for name, s in times.items() if name not in NOT_COUNTED)
        return _Counters(
            at_s=REAL.monotonic(),
            total_s=total_s,
            busy_s=busy_s,
            ours_s=_cpu_time_of_tree_s(self._also),
            steal_s=times.get("steal"),
            swapped_bytes=_swap_traffic_bytes(),
            memory_stall_s=_memory_stall_s(self._root),
            throttles=_throttles(self._root),
            quota_wait_s=cgroups.throttled_s(self._root),
        )


def merge_loads(one: SystemLoad | None, other: SystemLoad | None) -> SystemLoad | None:
    """The load over two stretches of time: shares by their lengths, amounts added up."""
    if one is None or not one.seconds:
        return other or one
    if other is None or not other.seconds:
        return one
    one_s = one.seconds
    other_s = other.seconds
    seconds = one_s + other_s
    shares = _combine(
        one,
        other,
        ("steal_share", "others_cores", "memory_stall_share"),
        lambda a, b: round((a * one_s + b * other_s) / seconds, 4),
    )
    amounts = _combine(
        one,
        other,
        ("swapped_mb", "thermal_throttles", "quota_wait_s"),
        operator.add,
    )
    return SystemLoad(
        load_1m=other.load_1m,
        swap_used_share=other.swap_used_share,
        governor=other.governor,
        clock_mhz=other.clock_mhz,
        seconds=round(seconds, 3),
        unmeasured={**one.unmeasured, **other.unmeasured},
        **shares,
        **amounts,
    )


def _combine(
    one: SystemLoad,
    other: SystemLoad,
    fields: Iterable[str],
    combine: Callable[[float, float], float],
) -> dict[str, Any]:
    """Field -> both values combined; None where one of them was not measured."""
    combined: dict[str, Any] = {}
    for field in fields:
        values = (getattr(one, field), getattr(other, field))
        combined[field] = None if None in values else combine(*values)
    return combined


def _read_now(root: Path) -> dict[str, _Reading]:
    """Field -> what holds at this moment."""
    return {
        "load_1m": _Reading(_load_1m(), NO_LOAD_AVERAGE),
        "swap_used_share": _Reading(_swap_used_share(), NO_SWAP),
        "governor": _Reading(_governor(root), NO_GOVERNOR),
        "clock_mhz": _Reading(_clock_mhz(), NO_CLOCK),
    }


def _compare(start: _Counters, end: _Counters) -> dict[str, _Reading]:
    """Field -> what happened between the two."""
    elapsed_s = end.at_s - start.at_s
    total_s = _growth(start.total_s, end.total_s)
    ours_s = _growth(start.ours_s, end.ours_s)
    others_s = _growth(ours_s, _growth(start.busy_s, end.busy_s))
    steal_s = _growth(start.steal_s, end.steal_s)
    stall_s = _growth(start.memory_stall_s, end.memory_stall_s)
    swapped_bytes = _growth(start.swapped_bytes, end.swapped_bytes)
    swapped_mb = None if swapped_bytes is None else round(swapped_bytes / 1e6, 3)
    # A short window is all rounding, and one in which no CPU time was counted is none.
    window_s = elapsed_s if elapsed_s >= MIN_WINDOW_S and total_s else None
    why_no_others, why_no_steal = NO_TIMES_OF_OURS, NO_STEAL
    if total_s is None:
        why_no_others = why_no_steal = NO_TIMES
    if others_s is not None:
        others_s = max(0.0, others_s)
    return {
        "seconds": _Reading(round(elapsed_s, 3)),
        "others_cores": _share(others_s, window_s, 3, why_no_others),
        "steal_share": _share(steal_s, window_s and total_s, 4, why_no_steal),
        "swapped_mb": _Reading(swapped_mb, NO_SWAPPED),
        "memory_stall_share": _share(stall_s, window_s, 4, NO_PRESSURE),
        "thermal_throttles": _Reading(_growth(start.throttles, end.throttles), NO_THROTTLES),
        "quota_wait_s": _Reading(_growth(start.quota_wait_s, end.quota_wait_s), NO_QUOTA),
    }


def _share(part_s: float | None, whole_s: float | None, digits: int, reason: str) -> _Reading:
    """A part of a time, rounded; `reason` is why the part may be missing."""
    if part_s is None:
        return _Reading(None, reason)
    if whole_s is None:
        return _Reading(None, TOO_SHORT)
    return _Reading(round(part_s / whole_s, digits))


def _growth(before: Number | None, after: Number | None) -> Number | None:
    if before is None or after is None:
        return None
    return after - before


def _cpu_times() -> Mapping[str, float]:
    """Seconds of all processors by what they did; empty where that cannot be read."""
    with suppress(*UNREADABLE):
        times: Mapping[str, float] = psutil.cpu_times()._asdict()
        return times
    return {}


def _load_1m() -> float | None:
    with suppress(OSError, AttributeError):  # AttributeError: Windows has none
        return round(os.getloadavg()[0], 2)
    return None


def _governor(root: Path) -> str | None:
    with suppress(OSError, ValueError):
        path = root / CPUS / "cpu0/cpufreq/scaling_governor"
        return path.read_text(encoding="utf-8").strip() or None
    return None


def _cpu_time_of_tree_s(also: Iterable[int]) -> float | None:
    """CPU seconds of our processes, their ended children included; None if any cannot be read."""
    try:
        processes = set().union(*map(_tree, (os.getpid(), *also)))
        return sum(map(_cpu_time_s, processes))
    except UNREADABLE:
        return None


def _tree(pid: int) -> list[psutil.Process]:
    """A process and all below it; nothing of one that has ended."""
    with suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    return []


def _cpu_time_s(process: psutil.Process) -> float:
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
        paths = list((root / CPUS).glob("cpu[0-9]*/thermal_throttle/core_throttle_count"))
        if paths:
            return sum(int(path.read_text(encoding="utf-8")) for path in paths)
    return None


def _clock_mhz() -> float | None:
    with suppress(Exception):  # psutil raises whatever the system's files make it raise
        mhz: float = psutil.cpu_freq().current
        if mhz:
            return round(mhz, 1)
    return None
