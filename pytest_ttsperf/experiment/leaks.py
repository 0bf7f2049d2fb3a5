"""By how much memory grows from request to request: the slope of what was read between them.

USS, what no other process shares, of the target's process tree. The first quarter of the readings
is left out: caches and arenas fill then, which ends by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf.judge.statistics import long_runs
from pytest_ttsperf.metrics.definitions import BYTES_PER_MB
from pytest_ttsperf.records import LeakSlope, LoadWindow, Memory, SoakSlice, Trial

MOST_READINGS = 300
"""Of more, this many are taken at even distances: pairs grow with the square of their number."""
FILLING_SHARE = 0.25
REQUESTS = 1000
"""The unit of a slope."""
COLD = "each cold start is a process of its own, and shows no slope over requests"


class MemoryReading(NamedTuple):
    """What was read once so many requests had been answered."""

    requests: int
    uss_bytes: int


def add_leak(memory: Memory, readings: Sequence[MemoryReading], unit: str) -> Memory:
    """The same with the slope of readings of one process; `unit` is what each follows on."""
    if memory.rss_peak_mb is None:
        return memory  # its reason holds for the slope as well
    slope = find_slope(readings)
    if slope is not None:
        return structs.replace(memory, leak=slope)
    return structs.replace(memory, leak_reason=_missing_because(readings, unit))


def find_slope(readings: Sequence[MemoryReading]) -> LeakSlope | None:
    """Theil and Sen's slope behind the first quarter; None for too few readings."""
    settled = readings[len(readings) - _settled(len(readings)) :]
    step = -(-len(settled) // MOST_READINGS) or 1
    thinned = settled[::step]
    found = long_runs.theil_sen(
        [reading.requests for reading in thinned],
        [reading.uss_bytes / BYTES_PER_MB for reading in thinned],
    )
    if found is None:
        return None
    return LeakSlope(
        mb_per_1000=REQUESTS * found.value,
        low=REQUESTS * found.low,
        high=REQUESTS * found.high,
        readings=found.n,
    )


def _settled(count: int) -> int:
    """How many of so many readings are left behind the first quarter."""
    return count - int(FILLING_SHARE * count)


def _missing_because(readings: Sequence[MemoryReading], unit: str) -> str:
    if not readings:
        return f"no {unit} has a reading of the memory that is the target's alone (USS)"
    wanted = len(readings)
    while _settled(wanted) < long_runs.FEWEST_POINTS:
        wanted += 1
    return (
        f"{len(readings)} readings of one process, one after each {unit}, show no slope; it takes "
        f"{wanted}, as the first quarter is left out"
    )


def readings_of_trials(trials: Sequence[Trial]) -> list[MemoryReading]:
    """Those of one process, after each of its trials, in their order."""
    readings = []
    for number, trial in enumerate(trials, start=1):
        if trial.usage is not None and trial.usage.uss_bytes is not None:
            readings.append(MemoryReading(number, trial.usage.uss_bytes))
    return readings


def readings_of_windows(windows: Sequence[LoadWindow]) -> list[MemoryReading]:
    """Those of one session, after each of its windows, when the target was quiet."""
    readings = []
    requests = 0
    for window in windows:
        requests += window.offered
        if window.uss_bytes is not None:
            readings.append(MemoryReading(requests, window.uss_bytes))
    return readings


def readings_of_slices(slices: Sequence[SoakSlice]) -> list[MemoryReading]:
    """Those of one session of a soak, at the end of each slice."""
    readings = []
    requests = 0
    for each in slices:
        requests += each.requests
        if each.usage is not None and each.usage.uss_bytes is not None:
            readings.append(MemoryReading(requests, each.usage.uss_bytes))
    return readings


def worse(one: LeakSlope | None, other: LeakSlope | None) -> LeakSlope | None:
    """The one that more surely grows, of those that were measured."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda slope: slope.low)
