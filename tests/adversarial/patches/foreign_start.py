"""A buffer that is not emptied: each text begins with 100 ms of the one before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

LEFT_S = 0.1
LEFT: list[Samples] = []


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """What the last text left, and the chunks of this one."""
    yield from LEFT
    for index, chunk in enumerate(engine.stream(text)):
        if index == 0:
            LEFT[:] = [chunk.samples[: round(LEFT_S * engine.sample_rate)].copy()]
        yield chunk.samples
