"""FLAC, MP3, Ogg Opus and AAC (ADTS) as a stream: cut into frames here, decoded by PyAV.

The cutting is done here because a frame counts with the byte that completes it; FFmpeg's own
readers hold back several (FLAC's ten) to be sure of their borders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_ttsperf.errors import TargetError, TargetFailed, TargetShapeError
from pytest_ttsperf.measure.targets.containers import NOTHING, Samples, mixed_note, mono

MAX_FLAC_HEADER = 16
FIRST_ID3 = b"ID3"
_MP3_KBPS = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_RATES = (44_100, 48_000, 32_000)
_FULL_SCALE = {"s16": 2**15, "s32": 2**31, "flt": 1, "dbl": 1, "u8": 0}


class Decoder:
    """One codec of PyAV: a whole frame's bytes in, samples out."""

    def __init__(self, codec: str, extradata: bytes | None = None) -> None:
        try:
            import av
        except ImportError as error:
            raise TargetShapeError(
                f"found {codec} sound, and PyAV, which decodes it, is not installed; "
                'pip install "pytest-ttsperf[http]", or ask for pcm or wav'
            ) from error
        self._av: Any = av
        self._codec: Any = av.CodecContext.create(codec, "r")
        self._codec.thread_count = 1
        if extradata is not None:
            self._codec.extradata = extradata
        self.sample_rate: int | None = None
        self.notes: tuple[str, ...] = ()

    def decode(self, frame: bytes | None) -> Samples:
        """One frame's samples, or what the codec still holds (None). TargetFailed if damaged."""
        try:
            heard = self._codec.decode(None if frame is None else self._av.Packet(frame))
        except (self._av.error.FFmpegError, EOFError) as error:
            raise TargetFailed(f"found a damaged {self._codec.name} frame: {error}") from error
        parts = [self._samples(part) for part in heard]
        return np.concatenate(parts) if parts else NOTHING

    def _samples(self, heard: Any) -> Samples:
        if self.sample_rate not in (None, heard.sample_rate):
            raise TargetShapeError(
                f"the sound changes from {self.sample_rate} to {heard.sample_rate} Hz midway"
            )
        self.sample_rate = int(heard.sample_rate)
        channels = len(heard.layout.channels)
        if channels > 1:
            self.notes = (mixed_note(channels),)
        values = heard.to_ndarray()
        frames = values.T if heard.format.is_planar else values.reshape(-1, channels)
        scale = _FULL_SCALE[heard.format.name.removesuffix("p")]
        return mono((frames / scale).astype(np.float32))


class Framed:
    """Frames that follow one another; `length` tells how long the one at the front is.

    `length` gives 0 while more bytes are needed. TargetError for what is no frame.
    """

    def __init__(self, codec: str, length: Callable[[bytes], int]) -> None:
        self._decoder = Decoder(codec)
        self._length = length
        self._name = codec
        self._waiting = b""
        self._skip = 0
        self._begun = False

    @property
    def sample_rate(self) -> int | None:
        """Hz; None before the first frame."""
        return self._decoder.sample_rate

    @property
    def notes(self) -> tuple[str, ...]:
        """See `containers.Container`."""
        return self._decoder.notes

    def feed(self, data: bytes) -> Samples:
        """See `containers.Container`."""
        self._waiting += data
        found = []
        while (frame := self._next()) is not None:
            if not _is_info(frame):
                found.append(self._decoder.decode(frame))
        return np.concatenate(found) if found else NOTHING

    def finish(self) -> Samples:
        """See `containers.Container`."""
        if self._waiting and not self._waiting.startswith(b"TAG"):
            raise TargetFailed(
                f"the {self._name} ended within a frame ({len(self._waiting)} bytes of it came): "
                "the answer was cut short"
            )
        return self._decoder.decode(None)

    def _next(self) -> bytes | None:
        if not self._begun and not self._pass_tag():
            return None
        size = self._length(self._waiting)
        if not size or len(self._waiting) < size:
            return None
        frame, self._waiting = self._waiting[:size], self._waiting[size:]
        return frame

    def _pass_tag(self) -> bool:
        """Leave out an ID3 tag at the front; False while its end is not there."""
        if len(self._waiting) < 10:
            return False
        if self._waiting.startswith(FIRST_ID3):
            high, *rest = self._waiting[6:10]
            size = high
            for seven_bits in rest:
                size = size << 7 | seven_bits
            if len(self._waiting) < 10 + size:
                return False
            self._waiting = self._waiting[10 + size :]
            return True if not self._waiting else self._start()
        return self._start()

    def _start(self) -> bool:
        self._begun = True
        return True


