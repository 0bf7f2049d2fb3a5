"""The sound of trials as WAV and the arrivals of their chunks as CSV: on request, after each."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pytest_ttsperf import files
from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.metrics import audio
from pytest_ttsperf.metrics.playback import NS_PER_MS
from pytest_ttsperf.records import Recording

COLUMNS = "chunk,ms,bytes,frames"
SAMPLE_BYTES = 2
FULL_SCALE = 32_767


def save_sound(folder: Path, index: int, recording: Recording) -> None:
    """Write `trial_0007.wav` and `trial_0007.csv` of a recording that has its samples.

    MeasurementError where they cannot be written.
    """
    stem = folder / f"trial_{index:04d}"
    bodies = {".wav": encode_wav(recording), ".csv": encode_timeline(recording)}
    for suffix, body in bodies.items():
        path = stem.with_suffix(suffix)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_file(path, body)
        except OSError as error:
            raise MeasurementError(
                f"{path} cannot be written: {files.reason_of(error)}; mend that, choose another "
                "place with --ttsperf-artifacts, or leave out --ttsperf-save-audio"
            ) from error


def encode_wav(recording: Recording) -> bytes:
    """Mono, 16 bits, at the rate of the recording; samples beyond full scale are clipped."""
    samples = np.nan_to_num(audio.to_samples(recording))
    pcm = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE - 1, FULL_SCALE).astype("<i2")
    body = io.BytesIO()
    with wave.open(body, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(SAMPLE_BYTES)
        writer.setframerate(recording.sample_rate)
        writer.writeframes(pcm.tobytes())
    return body.getvalue()


def encode_timeline(recording: Recording) -> bytes:
    """A line for each chunk: its number, ms since the request, bytes in the WAV, and frames.

    A chunk without sound (a container's header, an empty array) has 0 of both.
    """
    return "".join(f"{line}\n" for line in _timeline(recording)).encode()


def _timeline(recording: Recording) -> Iterator[str]:
    yield COLUMNS
    chunks = zip(recording.arrivals_ns, recording.frame_counts, strict=True)
    for number, (arrival_ns, frames) in enumerate(chunks):
        since_request_ms = (arrival_ns - recording.request_ns) / NS_PER_MS
        yield f"{number},{since_request_ms:.3f},{frames * SAMPLE_BYTES},{frames}"
