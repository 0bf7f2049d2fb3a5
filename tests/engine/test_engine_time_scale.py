"""Time-scale modification: durations, chunks, words, and what it refuses."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import numpy as np
import pytest

from engine.audio import Chunk, Samples, Word
from engine.errors import AudioError, PackageNotInstalled
from engine.models.base import SpeedRange
from engine.models.windows import Pairing, retime
from engine.streaming import Chunks
from engine.time_scale import PITCH_FLOOR_HZ, TimeScaler, scale_chunks
from engine.timing import SpanRecorder

RATE = 24_000
PITCH_HZ = 120.0
CHUNK = 2400


def sing(seconds: float, pitch_hz: float = PITCH_HZ) -> Samples:
    """A buzz with a pulse in each period, as a voice has."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    phase = time_s * pitch_hz % 1
    return (0.5 * np.exp(-8 * phase) * np.sin(14 * np.pi * phase)).astype(np.float32)


def scale(samples: Samples, time_scale: float, size: int = CHUNK) -> list[Samples]:
    scaler = TimeScaler(RATE, time_scale)
    pieces = [scaler.push(samples[at : at + size]) for at in range(0, len(samples), size)]
    return [*pieces, scaler.finish()]


def find_pitch_hz(samples: Samples) -> float:
    middle = samples[len(samples) // 4 : len(samples) // 2].astype(np.float64)
    powers = np.correlate(middle, middle, "full")[len(middle) :]
    shortest, longest = RATE // 400, RATE // 60
    return RATE / (shortest + 1 + int(np.argmax(powers[shortest:longest])))


@pytest.mark.parametrize("time_scale", [0.25, 1 / 3, 0.5, 0.8, 1.25, 2.0, 4.0])
def test_it_lasts_as_long_as_it_should_at_the_same_pitch(time_scale: float) -> None:
    samples = sing(3.0)
    scaled = np.concatenate(scale(samples, time_scale))
    assert len(scaled) == pytest.approx(len(samples) * time_scale, rel=0.015)
    assert find_pitch_hz(scaled) == pytest.approx(PITCH_HZ, rel=0.05)


@pytest.mark.parametrize("time_scale", [0.25, 0.8, 4.0])
def test_little_is_held_back(time_scale: float) -> None:
    wanted = pushed = came = 0.0
    for piece in scale(sing(3.0), time_scale)[:-1]:
        pushed += CHUNK
        came += len(piece)
        wanted = pushed * time_scale
        assert wanted - came <= 3 * RATE / PITCH_FLOOR_HZ * max(1, time_scale)
    assert came > 0.9 * wanted


def test_a_step_goes_on_where_the_one_before_ended() -> None:
    """No seam is rougher than what is between seams."""
    pieces = [piece for piece in scale(sing(3.0), 0.6) if len(piece)]
    joined = np.concatenate(pieces)
    seams = np.cumsum([len(piece) for piece in pieces])[:-1]
    steps = np.abs(np.diff(joined))
    assert steps[seams - 1].max() <= steps.max()
    assert steps.max() <= 1.2 * np.abs(np.diff(sing(3.0))).max()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_an_error(bad: float) -> None:
    samples = sing(0.2)
    samples[100] = bad
    with pytest.raises(AudioError, match="at sample 100"):
        TimeScaler(RATE, 0.5).push(samples)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libsonic", None)
    with pytest.raises(PackageNotInstalled, match="pip install 'libsonic"):
        scale_chunks(Source([]).run(), RATE, 0.5, SpanRecorder())


class Source:
    """Chunks, and whether they were closed."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self.is_closed = False
        self._chunks = chunks

    def run(self) -> Chunks:
        try:
            yield from self._chunks
        finally:
            self.is_closed = True


def make_chunks() -> list[Chunk]:
    samples = sing(1.0)
    words = {
        0: (Word("one", 0.0, 0.2),),
        4: (Word("two", 0.45, 0.6),),
        9: (Word("end", 0.96, 1.0),),
    }
    chunks = []
    for index in range(10):
        piece = samples[index * CHUNK : (index + 1) * CHUNK]
        chunks.append(Chunk(piece, RATE, words.get(index, ())))
    return chunks


@pytest.mark.parametrize("time_scale", [0.25, 0.5, 2.0, 4.0])
def test_words_go_with_the_sound(time_scale: float) -> None:
    scaled = list(scale_chunks(Source(make_chunks()).run(), RATE, time_scale, SpanRecorder()))
    words = [word for chunk in scaled for word in chunk.words]
    assert [word.text for word in words] == ["one", "two", "end"]
    near = 0.02 * max(1, time_scale)
    assert words[1].start_s == pytest.approx(0.45 * time_scale, abs=near)
    assert words[1].end_s - words[1].start_s == pytest.approx(0.15 * time_scale)
    end_s = 0.0
    for chunk in scaled:
        begin_s = end_s
        end_s += chunk.duration_s
        assert len(chunk.samples) > 0
        assert all(begin_s <= word.start_s < end_s for word in chunk.words)


def test_words_stay_with_the_sound_in_a_long_stream() -> None:
    """Sonic is off by some 0.7 % here: two thirds of a second at the end, if it added up."""
    time_scale = 4.0
    burst = np.concatenate([sing(0.3), np.zeros(round(0.2 * RATE), np.float32)])
    chunks = [Chunk(burst, RATE, (Word("la", at / 2, at / 2 + 0.3),)) for at in range(40)]
    scaled = list(scale_chunks(Source(chunks).run(), RATE, time_scale, SpanRecorder()))
    samples = np.concatenate([chunk.samples for chunk in scaled])
    sounds_s = np.flatnonzero(np.abs(samples) > 0.05) / RATE
    breaks = np.flatnonzero(np.diff(sounds_s) > 0.1 * time_scale)
    onsets_s = [sounds_s[0], *sounds_s[breaks + 1]]
    starts_s = [word.start_s for chunk in scaled for word in chunk.words]
    np.testing.assert_allclose(starts_s, onsets_s, atol=0.05 * time_scale)


def test_every_step_is_in_the_spans() -> None:
    recorder = SpanRecorder()
    list(scale_chunks(Source(make_chunks()).run(), RATE, 0.5, recorder))
    assert [(span.stage, span.chunk) for span in recorder.spans()] == [
        ("time_scale", index) for index in range(11)
    ]


def test_closing_closes_what_is_behind() -> None:
    source = Source(make_chunks())
    scaled = scale_chunks(source.run(), RATE, 0.5, SpanRecorder())
    next(scaled)
    scaled.close()
    assert source.is_closed


def test_a_model_speaks_at_the_speed_of_its_range_that_is_next() -> None:
    speeds = SpeedRange(0.5, 1.5)
    assert [speeds.nearest(speed) for speed in (0.25, 0.5, 1.2, 4.0)] == [0.5, 0.5, 1.2, 1.5]
    assert SpeedRange().nearest(3.0) == 1.0


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 1.1, 1.25, 1.5])
def test_durations_add_up_and_no_phoneme_is_left_out(speed: float) -> None:
    draw = np.random.default_rng(1)
    for _ in range(50):
        counts = draw.integers(1, 12, 60)
        retimed = retime(counts, speed, front=2)
        assert retimed.min() >= 1
        assert abs(retimed.sum() - counts.sum() / speed) <= 1


def test_long_phonemes_give_more_than_short_ones() -> None:
    counts = np.tile([2, 10], 40)
    short, long = retime(counts, 1.5, front=0).reshape(-1, 2).sum(axis=0)
    assert short / 80 > 1 / 1.5 > long / 400


@pytest.mark.parametrize("least", [0, 1])
@pytest.mark.parametrize("speed", [1.1, 1.5, 2.0])
def test_a_phoneme_and_its_pad_are_timed_as_one(speed: float, least: int) -> None:
    draw = np.random.default_rng(1)
    counts = np.concatenate([[20, 3], draw.integers(1, 12, 60), [4]])
    retimed = retime(counts, speed, front=2, pairing=Pairing(2, least))
    assert retimed[2:-1:2].min() >= 1
    assert retimed[3::2].min() >= least
    assert abs(retimed.sum() - counts.sum() / speed) <= 1


def test_phonemes_that_last_alike_stay_alike_however_they_share_it_with_their_pads() -> None:
    counts = np.array([1, *[5, 5, 9, 1] * 20])
    retimed = retime(counts, 1.5, front=1, pairing=Pairing(2, 0))
    pairs = retimed[1:].reshape(-1, 2).sum(axis=1)
    assert abs(pairs[::2].sum() - pairs[1::2].sum()) <= 2
    alone = retime(counts, 1.5, front=1)[1:].reshape(-1, 2).sum(axis=1)
    assert abs(alone[::2].sum() - alone[1::2].sum()) > 10


def test_the_silence_in_front_is_divided_as_it_is() -> None:
    counts = np.array([30, *[4] * 40])
    assert retime(counts, 1.5, front=1)[0] == 20


def test_where_no_frame_is_left_to_give_every_phoneme_has_one() -> None:
    assert retime(np.ones(9, np.int64), 1.5, front=1).tolist() == [1] * 9
