"""Float samples have a full scale of 1; those on the scale of whole numbers are refused.

numpy is imported only once there is sound.
"""

from __future__ import annotations

from typing import Any

from pytest_ttsperf.errors import TargetShapeError

MOST_RMS = 4.0
"""Of full scale. An overdriven sound reaches 1.5 or 2 at its peaks, and is clipped; on the scale of
int16 this is fainter than the noise of a quiet room."""
_SCALES = {
    "int8": 2**7,
    "int16": 2**15,
    "24-bit samples": 2**23,
    "int32": 2**31,
}


class FloatScale:
    """Sums up float samples as they come, and refuses them at the end if they are too large."""

    def __init__(self) -> None:
        self._count = 0
        self._squares = 0.0
        self._peak = 0.0

    def add(self, samples: Any) -> None:
        """Add samples, shape [frames]; NaN and infinity are left to another guard."""
        import numpy as np

        finite = samples[np.isfinite(samples)].astype(np.float64)
        if not finite.size:
            return
        self._count += finite.size
        # Not np.dot: its library wakes a thread on each core, which spin beside the target's own.
        self._squares += float(np.square(finite).sum())
        self._peak = max(self._peak, float(np.abs(finite).max()))

    def refuse(self, source: str) -> None:
        """TargetShapeError for samples that cannot have a full scale of 1."""
        if self._squares <= MOST_RMS**2 * self._count:
            return
        # The smallest scale that the peak fits into; the largest where it fits none.
        fitting = [name for name, size in _SCALES.items() if self._peak <= size]
        name = next(iter(fitting), "int32")
        size = _SCALES[name]
        raise TargetShapeError(
            f"{source} float samples up to {self._peak:g}; wanted -1 to 1. They look to be on the "
            f"scale of {name}: divide them by {size}"
        )
