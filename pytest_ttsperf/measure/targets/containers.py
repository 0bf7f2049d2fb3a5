"""From the bytes of an answer to samples, as the bytes come: WAV and bare PCM.

Samples are counted from the payload and never from what a header promises. Each `feed` gives the
samples that its bytes complete, so that any cutting of the bytes gives the same samples, and each
counts where it could first be played. Encoded containers are in `encoded`.
"""

from __future__ import annotations

import struct
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.errors import TargetFailed, TargetShapeError

Samples = NDArray[np.float32]
NOTHING = np.zeros(0, np.float32)
FORMATS = ("pcm", "wav", "flac", "mp3", "opus", "aac")
STREAMED_SIZE = 0x7FFFF000
"""A data chunk of this size or above is of a length not known when its header was written."""
MAX_HEADER = 1 << 20
SNIFFED_BYTES = 12
_TYPES = {
    "audio/pcm": "pcm", "audio/l16": "pcm", "audio/x-raw": "pcm", "audio/raw": "pcm",
    "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/vnd.wave": "wav",
    "audio/flac": "flac", "audio/x-flac": "flac", "audio/mpeg": "mp3", "audio/mp3": "mp3",
    "audio/ogg": "opus", "audio/opus": "opus", "application/ogg": "opus", "audio/aac": "aac",
    "audio/aacp": "aac", "audio/x-aac": "aac",
}  # fmt: skip
_MAGIC = {b"RIFF": "wav", b"RF64": "wav", b"fLaC": "flac", b"OggS": "opus", b"ID3": "mp3"}
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_NAMED = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM", 85: "MP3 in WAV"}


class Container(Protocol):
    """Takes bytes, gives samples."""

    @property
    def sample_rate(self) -> int | None:
        """In Hz; None until the bytes have told it."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the sound that its sender might not expect."""

    def feed(self, data: bytes) -> Samples:
        """The samples that these bytes complete, mono float32 [frames]; TargetError if damaged."""

    def finish(self) -> Samples:
        """What is left after the last byte; TargetError when the payload ends too early."""


class Pcm:
    """Bare samples, little-endian: 16-bit mono unless told otherwise."""

    def __init__(
        self, sample_rate: int, *, bits: int = 16, channels: int = 1, is_float: bool = False
    ) -> None:
        known = (32, 64) if is_float else (8, 16, 24, 32)
        if bits not in known or channels < 1 or sample_rate < 1:
            raise TargetShapeError(
                f"found {'float' if is_float else 'integer'} samples of {bits} bits, {channels} "
                f"channels, {sample_rate} Hz; wanted {' or '.join(map(str, known))} bits, at least "
                "1 channel and a rate above 0"
            )
        self.sample_rate: int | None = sample_rate
        self.notes: tuple[str, ...] = (mixed_note(channels),) if channels > 1 else ()
        self._bits, self._channels, self._is_float = bits, channels, is_float
        self._frame_bytes = bits // 8 * channels
        self._rest = b""

    def feed(self, data: bytes) -> Samples:
        """See `Container`."""
        data = self._rest + data
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        flat = _floats(data[:whole], self._bits, self._is_float)
        return mono(flat.reshape(-1, self._channels))

    def finish(self) -> Samples:
        """See `Container`."""
        if self._rest:
            raise TargetFailed(
                f"found {len(self._rest)} bytes after the last whole frame of {self._frame_bytes}: "
                "the payload was cut short, or its samples are not as told"
            )
        return NOTHING


