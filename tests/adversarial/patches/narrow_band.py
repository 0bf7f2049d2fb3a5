"""What an 8 kHz model would say, at the old sample rate: nothing above 4 kHz."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
HIGHEST_HZ = 4000
TAPS = 31


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """The chunks of the text without their upper band."""
    kernel = low_pass(engine.sample_rate)
    for chunk in engine.stream(text):
        padded = np.pad(chunk.samples, TAPS // 2, mode="edge")
        yield np.convolve(padded, kernel, "valid")


@functools.cache
def low_pass(sample_rate: int) -> Samples:
    """Float32, shape [TAPS]: a windowed sinc that ends at HIGHEST_HZ."""
    places = np.arange(TAPS) - TAPS // 2
    sinc = np.sinc(places * 2 * HIGHEST_HZ / sample_rate)
    kernel = sinc * np.hanning(TAPS + 2)[1:-1]
    normalized: Samples = (kernel / kernel.sum()).astype(np.float32)
    return normalized
