"""MP3 and AAC (ADTS) as streams: cut into frames here, decoded by PyAV."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pytest_ttsperf.errors import TargetFailed
from pytest_ttsperf.targets.decoders import tags
from pytest_ttsperf.targets.decoders.base import NOTHING, Samples
from pytest_ttsperf.targets.decoders.codec import Decoder
from pytest_ttsperf.targets.decoders.mpeg_frames import adts_frame_bytes, mp3_frame_bytes


class MpegStream:
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
        self._waiting, is_more_needed = skip_tags(self._waiting)
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
        size = tags.trailing_tag_bytes(self._waiting)
        if size is None and len(self._waiting) > tags.LONGEST_OLD_TAG:
            self._length(self._waiting)
        self._waiting = self._waiting[size or 0 :]
        return size is not None


def skip_tags(data: bytes) -> tuple[bytes, bool]:
    """The bytes behind the tags at the front, and whether more are needed to say."""
    while data:
        size = tags.length(data)
        if size == 0:
            return data, False
        if size is None or len(data) < size:
            return data, True
        data = data[size:]
    return data, True


def open_mp3() -> MpegStream:
    """MPEG-1/2 Layer III; a first frame that carries only LAME's notes is left out."""
    return MpegStream("mp3", mp3_frame_bytes)


def open_aac() -> MpegStream:
    """AAC in ADTS, as it is streamed."""
    return MpegStream("aac", adts_frame_bytes)


def _is_info(frame: bytes) -> bool:
    """Whether it is the frame in which encoders of MP3 leave notes: it is silent."""
    return any(word in frame[4:44] for word in (b"Xing", b"Info", b"VBRI"))


_BEGINS, _ENDS = 2, 4
_HEADERS = 2
"""Packets about the sound (its head, its tags) before the first of the sound."""
