"""The honest version: every chunk as the engine makes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """The chunks of the text."""
    for chunk in engine.stream(text):
        yield chunk.samples
