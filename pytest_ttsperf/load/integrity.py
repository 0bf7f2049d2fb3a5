"""Does each listener get its own text, whole? Every answer is looked at, and a sample compared.

Of every answer: whether its speech is as long as its text, and whether it is the sound that another
listener got for another text. Of a sample, the ones whose length is oddest and others at random,
the same texts are spoken to a single listener, and the courses of both compared. That is done after
the windows: a server that had spoken a text before might answer from a cache under load, and would
be faster for it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from statistics import median
from typing import NamedTuple

import numpy as np

from pytest_ttsperf.errors import TargetError
from pytest_ttsperf.measure import corpus
from pytest_ttsperf.metrics import audio, definitions
from pytest_ttsperf.metrics.load import Stretch, whole_answers
from pytest_ttsperf.records import IntegrityCheck, Recording, Trial, TrustNote
from pytest_ttsperf.sound_quality.course import (
    Course,
    course_distance_db,
    course_outline,
    mel_course,
)

GUARD = "integrity"
SAMPLE = 12
"""Texts that are spoken to a single listener as well."""
REPEATED = 2
"""Of them, spoken twice: what a voice differs from itself by."""
SUSPECTS = 3
"""Answers unlike their texts for which it is found out whose they are."""
NEIGHBOURS = 6
"""Texts of other listeners at the same time that such an answer is held against."""
HALF = 0.5
LEVEL_DB = 10.0
"""Twice or half as loud to an ear."""
UNLIKE_SHARE = 0.5
"""Of what different texts differ by. A voice with chance of its own in timing and sound differs
from itself by up to .39 of that; one that has changed texts in the middle, from .56 on."""
SCATTER = 1.5
"""Times what the voice differs from itself by."""
CLOSER = 0.7
"""Of the distance from its own text: the right answer is 2.5 times as far from any other text."""
SAME_SHARE = 0.25
"""Of what different texts differ by: the sound of one answer, sent twice."""
TYPICAL_PAIRS = 30
LEAST_TYPICAL_DB = 2.0
"""What differs by less has no words that could be told apart."""
OUTLINE_SHARE = 0.5
"""Of what outlines of different texts differ by: pairs below are worth a closer look."""


class ReceivedSpeech(NamedTuple):
    """What is remembered of an answer's sound once its samples are gone."""

    window: int
    listener: int
    text: str
    under_way: Stretch
    speech_s: float
    """0 where nothing is to be heard."""
    level_dbfs: float | None
    course: Course | None
    """None where there is nothing that could be told apart."""

    @property
    def place(self) -> str:
        """Who got it, and when."""
        return f"listener {self.listener} in window {self.window}"


Speak = Callable[[str], Recording]
"""Has a text spoken to a single listener, while nobody else listens. TargetError when it fails."""


def read_answers(trials: Iterable[Trial]) -> list[ReceivedSpeech]:
    """What is to be remembered of whole answers; their recordings still have their samples."""
    answers = []
    for trial in whole_answers(trials):
        load = trial.load
        if load is None or load.end_ns is None or trial.recording is None:
            continue
        under_way = Stretch(load.scheduled_ns, load.end_ns)
        sounding = _read_sound(trial.text, trial.recording)
        answers.append(
            sounding._replace(window=load.window, listener=load.listener, under_way=under_way)
        )
    return answers


def _read_sound(text: str, recording: Recording) -> ReceivedSpeech:
    """Of a recording alone, which no window has."""
    samples = audio.to_samples(recording)
    sound = audio.measure_sound(samples, recording.sample_rate)
    return ReceivedSpeech(
        window=0,
        listener=0,
        text=text,
        under_way=Stretch(recording.request_ns, recording.end_ns),
        speech_s=definitions.speech_s(recording, sound) or 0.0,
        level_dbfs=sound.active_level_dbfs,
        course=mel_course(samples, recording.sample_rate),
    )


def check_answers(answers: Sequence[ReceivedSpeech], speak: Speak, *, seed: int) -> IntegrityCheck:
    """Look at all answers, and compare a sample, which `seed` draws, with `speak`.

    Where the target fails to speak to a single listener, nothing more is compared.
    """
    typical_db = _typical_distance_db(answers, seed)
    differing = _find_doubles(answers, typical_db)
    chosen = _draw_sample(answers, seed)
    comparison = _Comparison(answers, speak, typical_db)
    try:
        for answer in chosen:
            comparison.compare(answer)
    except TargetError:
        comparison.is_over = True
    return IntegrityCheck(
        answers=len(answers),
        outside=sum(_is_outside(answer) for answer in answers),
        compared=comparison.compared,
        differing=(*differing, *comparison.differing),
    )


