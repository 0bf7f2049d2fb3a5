"""FLAC as a stream: cut into frames here, decoded by PyAV."""

from __future__ import annotations

import numpy as np

from pytest_ttsperf.errors import TargetError, TargetFailed, TargetShapeError
from pytest_ttsperf.targets.decoders import tags
from pytest_ttsperf.targets.decoders.base import NOTHING, Samples
from pytest_ttsperf.targets.decoders.codec import Decoder
from pytest_ttsperf.targets.decoders.mpeg import skip_tags


class Flac:
    """FLAC: a frame is there as soon as its bytes fit its checksum and decode.

    A file behind another is read as one; tags are left out.
    """

    def __init__(self) -> None:
        self.sample_rate: int | None = None
        self.notes: tuple[str, ...] = ()
        self._decoder: Decoder | None = None
        self._waiting = b""
        self._seen = 0
        self._crc = 0

    def feed(self, data: bytes) -> Samples:
        """See `containers.Container`."""
        self._waiting += data
        found = []
        while (samples := self._step()) is not None:
            found.append(samples)
        return np.concatenate(found) if found else NOTHING

    def finish(self) -> Samples:
        """See `containers.Container`."""
        if self._decoder is not None and tags.is_beginning(self._waiting):
            return self._decoder.decode(None)
        if self._decoder is None or self._waiting:
            raise TargetFailed(
                f"the FLAC ended within {'its header' if self._decoder is None else 'a frame'} "
                f"({len(self._waiting)} bytes of it came): the answer was cut short or is damaged"
            )
        return self._decoder.decode(None)

    def _step(self) -> Samples | None:
        """Use up what is waiting; None when more bytes are needed."""
        if not self._seen:  # at the border of a frame
            self._waiting, is_more_needed = skip_tags(self._waiting)
            if is_more_needed:
                return None
            if self._decoder is None or self._waiting.startswith(b"f"):
                return self._opened()
        samples = self._frame()
        if samples is not None:
            self._note()
        return samples

    def _note(self) -> None:
        assert self._decoder is not None
        rate = self._decoder.sample_rate
        if rate is not None and self.sample_rate not in (None, rate):
            raise TargetShapeError(f"the sound changes from {self.sample_rate} to {rate} Hz midway")
        self.sample_rate = rate or self.sample_rate
        self.notes = self._decoder.notes or self.notes

    def _opened(self) -> Samples | None:
        """Read the blocks before the sound; None while they are not all there.

        Gives what the decoder of a file before this one still held.
        """
        if not b"fLaC".startswith(self._waiting[:4]):
            raise TargetFailed(f"found {self._waiting[:4]!r}, wanted the header of FLAC")
        at, first = 4, b""
        while True:
            if len(self._waiting) < at + 4:
                return None
            is_last, kind = self._waiting[at] >> 7, self._waiting[at] & 0x7F
            end = at + 4 + int.from_bytes(self._waiting[at + 1 : at + 4], "big")
            if len(self._waiting) < end:
                return None
            if kind == 0:
                first = self._waiting[at + 4 : end]
            at = end
            if is_last:
                break
        if len(first) != 34:
            raise TargetFailed("found FLAC without the block that describes its sound")
        held = NOTHING if self._decoder is None else self._decoder.decode(None)
        self._decoder = Decoder("flac", first)
        self._waiting = self._waiting[at:]
        return held

    def _frame(self) -> Samples | None:
        """The frame at the front, once its end is found; None while it is not."""
        assert self._decoder is not None
        data = self._waiting
        if len(data) >= 2 and not self._seen and (data[0] != 0xFF or data[1] & 0xFE != 0xF8):
            raise TargetFailed(f"found {data[:4].hex(' ')} where a FLAC frame was to begin")
        crc, table = self._crc, _CRC16
        for at in range(self._seen, len(data)):
            crc = (crc << 8 & 0xFFFF) ^ table[crc >> 8 ^ data[at]]
            # With its checksum at the end, the checksum of a whole frame is 0.
            if crc == 0 and at >= 8 and _may_follow(data[at + 1 : at + 3]):
                samples = self._tried(data[: at + 1])
                if samples is not None:
                    self._waiting, self._seen, self._crc = data[at + 1 :], 0, 0
                    return samples
        self._seen, self._crc = len(data), crc
        return None

    def _tried(self, frame: bytes) -> Samples | None:
        """Its samples; None where the checksum fitted by chance and the frame goes on."""
        assert self._decoder is not None
        try:
            return self._decoder.decode(frame)
        except TargetError:
            return None


def _may_follow(data: bytes) -> bool:
    """Whether a frame may end before these bytes: nothing, a frame, another file or a tag."""
    if not data or tags.is_beginning(data) or b"fLaC".startswith(data):
        return True
    return data[0] == 0xFF and (len(data) < 2 or data[1] & 0xFE == 0xF8)


def _crc16_table() -> tuple[int, ...]:
    rows = []
    for value in range(256):
        crc = value << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x8005 if crc & 0x8000 else 0)) & 0xFFFF
        rows.append(crc)
    return tuple(rows)


_CRC16 = _crc16_table()
