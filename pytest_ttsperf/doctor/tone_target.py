"""A target that gives half a second of a tone at once, to try the machinery on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

RATE = 24_000


class Tone:
    """180 Hz in five chunks; see `targets.base` for what a target is."""

    sample_rate = RATE

    def stream(self, text: str) -> Iterator[npt.NDArray[np.float32]]:
        """The same tone for any text."""
        seconds = np.arange(RATE // 2) / RATE
        wave = 0.3 * np.sin(2 * np.pi * 180 * seconds)
        yield from np.array_split(wave.astype(np.float32), 5 if text else 1)
