"""Bytes of a program's output, as they come -> samples: WAV, or raw 16-bit PCM."""

from __future__ import annotations

import struct
from typing import Any, Protocol

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.measure.targets.chunks import CONTAINERS

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
HEAD = 8
OPEN_SIZES = (0, 0x7FFFFFFF)
"""What is written into a size that is not known yet: 0, or all ones and the like."""
KINDS = {(PCM, 16): "<i2", (FLOAT, 32): "<f4"}


class Container(Protocol):
    """Reads what arrives in any pieces."""

    sample_rate: int | None
    """In Hz; None until it is known."""

    def feed(self, data: bytes) -> Any:
        """The samples that these bytes complete: mono float32, shape [frames]."""

    def finish(self) -> None:
        """TargetShapeError when the output stopped in the midst of something."""


def open_container(start: bytes, rate: int | None) -> Container:
    """The reader for output that begins so; raw PCM needs its rate. TargetShapeError."""
    if start.startswith(b"RIFF"):
        return Wav(rate)
    other = next((name for magic, name in CONTAINERS.items() if start.startswith(magic)), None)
    if other is not None:
        raise TargetShapeError(
            f"found {other} on the standard output, wanted WAV or raw 16-bit PCM; have the program "
            "write one of these"
        )
    if rate is None:
        raise TargetShapeError(
            "found raw bytes on the standard output, and nothing tells their sample rate; add "
            "--ttsperf-target-option rate=22050 (Hz), or have the program write WAV"
        )
    return Raw(rate)


class Raw:
    """16-bit PCM, little-endian, mono."""

    def __init__(self, rate: int, kind: str = "<i2") -> None:
        self.sample_rate: int | None = rate
        self._kind = kind
        self._left = b""

    def feed(self, data: bytes) -> Any:
        """See `Container`; half a sample waits for its other half."""
        import numpy as np

        data = self._left + data
        cut = len(data) - len(data) % np.dtype(self._kind).itemsize
        self._left = data[cut:]
        samples = np.frombuffer(data[:cut], self._kind)
        if self._kind == "<i2":
            return samples.astype(np.float32) / np.float32(32768)
        return samples.astype(np.float32)

    def finish(self) -> None:
        """See `Container`."""
        if self._left:
            raise TargetShapeError(
                "found audio that ends in the midst of a sample; wanted whole 16-bit samples, and "
                "nothing but audio on the standard output"
            )


class Wav:
    """RIFF WAVE, mono, of 16-bit PCM or 32-bit float; its data may have no size yet."""

    def __init__(self, asked_rate: int | None) -> None:
        self.sample_rate: int | None = None
        self._asked_rate = asked_rate
        self._pending = b""
        self._in_riff = False
        self._format: tuple[int, int] | None = None
        self._data: Raw | None = None
        self._left: int | None = None

    def feed(self, data: bytes) -> Any:
        """See `Container`; what stands behind the data is no sound."""
        import numpy as np

        if self._data is None:
            self._pending += data
            self._read_head()
            if self._data is None:
                return np.zeros(0, np.float32)
            data, self._pending = self._pending, b""
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        return self._data.feed(data)

    def finish(self) -> None:
        """See `Container`."""
        if self._data is None or self._left:
            missing = "its data" if self._data is None else f"the last {self._left} bytes of it"
            raise TargetShapeError(f"found WAV that ends before {missing}; wanted all of it")
        self._data.finish()

    def _read_head(self) -> None:
        self._strip_riff()
        while self._in_riff and len(self._pending) >= HEAD:
            name, size = struct.unpack_from("<4sI", self._pending)
            if name == b"data":
                self._begin(size)
                return
            whole = HEAD + size + size % 2
            if len(self._pending) < whole:
                return
            if name == b"fmt ":
                self._read_format(self._pending[HEAD : HEAD + size])
            self._pending = self._pending[whole:]

    def _strip_riff(self) -> None:
        if self._in_riff or len(self._pending) < HEAD + 4:
            return
        if self._pending[HEAD : HEAD + 4] != b"WAVE":
            raise TargetShapeError(f"found RIFF with {self._pending[8:12]!r} inside, wanted WAVE")
        self._pending, self._in_riff = self._pending[HEAD + 4 :], True

    def _read_format(self, body: bytes) -> None:
        tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
        if tag == EXTENSIBLE and len(body) >= 26:
            (tag,) = struct.unpack_from("<H", body, 24)
        if channels != 1 or (tag, bits) not in KINDS:
            raise TargetShapeError(
                f"found WAV with {channels} channels, format {tag}, {bits} bits; wanted mono, "
                "16-bit PCM (1) or 32-bit float (3)"
            )
        if self._asked_rate not in (None, rate):
            raise TargetShapeError(
                f"found WAV at {rate} Hz, and rate={self._asked_rate} was given; leave that out"
            )
        self._format, self.sample_rate = (tag, bits), rate

    def _begin(self, size: int) -> None:
        if self._format is None or self.sample_rate is None:
            raise TargetShapeError("found WAV data before its format; wanted `fmt ` first")
        self._pending = self._pending[HEAD:]
        self._data = Raw(self.sample_rate, KINDS[self._format])
        self._left = None if size in OPEN_SIZES or size > OPEN_SIZES[1] else size
