"""What every decoder offers, and audio of several channels mixed down to one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.targets.decoders import tags

Samples = NDArray[np.float32]
NOTHING = np.zeros(0, np.float32)
_MIXED = "their mean was measured"


class Decoder(Protocol):
    """Takes the bytes of one answer as they come, gives its samples."""

    @property
    def sample_rate(self) -> int | None:
        """In Hz; None until the bytes have said it."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the audio that its sender might not expect."""

    def feed(self, data: bytes) -> Samples:
        """The samples that these bytes complete, mono float32 [frames]; TargetError if damaged."""

    def finish(self) -> Samples:
        """What is left after the last byte; TargetError when the payload ends too early."""


class BufferedDecoder(ABC):
    """A decoder that buffers bytes until they complete a step: a frame, a page or a header."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Samples:
        """See `Decoder`."""
        self._buffer += data
        parts = [NOTHING]
        while (samples := self._step()) is not None:
            parts.append(samples)
        return np.concatenate(parts)

    def _take(self, size: int) -> bytes:
        """Remove at most so many bytes from the front of the buffer."""
        front = self._buffer[:size]
        self._buffer = self._buffer[size:]
        return front

    def _skip_tags(self) -> bool:
        """Remove the tags at the front; whether something else is there behind them."""
        while self._buffer:
            size = tags.tag_bytes(self._buffer)
            if size == 0:
                return True
            if size is None or len(self._buffer) < size:
                return False
            self._take(size)
        return False

    @abstractmethod
    def _step(self) -> Samples | None:
        """Use up what is at the front of the buffer; None when more bytes are needed."""


def mix_down(frames: Samples) -> Samples:
    """[frames, channels] -> [frames]: their mean."""
    if frames.shape[1] == 1:
        return np.asarray(frames[:, 0])
    mixed: Samples = frames.mean(axis=1, dtype=np.float32)
    return mixed


def mix_down_notes(channels: int) -> tuple[str, ...]:
    """What the notes say of a mixdown; empty for mono, where there is none."""
    if channels == 1:
        return ()
    return (f"the sound has {channels} channels; {_MIXED}",)


def is_mixed(notes: Sequence[str]) -> bool:
    """Whether the notes mention a mixdown."""
    return any(note.endswith(_MIXED) for note in notes)
