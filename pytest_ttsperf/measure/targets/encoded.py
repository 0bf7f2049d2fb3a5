"""FLAC, MP3, Ogg Opus and AAC (ADTS) as a stream: cut into frames here, decoded by PyAV.

The cutting is done here because a frame counts with the byte that completes it; FFmpeg's own
readers hold back several (FLAC's ten) to be sure of their borders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_ttsperf.errors import TargetError, TargetFailed, TargetShapeError
from pytest_ttsperf.measure.targets import tags
from pytest_ttsperf.measure.targets.containers import NOTHING, Samples, mixed_note, mono
from pytest_ttsperf.measure.targets.frames import adts_frame_bytes, mp3_frame_bytes

_MOST_PLANES = 7
"""PyAV counts the planes of a frame up to the first that is none; with 8, FFmpeg leaves no such
mark, and memory beyond them would be read, which ends the process."""
_FULL_SCALE = {"s16": 2**15, "s32": 2**31, "flt": 1, "dbl": 1}


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
        if heard.format.is_planar and channels > _MOST_PLANES:
            raise TargetShapeError(
                f"found {self._codec.name} of {channels} channels; wanted speech, of "
                f"{_MOST_PLANES} channels at most"
            )
        values = heard.to_ndarray()
        frames = values.T if heard.format.is_planar else values.reshape(-1, channels)
        scale = _FULL_SCALE.get(heard.format.name.removesuffix("p"))
        if scale is None:
            raise TargetShapeError(
                f"found {self._codec.name} that decodes to {heard.format.name} samples; wanted 16 "
                "or 32 bits, or float"
            )
        return mono((frames / scale).astype(np.float32))


class Framed:
    """Frames that follow one another; `length` tells how long the one at the front is.

    `length` gives 0 while more bytes are needed. TargetError for what is no frame. Tags may stand
    before any frame and behind the last, and are left out.
    """

    def __init__(self, codec: str, length: Callable[[bytes], int]) -> None:
        self._decoder = Decoder(codec)
        self._length = length
        self._name = codec
        self._waiting = b""

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
        if self._waiting and not tags.is_beginning(self._waiting):
            self._length(self._waiting)  # raises where it is no frame at all
            raise TargetFailed(
                f"the {self._name} ended within a frame ({len(self._waiting)} bytes of it came): "
                "the answer was cut short"
            )
        return self._decoder.decode(None)

    def _next(self) -> bytes | None:
        self._waiting, is_more_needed = without_tags(self._waiting)
        if is_more_needed:
            return None
        try:
            size = self._length(self._waiting)
        except TargetFailed:
            return self._next() if self._pass_old_tag() else None
        if not size or len(self._waiting) < size:
            return None
        frame, self._waiting = self._waiting[:size], self._waiting[size:]
        return frame

    def _pass_old_tag(self) -> bool:
        """Leave out a tag that only its end tells; False while it may come. Else TargetFailed."""
        size = tags.old_length(self._waiting)
        if size is None and len(self._waiting) > tags.LONGEST_OLD_TAG:
            self._length(self._waiting)
        self._waiting = self._waiting[size or 0 :]
        return size is not None


def without_tags(data: bytes) -> tuple[bytes, bool]:
    """The bytes behind the tags at the front, and whether more are needed to say."""
    while data:
        size = tags.length(data)
        if size == 0:
            return data, False
        if size is None or len(data) < size:
            return data, True
        data = data[size:]
    return data, True


def mp3() -> Framed:
    """MPEG-1/2 Layer III; a first frame that carries only LAME's notes is left out."""
    return Framed("mp3", mp3_frame_bytes)


def aac() -> Framed:
    """AAC in ADTS, as it is streamed."""
    return Framed("aac", adts_frame_bytes)


def _is_info(frame: bytes) -> bool:
    """Whether it is the frame in which encoders of MP3 leave notes: it is silent."""
    return any(word in frame[4:44] for word in (b"Xing", b"Info", b"VBRI"))


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
            self._waiting, is_more_needed = without_tags(self._waiting)
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


