"""Streamed inside a sentence, a voice says to the last bit what it says as a whole.

benchmarks/engine_fidelity.py does the same over many more sentences, and compares with the voice
package's own audio.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.audio import LEAD_S, QUIET
from engine.chunk_lengths import chunk_s
from engine.engine import Engine
from engine.models.base import AudioPiece, StreamContext
from engine.models.hibari.graph import cut
from engine.models.hibari.model import CALIBRATION, HibariFrames, HibariModel, chunk_ends
from engine.models.hibari.vocoder import HOP, SAMPLE_RATE
from engine.runtime.providers import CPU, SessionOptions
from engine.runtime.session import CancelToken, Session
from engine.text.phonemizer import PAD_ID, ModelInput
from engine.timing import SpanRecorder
from engine.voices import find_voice
from tests.examples import examples

SENTENCES = (
    "Yes.",
    "This is a short test sentence.",
    "The quick brown fox jumps over the lazy dog, while seven wizards quietly watch from a hill.",
    "On the third of March, 1,250 people paid nine dollars each to hear it read aloud, and nobody "
    "asked for the money back when the reader lost her place.",
)
FLOAT_DB = 90.0
WHOLE_S = 1000.0


@pytest.fixture(scope="module")
def model(voice: Engine) -> HibariModel:
    assert isinstance(voice._model, HibariModel)
    return voice._model


@pytest.fixture(scope="module")
def float_model(model: HibariModel) -> HibariModel:
    """The same voice with nothing rounded behind the encoder."""
    heart = find_voice("heart")
    vocabulary = json.loads(heart.vocabulary.read_text("utf-8"))
    sentences = [[PAD_ID, *map(vocabulary.__getitem__, s), PAD_ID] for s in CALIBRATION[:4]]
    graphs = cut(heart.read_model(), sentences, quantised=False)
    stages = [Session(graph, CPU, SessionOptions()) for graph in graphs.values()]
    return HibariModel(*stages, model._phonemize)


def speech_of(model: HibariModel, text: str) -> ModelInput:
    (speech,) = model.read(text)
    return speech


def pieces_of(
    model: HibariModel, speech: ModelInput, size_s: Callable[[int], float], *, trim: bool = False
) -> list[AudioPiece]:
    request = StreamContext(np.random.default_rng(0), SpanRecorder(), CancelToken(), size_s)
    return list(model.stream(speech, request, 0, trim=trim))


def samples_of(*how: object, **options: bool) -> np.ndarray:
    return np.concatenate([piece.samples for piece in pieces_of(*how, **options)])  # type: ignore[arg-type]


def snr_db(found: np.ndarray, wanted: np.ndarray) -> float:
    error = np.sum((found.astype(np.float64) - wanted) ** 2)
    return 10 * np.log10(np.sum(wanted.astype(np.float64) ** 2) / max(error, 1e-30))


@pytest.mark.parametrize("text", SENTENCES)
@pytest.mark.parametrize("trim", [False, True])
def test_the_shipped_schedule_changes_no_bit(model: HibariModel, text: str, trim: bool) -> None:
    speech = speech_of(model, text)
    streamed = samples_of(model, speech, chunk_s, trim=trim)
    whole = samples_of(model, speech, lambda _: WHOLE_S)
    np.testing.assert_array_equal(streamed, whole[len(whole) - len(streamed) :])
    assert len(whole) == model.encode(speech.ids).frame_count * HOP
    assert (len(streamed) < len(whole)) == trim


@settings(max_examples=examples(15))
@given(st.lists(st.floats(0.001, 1.5), min_size=1), st.sampled_from(SENTENCES[:3]), st.booleans())
@example([0.0125], SENTENCES[1], False)
@example([1.5, 0.001], SENTENCES[1], True)
def test_no_schedule_changes_any_bit(
    model: HibariModel, sizes_s: list[float], text: str, trim: bool
) -> None:
    speech = speech_of(model, text)
    found = samples_of(model, speech, lambda n: sizes_s[n % len(sizes_s)], trim=trim)
    whole = samples_of(model, speech, lambda _: WHOLE_S, trim=trim)
    np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize("step", [1, 7, 30])
def test_the_pitch_is_the_whole_sentences_to_the_last_bit(model: HibariModel, step: int) -> None:
    encoded = model.encode(speech_of(model, SENTENCES[2]).ids)

    def pitch(size: int) -> Iterator[np.ndarray]:
        frames = HibariFrames(encoded, model._prosody, model._decode, 0, None)
        for stop in range(size, encoded.frame_count + size, size):
            yield frames.take_until(stop).pitch

    parts = list(pitch(step))
    np.testing.assert_array_equal(np.concatenate(parts), *pitch(encoded.frame_count))
    assert len(parts) == -(-encoded.frame_count // step)


def test_float_graphs_are_as_exact(float_model: HibariModel, model: HibariModel) -> None:
    for text in SENTENCES[:3]:
        speech = speech_of(model, text)
        streamed = samples_of(float_model, speech, chunk_s)
        whole = samples_of(float_model, speech, lambda _: WHOLE_S)
        assert len(streamed) == len(whole) == len(samples_of(model, speech, chunk_s))
        assert snr_db(streamed, whole) >= FLOAT_DB


def test_the_sound_starts_behind_the_lead_that_is_left(voice: Engine) -> None:
    for text in SENTENCES:
        samples = voice.synthesize(text).samples
        onset_s = np.argmax(np.abs(samples) > 10 ** (-50 / 20)) / voice.sample_rate
        assert 0.0 < onset_s < 0.13
        first = next(voice.stream(text))
        assert first.duration_s - onset_s >= 0.08, "a first chunk that sounds"


def test_no_joint_can_be_heard_in_the_spectrum(voice: Engine) -> None:
    chunks = list(voice.stream(SENTENCES[3]))
    samples = np.concatenate([chunk.samples for chunk in chunks])
    joints = np.cumsum([chunk.frame_count for chunk in chunks])[:-1]
    size = 256
    window = np.hanning(size)

    def flux(at: np.ndarray) -> np.ndarray:
        before, after = (
            np.abs(np.fft.rfft(np.stack([samples[a + d : a + d + size] for a in at]) * window))
            for d in (-size, 0)
        )
        return np.maximum(np.log(after + 1e-3) - np.log(before + 1e-3), 0).mean(axis=1)

    everywhere = flux(np.arange(size, len(samples) - size, 97))
    at_joints = flux(joints[joints < len(samples) - size])
    assert len(at_joints) > 5
    assert at_joints.max() <= everywhere.max()
    assert at_joints.mean() <= np.quantile(everywhere, 0.9)


def test_chunks_end_on_blocks_and_the_first_counts_from_the_onset() -> None:
    assert list(chunk_ends(200, 20, 0, chunk_s)) == [28, 44, 76, 140, 200]
    assert list(chunk_ends(30, 26, 0, chunk_s)) == [30]


@pytest.mark.parametrize("text", ["Hello there.", "She sells fish.", "Apples and pears."])
def test_a_breath_is_left_before_the_first_sound(model: HibariModel, text: str) -> None:
    (speech,) = model.read(text)
    trimmed = samples_of(model, speech, lambda _: 0.1, trim=True)
    untrimmed = samples_of(model, speech, lambda _: 0.1)
    assert np.array_equal(trimmed, untrimmed[-len(trimmed) :])
    breath = round(LEAD_S * SAMPLE_RATE)
    assert np.abs(trimmed[:breath]).max() <= QUIET
    onset = np.flatnonzero(np.abs(trimmed) > QUIET)[0]
    assert breath <= onset < breath + round(0.06 * SAMPLE_RATE)
