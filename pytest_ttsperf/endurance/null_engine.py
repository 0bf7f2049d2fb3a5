"""A target that does the same work for any text, all the time: what it drifts is the machine's.

The work is of the kind that an engine does, transforms over some megabytes, on one thread; no text
and no memory of earlier requests changes it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

RATE = 24_000
SIZE = 2**16
TRANSFORMS = 8


class ConstantWork:
    """Transforms the same noise so many times, and gives a quarter of a second of it."""

    sample_rate = RATE

    def __init__(self) -> None:
        self._noise = np.random.default_rng(0).normal(0.0, 0.1, SIZE)

    def stream(self, text: str) -> Iterator[NDArray[np.float32]]:  # noqa: ARG002
        """The same sound for any text, after the same work."""
        sound = self._noise
        for _ in range(TRANSFORMS):
            sound = np.fft.irfft(np.fft.rfft(sound), SIZE)
        yield sound[: RATE // 4].astype(np.float32)
