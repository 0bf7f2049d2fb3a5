"""Another voice: less is made, and stretched to the old length, so that it is deeper."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SPEED = 1.2
STRETCH = 1.09
"""What the speed takes from the length of a sentence."""


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """The chunks of the text, a tenth deeper in pitch and formants."""
    for chunk in engine.stream(text, speed=SPEED):
        yield stretch(chunk.samples)


def stretch(samples: Samples) -> Samples:
    """Float32, shape [STRETCH * frames]: the same wave, played more slowly."""
    frames = round(len(samples) * STRETCH)
    places = np.linspace(0, len(samples) - 1, frames)
    return np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
