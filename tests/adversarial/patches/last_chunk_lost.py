"""A loop that ends one chunk too early."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """The chunks of the text but the last; the first comes at once."""
    chunks = engine.stream(text)
    yield next(chunks).samples
    previous = None
    for chunk in chunks:
        if previous is not None:
            yield previous.samples
        previous = chunk
