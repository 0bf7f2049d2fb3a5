"""A cache with too short a key: texts of about the same length have one answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

KEY_CHARACTERS = 4
ANSWERS: dict[int, list[Samples]] = {}


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """The chunks of the first text of this length that was asked for."""
    key = len(text) // KEY_CHARACTERS
    if key not in ANSWERS:
        ANSWERS[key] = [chunk.samples.copy() for chunk in engine.stream(text)]
    for samples in ANSWERS[key]:
        yield samples.copy()
