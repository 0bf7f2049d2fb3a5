"""The sound of a page: its outline, its size, and what is said where there is none."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path

import numpy as np
import pytest

from pytest_ttsperf.report.html import sounds
from pytest_ttsperf.report.html.sounds import SoundShelf

RATE = 24_000


def write_wav(path: Path, samples: np.ndarray, *, channels: int = 1, width: int = 2) -> Path:
    """Samples of 16 bits, shape (frames * channels,), or bytes of another width."""
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(RATE)
        writer.writeframes(samples.tobytes())
    return path


def tone(seconds: float, peak: float = 0.5) -> np.ndarray:
    instants = np.arange(round(seconds * RATE)) / RATE
    return np.round(peak * 32_767 * np.sin(2 * np.pi * 220 * instants)).astype("<i2")


@pytest.fixture
def encoder() -> None:
    pytest.importorskip("av")


def test_samples_come_back_as_they_were_written(tmp_path: Path) -> None:
    samples = tone(0.1)
    read, rate = sounds.read_wav(write_wav(tmp_path / "a.wav", samples))
    assert rate == RATE
    assert np.array_equal(read, samples)


def test_of_two_channels_the_first_is_taken(tmp_path: Path) -> None:
    both = np.stack([tone(0.1), np.zeros_like(tone(0.1))], axis=1).ravel()
    read, _ = sounds.read_wav(write_wav(tmp_path / "a.wav", both, channels=2))
    assert np.array_equal(read, tone(0.1))


def test_an_outline_shows_where_it_is_loud() -> None:
    samples = np.concatenate([tone(0.5, 0.1), tone(0.5, 0.8)])
    outline = sounds.outline_of(samples, RATE, most=10)
    assert len(outline.peaks) == 10
    assert outline.column_ms == pytest.approx(100)
    assert max(outline.peaks[:5]) < 0.11
    assert min(outline.peaks[5:]) > 0.7


def test_the_lowest_sample_has_a_peak_of_one() -> None:
    """Its absolute value does not fit into 16 bits."""
    outline = sounds.outline_of(np.array([-32_768], dtype=np.int16), RATE)
    assert outline.peaks == (1.0,)


def test_an_outline_never_has_too_many_columns() -> None:
    for frames in (1, 399, 400, 401, 12_345):
        outline = sounds.outline_of(np.ones(frames, dtype=np.int16), RATE)
        assert len(outline.peaks) <= sounds.MOST_PEAKS
        assert len(outline.peaks) * outline.column_ms >= 1000 * frames / RATE * (1 - 1e-9)


def test_nothing_has_no_outline() -> None:
    assert sounds.outline_of(np.zeros(0, dtype=np.int16), RATE).peaks == ()


def test_sound_is_as_long_as_it_was_and_much_smaller(encoder: None) -> None:
    import av

    samples = tone(2.0)
    content = sounds.encode_opus(samples, RATE)
    assert len(content) < samples.nbytes / 5
    with av.open(io.BytesIO(content)) as container:
        frames = sum(frame.samples for frame in container.decode(audio=0))
    assert frames / 48_000 == pytest.approx(2.0, abs=0.05)


def test_a_page_has_the_sound_itself(encoder: None, tmp_path: Path) -> None:
    sound = SoundShelf().take(write_wav(tmp_path / "a.wav", tone(1.0)))
    assert sound.missing_because is None
    assert sound.outline is not None
    assert sound.source is not None
    kind, _, content = sound.source.partition(",")
    assert kind == "data:audio/ogg;codecs=opus;base64"
    assert base64.b64decode(content)[:4] == b"OggS"


def test_what_exceeds_the_page_is_left_out_and_named(encoder: None, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "trial_0007.wav", tone(1.0))
    whole = SoundShelf().take(path)
    assert whole.source is not None
    shelf = SoundShelf(most_bytes=len(whole.source) * 3 // 2)
    first, second = shelf.take(path), shelf.take(path)
    assert first.source is not None
    assert second.source is None
    assert second.outline is not None, "the outline is drawn all the same"
    assert second.missing_because is not None
    assert "trial_0007.wav" in second.missing_because


def test_what_has_no_room_is_not_encoded_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []

    def encode(samples: np.ndarray, sample_rate: int) -> bytes:
        lengths.append(samples.size)
        return samples.tobytes()

    monkeypatch.setattr(sounds, "has_encoder", lambda: True)
    monkeypatch.setattr(sounds, "encode_opus", encode)
    long = write_wav(tmp_path / "long.wav", tone(0.2))
    short = write_wav(tmp_path / "short.wav", tone(0.1))
    shelf = SoundShelf(most_bytes=len(sounds.data_address(tone(0.1).tobytes())))
    taken = [shelf.take(path) for path in (long, long, short, short, long)]
    assert [sound.source is not None for sound in taken] == [False, False, True, False, False]
    assert len(lengths) == 3, "the long one once, and the short one until there is no room"
    assert all(sound.outline is not None for sound in taken)


def test_without_an_encoder_the_outline_is_drawn_and_the_remedy_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sounds, "has_encoder", lambda: False)
    sound = SoundShelf().take(write_wav(tmp_path / "a.wav", tone(0.1)))
    assert sound.source is None
    assert sound.outline is not None
    assert sound.missing_because is not None
    assert "pytest-ttsperf[report]" in sound.missing_because


def test_a_sound_that_was_not_saved_says_why() -> None:
    sound = SoundShelf().take(None, "run with --ttsperf-save-audio")
    assert sound.missing_because == "run with --ttsperf-save-audio"
    assert SoundShelf().take(None).missing_because == "its sound was not saved"


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a sound at all" * 10])
def test_a_file_that_is_no_sound_is_a_missing_sound(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    sound = SoundShelf().take(path)
    assert sound.source is None
    assert sound.missing_because is not None
    assert sound.missing_because.startswith("a.wav cannot be read")


def test_a_file_that_is_gone_is_a_missing_sound(tmp_path: Path) -> None:
    sound = SoundShelf().take(tmp_path / "a.wav")
    assert sound.missing_because is not None


def test_other_samples_than_of_16_bits_are_refused(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", np.zeros(100, dtype=np.uint8), width=1)
    sound = SoundShelf().take(path)
    assert sound.missing_because is not None
    assert "found samples of 8 bits, wanted 16" in sound.missing_because


def test_a_sound_without_samples_is_a_missing_sound(tmp_path: Path) -> None:
    sound = SoundShelf().take(write_wav(tmp_path / "a.wav", np.zeros(0, dtype=np.int16)))
    assert sound.missing_because == "a.wav has no samples"


def test_what_cannot_be_encoded_is_a_missing_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(samples: np.ndarray, sample_rate: int) -> bytes:
        raise ValueError("no codec called libopus")

    monkeypatch.setattr(sounds, "has_encoder", lambda: True)
    monkeypatch.setattr(sounds, "encode_opus", refuse)
    sound = SoundShelf().take(write_wav(tmp_path / "a.wav", tone(0.1)))
    assert sound.outline is not None
    assert sound.missing_because == "PyAV cannot encode it: no codec called libopus"
