"""Words and opinion: of a sample of trials, after they were measured, in processes of their own.

The sample is drawn before anything is measured. How large it can be is told by a warm-up that is
listened to beforehand.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Self

from msgspec import structs

from pytest_ttsperf.experiment.plan import QualityPlan
from pytest_ttsperf.metrics import audio
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Quality, Trial, WordCheck
from pytest_ttsperf.sound_quality.opinion import OpinionPredictor
from pytest_ttsperf.sound_quality.recognizer import Recognizer
from pytest_ttsperf.sound_quality.words import count_word_errors


class SoundJudge(ExitStack):
    """A context manager: its processes start when it is entered, and idle until they are asked."""

    def __init__(self, plan: QualityPlan) -> None:
        """QualityError where a package is missing, or a recogniser cannot be imported."""
        super().__init__()
        self._recognizer = Recognizer(plan.recognizer) if plan.words else None
        self._predictor = OpinionPredictor() if plan.mos else None

    def __enter__(self) -> Self:
        with ExitStack() as opened:  # closes the first where the second does not open
            for listener in (self._recognizer, self._predictor):
                if listener is not None:
                    opened.enter_context(listener)
            self.push(opened.pop_all())
        return self

    def judge(self, trial: Trial) -> Trial:
        """The trial with its words and opinion. QualityError where a process fails.

        One without its samples, or that failed, is returned as it is.
        """
        recording = trial.recording
        if recording is None or not has_sound(trial):
            return trial
        samples = audio.to_samples(recording)
        quality = trial.quality or Quality()
        if self._recognizer is not None:
            transcript = self._recognizer.transcribe(samples, recording.sample_rate)
            quality = structs.replace(quality, words=check_words(trial.text, transcript))
        if self._predictor is not None:
            mos = self._predictor.predict(samples, recording.sample_rate)
            quality = structs.replace(quality, mos=mos)
        return structs.replace(trial, quality=quality)

    def time(self, trial: Trial) -> float:
        """Seconds that it takes to judge a trial: the second time, when all is loaded."""
        self.judge(trial)
        start_s = REAL.monotonic()
        self.judge(trial)
        return REAL.monotonic() - start_s


def check_words(text: str, transcript: str) -> WordCheck:
    """What of a text a recogniser wrote otherwise."""
    found = count_word_errors(text, transcript)
    return WordCheck(
        words=found.words,
        errors=found.errors,
        worst_run=found.worst_run,
        differing=found.differing,
        transcript=transcript,
    )


def draw_sample(count: int, of: int, seed: object) -> frozenset[int]:
    """So many positions, all of them where there are no more."""
    generator = random.Random(f"{seed}")  # noqa: S311 - an order, no secret
    return frozenset(generator.sample(range(of), min(count, of)))


def affordable(budget_s: float, per_trial_s: float) -> int:
    """How many trials can be judged in a time: at least one."""
    if per_trial_s <= 0:
        return 1
    return max(1, int(budget_s / per_trial_s))


def has_sound(trial: Trial) -> bool:
    """Whether its samples were kept."""
    return trial.recording is not None and isinstance(trial.recording.pcm, bytes)


def drop_sound(trials: Iterable[Trial]) -> list[Trial]:
    """The trials without their samples, fit for an artifact."""
    return [_without_sound(trial) for trial in trials]


def _without_sound(trial: Trial) -> Trial:
    if trial.recording is None:
        return trial
    return structs.replace(trial, recording=trial.recording.without_pcm())


def drop_beyond(
    trials: Sequence[Trial],
    plan: QualityPlan,
    judge: SoundJudge | None,
) -> list[Trial]:
    """The trials, those without their samples that the time for listening does not hold."""
    if judge is None or not trials:
        return drop_sound(trials)
    count = affordable(plan.budget_s, judge.time(trials[0]))
    chosen = draw_sample(count, len(trials), seed=trials[0].text)
    remaining = []
    for position, trial in enumerate(trials):
        remaining.append(trial if position in chosen else _without_sound(trial))
    return remaining


@contextmanager
def open_judge(quality: QualityPlan) -> Iterator[SoundJudge | None]:
    """What listens to the trials afterwards, where anything does."""
    if not quality.is_slow:
        yield None
        return
    with SoundJudge(quality) as judge:
        yield judge


def judge_sounds(judge: SoundJudge | None, trials: Sequence[Trial]) -> list[Trial]:
    """The trials without their samples; those that had them, with what was heard in them."""
    if judge is None:
        return list(trials)
    return drop_sound(judge.judge(trial) for trial in trials)
