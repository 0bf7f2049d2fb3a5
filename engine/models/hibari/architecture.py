"""Widths and layers of the model, as its graph has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .vocoder import BINS

PROSODY_WIDTH = 192
ACOUSTIC_WIDTH = 128
FEATURE_WIDTH = ACOUSTIC_WIDTH + 2  # and the pitch and the voicing
DECODE_WIDTH = 256
SPECTRA_WIDTH = 5 * BINS
KERNEL_SIZE = 7  # of every convolution
REACH = KERNEL_SIZE // 2  # rows that one looks ahead, and back, times its dilation
PROSODY_DILATIONS = (1, 2, 4, 8, 1, 2)
DECODE_LAYERS = 8  # and one before them, which has no state of its own

FRAMES_PER_STEP = 2
DECODE_LOOKAHEAD = REACH * (1 + DECODE_LAYERS)  # frames, for spectra
PROSODY_LOOKAHEAD = REACH * sum(PROSODY_DILATIONS)  # steps, for pitch
VOCODER_LOOKAHEAD = 2  # frames that samples look ahead in spectra, and then again in pitch


def encoder_feeds(ids: Sequence[int], speed: float = 1.0) -> dict[str, NDArray[Any]]:
    """What `encode` is fed with."""
    return {
        "ids": np.array([ids], np.int64),
        "speed": np.array([speed], np.float32),
    }
