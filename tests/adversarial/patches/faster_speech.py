"""Speech that is a tenth faster: there is less of it to make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SPEED = 1.2
"""At which our voices need about a tenth less time for a sentence, as each sound is rounded up."""


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """The chunks of the text, said faster."""
    for chunk in engine.stream(text, speed=SPEED):
        yield chunk.samples
