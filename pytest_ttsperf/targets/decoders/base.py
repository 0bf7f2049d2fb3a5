"""What every decoder offers, and sound of several channels mixed down to one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
NOTHING = np.zeros(0, np.float32)
_MIXED = "their mean was measured"


class Container(Protocol):
    """Takes bytes, gives samples."""

    @property
    def sample_rate(self) -> int | None:
        """In Hz; None until the bytes have told it."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the sound that its sender might not expect."""

    def feed(self, data: bytes) -> Samples:
        """The samples that these bytes complete, mono float32 [frames]; TargetError if damaged."""

    def finish(self) -> Samples:
        """What is left after the last byte; TargetError when the payload ends too early."""


def mix_down(frames: Samples) -> Samples:
    """[frames, channels] -> [frames]: their mean."""
    if frames.shape[1] == 1:
        return np.asarray(frames[:, 0])
    mixed: Samples = frames.mean(axis=1, dtype=np.float32)
    return mixed


def mix_down_note(channels: int) -> str:
    """How a mixdown is told."""
    return f"the sound has {channels} channels; {_MIXED}"


def is_mixed(notes: Sequence[str]) -> bool:
    """Whether the notes tell of a mixdown."""
    return any(note.endswith(_MIXED) for note in notes)
