"""How the audio of one line ends, when a command goes on living: three ways, one to be named.

Each takes what was read, in order, and gives the audio in it; `over` says when the answer is
complete.
"""

from __future__ import annotations

import math
import struct
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

    over: bool
    quiet_s: float | None
    """After how long without a byte it is over; None when something else ends it."""

    def feed(self, data: bytes) -> bytes:
        """The audio in what was read. TargetShapeError when more comes than the answer."""


class LengthPrefixed:
    """Pieces with their size in front."""

    quiet_s: float | None = None

    def __init__(self) -> None:
        self.over = False
        self._left = 0
        self._head = b""

    def feed(self, data: bytes) -> bytes:
        """See `Ending`."""
        audio = []
        while data:
            if self.over:
                raise TargetShapeError(f"found {len(data)} bytes behind the size 0 that ends")
            if self._left:
                audio.append(data[: self._left])
                data = data[self._left :]
                self._left -= len(audio[-1])
                continue
            taken = LENGTH.size - len(self._head)
            self._head, data = self._head + data[:taken], data[taken:]
            if len(self._head) == LENGTH.size:
                (self._left,) = LENGTH.unpack(self._head)
                self._head, self.over = b"", self._left == 0
        return b"".join(audio)


class Delimited:
    """Bytes that cannot be audio, behind it."""

    quiet_s: float | None = None

    def __init__(self, mark: bytes) -> None:
        self.over = False
        self._mark = mark
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """See `Ending`. What may be the beginning of the mark comes with the next bytes."""
        data = self._held + data
        audio, found, rest = data.partition(self._mark)
        if rest:
            raise TargetShapeError(f"found {len(rest)} bytes behind the end mark")
        self.over = bool(found)
        kept = 0 if found else self._beginnings(audio)
        self._held = audio[len(audio) - kept :]
        return audio[: len(audio) - kept]

    def _beginnings(self, audio: bytes) -> int:
        """How many of the last bytes the mark may begin with."""
        longest = min(len(self._mark) - 1, len(audio))
        return next((n for n in range(longest, 0, -1) if audio.endswith(self._mark[:n])), 0)


class IdleTimeout:
    """Nothing comes any more."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self.quiet_s: float | None = seconds

    def feed(self, data: bytes) -> bytes:
        """See `Ending`."""
        return data


def open_framing(told: str) -> Framing:
    """A fresh state for one answer. TargetShapeError for what is no way to end."""
    way, _, detail = told.partition(":")
    if told == "length":
        return LengthPrefixed()
    if way == "mark" and (mark := _bytes(detail)):
        return Delimited(mark)
    if way == "quiet" and (seconds := _seconds(detail)):
        return IdleTimeout(seconds)
    raise TargetShapeError(f"found end={told!r}, wanted {WAYS}")


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 < seconds < math.inf else None
