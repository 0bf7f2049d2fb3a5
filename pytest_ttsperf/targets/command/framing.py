"""How the audio of one line ends, when a command lives on: three ways, one of which is named.

Each takes what was read, in order, and returns the audio in it; `is_over` says when the answer is
complete.
"""

from __future__ import annotations

import math
import struct
from contextlib import suppress
from typing import Protocol

from pytest_ttsperf.errors import TargetShapeError

LENGTH = struct.Struct("<I")
WAYS = (
    "end=length (before each piece of audio its size in bytes as 4 bytes, little-endian; a size of "
    "0 ends the answer), end=mark:HEX (these bytes stand behind the answer) or end=quiet:SECONDS "
    "(nothing comes for so long)"
)


class Framing(Protocol):
    """The state of one answer."""

    is_over: bool
    quiet_s: float | None
    """After how long without a byte it is over; None when something else ends it."""

    def feed(self, data: bytes) -> bytes:
        """The audio in what was read. TargetShapeError when more comes than the answer."""


class LengthPrefixed:
    """Pieces with their size in front."""

    quiet_s: float | None = None

    def __init__(self) -> None:
        self.is_over = False
        self._piece_left = 0
        self._head = b""

    def feed(self, data: bytes) -> bytes:
        """See `Framing`."""
        audio = bytearray()
        while data:
            if self.is_over:
                raise TargetShapeError(f"found {len(data)} bytes behind the size 0 that ends")
            if self._piece_left:
                piece = data[: self._piece_left]
                self._piece_left -= len(piece)
                audio += piece
                data = data[len(piece) :]
            else:
                data = self._feed_head(data)
        return bytes(audio)

    def _feed_head(self, data: bytes) -> bytes:
        """Take what is missing of a size; returns the rest."""
        missing = LENGTH.size - len(self._head)
        self._head += data[:missing]
        if len(self._head) == LENGTH.size:
            (self._piece_left,) = LENGTH.unpack(self._head)
            self._head = b""
            self.is_over = self._piece_left == 0
        return data[missing:]


class Delimited:
    """Bytes that cannot be audio, behind it."""

    quiet_s: float | None = None

    def __init__(self, mark: bytes) -> None:
        self.is_over = False
        self._mark = mark
        self._pending = b""

    def feed(self, data: bytes) -> bytes:
        """See `Framing`. What may be the beginning of the mark comes with the next bytes."""
        audio, mark, rest = (self._pending + data).partition(self._mark)
        if rest:
            raise TargetShapeError(f"found {len(rest)} bytes behind the end mark")
        self._pending = b""
        if mark:
            self.is_over = True
            return audio
        end = len(audio) - self._possible_mark_bytes(audio)
        self._pending = audio[end:]
        return audio[:end]

    def _possible_mark_bytes(self, audio: bytes) -> int:
        """How many of the last bytes the mark may begin with."""
        for count in range(len(self._mark) - 1, 0, -1):
            if audio.endswith(self._mark[:count]):
                return count
        return 0


class IdleTimeout:
    """Nothing comes any more."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self.quiet_s: float | None = seconds

    def feed(self, data: bytes) -> bytes:
        """See `Framing`."""
        return data


def open_framing(end: str) -> Framing:
    """A fresh state for one answer. TargetShapeError for what is no way to end."""
    if end == "length":
        return LengthPrefixed()
    way, _, detail = end.partition(":")
    with suppress(ValueError):
        if way == "mark" and (mark := bytes.fromhex(detail)):
            return Delimited(mark)
        if way == "quiet" and 0 < (seconds := float(detail)) < math.inf:
            return IdleTimeout(seconds)
    raise TargetShapeError(f"found end={end!r}, wanted {WAYS}")
