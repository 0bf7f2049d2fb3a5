"""The sound of the trials that a page lets hear: its outline, and the whole as Opus.

Only the trials that stand on a time axis are looked at: failing ones and median ones. Speech takes
some 3 kB a second as Opus and a third more as text; what exceeds MOST_BYTES of a page is left out,
and the page says so. The WAV that `--ttsperf-save-audio` has written is read as it is; to encode
it takes PyAV (the extra `report`), without which the outline is drawn all the same.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import math
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf import files

BITS_PER_S = 24_000
"""Speech of one voice is clear in it, with the holes and clicks that one listens for."""
OPUS_RATE = 48_000
SAMPLE_BYTES = 2
FULL_SCALE = 32_768
MOST_PEAKS = 400
"""Columns of an outline: more than that are less than three pixels wide."""
MOST_BYTES = 160_000
"""Of sound in one page, as text."""
OPUS_TYPE = "audio/ogg;codecs=opus"
NO_ENCODER = "PyAV is not installed, so the page has no sound: pip install 'pytest-ttsperf[report]'"


class Outline(NamedTuple):
    """How loud each column of a sound is at most, 0..1, and how long a column lasts."""

    peaks: tuple[float, ...]
    column_ms: float


class EmbeddedSound(NamedTuple):
    """What the page has of the sound of one trial."""

    outline: Outline | None = None
    source: str | None = None
    """A `data:` address that needs no request."""
    missing_because: str | None = None
    """Why there is nothing to be played."""


class SoundShelf:
    """Reads and encodes the sound of trials, until the page has MOST_BYTES of it."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._left_bytes = most_bytes
        self._most_bytes = most_bytes
        self._too_long_s = math.inf
        """The shortest sound that there was no room for: none as long as that is encoded."""

    def take(self, path: Path | None, missing_because: str | None = None) -> EmbeddedSound:
        """The sound of a WAV file; for None what says why there is no file.

        A file that cannot be read, or is not 16-bit PCM, is a missing sound and not an error: a
        page is written after the run was judged.
        """
        if path is None:
            return EmbeddedSound(missing_because=missing_because or "its sound was not saved")
        try:
            samples, sample_rate = read_wav(path)
        except (OSError, EOFError, ValueError, wave.Error) as error:
            reason = files.reason_of(error) or "it ends too early"
            return EmbeddedSound(missing_because=f"{path.name} cannot be read: {reason}")
        outline = outline_of(samples, sample_rate)
        if not samples.size:
            return EmbeddedSound(missing_because=f"{path.name} has no samples")
        if not has_encoder():
            return EmbeddedSound(outline, missing_because=NO_ENCODER)
        return self._encode(path, outline, samples, sample_rate)

    def _encode(
        self,
        path: Path,
        outline: Outline,
        samples: NDArray[np.int16],
        sample_rate: int,
    ) -> EmbeddedSound:
        """The sound as Opus, if there is room for it."""
        seconds = samples.size / sample_rate
        if seconds >= self._too_long_s:
            return self._leave_out(path, outline)
        try:
            source = data_address(encode_opus(samples, sample_rate))
        except Exception as error:  # whatever a build of FFmpeg lacks: the page is not lost by it
            reason = f"PyAV cannot encode it: {files.reason_of(error)}"
            return EmbeddedSound(outline, missing_because=reason)
        if len(source) > self._left_bytes:
            self._too_long_s = seconds
            return self._leave_out(path, outline)
        self._left_bytes -= len(source)
        return EmbeddedSound(outline, source)

    def _leave_out(self, path: Path, outline: Outline) -> EmbeddedSound:
        """A sound that there is no room for, and where it can be played."""
        most_kb = self._most_bytes // 1000
        reason = f"sound left out, as a page has {most_kb} kB of it at most: play {path.name}"
        return EmbeddedSound(outline, missing_because=reason)


def has_encoder() -> bool:
    """Whether sound can be encoded here."""
    return importlib.util.find_spec("av") is not None


def read_wav(path: Path) -> tuple[NDArray[np.int16], int]:
    """Samples, shape (frames,), and their rate; of several channels the first.

    OSError and wave.Error where it cannot be read, ValueError where samples have not 16 bits.
    """
    with wave.open(str(path), "rb") as reader:
        if reader.getsampwidth() != SAMPLE_BYTES:
            raise ValueError(
                f"found samples of {8 * reader.getsampwidth()} bits, wanted 16 as "
                "--ttsperf-save-audio writes them"
            )
        channels = reader.getnchannels()
        sample_rate = reader.getframerate()
        content = reader.readframes(reader.getnframes())
    samples = np.frombuffer(content, dtype="<i2").astype(np.int16)
    return np.ascontiguousarray(samples[::channels]), sample_rate


def outline_of(samples: NDArray[np.int16], sample_rate: int, most: int = MOST_PEAKS) -> Outline:
    """The peaks of equal columns, at most `most`; the last may be of fewer samples."""
    if not samples.size:
        return Outline((), 0.0)
    column = max(1, -(-samples.size // most))
    sizes = np.abs(samples.astype(np.int32))
    starts = np.arange(0, samples.size, column)
    peaks = np.maximum.reduceat(sizes, starts) / FULL_SCALE
    return Outline(tuple(peaks.tolist()), column / sample_rate * 1000)


def encode_opus(samples: NDArray[np.int16], sample_rate: int) -> bytes:
    """Opus in Ogg; PyAV resamples to 48 kHz. ImportError without PyAV."""
    import av
    from av.audio.stream import AudioStream

    frame = av.AudioFrame.from_ndarray(samples[np.newaxis], "s16", "mono")
    frame.sample_rate = sample_rate
    body = io.BytesIO()
    with av.open(body, "w", format="ogg") as container:
        codec = "libopus"
        options = {"b": str(BITS_PER_S)}
        stream = container.add_stream(codec, rate=OPUS_RATE, layout="mono", options=options)
        assert isinstance(stream, AudioStream)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return body.getvalue()


def data_address(content: bytes) -> str:
    """The bytes of a sound as an address that holds them."""
    return f"data:{OPUS_TYPE};base64,{base64.b64encode(content).decode('ascii')}"
