"""MP3 and AAC (ADTS) as streams: cut into frames here, decoded by PyAV."""

from __future__ import annotations

from collections.abc import Callable

from pytest_ttsperf.errors import TargetFailed
from pytest_ttsperf.targets.decoders import tags
from pytest_ttsperf.targets.decoders.base import NOTHING, BufferedDecoder, Samples
from pytest_ttsperf.targets.decoders.codec import PacketCodec
from pytest_ttsperf.targets.decoders.mpeg_frames import adts_frame_bytes, mp3_frame_bytes

_INFO_WORDS = (b"Xing", b"Info", b"VBRI")


class MpegStream(BufferedDecoder):
    """Frames that follow one another; `measure_frame` gives the size of the one at the front.

    It gives 0 while more bytes are needed, and raises TargetFailed for what is no frame. Tags may
    stand before any frame and behind the last, and are left out.
    """

    def __init__(self, codec: str, measure_frame: Callable[[bytes], int]) -> None:
        super().__init__()
        self._codec = PacketCodec(codec)
        self._measure_frame = measure_frame
        self._name = codec

    @property
    def sample_rate(self) -> int | None:
        """In Hz; None before the first frame."""
        return self._codec.sample_rate

    @property
    def notes(self) -> tuple[str, ...]:
        """See `Decoder`."""
        return self._codec.notes

    def finish(self) -> Samples:
        """See `Decoder`."""
        if not tags.is_beginning(self._buffer):
            self._measure_frame(self._buffer)  # raises where it is no frame at all
            raise TargetFailed(
                f"the {self._name} ended within a frame ({len(self._buffer)} bytes of it came): "
                "the answer was cut short"
            )
        return self._codec.flush()

    def _step(self) -> Samples | None:
        if not self._skip_tags():
            return None
        try:
            size = self._measure_frame(self._buffer)
        except TargetFailed:
            return self._skip_trailing_tag()
        if size == 0 or len(self._buffer) < size:
            return None
        frame = self._take(size)
        if _is_info(frame):
            return NOTHING
        return self._codec.decode(frame)

    def _skip_trailing_tag(self) -> Samples | None:
        """Leave out a tag that only its end identifies; None while that end may come.

        TargetFailed where it is too far away: what is at the front is neither a tag nor a frame.
        """
        size = tags.trailing_tag_bytes(self._buffer)
        if size is not None:
            self._take(size)
            return NOTHING
        if len(self._buffer) > tags.LONGEST_OLD_TAG:
            self._measure_frame(self._buffer)
        return None


def open_mp3() -> MpegStream:
    """MPEG-1/2 Layer III; a first frame that carries only LAME's notes is left out."""
    return MpegStream("mp3", mp3_frame_bytes)


def open_aac() -> MpegStream:
    """AAC in ADTS, as it is streamed."""
    return MpegStream("aac", adts_frame_bytes)


def _is_info(frame: bytes) -> bool:
    """Whether it is the frame in which encoders of MP3 leave notes: it is silent."""
    return any(word in frame[4:44] for word in _INFO_WORDS)
