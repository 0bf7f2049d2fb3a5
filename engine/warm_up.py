"""Warming up: an engine speaks until it gets no faster."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypedDict

# Several lengths, a word no dictionary has, and numbers: every path a real text takes.
WARM_TEXTS = (
    "Yes.",
    "The quick brown fox jumps over the lazy zyphlonk.",
    "On the third of March, 1,250 people paid 9 dollars each to hear it read aloud, "
    "and nobody asked for the money back when the reader lost her place.",
)
MAX_WARM_ROUNDS = 10
STEADY_WITHIN = 0.1


class WarmUp(TypedDict):
    """What warming up took. `steady` is false if the last round was still faster than before."""

    rounds: int
    seconds: float
    steady: bool


def until_steady(
    speak: Callable[[], None],
    *,
    now_ns: Callable[[], int] = time.perf_counter_ns,
    work_ns: Callable[[], int] = time.process_time_ns,
) -> WarmUp:
    """Speak until a round is no faster than the fastest one before it, ten rounds at most.

    That is one within a tenth of it; or a slower one that took as much processor time, within a
    tenth: then others were busy, and more rounds would only wait for them.
    """
    start_ns = now_ns()
    best_ns: int | None = None
    best_work_ns: int | None = None
    steady = False
    rounds = 0
    while rounds < MAX_WARM_ROUNDS and not steady:
        began_ns = now_ns()
        began_work_ns = work_ns()
        speak()
        took_ns = now_ns() - began_ns
        took_work_ns = work_ns() - began_work_ns
        rounds += 1
        if best_ns is None or best_work_ns is None:
            best_ns = took_ns
            best_work_ns = took_work_ns
            continue
        is_same_work = _is_near(took_work_ns, best_work_ns)
        steady = _is_near(took_ns, best_ns) or (took_ns > best_ns and is_same_work)
        best_ns = min(best_ns, took_ns)
        best_work_ns = min(best_work_ns, took_work_ns)
    seconds = (now_ns() - start_ns) / 1e9
    return {"rounds": rounds, "seconds": seconds, "steady": steady}


def _is_near(found_ns: int, wanted_ns: int) -> bool:
    return abs(found_ns - wanted_ns) <= STEADY_WITHIN * wanted_ns
