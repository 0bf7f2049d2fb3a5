"""Courses: what says the same at another pace is near, what says something else is far."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_ttsperf.sound_quality.course import (
    BANDS,
    course_distance_db,
    course_outline,
    mel_course,
)
from tests.unit.load.factories import RATE, babble
from tests.unit.metrics.factories import joined, silence, tone

ONE = "the quick brown fox jumps over the lazy dog"
OTHER = "pack my box with five dozen liquor jugs now"


def course(samples, rate: int = RATE):
    found = mel_course(samples, rate)
    assert found is not None
    return found


def test_a_course_is_no_distance_from_itself_and_far_from_another_text() -> None:
    one, other = course(babble(ONE)), course(babble(OTHER))
    assert course_distance_db(one, one) == pytest.approx(0, abs=1e-6)
    assert course_distance_db(one, other) > 3
    assert course_distance_db(one, other) == pytest.approx(course_distance_db(other, one))


@pytest.mark.parametrize("pace", [0.8, 0.9, 1.15, 1.3])
def test_another_pace_is_nearer_than_another_text(pace: float) -> None:
    one = course(babble(ONE))
    slower = course(babble(ONE, pace=pace))
    other = course(babble(OTHER))
    assert course_distance_db(one, slower) < 0.5 * course_distance_db(one, other)


def test_loudness_and_silence_around_do_not_count() -> None:
    one = course(babble(ONE))
    padded = joined(silence(400, RATE), babble(ONE) / 2, silence(700, RATE))
    assert course_distance_db(one, course(padded)) < 0.3


def test_half_of_another_text_is_between() -> None:
    first, second = babble(ONE), babble(OTHER)
    mixed = np.concatenate((first[: first.size // 2], second[second.size // 2 :]))
    one, other = course(first), course(second)
    far_db = course_distance_db(one, other)
    assert 0.5 * far_db < course_distance_db(one, course(mixed)) < far_db


def test_what_says_nothing_has_no_course() -> None:
    assert mel_course(silence(1000, RATE), RATE) is None
    assert mel_course(tone(2000, rate=RATE), RATE) is None
    assert mel_course(np.zeros(0, dtype=np.float32), RATE) is None


def test_an_outline_has_a_part_for_each_stretch_of_time() -> None:
    found = course_outline(course(babble(ONE)), parts=6)
    assert found.shape == (6, BANDS)
    short = course_outline(course(babble(ONE))[:3], parts=8)
    assert np.isfinite(short).all()


def test_samples_that_are_no_numbers_are_silence() -> None:
    broken = babble(ONE)
    broken[1000:1010] = np.nan
    assert np.isfinite(course(broken)).all()