def _is_outside(answer: ReceivedSpeech) -> bool:
    least_s, most_s = corpus.speech_band_s(answer.text)
    return not least_s <= answer.speech_s <= most_s


def _typical_distance_db(answers: Sequence[ReceivedSpeech], seed: int) -> float | None:
    """Median distance of answers to different texts; None where they cannot be told apart."""
    courses = {answer.text: answer.course for answer in answers if answer.course is not None}
    pairs = list(combinations(sorted(courses), 2))
    generator = random.Random(f"pairs {seed}")  # noqa: S311 - an order, no secret
    chosen = generator.sample(pairs, min(TYPICAL_PAIRS, len(pairs)))
    distances_db = []
    for one, other in chosen:
        distances_db.append(_distance_db(courses[one], courses[other]))
    if not distances_db or median(distances_db) < LEAST_TYPICAL_DB:
        return None
    return median(distances_db)


def _distance_db(one: Course | None, other: Course | None) -> float:
    """Infinite where one of them is no speech."""
    if one is None or other is None:
        return math.inf
    return course_distance_db(one, other)


# The same sound for two texts


def _find_doubles(answers: Sequence[ReceivedSpeech], typical_db: float | None) -> list[str]:
    """Sentences on pairs of one window that have the same sound, and different texts."""
    if typical_db is None:
        return []
    sentences = []
    by_window: dict[int, list[ReceivedSpeech]] = {}
    for answer in answers:
        if answer.course is not None:
            by_window.setdefault(answer.window, []).append(answer)
    for of_window in by_window.values():
        for one, other in _pairs_worth_a_look(of_window):
            distance_db = _distance_db(one.course, other.course)
            if distance_db < SAME_SHARE * typical_db:
                sentences.append(
                    f"{one.place} and listener {other.listener} got the same sound, the one for "
                    f"{one.text!r}, the other for {other.text!r}"
                )
    return sentences


def _pairs_worth_a_look(
    answers: Sequence[ReceivedSpeech],
) -> list[tuple[ReceivedSpeech, ReceivedSpeech]]:
    """Pairs of different texts whose outlines are alike; by these, as all pairs are compared."""
    outlines = []
    for answer in answers:
        assert answer.course is not None
        outlines.append(course_outline(answer.course).ravel())
    table = np.array(outlines)
    found: list[tuple[float, tuple[ReceivedSpeech, ReceivedSpeech]]] = []
    for row, one in enumerate(answers):
        distances = np.sqrt(np.mean((table[row + 1 :] - table[row]) ** 2, axis=1))
        for distance, other in zip(distances.tolist(), answers[row + 1 :], strict=True):
            if one.text != other.text:
                found.append((distance, (one, other)))
    if not found:
        return []
    limit = OUTLINE_SHARE * median(distance for distance, _ in found)
    return [pair for distance, pair in found if distance < limit]


# A sample, held against the same texts spoken to a single listener