def mp3() -> Framed:
    """MPEG-1/2 Layer III; a first frame that carries only LAME's notes is left out."""
    return Framed("mp3", mp3_frame_bytes)


def aac() -> Framed:
    """AAC in ADTS, as it is streamed."""
    return Framed("aac", adts_frame_bytes)


def mp3_frame_bytes(data: bytes) -> int:
    """Length of the frame at the front; 0 while its header is not there."""
    if len(data) < 4 or data.startswith(b"TAG"):
        return 0
    version, layer = data[1] >> 3 & 3, data[1] >> 1 & 3
    kbps_index, rate_index, padding = data[2] >> 4, data[2] >> 2 & 3, data[2] >> 1 & 1
    if (
        data[0] != 0xFF
        or data[1] & 0xE0 != 0xE0
        or version == 1
        or layer != 1
        or kbps_index in (0, 15)
        or rate_index == 3
    ):
        raise TargetFailed(f"found {data[:4].hex(' ')} where an MP3 frame was to begin")
    rate = _MP3_RATES[rate_index] >> (0, 0, 1, 0)[version] >> (2 if version == 0 else 0)
    kbps = _MP3_KBPS[1 if version == 3 else 2][kbps_index]
    return (144_000 if version == 3 else 72_000) * kbps // rate + padding


def adts_frame_bytes(data: bytes) -> int:
    """Length of the frame at the front; 0 while its header is not there."""
    if len(data) < 7:
        return 0
    size = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    if data[0] != 0xFF or data[1] & 0xF6 != 0xF0 or size < 7:
        raise TargetFailed(f"found {data[:7].hex(' ')} where an AAC (ADTS) frame was to begin")
    return size


def _is_info(frame: bytes) -> bool:
    """Whether it is the frame in which encoders of MP3 leave notes: it is silent."""
    return any(word in frame[4:44] for word in (b"Xing", b"Info")) and frame[:1] == b"\xff"


class Flac:
    """FLAC: a frame is there as soon as its bytes fit its checksum and decode."""

    def __init__(self) -> None:
        self._decoder: Decoder | None = None
        self._waiting = b""
        self._seen = 0
        self._crc = 0

    @property
    def sample_rate(self) -> int | None:
        """Hz; None before the header."""
        return None if self._decoder is None else self._decoder.sample_rate

    @property
    def notes(self) -> tuple[str, ...]:
        """See `containers.Container`."""
        return () if self._decoder is None else self._decoder.notes

    def feed(self, data: bytes) -> Samples:
        """See `containers.Container`."""
        self._waiting += data
        if self._decoder is None and not self._open():
            return NOTHING
        found = []
        while (samples := self._frame()) is not None:
            found.append(samples)
        return np.concatenate(found) if found else NOTHING

    def finish(self) -> Samples:
        """See `containers.Container`."""
        if self._decoder is None or self._waiting:
            raise TargetFailed(
                f"the FLAC ended within {'its header' if self._decoder is None else 'a frame'} "
                f"({len(self._waiting)} bytes of it came): the answer was cut short or is damaged"
            )
        return self._decoder.decode(None)

    def _open(self) -> bool:
        """Read the blocks before the sound; False while they are not all there."""
        if len(self._waiting) >= 4 and not self._waiting.startswith(b"fLaC"):
            raise TargetFailed(f"found {self._waiting[:4]!r}, wanted the header of FLAC")
        at, first = 4, b""
        while True:
            if len(self._waiting) < at + 4:
                return False
            is_last, kind = self._waiting[at] >> 7, self._waiting[at] & 0x7F
            end = at + 4 + int.from_bytes(self._waiting[at + 1 : at + 4], "big")
            if len(self._waiting) < end:
                return False
            if kind == 0:
                first = self._waiting[at + 4 : end]
            at = end
            if is_last:
                break
        if len(first) != 34:
            raise TargetFailed("found FLAC without the block that describes its sound")
        self._decoder = Decoder("flac", first)
        self._waiting = self._waiting[at:]
        return True

    def _frame(self) -> Samples | None:
        """The frame at the front, once its end is found; None while it is not."""
        assert self._decoder is not None
        data = self._waiting
        if len(data) >= 2 and (data[0] != 0xFF or data[1] & 0xFE != 0xF8):
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
    return not data or (data[0] == 0xFF and (len(data) < 2 or data[1] & 0xFE == 0xF8))


