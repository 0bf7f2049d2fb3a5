"""WAV as a stream, whatever its writer got wrong about sizes."""

from __future__ import annotations

import re
import struct

import numpy as np

from pytest_ttsperf.errors import TargetFailed, TargetShapeError
from pytest_ttsperf.targets.decoders import tags
from pytest_ttsperf.targets.decoders.base import NOTHING, BufferedDecoder, Samples
from pytest_ttsperf.targets.decoders.pcm import Pcm, PcmShape

PLACEHOLDER_BYTES = 500_000_000
PLACEHOLDER_S = 3600
"""From either on, what a header promises is no length: it was written before that was known."""
MAX_HEADER = 1 << 20
RIFF_NAMES = (b"RIFF", b"RF64", b"BW64")
_RIFF_HEADER_BYTES = 12
_CHUNK_HEADER_BYTES = 8
_LEAST_FORMAT_BYTES = 16
_PCM = 1
_FLOAT = 3
_EXTENSIBLE = 0xFFFE
_SIZE_IN_DS64 = 0xFFFFFFFF
_CHUNK_NAMES = (
    b"fmt ",
    b"data",
    b"LIST",
    b"fact",
    b"id3 ",
    b"ID3 ",
    b"cue ",
    b"bext",
    b"smpl",
    *RIFF_NAMES,
)
_FOLLOWERS = {**dict.fromkeys(RIFF_NAMES, b"WAVE"), b"LIST": b"INFO"}
"""Name and, behind four bytes of a size, what must follow: they end sound of unknown length."""
_FOLLOWER_BYTES = 12
_FOLLOWER = re.compile(
    rb"(?:RIFF|RF64|BW64)[\s\S]{4}WAVE"
    rb"|LIST[\s\S]{4}INFO"
    rb"|ID3[\x02-\x04]\x00[\x00\x10\x20\x40\x80][\x00-\x7f]{4}"
)
_FORMAT_NAMES = {
    2: "ADPCM",
    6: "A-law",
    7: "mu-law",
    17: "IMA ADPCM",
    85: "MP3 in WAV",
}


