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
from itself by up to .37 of that; an answer that changes texts in the middle, by .54 and more
(docs/measurements/load-limits.md)."""
SCATTER = 1.5
"""Times what the voice differs from itself by."""
CLOSER = 0.7
"""Of the distance from its own text: the right answer is twice as far from any other text."""
SAME_SHARE = 0.25
"""Of what different texts differ by: the sound of one answer, sent twice."""
LEAST_TYPICAL_DB = 2.0
"""What differs by less has no words that could be told apart."""
OUTLINE_SHARE = 0.5
"""Of what outlines of different texts differ by: pairs below are worth a closer look."""
MOST_COURSES = 200
"""Answers of a window whose sound is remembered: more take too long to be compared."""
MOST_PAIRS = 200
"""Of a window, the closest by their outlines."""


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
    """What is to be remembered of one window's whole answers, which still have their samples."""
    answers: list[ReceivedSpeech] = []
    for trial in whole_answers(trials):
        load = trial.load
        if load is None or load.end_ns is None or trial.recording is None:
            continue
        under_way = Stretch(load.scheduled_ns, load.end_ns)
        needs_course = len(answers) < MOST_COURSES
        speech = _read_sound(trial.text, trial.recording, needs_course=needs_course)
        answers.append(
            speech._replace(window=load.window, listener=load.listener, under_way=under_way)
        )
    return answers


def _read_sound(text: str, recording: Recording, *, needs_course: bool = True) -> ReceivedSpeech:
    """Of a recording alone, which no window has."""
    samples = audio.to_samples(recording)
    sound = audio.measure_sound(samples, recording.sample_rate)
    course = None
    if needs_course:
        course = mel_course(samples, recording.sample_rate)
    return ReceivedSpeech(
        window=0,
        listener=0,
        text=text,
        under_way=Stretch(recording.request_ns, recording.end_ns),
        speech_s=definitions.speech_s(recording, sound) or 0.0,
        level_dbfs=sound.active_level_dbfs,
        course=course,
    )


def check_answers(answers: Sequence[ReceivedSpeech], speak: Speak, *, seed: int) -> IntegrityCheck:
    """Look at all answers, and compare a sample, which `seed` draws, with `speak`.

    Where the target fails to speak to a single listener, nothing more is compared.
    """
    comparison = _Comparison(answers, speak)
    chosen = comparison.speak_alone(_draw_sample(answers, seed))
    differing = _find_doubles(answers, comparison.typical_db)
    for answer in chosen:
        sentence = comparison.compare(answer)
        if sentence is not None:
            differing.append(sentence)
    return IntegrityCheck(
        answers=len(answers),
        outside=sum(_is_outside(answer) for answer in answers),
        compared=len(chosen),
        differing=tuple(differing),
    )


def _is_outside(answer: ReceivedSpeech) -> bool:
    least_s, most_s = corpus.speech_band_s(answer.text)
    return not least_s <= answer.speech_s <= most_s


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
    by_window: dict[int, list[ReceivedSpeech]] = {}
    for answer in answers:
        if answer.course is not None:
            by_window.setdefault(answer.window, []).append(answer)
    sentences = []
    for of_window in by_window.values():
        for one, other in _pairs_worth_a_look(of_window):
            if _distance_db(one.course, other.course) < SAME_SHARE * typical_db:
                sentences.append(
                    f"{one.place} and listener {other.listener} got the same sound, the one for "
                    f"{one.text!r}, the other for {other.text!r}"
                )
    return sentences


def _pairs_worth_a_look(
    answers: Sequence[ReceivedSpeech],
) -> list[tuple[ReceivedSpeech, ReceivedSpeech]]:
    """Pairs of different texts with outlines that are much alike, the closest first.

    By outlines, as all pairs of a window are compared. Where all are alike, the closest are taken.
    """
    from scipy.spatial import distance

    outlines = []
    for answer in answers:
        assert answer.course is not None
        outlines.append(course_outline(answer.course).ravel())
    if len(outlines) < 2:
        return []
    table = np.array(outlines)
    apart_db = distance.pdist(table) / math.sqrt(table.shape[1])
    limit_db = OUTLINE_SHARE * float(np.median(apart_db))
    rows, columns = np.triu_indices(len(answers), k=1)
    pairs = []
    for place in np.argsort(apart_db, kind="stable")[:MOST_PAIRS].tolist():
        one, other = answers[rows[place]], answers[columns[place]]
        if apart_db[place] <= limit_db and one.text != other.text:
            pairs.append((one, other))
    return pairs


