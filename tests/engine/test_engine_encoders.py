"""Formats: every sample arrives, soon, whatever the chunks are cut into."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from engine.audio import pcm16
from engine.encoders import CONTENT_TYPES, PCM_RATE, open_encoder
from engine.errors import OptionError

SECONDS = 2
CODED = [name for name in CONTENT_TYPES if name != "pcm"]
# What a coder may add at the ends: its look-ahead, and a frame that is not full.
ADDED_S = {"mp3": 0.12, "opus": 0.0, "aac": 0.13, "flac": 0.0, "wav": 0.0}


def tone(sample_rate: int) -> np.ndarray:
    return (0.3 * np.sin(np.arange(SECONDS * sample_rate) * 300 * 2 * np.pi / sample_rate)).astype(
        np.float32
    )


def encoded(name: str, samples: np.ndarray, sample_rate: int, cuts: list[int]) -> list[bytes]:
    encoder = open_encoder(name, sample_rate)
    parts = [encoder.encode(piece) for piece in np.split(samples, cuts)]
    return [*parts, encoder.finish()]


def decoded(content: bytes) -> tuple[np.ndarray, int]:
    pieces, rate = [], 0
    with av.open(io.BytesIO(content)) as container:
        for frame in container.decode(audio=0):
            sound = frame.to_ndarray()
            full = np.iinfo(sound.dtype).max if sound.dtype.kind == "i" else 1.0
            pieces.append(sound.ravel() / full)
            rate = frame.sample_rate
    return np.concatenate(pieces), rate


@pytest.mark.parametrize("sample_rate", [24_000, 22_050])
@pytest.mark.parametrize("name", CODED)
def test_all_of_the_sound_arrives(name: str, sample_rate: int) -> None:
    samples = tone(sample_rate)
    parts = encoded(name, samples, sample_rate, [2400, 2400, 2407, 20_000])
    found, rate = decoded(b"".join(parts))
    added_s = len(found) / rate - SECONDS
    assert -1 / rate <= added_s <= ADDED_S[name] + 1 / rate
    middle = found[len(found) // 4 : -len(found) // 4]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
    assert rate == {"opus": 48_000}.get(name, sample_rate)


@pytest.mark.parametrize("name", ["wav", "flac"])
def test_lossless_formats_lose_nothing(name: str) -> None:
    samples = tone(24_000)
    found, _ = decoded(b"".join(encoded(name, samples, 24_000, [2400])))
    assert np.array_equal(np.rint(found * 32767), np.frombuffer(pcm16(samples), "<i2"))


@pytest.mark.parametrize("name", CODED)
def test_the_first_tenth_of_a_second_leaves_with_the_second_chunk(name: str) -> None:
    # The engine's first chunks: 100 and 200 ms. A coder's look-ahead is less than the second one.
    samples = tone(24_000)[:7200]
    first, second, _ = encoded(name, samples, 24_000, [2400])
    assert first
    found, rate = decoded(first + second)
    assert len(found) / rate >= 0.1


@pytest.mark.parametrize("name", ["opus", "flac", "wav"])
def test_of_the_first_chunk_less_than_a_frame_is_held_back(name: str) -> None:
    first, _ = encoded(name, tone(24_000)[:2400], 24_000, [])
    found, rate = decoded(first)
    assert len(found) / rate > 0.1 - 2 * 0.02


def test_raw_pcm_is_resampled_without_seams() -> None:
    samples = tone(22_050)
    whole = b"".join(encoded("pcm", samples, 22_050, []))
    in_parts = b"".join(encoded("pcm", samples, 22_050, list(range(0, len(samples), 777))))
    assert whole == in_parts
    found = np.frombuffer(whole, "<i2") / 32768
    assert abs(len(found) - SECONDS * PCM_RATE) <= 1
    inside = slice(100, -100)
    assert np.abs(found[: len(tone(PCM_RATE))] - tone(PCM_RATE)[: len(found)])[inside].max() < 0.01


def test_raw_pcm_of_the_same_rate_is_the_samples() -> None:
    samples = tone(24_000)
    assert b"".join(encoded("pcm", samples, 24_000, [5, 9])) == pcm16(samples)


def test_nothing_said_is_still_a_wav() -> None:
    nothing = np.zeros(0, np.float32)
    assert len(b"".join(encoded("wav", nothing, 24_000, []))) == 44


def test_an_unknown_format_is_told() -> None:
    with pytest.raises(OptionError, match="found format 'ogg', wanted one of mp3, opus"):
        open_encoder("ogg", 24_000)
