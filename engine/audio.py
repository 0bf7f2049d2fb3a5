"""Audio as the engine hands it out: chunks, 16-bit PCM and WAV."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import struct
from dataclasses import dataclass
from os import PathLike
from typing import BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .errors import AudioError

Samples = NDArray[np.float32]


class Word(NamedTuple):
    """A word as it is read, when it is said, and what of the text it was read from.

    start_s, end_s: in seconds from the start of the stream. start_char, end_char: its characters in
    the text as it was sent, from start to before end; several words may be read from the same ones,
    as "one hundred dollars" is from "$100". None where that is not clear.
    """

    text: str
    start_s: float
    end_s: float
    start_char: int | None = None
    end_char: int | None = None


QUIET = 0.005  # what stays below is silence
LEAD_S = 0.03  # of silence before the first sound stays
PCM16_SCALE = 32768
FRAME_BYTES = 2  # of 16-bit mono
WAV_HEADER_BYTES = 44
# What a WAV header says of a length that is not settled yet; players then read to the end.
WAV_UNKNOWN_BYTES = 0xFFFFFFFF
MAX_LINKS = 40


@dataclass(frozen=True, slots=True, eq=False)
class SampledAudio:
    """Finite float32 mono samples, full scale at -1 and 1, and their rate in Hz."""

    samples: Samples
    sample_rate: int

    def __post_init__(self) -> None:
        check_samples(self.samples)

    @property
    def frame_count(self) -> int:
        """Samples per channel; there is one channel."""
        return len(self.samples)

    @property
    def duration_s(self) -> float:
        """Playing time in seconds."""
        return len(self.samples) / self.sample_rate

    def pcm16(self) -> bytes:
        """The samples as little-endian signed 16-bit PCM."""
        return pcm16(self.samples)


@dataclass(frozen=True, slots=True, eq=False)
class Chunk(SampledAudio):
    """A piece of audio as a stream yields it, and the words that begin in it.

    Not every voice reports its words. Raises AudioError for unfit samples.
    """

    words: tuple[Word, ...] = ()


def pcm16(samples: Samples) -> bytes:
    """Float samples -> little-endian signed 16-bit PCM: scaled by 32768, rounded, clipped.

    Every 16-bit value survives the way to float (divided by 32768) and back. Raises AudioError
    for samples that are not finite: as integers they would be a loud click.
    """
    check_samples(samples)
    scaled = np.rint(samples * np.float32(PCM16_SCALE))
    clipped = np.clip(scaled, -PCM16_SCALE, PCM16_SCALE - 1)
    pcm: bytes = clipped.astype("<i2").tobytes()
    return pcm


def silence(duration_s: float, sample_rate: int) -> Samples:
    """Digital silence of that many seconds, to the nearest sample."""
    return np.zeros(round(duration_s * sample_rate), np.float32)


def wav_header(sample_rate: int, frame_count: int | None = None) -> bytes:
    """The 44 bytes before 16-bit mono PCM; without a frame count, those of an endless stream."""
    if frame_count is None:
        data_bytes = riff_bytes = WAV_UNKNOWN_BYTES
    else:
        data_bytes = frame_count * FRAME_BYTES
        riff_bytes = data_bytes + WAV_HEADER_BYTES - 8
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        riff_bytes,
        b"WAVE",
        b"fmt ",
        16,  # bytes of the format, which follow
        1,  # PCM
        1,  # channel
        sample_rate,
        sample_rate * FRAME_BYTES,
        FRAME_BYTES,
        8 * FRAME_BYTES,
        b"data",
        data_bytes,
    )


def open_output(path: str | PathLike[str]) -> BinaryIO:
    """A file to write audio to; `/dev/stdout` and other open descriptors go on where they are.

    Opened by its name, a file that standard output is appended to would be emptied.
    """
    descriptor = _find_descriptor(os.fspath(path))
    if descriptor is None:
        return open(path, "wb")
    return os.fdopen(os.dup(descriptor), "wb")


def _find_descriptor(path: str) -> int | None:
    """The number of the open descriptor that a path leads to, if it leads to one."""
    pattern = re.compile(rf"(?:/dev/fd|/proc/{os.getpid()}/fd)/(\d+)")
    for _ in range(MAX_LINKS):
        folder = os.path.realpath(os.path.dirname(path))
        path = os.path.join(folder, os.path.basename(path))
        match = pattern.fullmatch(path)
        if match is not None:
            return int(match[1])
        if not os.path.islink(path):
            return None
        path = os.path.join(folder, os.readlink(path))
    return None


def _can_go_back(file: BinaryIO) -> bool:
    """Whether what was written can be written over: not in a device, nor where all is appended."""
    if not file.seekable():
        return False
    try:
        descriptor = file.fileno()
    except OSError:
        return True  # in memory
    is_appended = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
    return stat.S_ISREG(os.fstat(descriptor).st_mode) and not is_appended


class WavWriter:
    """Writes a WAV as it comes: first the header, then audio, and at the end the right lengths.

    The file object stays open. One that cannot go back keeps the header of an endless stream.
    """

    def __init__(self, file: BinaryIO, sample_rate: int) -> None:
        self._file = file
        self._sample_rate = sample_rate
        self._frame_count = 0
        file.write(wav_header(sample_rate))

    def write(self, samples: Samples) -> None:
        """Append samples."""
        self._file.write(pcm16(samples))
        self._frame_count += len(samples)

    def finish(self) -> None:
        """Replace the header by one with the real length."""
        if _can_go_back(self._file):
            data_bytes = self._frame_count * FRAME_BYTES
            self._file.seek(-WAV_HEADER_BYTES - data_bytes, os.SEEK_END)
            self._file.write(wav_header(self._sample_rate, self._frame_count))
            self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.finish()


def check_samples(samples: Samples) -> None:
    """Raises AudioError for anything but finite float32 of one dimension."""
    if samples.dtype != np.float32 or samples.ndim != 1:
        raise AudioError(
            f"found samples of type {samples.dtype} and shape {samples.shape}, wanted float32 and "
            "one dimension; convert them with np.asarray(samples, np.float32).ravel()"
        )
    finite = np.isfinite(samples)
    if not finite.all():
        first = int(np.argmin(finite))
        raise AudioError(
            f"found {samples[first]} at sample {first}, wanted finite samples; "
            "look for the stage that made them, clipping would only hide it"
        )


def lead_samples(samples: Samples, latest: int, sample_rate: int) -> int:
    """How many samples in front are more silence than should be.

    The first sound is looked for up to `latest`, by which it is taken to have begun.
    """
    loud = np.flatnonzero(np.abs(samples[: latest + 1]) > QUIET)
    onset = latest
    if len(loud):
        onset = int(loud[0])
    return max(0, onset - round(LEAD_S * sample_rate))
