"""Two channels that take turns: each has only half of the words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """The chunks of the text as arrays of two channels, shape [frames, 2]."""
    for index, chunk in enumerate(engine.stream(text)):
        both = np.zeros((chunk.frame_count, 2), np.float32)
        both[:, index % 2] = chunk.samples
        yield both