# A sample, held against the same texts spoken to a single listener


def _draw_sample(answers: Sequence[ReceivedSpeech], seed: int) -> list[ReceivedSpeech]:
    """The oddest by their length, half of them, and others at random; each text once."""
    lengths = [_length_of(answer) for answer in answers]
    usual = median(lengths) if lengths else 0.0
    oddness = [_oddness(length, usual) for length in lengths]
    by_text: dict[str, ReceivedSpeech] = {}
    for place in sorted(range(len(answers)), key=lambda place: -oddness[place]):
        by_text.setdefault(answers[place].text, answers[place])
    odd_first = list(by_text.values())
    chosen = odd_first[: SAMPLE // 2]
    others = sorted(odd_first[SAMPLE // 2 :], key=lambda answer: answer.text)
    generator = random.Random(f"sample {seed}")  # noqa: S311 - an order, no secret
    return chosen + generator.sample(others, min(SAMPLE - len(chosen), len(others)))


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

    def __init__(self, answers: Sequence[ReceivedSpeech], speak: Speak) -> None:
        self.typical_db: float | None = None
        """What different texts differ by; None where their sounds cannot be told apart."""
        self._answers = answers
        self._speak = speak
        self._alone: dict[str, ReceivedSpeech] = {}
        self._scatter_db = 0.0
        self._suspects = 0

    def speak_alone(self, answers: Sequence[ReceivedSpeech]) -> list[ReceivedSpeech]:
        """Have their texts spoken to a single listener; those whose text was spoken.

        The first few twice.
        """
        for answer in answers:
            self._try_to_speak(answer.text)
        for text in list(self._alone)[:REPEATED]:
            self._measure_scatter(text)
        courses = [alone.course for alone in self._alone.values() if alone.course is not None]
        distances_db = [course_distance_db(one, other) for one, other in combinations(courses, 2)]
        if distances_db and median(distances_db) >= LEAST_TYPICAL_DB:
            self.typical_db = median(distances_db)
        return [answer for answer in answers if answer.text in self._alone]

    def _try_to_speak(self, text: str) -> None:
        if text in self._alone:
            return
        try:
            self._alone[text] = _read_sound(text, self._speak(text))
        except TargetError:
            return  # what it does not speak to anybody was no fault of the crowd

    def _measure_scatter(self, text: str) -> None:
        """How much a voice differs from itself."""
        try:
            again = _read_sound(text, self._speak(text))
        except TargetError:
            return
        distance_db = _distance_db(self._alone[text].course, again.course)
        if math.isfinite(distance_db):
            self._scatter_db = max(self._scatter_db, distance_db)

    def compare(self, answer: ReceivedSpeech) -> str | None:
        """What an answer differs in from its text as a single listener gets it; None for nothing.

        The text was spoken (`speak_alone`).
        """
        alone = self._alone[answer.text]
        return _compare_amounts(answer, alone) or self._compare_courses(answer, alone)

    def _compare_courses(self, answer: ReceivedSpeech, alone: ReceivedSpeech) -> str | None:
        """Whether it is rather another text, or at least not this one."""
        if self.typical_db is None or alone.course is None or answer.course is None:
            return None
        own_db = _distance_db(answer.course, alone.course)
        if own_db <= max(UNLIKE_SHARE * self.typical_db, SCATTER * self._scatter_db):
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
            f"single listener gets; different texts are {self.typical_db:.1f} dB apart"
        )

    def _find_nearest(self, answer: ReceivedSpeech) -> ReceivedSpeech | None:
        """The text most like it, of those that others listened to meanwhile, and of the sample."""
        self._suspects += 1
        if self._suspects <= SUSPECTS:
            for text in self._texts_meanwhile(answer):
                self._try_to_speak(text)
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
