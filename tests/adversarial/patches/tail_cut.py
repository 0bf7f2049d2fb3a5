"""A trimmer of silence that is too eager: a quarter of a second of speech goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tails import pass_on, sound_end

Samples = NDArray[np.float32]

LOOKED_AT_S = 1.0
CUT_S = 0.25


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """The chunks of the text, up to CUT_S before its last sound."""
    tail = yield from pass_on(engine.stream(text), LOOKED_AT_S)
    end = sound_end(tail) - round(CUT_S * engine.sample_rate)
    if end > 0:
        yield tail[:end]
