"""WAV as a stream, whatever its writer got wrong about sizes."""

from __future__ import annotations

import re
import struct

import numpy as np

from pytest_ttsperf.errors import TargetFailed, TargetShapeError
from pytest_ttsperf.targets.decoders import tags
from pytest_ttsperf.targets.decoders.base import NOTHING, Samples
from pytest_ttsperf.targets.decoders.pcm import Pcm

PLACEHOLDER_BYTES = 500_000_000
PLACEHOLDER_S = 3600
"""From either on, what a header promises is no length: it was written before that was known."""
MAX_HEADER = 1 << 20
RIFF_NAMES = (b"RIFF", b"RF64", b"BW64")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
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
_FOLLOWERS = ((b"RIFF", b"WAVE"), (b"RF64", b"WAVE"), (b"BW64", b"WAVE"), (b"LIST", b"INFO"))
"""Name and, behind four bytes of a size, what must follow: they end sound of unknown length."""
_TAG = rb"ID3[\x02-\x04]\x00[\x00\x10\x20\x40\x80][\x00-\x7f]{4}"
_FOLLOWER = re.compile(
    b"|".join([*(name + rb"[\s\S]{4}" + kind for name, kind in _FOLLOWERS), _TAG])
)
_FOLLOWER_BYTES = 12
_TAG_BYTES = 10
_NAMED = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM", 85: "MP3 in WAV"}


