"""The end of a stream, for patches that spoil it without delaying its beginning."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUIET = 0.01
"""Of the loudest sample: what stays below is the silence after the last word."""


def pass_on(
    chunks: Iterator[Any],
    seconds: float,
) -> Generator[NDArray[np.float32], None, NDArray[np.float32]]:
    """The first chunk at once, then all but the last `seconds` of sound, which are returned."""
    first = next(chunks)
    yield first.samples
    wanted = round(seconds * first.sample_rate)
    tail = np.zeros(0, np.float32)
    for chunk in chunks:
        tail = np.concatenate([tail, chunk.samples])
        ready = len(tail) - wanted
        if ready > 0:
            yield tail[:ready]
            tail = tail[ready:]
    return tail


def sound_end(tail: NDArray[np.float32]) -> int:
    """The sample after the last one that is heard; 0 where none is."""
    loudness = np.abs(tail)
    loud = np.flatnonzero(loudness > QUIET * loudness.max(initial=0.0))
    if loud.size == 0:
        return 0
    return int(loud[-1]) + 1
