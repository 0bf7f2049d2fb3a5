"""When an answer has been played: what a listener waits for before it asks again.

The player of `metrics.playback` without a prebuffer, reduced to the one instant that is needed: it
starts with the first sound, stops dead when it has nothing to play, and goes on at the next
arrival. A few additions a read, and nothing is stored, so that it costs the generator nothing.
"""

from __future__ import annotations

from collections.abc import Iterable


def play(arrivals: Iterable[tuple[int, int]]) -> int | None:
    """The end of playback in ns, from (arrival, duration) of each chunk in ns; None without sound.

    It is start + audio + stalls: each chunk begins when it is there and the one before it is over.
    """
    end_ns = None
    for at_ns, duration_ns in arrivals:
        if duration_ns <= 0:
            continue
        if end_ns is None or at_ns > end_ns:
            end_ns = at_ns
        end_ns += duration_ns
    return end_ns