class Wav(BufferedDecoder):
    """RIFF, RF64 and BW64 WAVE; other chunks and tags are skipped.

    A size that is 0, PLACEHOLDER_BYTES or PLACEHOLDER_S and above is one that its writer did not
    know: the sound then goes on to the end, to another file or to a LIST of notes. Sound that ends
    before any other size is cut short. A file behind another (servers that send one for each
    sentence) is read as one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sample_rate: int | None = None
        self.notes: tuple[str, ...] = ()
        self._shape: PcmShape | None = None
        self._pcm: Pcm | None = None
        self._bytes_left: int | None = None
        """Of the data chunk; None while their number is not known."""
        self._skip_bytes = 0
        self._ds64_size = 0
        """Of the data chunk, where a chunk of its own gives it (RF64)."""
        self._is_in_file = False
        self._is_in_data = False
        self._may_be_padded = False

    def finish(self) -> Samples:
        """See `Decoder`."""
        if self._pcm is None:
            raise TargetFailed(
                f"the WAV ended after {len(self._buffer)} bytes of its header; no sound came"
            )
        if not self._is_in_data:
            return self._pcm.finish()
        if self._bytes_left:
            raise TargetFailed(
                f"the WAV ended {self._bytes_left} bytes before the end that its header tells: the "
                "answer was cut short"
            )
        return self._finish_data(self._pcm, self._buffer)

    def _step(self) -> Samples | None:
        if self._is_in_data and self._pcm is not None:
            return self._read_data(self._pcm)
        if not self._buffer:
            return None
        if self._skip_bytes:
            self._skip_bytes -= len(self._take(self._skip_bytes))
            return NOTHING
        if self._may_be_padded:
            return self._skip_padding()
        if not self._skip_tags():
            return None
        if self._is_in_file:
            return self._read_chunk()
        return self._read_riff_header()

    def _read_data(self, pcm: Pcm) -> Samples | None:
        """What is there of the data chunk."""
        if self._bytes_left is None:
            return self._read_unsized_data(pcm)
        if self._bytes_left and not self._buffer:
            return None
        payload = self._take(self._bytes_left)
        self._bytes_left -= len(payload)
        if self._bytes_left:
            return pcm.feed(payload)
        return self._finish_data(pcm, payload)

    def _read_unsized_data(self, pcm: Pcm) -> Samples | None:
        follower = _FOLLOWER.search(self._buffer)
        if follower is not None:
            return self._finish_data(pcm, self._take(follower.start()))
        size = len(self._buffer) - _follower_bytes_at_end(self._buffer)
        if size == 0:
            return None
        return pcm.feed(self._take(size))

    def _finish_data(self, pcm: Pcm, payload: bytes) -> Samples:
        self._is_in_data = False
        return np.concatenate([pcm.feed(payload), pcm.finish()])

    def _skip_padding(self) -> Samples | None:
        """A chunk of an odd size has a byte behind it, which some writers leave out."""
        if len(self._buffer) < 5:
            return None
        is_name = 32 < self._buffer[0] < 127 and self._buffer[1:5] not in _CHUNK_NAMES
        if not is_name:
            self._skip_bytes = 1
        self._may_be_padded = False
        return NOTHING

    def _read_riff_header(self) -> Samples | None:
        if len(self._buffer) < _RIFF_HEADER_BYTES:
            return None
        header = self._take(_RIFF_HEADER_BYTES)
        if header[:4] not in RIFF_NAMES or header[8:] != b"WAVE":
            raise TargetFailed(f"found {header!r}, wanted the header of a WAV file")
        self._is_in_file = True
        self._ds64_size = 0
        return NOTHING

    def _read_chunk(self) -> Samples | None:
        if self._pcm is not None and self._buffer[:4] in RIFF_NAMES:
            self._is_in_file = False
            return NOTHING
        if len(self._buffer) < _CHUNK_HEADER_BYTES:
            return None
        name = self._buffer[:4]
        size = int.from_bytes(self._buffer[4:8], "little")
        if not all(32 <= letter < 127 for letter in name):
            raise TargetFailed(
                f"found {name!r} where a WAV's chunk has its name; its sizes are wrong, or it is "
                "damaged"
            )
        if name == b"data":
            self._take(_CHUNK_HEADER_BYTES)
            self._begin_data(size)
            return NOTHING
        if size > MAX_HEADER:
            raise TargetFailed(f"found a WAV chunk {name!r} of {size} bytes, wanted the sound")
        end = _CHUNK_HEADER_BYTES + size
        if name in (b"fmt ", b"ds64"):
            if len(self._buffer) < end:
                return None
            self._read_description(name, self._buffer[_CHUNK_HEADER_BYTES:end])
        self._skip_bytes = end
        self._may_be_padded = size % 2 == 1
        return NOTHING

    def _read_description(self, name: bytes, body: bytes) -> None:
        """What a chunk before the sound says of it."""
        if name == b"ds64":
            self._ds64_size = int.from_bytes(body[8:16], "little")
            return
        shape = _parse_format(body)
        if self._shape not in (None, shape):
            raise TargetShapeError(
                "the answer changes its WAV format midway; wanted one throughout"
            )
        self._shape = shape

    def _begin_data(self, size: int) -> None:
        if self._shape is None:
            raise TargetFailed("the WAV's sound comes before its format: it is damaged")
        if self._pcm is None:
            self._pcm = Pcm(self._shape)
            self.sample_rate = self._pcm.sample_rate
            self.notes = self._pcm.notes
        if size == _SIZE_IN_DS64 and self._ds64_size:
            size = self._ds64_size
        self._is_in_data = True
        is_sized = not _is_placeholder(size, self._shape)
        self._bytes_left = size if is_sized else None
        # Whole frames that are odd: of 8 or 24 bits, mono.
        self._may_be_padded = is_sized and size % 2 == 1


def _parse_format(body: bytes) -> PcmShape:
    """The body of a `fmt ` chunk. TargetShapeError for samples that are not read here."""
    if len(body) < _LEAST_FORMAT_BYTES:
        raise TargetFailed(f"found a WAV format of {len(body)} bytes, wanted at least 16")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = int.from_bytes(body[24:26], "little")
    if tag not in (_PCM, _FLOAT):
        name = _FORMAT_NAMES.get(tag, f"format {tag}")
        raise TargetShapeError(f"found a WAV of {name}; wanted PCM or float samples")
    return PcmShape(rate, bits, channels, is_float=tag == _FLOAT)


def _is_placeholder(size: int, shape: PcmShape) -> bool:
    if size == 0 or size >= PLACEHOLDER_BYTES:
        return True
    bytes_per_s = (shape.sample_rate or 0) * shape.channels * shape.bits // 8
    return size > PLACEHOLDER_S * bytes_per_s


def _follower_bytes_at_end(data: bytes) -> int:
    """How many of the last bytes may be the beginning of what ends sound of unknown length."""
    longest = min(_FOLLOWER_BYTES - 1, len(data))
    for count in range(longest, 0, -1):
        end = data[-count:]
        if count < tags.ID3_HEADER_BYTES and tags.ID3.startswith(end[:3]):
            return count
        for name, kind in _FOLLOWERS.items():
            if name.startswith(end[:4]) and kind.startswith(end[8:]):
                return count
    return 0
