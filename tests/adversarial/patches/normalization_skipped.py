"""Numbers and abbreviations are left out, so that nothing has to expand them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

UNREADABLE = re.compile(r"\b(?:\d[\d,.]*\d|\d|(?:Dr|Mr|Mrs|Ms|Prof|St|Ave)\.)\s*")


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """The chunks of what is left of the text."""
    for chunk in engine.stream(UNREADABLE.sub("", text)):
        yield chunk.samples