def _crc16_table() -> tuple[int, ...]:
    rows = []
    for value in range(256):
        crc = value << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x8005 if crc & 0x8000 else 0)) & 0xFFFF
        rows.append(crc)
    return tuple(rows)


_CRC16 = _crc16_table()


class OggOpus:
    """Opus in Ogg (RFC 7845), always decoded at 48 kHz; a page counts when it is complete."""

    sample_rate: int | None = 48_000

    def __init__(self) -> None:
        self._decoder: Decoder | None = None
        self._waiting = b""
        self._packet = b""
        self._packets = 0
        self._skip = 0
        self._given = 0
        self._is_over = False

    @property
    def notes(self) -> tuple[str, ...]:
        """See `containers.Container`."""
        return () if self._decoder is None else self._decoder.notes

    def feed(self, data: bytes) -> Samples:
        """See `containers.Container`."""
        self._waiting += data
        found = []
        while (page := self._page()) is not None:
            found.append(page)
        return np.concatenate(found) if found else NOTHING

    def finish(self) -> Samples:
        """See `containers.Container`."""
        if self._waiting or not self._is_over:
            raise TargetFailed(
                f"the Ogg stream ended without its last page ({len(self._waiting)} bytes of "
                "another came): the answer was cut short"
            )
        return NOTHING

    def _page(self) -> Samples | None:
        """The samples of the page at the front; None while it is not complete."""
        data = self._waiting
        if data and not b"OggS".startswith(data[:4]):
            raise TargetFailed(f"found {data[:4]!r} where an Ogg page was to begin")
        if len(data) < 27 or len(data) < 27 + data[26]:
            return None
        flags, position = data[5], int.from_bytes(data[6:14], "little", signed=True)
        laces = data[27 : 27 + data[26]]
        at = 27 + len(laces)
        if len(data) < at + sum(laces):
            return None
        heard = []
        for lace in laces:
            self._packet += data[at : at + lace]
            at += lace
            if lace < 255:
                heard.append(self._heard(self._packet))
                self._packet = b""
        self._waiting = data[at:]
        samples = np.concatenate(heard) if heard else NOTHING
        if flags & 4:
            self._is_over = True
            samples = self._trimmed(samples, position)
        self._given += len(samples)
        return samples

    def _heard(self, packet: bytes) -> Samples:
        self._packets += 1
        if self._packets == 1:
            if not packet.startswith(b"OpusHead") or len(packet) < 19:
                raise TargetShapeError(
                    f"found an Ogg stream of {packet[:8]!r}, wanted Opus (OpusHead)"
                )
            self._skip = int.from_bytes(packet[10:12], "little")
            self._pre_skip = self._skip
            # The decoder is told of no samples to leave out: that is done here, and counted.
            self._decoder = Decoder("opus", packet[:10] + b"\0\0" + packet[12:])
            return NOTHING
        if self._packets == 2:
            return NOTHING  # its tags
        assert self._decoder is not None
        samples = self._decoder.decode(packet)
        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        return samples[skipped:]

    def _trimmed(self, samples: Samples, position: int) -> Samples:
        """The last page tells where the sound ends; what the codec gives beyond is padding."""
        wanted = position - self._pre_skip - self._given
        return samples[: max(0, wanted)] if position >= 0 else samples
