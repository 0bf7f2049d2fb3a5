"""What the default recogniser hears of our own voice, and of less than it should say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from engine.engine import Engine
from pytest_ttsperf.sound_quality.recognizer import Recognizer
from pytest_ttsperf.sound_quality.words import WordErrors, count_word_errors

PRESET = "This is a short test sentence for TTFA and streaming cadence."
TEXT = "The weather will be cold and windy in the morning, with some rain later in the day."
WITHOUT = TEXT.replace("with some rain ", "")


@pytest.fixture(scope="module")
def recognizer() -> Iterator[Recognizer]:
    with Recognizer() as opened:
        yield opened


def count_errors(recognizer: Recognizer, voice: Engine, spoken: str, text: str) -> WordErrors:
    samples = np.concatenate([chunk.samples for chunk in voice.stream(spoken)])
    return count_word_errors(text, recognizer.transcribe(samples, voice.sample_rate))


def test_most_words_of_our_voice_are_found(voice, recognizer):
    for text in (PRESET, TEXT):
        found = count_errors(recognizer, voice, text, text)
        assert found.errors <= 0.25 * found.words, found.differing


def test_words_that_are_not_spoken_are_missed(voice, recognizer):
    whole = count_errors(recognizer, voice, TEXT, TEXT)
    found = count_errors(recognizer, voice, WITHOUT, TEXT)
    assert found.worst_run >= 3 > whole.worst_run
    assert "some rain" in found.differing


def test_a_transcript_does_not_depend_on_what_was_heard_before(voice, recognizer):
    silence = np.zeros(24_000, np.float32)
    in_silence = recognizer.transcribe(silence, 24_000)
    first = count_errors(recognizer, voice, PRESET, "")
    assert recognizer.transcribe(silence, 24_000) == in_silence
    count_errors(recognizer, voice, TEXT, "")
    assert count_errors(recognizer, voice, PRESET, "") == first


def test_audio_of_no_length_has_no_words(recognizer):
    assert recognizer.transcribe(np.empty(0, np.float32), 24_000) == ""
