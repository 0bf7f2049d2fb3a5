"""One word of each text is left out: the one in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """The chunks of the text without that word."""
    for chunk in engine.stream(without_a_word(text)):
        yield chunk.samples


def without_a_word(text: str) -> str:
    """The text without its middle word; a text of one word stays."""
    words = text.split()
    if len(words) > 1:
        del words[len(words) // 2]
    return " ".join(words)