def _draw_sample(answers: Sequence[ReceivedSpeech], seed: int) -> list[ReceivedSpeech]:
    """The oddest by their length, half of them, and others at random; each text once."""
    remaining = {answer.text: answer for answer in answers}
    lengths = {text: _length_of(answer) for text, answer in remaining.items()}
    for answer in answers:  # of a text that was spoken twice, the odder one is looked at
        if _length_of(answer) < lengths[answer.text]:
            remaining[answer.text] = answer
            lengths[answer.text] = _length_of(answer)
    usual = median(lengths.values()) if lengths else 0.0
    odd_first = sorted(remaining, key=lambda text: -_oddness(lengths[text], usual))
    chosen = odd_first[: SAMPLE // 2]
    others = sorted(odd_first[SAMPLE // 2 :])
    generator = random.Random(f"sample {seed}")  # noqa: S311 - an order, no secret
    chosen += generator.sample(others, min(SAMPLE - len(chosen), len(others)))
    return [remaining[text] for text in chosen]


def _length_of(answer: ReceivedSpeech) -> float:
    """Seconds of speech for each that its text takes at least."""
    least_s, _ = corpus.speech_band_s(answer.text)
    return answer.speech_s / least_s if least_s > 0 else 0.0


def _oddness(length: float, usual: float) -> float:
    if length <= 0 or usual <= 0:
        return math.inf
    return abs(math.log(length / usual))


class _Comparison:
    """Answers held against their texts as they are spoken to a single listener."""

    def __init__(
        self,
        answers: Sequence[ReceivedSpeech],
        speak: Speak,
        typical_db: float | None,
    ) -> None:
        self.compared = 0
        self.differing: list[str] = []
        self.is_over = False
        self._answers = answers
        self._speak = speak
        self._typical_db = typical_db
        self._alone: dict[str, ReceivedSpeech] = {}
        self._scatter_db = 0.0
        self._suspects = 0

    def compare(self, answer: ReceivedSpeech) -> None:
        """Compare one answer. TargetError when its text cannot be spoken."""
        alone = self._speak_alone(answer.text)
        self.compared += 1
        sentence = _compare_amounts(answer, alone) or self._compare_courses(answer, alone)
        if sentence is not None:
            self.differing.append(sentence)

    def _speak_alone(self, text: str) -> ReceivedSpeech:
        if text in self._alone:
            return self._alone[text]
        alone = _read_sound(text, self._speak(text))
        if len(self._alone) < REPEATED:
            again = _read_sound(text, self._speak(text))
            if alone.course is not None and again.course is not None:
                distance_db = _distance_db(alone.course, again.course)
                self._scatter_db = max(self._scatter_db, distance_db)
        self._alone[text] = alone
        return alone

    def _compare_courses(self, answer: ReceivedSpeech, alone: ReceivedSpeech) -> str | None:
        """Whether it is rather another text, or at least not this one."""
        if self._typical_db is None or alone.course is None or answer.course is None:
            return None
        own_db = _distance_db(answer.course, alone.course)
        if own_db <= max(UNLIKE_SHARE * self._typical_db, SCATTER * self._scatter_db):
            return None
        nearest = self._find_nearest(answer)
        if nearest is not None:
            other_db = _distance_db(answer.course, nearest.course)
            if other_db < CLOSER * own_db:
                return (
                    f"{answer.place} got the sound of {nearest.text!r} for {answer.text!r}: "
                    f"{other_db:.1f} dB from the one, {own_db:.1f} dB from the other, each as it "
                    "is spoken to a single listener"
                )
        return (
            f"{answer.place} got something else for {answer.text!r}: {own_db:.1f} dB from what a "
            f"single listener gets; different texts are {self._typical_db:.1f} dB apart"
        )

    def _find_nearest(self, answer: ReceivedSpeech) -> ReceivedSpeech | None:
        """The text most like it, of those that others listened to meanwhile, and of the sample."""
        self._suspects += 1
        if self._suspects <= SUSPECTS:
            for text in self._texts_meanwhile(answer):
                self._speak_alone(text)
        others = [alone for text, alone in self._alone.items() if text != answer.text]
        return min(
            others,
            key=lambda alone: _distance_db(answer.course, alone.course),
            default=None,
        )

    def _texts_meanwhile(self, answer: ReceivedSpeech) -> list[str]:
        """Those most of which was under way at the same time come first."""
        overlaps: Mapping[str, int] = {
            other.text: _overlap_ns(answer.under_way, other.under_way)
            for other in self._answers
            if other.window == answer.window and other.text != answer.text
        }
        texts = [text for text, overlap_ns in overlaps.items() if overlap_ns > 0]
        return sorted(texts, key=lambda text: -overlaps[text])[:NEIGHBOURS]


def _overlap_ns(one: Stretch, other: Stretch) -> int:
    return min(one.end_ns, other.end_ns) - max(one.start_ns, other.start_ns)


def _compare_amounts(answer: ReceivedSpeech, alone: ReceivedSpeech) -> str | None:
    """Whether it has half the speech, twice as much, or is of another loudness altogether."""
    if alone.speech_s > 0 and not HALF < answer.speech_s / alone.speech_s < 1 / HALF:
        return (
            f"{answer.place} got {answer.speech_s:.2f} s of speech for {answer.text!r}, which "
            f"takes {alone.speech_s:.2f} s when it is spoken to a single listener"
        )
    if answer.level_dbfs is None or alone.level_dbfs is None:
        return None
    if abs(answer.level_dbfs - alone.level_dbfs) > LEVEL_DB:
        return (
            f"{answer.place} got {answer.text!r} at {answer.level_dbfs:.0f} dBFS, which has "
            f"{alone.level_dbfs:.0f} dBFS when it is spoken to a single listener"
        )
    return None


# What follows for the cell


def find_notes(check: IntegrityCheck | None) -> tuple[TrustNote, ...]:
    """One answer that is another's voids the cell: its speed is that of something else."""
    if check is None or not check.differing:
        return ()
    more = ""
    if len(check.differing) > 1:
        more = f"; {len(check.differing) - 1} more like it"
    return (
        TrustNote(
            guard=GUARD,
            text=f"not every listener gets its own text, whole: {check.differing[0]}{more}",
            invalid=True,
        ),
    )
