"""A target that hums half a second of sound at once, to try the machinery on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

RATE = 24_000


class Tone:
    """180 Hz in five chunks; see `targets.loading` for what a target is."""

    sample_rate = RATE

    def stream(self, text: str) -> Iterator[npt.NDArray[np.float32]]:
        """The same hum for any text."""
        wave = 0.3 * np.sin(2 * np.pi * 180 * np.arange(RATE // 2) / RATE)
        yield from np.array_split(wave.astype(np.float32), 5 if text else 1)
