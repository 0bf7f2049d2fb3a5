"""Pauses between segments: a paragraph longer than a stop, a stop longer than a comma.

Voices leave what silence they happen to end and begin with, some of them less behind a sentence
than inside it. What is missing to the pause that belongs there is put in front of the next sound.
"""

from __future__ import annotations

import numpy as np

from .audio import QUIET, Samples
from .text.segmentation import Pause

PAUSE_S = {Pause.CLAUSE: 0.0, Pause.STOP: 0.6, Pause.PARAGRAPH: 1.1}
"""At least so long nothing sounds, in seconds; voices pause for up to .45 at a comma."""


class PauseFiller:
    """Lengthens what is silent between two segments of a stream."""

    def __init__(self, sample_rate: int, speed: float = 1.0) -> None:
        """At another speed than 1, pauses are shorter or longer like all else."""
        self._pause_rate = sample_rate / speed
        self._wanted = 0  # frames of silence before the next sound
        self._quiet = 0  # frames of silence at the end so far

    def end_segment(self, pause: Pause) -> None:
        """A segment is over, and this belongs behind it."""
        frames = round(PAUSE_S[pause] * self._pause_rate)
        self._wanted = max(self._wanted, frames)

    def fill(self, samples: Samples) -> Samples:
        """The next samples of the stream, after what is missing to the pause before them."""
        sounding = np.flatnonzero(np.abs(samples) > QUIET)
        if not len(sounding):
            self._quiet += len(samples)
            return samples
        missing = self._wanted - self._quiet - int(sounding[0])
        self._wanted = 0
        self._quiet = len(samples) - 1 - int(sounding[-1])
        if missing <= 0:
            return samples
        return np.concatenate([np.zeros(missing, np.float32), samples])
