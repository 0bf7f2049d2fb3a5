"""What an 8 kHz model would say, at the old sample rate: nothing above 4 kHz."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

HIGHEST_HZ = 4000


def speak(engine: Any, text: str) -> Iterator[Samples]:
    """The chunks of the text without their upper band."""
    for chunk in engine.stream(text):
        yield lower_band(chunk.samples, engine.sample_rate)


def lower_band(samples: Samples, sample_rate: int) -> Samples:
    """Float32, shape [frames]: the samples without what lies above HIGHEST_HZ."""
    spectrum = np.fft.rfft(samples)
    bins = round(len(samples) * HIGHEST_HZ / sample_rate) + 1
    return np.fft.irfft(spectrum[:bins], len(samples)).astype(np.float32)
