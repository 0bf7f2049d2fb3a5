"""Bare PCM as a stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_ttsperf.errors import TargetFailed, TargetShapeError
from pytest_ttsperf.targets.decoders.base import NOTHING, Samples, mix_down, mix_down_note
from pytest_ttsperf.targets.decoders.scale import FloatScale


class Pcm:
    """Bare samples, little-endian: 16-bit mono unless told otherwise."""

    def __init__(
        self, sample_rate: int, *, bits: int = 16, channels: int = 1, is_float: bool = False
    ) -> None:
        known = (32, 64) if is_float else (8, 16, 24, 32)
        if bits not in known or channels < 1 or sample_rate < 1:
            raise TargetShapeError(
                f"found {'float' if is_float else 'integer'} samples of {bits} bits, {channels} "
                f"channels, {sample_rate} Hz; wanted {' or '.join(map(str, known))} bits, at least "
                "1 channel and a rate above 0"
            )
        self.sample_rate: int | None = sample_rate
        self.notes: tuple[str, ...] = (mix_down_note(channels),) if channels > 1 else ()
        self._bits, self._channels, self._is_float = bits, channels, is_float
        self._frame_bytes = bits // 8 * channels
        self._rest = b""
        self._scale = FloatScale()

    def feed(self, data: bytes) -> Samples:
        """See `Container`."""
        data = self._rest + data
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        flat = to_floats(data[:whole], self._bits, self._is_float)
        if self._is_float:
            self._scale.add(flat)
        return mix_down(flat.reshape(-1, self._channels))

    def finish(self) -> Samples:
        """See `Container`."""
        if self._rest:
            raise TargetFailed(
                f"found {len(self._rest)} bytes after the last whole frame of {self._frame_bytes}: "
                "the payload was cut short, or its samples are not as told"
            )
        self._scale.refuse("found")
        return NOTHING


def to_floats(data: bytes, bits: int, is_float: bool) -> Samples:
    """Bytes of whole samples -> float32 in -1..1."""
    if is_float:
        return np.frombuffer(data, "<f4" if bits == 32 else "<f8").astype(np.float32)
    if bits == 8:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / np.float32(128)
    if bits == 24:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3)
        whole = np.zeros((len(parts), 4), np.uint8)
        whole[:, 1:] = parts
        wide: Samples = (whole.view("<i4")[:, 0] / 2**31).astype(np.float32)
        return wide
    kind = "<i2" if bits == 16 else "<i4"
    scaled: Samples = (np.frombuffer(data, kind) / 2 ** (bits - 1)).astype(np.float32)
    return scaled


def open_pcm(shape: PcmShape) -> Pcm:
    """A new parser for bare samples. TargetShapeError where nothing tells their rate."""
    if shape.sample_rate is None:
        raise TargetShapeError(
            "found bare PCM, whose rate nothing tells; add sample_rate to --ttsperf-http-template"
        )
    return Pcm(shape.sample_rate, bits=shape.bits, channels=shape.channels, is_float=shape.is_float)


@dataclass(frozen=True, slots=True)
class PcmShape:
    """How bare samples lie in an answer, and what is to be said of that."""

    sample_rate: int | None
    bits: int = 16
    channels: int = 1
    is_float: bool = False
    is_rate_supposed: bool = False
    """Whether the rate is the form's, as the server says none."""
    notes: tuple[str, ...] = ()
