"""However loud, padded or cut: no sound is believed that has less than half of its speech."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pytest_ttsperf.measure import corpus
from pytest_ttsperf.metrics import audio, validity
from pytest_ttsperf.records import Cell, CellResult, Trial, TrustNote
from tests.examples import examples
from tests.unit.metrics.factories import joined, recording, silence, trial

RATE = 8000
TEXTS = corpus.texts("short", 12)
TRIALS = 5
Samples = NDArray[np.float32]


def make_speech(seconds: float) -> Samples:
    """Noise of four syllables a second at -20 dBFS, shape (frames,)."""
    instants = np.arange(round(seconds * RATE)) / RATE
    syllables = 0.6 - 0.4 * np.cos(2 * np.pi * 4 * instants)
    noise = np.random.default_rng(7).uniform(-0.3, 0.3, instants.size)
    return (syllables * noise).astype(np.float32)


def usual_s(text: str) -> float:
    """Seconds of speech that a text usually takes."""
    least_s, _ = corpus.speech_band_s(text)
    return least_s / corpus.LEAST


def speak(text: str, samples: Samples) -> Trial:
    """A trial in which a text became this sound, at a tenth of real time."""
    length_ms = 1000 * samples.size / RATE
    return trial(
        recording([(length_ms / 20, length_ms / 2), (length_ms / 10, length_ms / 2)], rate=RATE),
        text=text,
        heard=audio.measure_sound(samples, RATE),
        level=audio.measure_level(samples, RATE),
    )


def find_notes(spoken: Trial) -> tuple[TrustNote, ...]:
    cell = Cell(
        test="t",
        target="x:X",
        provider="default",
        voice="default",
        preset="short",
        mode="stream",
        phase="warm",
    )
    result = CellResult(
        cell=cell,
        fingerprint="f",
        declared_trials=TRIALS,
        trials=(spoken,) * TRIALS,
        ready=None,
    )
    return validity.find_notes(result, bands=corpus.speech_band_s)


def is_believed(spoken: Trial) -> bool:
    """Whether nothing voids its cell, so that its figures may pass a limit."""
    return not any(note.invalid for note in find_notes(spoken))


texts = st.sampled_from(TEXTS)
paces = st.floats(0.9, 1.3)
gains_db = st.floats(-90, 50)
pauses_ms = st.floats(0, 8000)


@given(texts, paces)
@settings(max_examples=examples(30))
def test_an_honest_voice_is_believed_at_any_usual_pace(text: str, pace: float) -> None:
    assert is_believed(speak(text, make_speech(pace * usual_s(text))))


@given(texts, st.floats(0, 0.5), st.floats(0, 1), gains_db, pauses_ms, pauses_ms, pauses_ms)
@settings(max_examples=examples(100))
def test_less_than_half_of_the_speech_is_never_believed(
    text: str,
    share: float,
    cut_at: float,
    gain_db: float,
    before_ms: float,
    inside_ms: float,
    after_ms: float,
) -> None:
    speech = make_speech(share * usual_s(text)) * np.float32(10 ** (gain_db / 20))
    speech = np.clip(speech, -1, 1)
    cut = round(cut_at * speech.size)
    padded = joined(
        silence(before_ms, RATE),
        speech[:cut],
        silence(inside_ms, RATE),
        speech[cut:],
        silence(after_ms, RATE),
    )
    assert not is_believed(speak(text, padded))


@given(texts, paces, gains_db, pauses_ms, pauses_ms)
@settings(max_examples=examples(50))
def test_what_is_believed_can_be_heard_and_is_mostly_speech(
    text: str, pace: float, gain_db: float, before_ms: float, after_ms: float
) -> None:
    speech = make_speech(pace * usual_s(text)) * np.float32(10 ** (gain_db / 20))
    spoken = speak(text, joined(silence(before_ms, RATE), speech, silence(after_ms, RATE)))
    if not is_believed(spoken):
        return
    assert spoken.sound is not None
    assert spoken.sound.onset_frame is not None
    speech_ms = 1000 * speech.size / RATE
    assert before_ms + after_ms <= 1.1 * (1500 + speech_ms / 2)