class Wav:
    """RIFF/WAVE with true, absent (0) or unknown (0xFFFFFFFF) sizes; other chunks are skipped.

    A header in the midst of the payload's end (servers that send a file per sentence) is read as
    one.
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
        self._in_data = self._in_file = False

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
        if self._in_data and self._left:
            raise TargetFailed(
                f"the WAV ended {self._left} bytes before the end that its header tells: the "
                "answer was cut short"
            )
        return self._samples.finish()

    def _step(self) -> Samples | None:
        """Use up what is waiting; None when more bytes are needed."""
        if self._in_data:
            return self._payload()
        if self._skip:
            skipped = min(self._skip, len(self._waiting))
            self._waiting = self._waiting[skipped:]
            self._skip -= skipped
            return NOTHING if skipped else None
        return self._header() if not self._in_file else self._chunk()

    def _payload(self) -> Samples | None:
        assert self._samples is not None
        if not self._waiting and self._left != 0:
            return None
        taken = self._waiting if self._left is None else self._waiting[: self._left]
        self._waiting = self._waiting[len(taken) :]
        if self._left is not None:
            self._left -= len(taken)
            if not self._left:
                self._in_data = False
        return self._samples.feed(taken)

    def _header(self) -> Samples | None:
        if len(self._waiting) < SNIFFED_BYTES:
            return None
        if self._waiting[:4] not in (b"RIFF", b"RF64") or self._waiting[8:12] != b"WAVE":
            raise TargetFailed(f"found {self._waiting[:12]!r}, wanted the header of a WAV file")
        self._waiting, self._in_file = self._waiting[12:], True
        return NOTHING

    def _chunk(self) -> Samples | None:
        if self._samples is not None and self._waiting[:4] in (b"RIFF", b"RF64"):
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
        elif name == b"fmt ":
            if len(self._waiting) < 8 + size and size <= MAX_HEADER:
                return None
            self._read_format(self._waiting[8 : 8 + size])
            self._skip = 8 + size + size % 2
            return NOTHING
        elif size > MAX_HEADER:
            raise TargetFailed(f"found a WAV chunk {name!r} of {size} bytes, wanted the sound")
        else:
            self._skip = 8 + size + size % 2
            return NOTHING
        self._waiting = self._waiting[8:]
        return NOTHING

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
        if self._samples is None:
            rate, bits, channels, is_float = self._format
            self._samples = Pcm(rate, bits=bits, channels=channels, is_float=is_float)
            self.sample_rate, self.notes = rate, self._samples.notes
        self._left = None if size == 0 or size >= STREAMED_SIZE else size
        self._in_data = True
        # An odd number of bytes is padded; whole frames that are odd are 8-bit mono alone.
        self._skip = 0 if self._left is None else self._left % 2


def sniffed(head: bytes, content_type: str | None, asked: str | None) -> str:
    """Which of FORMATS an answer is in: by its first bytes, else by its type, else as asked for.

    `head` is up to 12 bytes. TargetShapeError for what is no sound, and when nothing tells.
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        raise TargetShapeError("found MP4 (M4A); wanted one of " + ", ".join(FORMATS))
    if kind.startswith("text/") or kind.endswith("json"):
        raise TargetShapeError(
            f"found an answer of type {kind} that begins {head!r}, wanted sound; see the server's "
            "log, or its --ttsperf-http-template"
        )
    if kind in _TYPES:
        return _TYPES[kind]
    if asked in FORMATS:
        return asked
    told = _by_sync_word(head)
    if told is None:
        raise TargetShapeError(
            f"found {head!r} of type {kind or 'none'}, and nothing tells its format; name one of "
            f"{', '.join(FORMATS)} as `format` in --ttsperf-http-template"
        )
    return told


def mono(frames: Samples) -> Samples:
    """[frames, channels] -> [frames]: their mean."""
    if frames.shape[1] == 1:
        return np.asarray(frames[:, 0])
    mixed: Samples = frames.mean(axis=1, dtype=np.float32)
    return mixed


def mixed_note(channels: int) -> str:
    """How a mixdown is told."""
    return f"the sound has {channels} channels; their mean was measured"


def _by_sync_word(head: bytes) -> str | None:
    if len(head) < 2 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "aac"
    return "mp3" if head[1] & 0xE6 == 0xE2 else None


def _floats(data: bytes, bits: int, is_float: bool) -> Samples:
    """Bytes of whole samples -> float32 in -1..1."""
    if is_float:
        return np.frombuffer(data, "<f4" if bits == 32 else "<f8").astype(np.float32)
    if bits == 8:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / np.float32(128)
    if bits == 24:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3)
        whole = np.zeros((len(parts), 4), np.uint8)
        whole[:, 1:] = parts
        wide: Samples = (whole.view("<i4")[:, 0] / 2**31).astype(np.float32)
        return wide
    kind = "<i2" if bits == 16 else "<i4"
    scaled: Samples = (np.frombuffer(data, kind) / 2 ** (bits - 1)).astype(np.float32)
    return scaled
