"""Stamps one iterator of chunks; nothing else happens in its loop.

Whatever a chunk is, it is only collected here: counting and converting come after the last one,
outside the timing. `cost` measures what the recorder itself adds, with a target that does nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator
from statistics import median
from typing import Any, NamedTuple

from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import RecorderCost

NULL_TRIALS = 101
NULL_CHUNKS = 64


class Stamped(NamedTuple):
    """Chunks as they came, each with the instant at which it was there (nanoseconds)."""

    request_ns: int
    arrivals: list[tuple[int, Any]]
    end_ns: int
    source: Any = None
    """What the chunks came from, which may tell its stages."""
    is_cut: bool = False
    """Whether it was closed before its end."""


def record(
    synthesize: Callable[[str], Iterable[Any]],
    text: str,
    *,
    stop_after: int | None = None,
    now_ns: Callable[[], int] = REAL.perf_counter_ns,
) -> Stamped:
    """Speak `text` once and stamp each chunk; drains the iterator.

    With `stop_after` it is hung up after so many chunks, if there are so many: the iterator is
    closed, which is not a part of the answer.
    """
    arrivals: list[tuple[int, Any]] = []
    keep = arrivals.append
    request_ns = now_ns()
    source = synthesize(text)
    for chunk in itertools.islice(source, stop_after):
        keep((now_ns(), chunk))
    end_ns = now_ns()
    is_cut = len(arrivals) == stop_after
    if is_cut and hasattr(source, "close"):
        source.close()
    return Stamped(request_ns, arrivals, end_ns, source, is_cut)


async def record_async(
    synthesize: Callable[[str], Awaitable[AsyncIterable[Any]]],
    text: str,
    *,
    stop_after: int | None = None,
    now_ns: Callable[[], int] = REAL.perf_counter_ns,
) -> Stamped:
    """The same inside an event loop, whose start does not count as the target's time."""
    arrivals: list[tuple[int, Any]] = []
    keep = arrivals.append
    request_ns = now_ns()
    source = await synthesize(text)
    async for chunk in source:
        keep((now_ns(), chunk))
        if len(arrivals) == stop_after:
            break
    end_ns = now_ns()
    is_cut = len(arrivals) == stop_after
    if is_cut and hasattr(source, "aclose"):
        await source.aclose()
    return Stamped(request_ns, arrivals, end_ns, source, is_cut)


def cost(trials: int = NULL_TRIALS, chunks: int = NULL_CHUNKS) -> RecorderCost:
    """The recorder's own share of TTFA and of each chunk, in microseconds (medians).

    The null target hands over chunks that exist already, so all time is the recorder's; the idea
    is MLPerf loadgen's null system under test.
    """
    ready_made = [object()] * chunks

    def null_target(_: str) -> Iterator[object]:
        yield from ready_made

    firsts, rests = [], []
    for _ in range(trials):
        stamped = record(null_target, "")
        first_ns = stamped.arrivals[0][0]
        firsts.append((first_ns - stamped.request_ns) / 1e3)
        rests.append((stamped.end_ns - first_ns) / 1e3 / chunks)
    return RecorderCost(ttfa_us=median(firsts), per_chunk_us=median(rests), trials=trials)
