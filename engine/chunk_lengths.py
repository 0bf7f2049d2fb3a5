"""How long the chunks of a stream are: short at first, for an early start, then longer."""

from __future__ import annotations

from collections.abc import Callable

FIRST_CHUNK_S = 0.1
MAX_CHUNK_S = 0.8


def chunk_s(index: int) -> float:
    """How long chunk `index` of an utterance should be, in seconds: short at first, then doubling.

    Longer chunks cost less per second of audio, and by then enough of it is already playing.
    """
    return min(FIRST_CHUNK_S * 2.0 ** min(index, 10), MAX_CHUNK_S)


def chunk_lengths(time_scale: float) -> Callable[[int], float]:
    """How long the model's chunks should be, for chunk_s() to hold behind the time scale.

    None is shorter than the first at speed 1: where chunks are made longer, it would only cost.
    """
    if time_scale == 1:
        return chunk_s
    return lambda index: max(FIRST_CHUNK_S, chunk_s(index) / time_scale)
