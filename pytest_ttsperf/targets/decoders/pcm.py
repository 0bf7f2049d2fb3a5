"""Bare PCM as a stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_ttsperf.errors import TargetFailed, TargetShapeError
from pytest_ttsperf.targets.decoders.base import NOTHING, Samples, mix_down, mix_down_notes
from pytest_ttsperf.targets.decoders.scale import FloatScale

_FLOAT_TYPES = {32: "<f4", 64: "<f8"}
_INTEGER_TYPES = {16: "<i2", 32: "<i4"}
_INTEGER_BITS: tuple[int, ...] = (8, 16, 24, 32)
_FLOAT_BITS = tuple(_FLOAT_TYPES)


@dataclass(frozen=True, slots=True)
class PcmShape:
    """How bare samples lie in an answer, and what is to be said of that."""

    sample_rate: int | None
    bits: int = 16
    channels: int = 1
    is_float: bool = False
    is_rate_supposed: bool = False
    """Whether the rate is the request template's, as the server says none."""
    notes: tuple[str, ...] = ()


class Pcm:
    """Bare samples, little-endian.

    TargetShapeError for widths that are not read, and where nothing says the rate.
    """

    def __init__(self, shape: PcmShape) -> None:
        sample_rate, bits, channels = shape.sample_rate, shape.bits, shape.channels
        if sample_rate is None:
            raise TargetShapeError(
                "found bare PCM, whose rate nothing says; add sample_rate to "
                "--ttsperf-http-template"
            )
        kind = "integer"
        widths = _INTEGER_BITS
        if shape.is_float:
            kind = "float"
            widths = _FLOAT_BITS
        if bits not in widths or channels < 1 or sample_rate < 1:
            raise TargetShapeError(
                f"found {kind} samples of {bits} bits, {channels} channels, {sample_rate} Hz; "
                f"wanted {' or '.join(map(str, widths))} bits, at least 1 channel and a rate "
                "above 0"
            )
        self.sample_rate: int | None = sample_rate
        self.notes = mix_down_notes(channels)
        self._shape = shape
        self._frame_bytes = bits // 8 * channels
        self._rest = b""
        self._scale = FloatScale()

    def feed(self, data: bytes) -> Samples:
        """See `Decoder`."""
        data = self._rest + data
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        shape = self._shape
        flat = to_floats(data[:whole], shape.bits, shape.is_float)
        if shape.is_float:
            self._scale.add(flat)
        return mix_down(flat.reshape(-1, shape.channels))

    def finish(self) -> Samples:
        """See `Decoder`."""
        if self._rest:
            raise TargetFailed(
                f"found {len(self._rest)} bytes after the last whole frame of {self._frame_bytes}: "
                "the payload was cut short, or its samples have another format"
            )
        self._scale.refuse("found")
        return NOTHING


def to_floats(data: bytes, bits: int, is_float: bool) -> Samples:
    """Bytes of whole samples -> float32 in -1..1."""
    if is_float:
        return np.frombuffer(data, _FLOAT_TYPES[bits]).astype(np.float32)
    if bits == 8:
        unsigned = np.frombuffer(data, np.uint8).astype(np.float32)
        return (unsigned - 128) / np.float32(128)
    if bits == 24:
        # As the upper three bytes of 32 bits, the lowest of which is 0.
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data = padded.tobytes()
        bits = 32
    integers = np.frombuffer(data, _INTEGER_TYPES[bits])
    scaled: Samples = (integers / 2 ** (bits - 1)).astype(np.float32)
    return scaled
