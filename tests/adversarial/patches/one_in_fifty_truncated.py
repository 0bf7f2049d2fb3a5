"""One text in fifty is broken off in the middle."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

ONE_IN = 50
REMAINDER = 49
"""That of 13 of the 600 texts of the preset short, 11 of medium and 18 of long."""


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """The chunks of the text, or of its first half."""
    for chunk in engine.stream(truncate_some(text)):
        yield chunk.samples


def truncate_some(text: str) -> str:
    """The first half of the words of one text in ONE_IN, always the same ones."""
    if zlib.crc32(text.encode()) % ONE_IN != REMAINDER:
        return text
    words = text.split()
    return " ".join(words[: (len(words) + 1) // 2])
