"""Sound and chunk timelines as files, of scripted recordings."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment import saved_sound
from tests.unit.metrics.factories import RATE, joined, recording, silence, tone

CHUNKS = [(5.0, 0.0), (30.25, 80.0), (62.5, 20.0)]
"""A header, and two chunks with sound."""


def test_a_timeline_has_a_line_for_each_chunk() -> None:
    assert saved_sound.encode_timeline(recording(CHUNKS)).decode().splitlines() == [
        "chunk,ms,bytes,frames",
        "0,5.000,0,0",
        "1,30.250,3840,1920",
        "2,62.500,960,480",
    ]


def test_the_wav_has_the_samples_at_their_rate() -> None:
    samples = joined(silence(20), tone(80))
    body = saved_sound.encode_wav(recording(CHUNKS, samples=samples))
    with wave.open(io.BytesIO(body)) as reader:
        assert reader.getparams()[:4] == (1, 2, RATE, samples.size)
        pcm = np.frombuffer(reader.readframes(samples.size), "<i2")
    assert np.abs(pcm / 32_767 - samples).max() < 1 / 32_767


def test_samples_that_no_wav_can_hold_are_clipped_and_not_wrapped() -> None:
    samples = np.array([2.0, -2.0, np.nan, 0.5], dtype=np.float32)
    body = saved_sound.encode_wav(recording([(10, 1000 * samples.size / RATE)], samples=samples))
    with wave.open(io.BytesIO(body)) as reader:
        pcm = np.frombuffer(reader.readframes(samples.size), "<i2")
    assert pcm.tolist() == [32_767, -32_768, 0, 16_384]


def test_both_files_are_named_by_the_trial(tmp_path: Path) -> None:
    folder = tmp_path / "sound" / "cell"
    saved_sound.save_sound(folder, 7, recording(CHUNKS, samples=tone(100)))
    assert sorted(path.name for path in folder.iterdir()) == ["trial_0007.csv", "trial_0007.wav"]


def test_what_cannot_be_written_says_why_and_what_to_do(tmp_path: Path) -> None:
    in_the_way = tmp_path / "sound"
    in_the_way.write_text("a file")
    with pytest.raises(MeasurementError, match=r"cannot be written.*--ttsperf-save-audio"):
        saved_sound.save_sound(in_the_way / "cell", 0, recording(CHUNKS, samples=tone(100)))
