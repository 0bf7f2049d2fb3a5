"""Chunks, PCM and WAV."""

from __future__ import annotations

import io
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.audio import Chunk, WavWriter, pcm16, silence, wav_header
from engine.errors import AudioError, OptionError
from engine.utterance import Audio

RATE = 24_000
finite = arrays.arrays(np.float32, st.integers(0, 200), elements=st.floats(-2, 2, width=32))
codes = arrays.arrays(np.int16, st.integers(0, 200))


@given(codes)
def test_every_16_bit_value_survives_the_way_to_float_and_back(values: np.ndarray) -> None:
    floats = (values / np.float32(32768)).astype(np.float32)
    assert pcm16(floats) == values.astype("<i2").tobytes()


@given(finite)
def test_pcm_is_the_nearest_value_and_clipped(samples: np.ndarray) -> None:
    values = np.frombuffer(pcm16(samples), "<i2").astype(np.float64)
    wanted = np.clip(samples.astype(np.float64) * 32768, -32768, 32767)
    assert np.abs(values - wanted).max(initial=0) <= 0.5


def test_pcm_clips_rather_than_wraps() -> None:
    assert np.frombuffer(pcm16(np.float32([1.0, 9.0, -1.0, -9.0])), "<i2").tolist() == [
        32767, 32767, -32768, -32768
    ]  # fmt: skip


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_an_error(bad: float) -> None:
    samples = np.zeros(10, np.float32)
    samples[7] = bad
    for use in (pcm16, lambda s: Chunk(s, RATE), lambda s: Audio(s, RATE)):
        with pytest.raises(AudioError, match=f"found {bad} at sample 7"):
            use(samples)


@pytest.mark.parametrize("samples", [np.zeros(3), np.zeros((1, 3), np.float32), np.zeros(3, "i2")])
def test_samples_of_another_shape_or_type_are_an_error(samples: np.ndarray) -> None:
    with pytest.raises(AudioError, match="wanted float32 and one dimension"):
        Chunk(samples, RATE)


def test_a_chunk_knows_its_length_and_cannot_be_changed() -> None:
    chunk = Chunk(np.zeros(2400, np.float32), RATE)
    assert (chunk.frame_count, chunk.duration_s, len(chunk.pcm16())) == (2400, 0.1, 4800)
    with pytest.raises(AttributeError):
        chunk.sample_rate = 8000  # type: ignore[misc]


def test_joining_no_chunks_is_empty_audio() -> None:
    assert Audio.join([], RATE).frame_count == 0


@given(st.lists(codes, max_size=5))
def test_a_wav_written_piece_by_piece_reads_back_the_same(pieces: list[np.ndarray]) -> None:
    file = io.BytesIO()
    with WavWriter(file, RATE) as wav:
        for piece in pieces:
            wav.write((piece / np.float32(32768)).astype(np.float32))
    file.seek(0)
    with wave.open(file) as read:
        assert (read.getnchannels(), read.getsampwidth(), read.getframerate()) == (1, 2, RATE)
        frames = read.readframes(read.getnframes())
    assert frames == b"".join(piece.astype("<i2").tobytes() for piece in pieces)


@pytest.mark.parametrize("name", ["a.wav", "a.WAV", "a"])
def test_audio_saves_a_wav(tmp_path: Path, name: str) -> None:
    audio = Audio(np.linspace(-1, 1, 500, dtype=np.float32), RATE)
    audio.save(tmp_path / name)
    with wave.open(str(tmp_path / name)) as read:
        assert read.readframes(1000) == audio.pcm16()


@pytest.mark.parametrize(
    ("name", "container"),
    [("a.mp3", "mp3"), ("a.opus", "ogg"), ("a.ogg", "ogg"), ("a.flac", "flac"), ("a.aac", "aac")],
)
def test_audio_saves_what_the_name_says(tmp_path: Path, name: str, container: str) -> None:
    audio = Audio(np.sin(np.arange(5 * RATE // 2) / 20).astype(np.float32) / 4, RATE)
    audio.save(str(tmp_path / name))
    with av.open(str(tmp_path / name)) as found:
        assert found.format.name == container
        duration_s = sum(frame.samples / frame.sample_rate for frame in found.decode(audio=0))
    assert audio.duration_s <= duration_s < audio.duration_s + 0.15  # codecs fill their last frame


def test_a_raw_file_is_the_samples_alone(tmp_path: Path) -> None:
    audio = Audio(np.linspace(-1, 1, 2 * RATE + 5, dtype=np.float32), RATE)
    audio.save(tmp_path / "a.pcm")
    assert (tmp_path / "a.pcm").read_bytes() == audio.pcm16()


def test_an_ending_of_no_format_is_refused_before_a_file_is_touched(tmp_path: Path) -> None:
    audio = Audio(np.zeros(500, np.float32), RATE)
    with pytest.raises(OptionError, match=r"wanted a name that ends in one of \.wav, \.mp3"):
        audio.save(tmp_path / "a.m4a")
    assert list(tmp_path.iterdir()) == []


def test_without_the_encoders_a_file_that_needs_them_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    audio = Audio(np.zeros(500, np.float32), RATE)
    with pytest.raises(OptionError, match="found no package av"):
        audio.save(tmp_path / "a.mp3")
    assert list(tmp_path.iterdir()) == []


def test_a_header_with_a_length_is_what_the_standard_library_writes() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(bytes(200))
    assert wav_header(RATE, 100) == file.getvalue()[:44]


def test_a_file_that_cannot_seek_keeps_the_header_of_an_endless_stream() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    pipe = Pipe()
    with WavWriter(pipe, RATE) as wav:
        wav.write(np.zeros(5, np.float32))
    assert pipe.getvalue() == wav_header(RATE) + bytes(10)
    assert wav_header(RATE)[40:] == b"\xff\xff\xff\xff"


def test_silence_is_silent_and_as_long_as_asked() -> None:
    quiet = silence(0.25, RATE)
    assert (len(quiet), quiet.dtype, quiet.any()) == (6000, np.float32, False)


def test_a_wav_appended_to_a_file_keeps_the_header_of_an_endless_stream(tmp_path: Path) -> None:
    samples = np.full(100, 0.5, np.float32)
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with path.open("ab") as file, WavWriter(file, 24_000) as wav:
        wav.write(samples)
    assert path.read_bytes() == b"before" + wav_header(24_000) + pcm16(samples)
