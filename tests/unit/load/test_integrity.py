"""Whether each listener gets its own text, whole: who is accused, and who is not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pytest_ttsperf.errors import TargetFailed
from pytest_ttsperf.load import integrity, windows
from pytest_ttsperf.measure import corpus
from tests.unit.load.factories import RATE, babble, recording, request, window_record

TEXTS = corpus.texts("short", 16)


def speak(text: str):
    return recording(babble(text))


def answers_of(sounds):
    """Answers of eight listeners in turns, with the sound that is said for each text."""
    requests = []
    for index, (text, sound) in enumerate(zip(TEXTS, sounds, strict=True)):
        requests.append(
            request(0.3 * index, index=index, listener=index % 8, text=text, sound=sound)
        )
    trials = windows.trials_of(window_record(requests, lead_s=0.0), 3, keep_sound=True)
    return integrity.read_answers(trials)


def check(sounds, alone=speak):
    return integrity.check_answers(answers_of(sounds), alone, seed=5)


def test_right_answers_are_accused_of_nothing() -> None:
    found = check([babble(text) for text in TEXTS])
    assert found.differing == ()
    assert found.answers == 16
    assert found.compared == integrity.SAMPLE
    assert integrity.find_notes(found) == ()


@pytest.mark.parametrize("pace", [0.85, 1.2])
def test_a_voice_may_take_another_pace(pace: float) -> None:
    assert check([babble(text, pace=pace) for text in TEXTS]).differing == ()


def test_answers_that_all_go_to_the_next_listener_are_found_with_both_texts() -> None:
    sounds = [babble(text) for text in (*TEXTS[1:], TEXTS[0])]
    found = check(sounds)
    assert len(found.differing) >= integrity.SAMPLE // 2
    sentence = next(each for each in found.differing if "got the sound of" in each)
    place = next(number for number, text in enumerate(TEXTS) if f"for {text!r}" in sentence)
    assert repr(TEXTS[(place + 1) % 16]) in sentence
    note = integrity.find_notes(found)[0]
    assert note.invalid
    assert "more like it" in note.text


def test_the_sound_of_one_listener_in_the_stream_of_another_is_found() -> None:
    sounds = [babble(text) for text in TEXTS]
    sounds[9] = sounds[8]
    found = check(sounds)
    assert any(
        "the same sound" in each and repr(TEXTS[8]) in each and repr(TEXTS[9]) in each
        for each in found.differing
    )


def test_half_a_text_is_found_wherever_it_is() -> None:
    sounds = [babble(text) for text in TEXTS]
    sounds[13] = sounds[13][: int(0.45 * sounds[13].size)]
    found = check(sounds)
    assert len(found.differing) == 1
    assert repr(TEXTS[13]) in found.differing[0]


def test_a_text_that_goes_on_as_another_is_found() -> None:
    sounds = [babble(text) for text in TEXTS]
    for place, (one, other) in enumerate(pairwise([*sounds, sounds[0]])):
        sounds[place] = np.concatenate((one[: one.size // 2], other[other.size // 2 :]))
    found = check(sounds)
    assert found.differing
    assert "something else" in " ".join(found.differing)


def test_another_loudness_is_found() -> None:
    sounds = [babble(text) for text in TEXTS]
    quiet = [sound / 5 for sound in sounds]
    assert "dBFS" in check(quiet).differing[0]


def test_tones_say_nothing_of_their_text() -> None:
    def tone(text: str):
        t = np.arange(RATE * len(text) // 16) / RATE
        return (0.2 * np.sin(2 * np.pi * 220 * t)).astype(np.float32)

    swapped = [tone(TEXTS[0])] * len(TEXTS)
    found = check(swapped, lambda text: recording(tone(text)))
    assert not any("sound of" in each or "same sound" in each for each in found.differing)


def test_one_sound_for_all_texts_is_no_accusation_of_a_listener() -> None:
    same = babble(TEXTS[0])
    found = check([same] * len(TEXTS), lambda _: recording(same))
    assert found.differing == ()


def test_a_target_that_speaks_to_nobody_alone_is_not_compared() -> None:
    def refuse(_: str):
        raise TargetFailed("gone")

    found = check([babble(text) for text in TEXTS], refuse)
    assert found.compared == 0
    assert found.differing == ()


def test_answers_outside_of_the_band_of_their_text_are_counted() -> None:
    sounds = [babble(text) for text in TEXTS]
    sounds[2] = sounds[2][:3000]
    sounds[4] = sounds[4] * 0
    assert check(sounds).outside == check([babble(text) for text in TEXTS]).outside + 2


def test_nothing_follows_from_no_answers() -> None:
    found = integrity.check_answers([], speak, seed=1)
    assert (found.answers, found.compared, found.differing) == (0, 0, ())
