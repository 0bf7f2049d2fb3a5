"""A second of silence behind each text, which used to make the RTF smaller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SILENCE_S = 1.0


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """The chunks of the text, and silence."""
    for chunk in engine.stream(text):
        yield chunk.samples
    yield np.zeros(round(SILENCE_S * engine.sample_rate), np.float32)