class OggOpus:
    """Opus in Ogg (RFC 7845), always decoded at 48 kHz; a page counts when it is complete.

    Streams that follow one another (RFC 3533, "chaining") are one sound; tags are left out.
    """

    sample_rate: int | None = 48_000

    def __init__(self) -> None:
        self.notes: tuple[str, ...] = ()
        self._waiting = b""
        self._is_over = False
        self._stream = _OpusStream()

    def feed(self, data: bytes) -> Samples:
        """See `containers.Container`."""
        self._waiting += data
        found = []
        while (page := self._page()) is not None:
            found.append(page)
        return np.concatenate(found) if found else NOTHING

    def finish(self) -> Samples:
        """See `containers.Container`."""
        is_within_page = self._waiting and not tags.is_beginning(self._waiting)
        if is_within_page or self._stream.is_within_packet:
            raise TargetFailed(
                f"the Ogg stream ended within a page or packet ({len(self._waiting)} bytes of a "
                "page came): the answer was cut short"
            )
        self._refuse_headless()
        if not self._is_over:
            note = "the last page of the Ogg stream has no end flag; all of its pages are whole"
            self.notes = (*self.notes, note)
        return NOTHING

    def _page(self) -> Samples | None:
        """The samples of the page at the front; None while it is not complete."""
        self._waiting, is_more_needed = without_tags(self._waiting)
        data = self._waiting
        if is_more_needed:
            return None
        if not b"OggS".startswith(data[:4]):
            raise TargetFailed(f"found {data[:4]!r} where an Ogg page was to begin")
        if len(data) < 27 or len(data) < 27 + data[26]:
            return None
        flags, position = data[5], int.from_bytes(data[6:14], "little", signed=True)
        laces = data[27 : 27 + data[26]]
        at = 27 + len(laces)
        if len(data) < at + sum(laces):
            return None
        body, self._waiting = data[at : at + sum(laces)], data[at + sum(laces) :]
        if flags & _BEGINS:
            self._begin()
        self._is_over = bool(flags & _ENDS)
        samples = self._stream.page(laces, body, position if self._is_over else None)
        self.notes = self._stream.notes or self.notes
        return samples

    def _begin(self) -> None:
        """Another stream, behind the last one, which must have come to the end of a packet."""
        if self._stream.is_within_packet:
            raise TargetFailed(
                "found the beginning of an Ogg stream within a packet of another: it is damaged"
            )
        self._refuse_headless()
        self._stream = _OpusStream()

    def _refuse_headless(self) -> None:
        if self._stream.is_headless:
            raise TargetFailed(
                "the Ogg stream ended before the packets that describe its sound: it is damaged, "
                "or was cut short"
            )


_BEGINS, _ENDS = 2, 4
_HEADERS = 2
"""Packets about the sound (its head, its tags) before the first of the sound."""


class _OpusStream:
    """One logical stream: two packets about it, and packets of sound."""

    def __init__(self) -> None:
        self._decoder: Decoder | None = None
        self._packet = b""
        self._pages = self._packets = 0
        self._pre_skip = self._skip = 0
        self._given = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """See `containers.Container`."""
        return () if self._decoder is None else self._decoder.notes

    @property
    def is_within_packet(self) -> bool:
        """Whether the rest of a packet is to come with the next page."""
        return bool(self._packet)

    @property
    def is_headless(self) -> bool:
        """Whether pages came, but not yet the two packets about it."""
        return self._pages > 0 and self._packets < _HEADERS

    def page(self, laces: bytes, body: bytes, end: int | None) -> Samples:
        """The samples of a page; `end` is the position at which the sound ends, on the last."""
        self._pages += 1
        found, at = [NOTHING], 0
        for lace in laces:
            self._packet += body[at : at + lace]
            at += lace
            if lace < 255:
                found.append(self._samples(self._packet))
                self._packet = b""
        samples = np.concatenate(found)
        if end is not None:
            samples = self._trimmed(samples, end)
        self._given += len(samples)
        return samples

    def _samples(self, packet: bytes) -> Samples:
        self._packets += 1
        if self._packets == 1:
            if not packet.startswith(b"OpusHead") or len(packet) < 19:
                raise TargetShapeError(
                    f"found an Ogg stream of {packet[:8]!r}, wanted Opus (OpusHead)"
                )
            self._skip = self._pre_skip = int.from_bytes(packet[10:12], "little")
            # The decoder is told of no samples to leave out: that is done here, and counted.
            self._decoder = Decoder("opus", packet[:10] + b"\0\0" + packet[12:])
            return NOTHING
        if self._packets == _HEADERS:
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
