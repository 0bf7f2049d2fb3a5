"""Audio at the rate that a recogniser was trained with."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def resample(
    samples: NDArray[np.float32], sample_rate: int, wanted_rate: int
) -> NDArray[np.float32]:
    """Samples at another rate; both in Hz, shape (frames,)."""
    from scipy.signal import resample_poly

    common = math.gcd(sample_rate, wanted_rate)
    clean = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    resampled = resample_poly(clean, wanted_rate // common, sample_rate // common)
    return resampled.astype(np.float32)  # type: ignore[no-any-return]
