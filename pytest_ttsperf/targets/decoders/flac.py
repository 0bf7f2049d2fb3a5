"""FLAC as a stream: cut into frames here, decoded by PyAV."""

from __future__ import annotations

from pytest_ttsperf.errors import TargetError, TargetFailed, TargetShapeError
from pytest_ttsperf.targets.decoders import tags
from pytest_ttsperf.targets.decoders.base import NOTHING, BufferedDecoder, Samples
from pytest_ttsperf.targets.decoders.codec import PacketCodec

_MAGIC = b"fLaC"
_STREAMINFO = 0
_STREAMINFO_BYTES = 34
_LEAST_FRAME_BYTES = 9
_CRC_POLYNOMIAL = 0x8005


class Flac(BufferedDecoder):
    """FLAC: a frame is there as soon as its bytes fit its checksum and decode.

    A file behind another is read as one; tags are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sample_rate: int | None = None
        self.notes: tuple[str, ...] = ()
        self._codec: PacketCodec | None = None
        self._checked = 0
        """Bytes at the front of the buffer that `_crc` covers; 0 at the border of a frame."""
        self._crc = 0

    def finish(self) -> Samples:
        """See `Decoder`."""
        if self._codec is None:
            raise self._truncation("its header")
        if not tags.is_beginning(self._buffer):
            raise self._truncation("a frame")
        return self._codec.flush()

    def _truncation(self, place: str) -> TargetFailed:
        return TargetFailed(
            f"the FLAC ended within {place} ({len(self._buffer)} bytes of it came): the answer "
            "was cut short or is damaged"
        )

    def _step(self) -> Samples | None:
        if self._checked == 0 and not self._skip_tags():
            return None
        codec = self._codec
        if codec is None or (self._checked == 0 and self._buffer.startswith(_MAGIC[:1])):
            return self._read_header()
        samples = self._read_frame(codec)
        if samples is not None:
            self._describe(codec)
        return samples

    def _describe(self, codec: PacketCodec) -> None:
        """Take over what the codec says of its sound; a file behind another has another codec."""
        rate = codec.sample_rate
        if rate is not None and self.sample_rate not in (None, rate):
            raise TargetShapeError(f"the sound changes from {self.sample_rate} to {rate} Hz midway")
        self.sample_rate = rate or self.sample_rate
        self.notes = codec.notes or self.notes

    def _read_header(self) -> Samples | None:
        """Read the blocks before the sound; None while they are not all there.

        Gives what the codec of a file before this one still held.
        """
        if not _MAGIC.startswith(self._buffer[:4]):
            raise TargetFailed(f"found {self._buffer[:4]!r}, wanted the header of FLAC")
        header = _split_header(self._buffer)
        if header is None:
            return None
        stream_info, size = header
        if len(stream_info) != _STREAMINFO_BYTES:
            raise TargetFailed("found FLAC without the block that describes its sound")
        rest = NOTHING
        if self._codec is not None:
            rest = self._codec.flush()
        self._codec = PacketCodec("flac", stream_info)
        self._take(size)
        return rest

    def _read_frame(self, codec: PacketCodec) -> Samples | None:
        """The frame at the front, once its end is found; None while it is not."""
        data = self._buffer
        if self._checked == 0 and len(data) >= 2 and not _is_frame_start(data):
            raise TargetFailed(f"found {data[:4].hex(' ')} where a FLAC frame was to begin")
        crc = self._crc
        for end in range(self._checked + 1, len(data) + 1):
            crc = (crc << 8 & 0xFFFF) ^ _CRC16[crc >> 8 ^ data[end - 1]]
            # A frame ends with its checksum: the checksum of both is 0.
            if crc == 0 and end >= _LEAST_FRAME_BYTES and _may_follow(data[end : end + 2]):
                samples = _try_decode(codec, data[:end])
                if samples is not None:
                    self._take(end)
                    self._checked = self._crc = 0
                    return samples
        self._checked = len(data)
        self._crc = crc
        return None


def _try_decode(codec: PacketCodec, frame: bytes) -> Samples | None:
    """Its samples; None where the checksum fitted by chance and the frame goes on."""
    try:
        return codec.decode(frame)
    except TargetError:
        return None


def _split_header(data: bytes) -> tuple[bytes, int] | None:
    """The block that describes the sound, and the header's size; None while it is not all there."""
    stream_info = b""
    at = len(_MAGIC)
    is_last = False
    while not is_last:
        head = data[at : at + 4]
        size = int.from_bytes(head[1:], "big")
        at += 4 + size
        if len(head) < 4 or len(data) < at:
            return None
        is_last = head[0] >= 0x80
        if head[0] & 0x7F == _STREAMINFO:
            stream_info = data[at - size : at]
    return stream_info, at


def _may_follow(data: bytes) -> bool:
    """Whether a frame may end before these bytes: nothing, a frame, another file or a tag."""
    return tags.is_beginning(data) or _MAGIC.startswith(data) or _is_frame_start(data)


def _is_frame_start(data: bytes) -> bool:
    """Whether the first two bytes are those of a frame, as far as they are there."""
    return data[0] == 0xFF and (len(data) < 2 or data[1] & 0xFE == 0xF8)


def _crc16_table() -> tuple[int, ...]:
    rows = []
    for value in range(256):
        crc = value << 8
        for _ in range(8):
            is_carried = crc & 0x8000
            crc = crc << 1 & 0xFFFF
            if is_carried:
                crc ^= _CRC_POLYNOMIAL
        rows.append(crc)
    return tuple(rows)


_CRC16 = _crc16_table()