class Wav:
    """RIFF, RF64 and BW64 WAVE; other chunks and tags are skipped.

    A size that is 0, PLACEHOLDER_BYTES or PLACEHOLDER_S and above is one that its writer did not
    know: the sound then goes on to the end, to another file or to a LIST of notes. Sound that ends
    before any other size is cut short. A file behind another (servers that send one for each
    sentence) is read as one.
    """

    def __init__(self) -> None:
        self.sample_rate: int | None = None
        self.notes: tuple[str, ...] = ()
        self._waiting = b""
        self._format: tuple[int, int, int, bool] | None = None
        self._samples: Pcm | None = None
        self._left: int | None = None
        """Bytes of the data chunk to come; None while their number is not known."""
        self._skip = 0
        self._wide_size = 0
        """Of the data chunk, where a chunk of its own told it (RF64)."""
        self._in_data = self._in_file = self._may_be_padded = False

    def feed(self, data: bytes) -> Samples:
        """See `Container`."""
        self._waiting += data
        found = []
        while (samples := self._step()) is not None:
            found.append(samples)
        return np.concatenate(found) if found else NOTHING

    def finish(self) -> Samples:
        """See `Container`."""
        if self._samples is None:
            raise TargetFailed(
                f"the WAV ended after {len(self._waiting)} bytes of its header; no sound came"
            )
        if not self._in_data:
            return self._samples.finish()
        if self._left:
            raise TargetFailed(
                f"the WAV ended {self._left} bytes before the end that its header tells: the "
                "answer was cut short"
            )
        held = self._samples.feed(self._waiting)
        return np.concatenate([held, self._samples.finish()])

    def _step(self) -> Samples | None:
        """Use up what is waiting; None when more bytes are needed."""
        if self._in_data:
            return self._payload() if self._left is not None else self._payload_without_size()
        if self._skip:
            skipped = min(self._skip, len(self._waiting))
            self._waiting = self._waiting[skipped:]
            self._skip -= skipped
            return NOTHING if skipped else None
        if self._may_be_padded:
            return self._pass_padding()
        if not self._waiting:
            return None
        tag_bytes = tags.length(self._waiting)
        if tag_bytes is None:
            return None
        if tag_bytes:
            self._skip = tag_bytes
            return NOTHING
        return self._chunk() if self._in_file else self._header()

    def _payload(self) -> Samples | None:
        assert self._samples is not None
        assert self._left is not None
        if not self._waiting and self._left:
            return None
        taken = self._waiting[: self._left]
        self._waiting = self._waiting[len(taken) :]
        self._left -= len(taken)
        samples = self._samples.feed(taken)
        return samples if self._left else self._end_of_data(samples)

    def _payload_without_size(self) -> Samples | None:
        assert self._samples is not None
        found = _FOLLOWER.search(self._waiting)
        end = found.start() if found else len(self._waiting) - _beginning_at_end(self._waiting)
        if not found and not end:
            return None
        samples = self._samples.feed(self._waiting[:end])
        self._waiting = self._waiting[end:]
        return self._end_of_data(samples) if found else samples

    def _end_of_data(self, samples: Samples) -> Samples:
        assert self._samples is not None
        self._in_data = False
        return np.concatenate([samples, self._samples.finish()])

    def _pass_padding(self) -> Samples | None:
        """A chunk of an odd size has a byte behind it, which some writers leave out."""
        if len(self._waiting) < 5:
            return None
        is_name = 32 < self._waiting[0] < 127 and self._waiting[1:5] not in _CHUNK_NAMES
        self._skip = 0 if is_name else 1
        self._may_be_padded = False
        return NOTHING

    def _header(self) -> Samples | None:
        if len(self._waiting) < 12:
            return None
        if self._waiting[:4] not in RIFF_NAMES or self._waiting[8:12] != b"WAVE":
            raise TargetFailed(f"found {self._waiting[:12]!r}, wanted the header of a WAV file")
        self._waiting, self._in_file, self._wide_size = self._waiting[12:], True, 0
        return NOTHING

    def _chunk(self) -> Samples | None:
        if self._samples is not None and self._waiting[:4] in RIFF_NAMES:
            self._in_file = False
            return NOTHING
        if len(self._waiting) < 8:
            return None
        name, size = self._waiting[:4], int.from_bytes(self._waiting[4:8], "little")
        if not all(32 <= letter < 127 for letter in name):
            raise TargetFailed(
                f"found {name!r} where a WAV's chunk has its name; its sizes are wrong, or it is "
                "damaged"
            )
        if name == b"data":
            self._begin_data(size)
            self._waiting = self._waiting[8:]
            return NOTHING
        if size > MAX_HEADER:
            raise TargetFailed(f"found a WAV chunk {name!r} of {size} bytes, wanted the sound")
        if name in (b"fmt ", b"ds64") and len(self._waiting) < 8 + size:
            return None
        self._read(name, self._waiting[8 : 8 + size])
        self._skip = 8 + size
        self._may_be_padded = size % 2 == 1
        return NOTHING

    def _read(self, name: bytes, body: bytes) -> None:
        """What a chunk before the sound says of it; others say nothing."""
        if name == b"fmt ":
            self._read_format(body)
        elif name == b"ds64":
            self._wide_size = int.from_bytes(body[8:16], "little")

    def _read_format(self, body: bytes) -> None:
        if len(body) < 16:
            raise TargetFailed(f"found a WAV format of {len(body)} bytes, wanted at least 16")
        tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
        if tag == _EXTENSIBLE and len(body) >= 26:
            tag = int.from_bytes(body[24:26], "little")
        if tag not in (_PCM, _FLOAT):
            raise TargetShapeError(
                f"found a WAV of {_NAMED.get(tag, f'format {tag}')}; wanted PCM or float samples"
            )
        if self._format is not None and self._format != (rate, bits, channels, tag == _FLOAT):
            raise TargetShapeError(
                "the answer changes its WAV format midway; wanted one throughout"
            )
        self._format = (rate, bits, channels, tag == _FLOAT)

    def _begin_data(self, size: int) -> None:
        if self._format is None:
            raise TargetFailed("the WAV's sound comes before its format: it is damaged")
        rate, bits, channels, is_float = self._format
        if self._samples is None:
            self._samples = Pcm(rate, bits=bits, channels=channels, is_float=is_float)
            self.sample_rate, self.notes = rate, self._samples.notes
        if size == _SIZE_IN_DS64 and self._wide_size:
            size = self._wide_size
        bytes_per_s = rate * channels * bits // 8
        self._left = None if _is_placeholder(size, bytes_per_s) else size
        self._in_data = True
        # Whole frames that are odd: of 8 or 24 bits, mono.
        self._may_be_padded = self._left is not None and self._left % 2 == 1


def _is_placeholder(size: int, bytes_per_s: int) -> bool:
    return size == 0 or size >= PLACEHOLDER_BYTES or size > PLACEHOLDER_S * bytes_per_s


def _beginning_at_end(data: bytes) -> int:
    """How many of the last bytes may be the beginning of what ends sound of unknown length."""
    for count in range(min(_FOLLOWER_BYTES - 1, len(data)), 0, -1):
        end = data[-count:]
        if count < _TAG_BYTES and tags.ID3.startswith(end[:3]):
            return count
        for name, kind in _FOLLOWERS:
            if name.startswith(end[:4]) and kind.startswith(end[8:]):
                return count
    return 0
