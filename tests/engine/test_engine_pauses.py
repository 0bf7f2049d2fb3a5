"""A comma, a stop and a paragraph pause for ever longer, on every voice that is packaged."""

from __future__ import annotations

import numpy as np
import pytest

from engine.audio import QUIET
from engine.engine import Engine
from engine.pauses import PAUSE_S, PauseFiller
from engine.text.segmentation import Pause

RATE = 1000
SOUND = np.full(100, 0.5, np.float32)
SILENCE = np.zeros(50, np.float32)
TEXTS = (
    ("We went home, and she stayed there.", "We went home. And she stayed there."),
    ("Bring the milk, the bread is here.", "Bring the milk. The bread is here."),
)


def longest_pause_s(engine: Engine, text: str) -> float:
    audio = engine.synthesize(text)
    sounding = np.flatnonzero(np.abs(audio.samples) > QUIET)
    return float(np.diff(sounding).max()) / audio.sample_rate


@pytest.mark.parametrize("fixture", ["voice", "joe"])
def test_pauses_are_in_order(fixture: str, request: pytest.FixtureRequest) -> None:
    engine = request.getfixturevalue(fixture)
    for comma, stop in TEXTS:
        paragraph = stop.replace(". ", ".\n\n", 1)
        pauses = [longest_pause_s(engine, text) for text in (comma, stop, paragraph)]
        assert pauses == sorted(pauses)
        assert pauses[2] > 1.2 * pauses[1] > 1.44 * pauses[0]


def test_what_is_missing_to_a_pause_is_put_before_the_next_sound() -> None:
    pauses = PauseFiller(RATE)
    first = pauses.fill(np.concatenate([SOUND, SILENCE]))
    assert len(first) == len(SOUND) + len(SILENCE)
    pauses.end_segment(Pause.STOP)
    second = pauses.fill(np.concatenate([SILENCE, SOUND]))
    quiet = int(np.flatnonzero(second)[0])
    assert quiet + len(SILENCE) == round(PAUSE_S[Pause.STOP] * RATE)


def test_a_pause_that_is_there_is_not_lengthened() -> None:
    pauses = PauseFiller(RATE)
    pauses.fill(SOUND)
    pauses.end_segment(Pause.STOP)
    silence = np.zeros(RATE, np.float32)
    assert pauses.fill(silence) is silence
    assert pauses.fill(SOUND) is SOUND


def test_inside_a_segment_and_behind_a_clause_nothing_is_put_in() -> None:
    pauses = PauseFiller(RATE)
    pauses.fill(SOUND)
    assert pauses.fill(SOUND) is SOUND
    pauses.end_segment(Pause.CLAUSE)
    assert pauses.fill(SOUND) is SOUND
