"""Whether what came out is sound at all: level, clipping, length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.records import Level

CLIPPED_AT = 0.999
"""Of full scale 1.0; 16-bit PCM that clips reaches 32767/32768 = 0.99997."""


def level(samples: NDArray[np.float32]) -> Level:
    """Peak, share of clipped samples and number of samples that are no number.

    `samples` has shape (frames,), full scale is 1.0. Peak and clipping are those of the finite
    samples, None where there are none.
    """
    finite = np.isfinite(samples)
    size = np.abs(samples[finite])
    return Level(
        peak=float(size.max()) if size.size else None,
        clipped_share=float(np.mean(size >= CLIPPED_AT)) if size.size else None,
        non_finite=int(samples.size - size.size),
    )
