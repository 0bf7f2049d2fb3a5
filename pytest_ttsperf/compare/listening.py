"""Words and timbre of a sample of the texts of each block, by what three of the arms say.

Listened to after the block, never beside a trial. The sample is drawn before the block, and as
large as a fifth of the budget holds; each arm's audio of a text is judged alike, so that a weak
recogniser errs in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Self

from msgspec import structs

from pytest_ttsperf.compare.blocks import LISTENED_ARMS, BlockTrials, ComparisonSpec
from pytest_ttsperf.compare.metrics import DEFAULT_BUDGET_S
from pytest_ttsperf.experiment import listening
from pytest_ttsperf.experiment.listening import SoundJudge
from pytest_ttsperf.metrics import audio
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Quality, Trial
from pytest_ttsperf.sound_quality import timbre

FIRST_TEXTS = 2
"""Listened to in the first block, which tells how long that takes."""
MOST_TEXTS = 8
"""Of a block: with more of them a t test over blocks gains little."""


class BlockListener(ExitStack):
    """A context manager that draws the sample of each block, and judges what was said in it."""

    def __init__(self, spec: ComparisonSpec) -> None:
        """QualityError where a package is missing."""
        super().__init__()
        self._plans = {name: cell.quality for name, cell in spec.cells.items()}
        self._seed = spec.seed
        self._budget_s = min((plan.budget_s for plan in self._plans.values()), default=0.0)
        if spec.is_open:
            # As large a part of it as of the usual budget.
            self._budget_s *= spec.longest_s / DEFAULT_BUDGET_S
        self._judges: dict[str, SoundJudge] = {}
        self._count = FIRST_TEXTS
        for name, plan in self._plans.items():
            if plan.is_slow:
                self._judges[name] = SoundJudge(plan)

    def __enter__(self) -> Self:
        with ExitStack() as opened:  # closes those that are open where another does not open
            for judge in self._judges.values():
                opened.enter_context(judge)
            self.push(opened.pop_all())
        return self

    def draw(self, cell_id: str, block: int, texts: int) -> frozenset[int]:
        """The positions of the texts that will be listened to in a block."""
        if not self._plans[cell_id].needs_sound:
            return frozenset()
        seed = f"{self._seed}/{block}/{cell_id}"
        return listening.draw_sample(self._count, texts, seed)

    def listen(self, trials: Mapping[str, BlockTrials], blocks_left: int) -> dict[str, BlockTrials]:
        """The blocks of all cells with what was heard in them, and without their sound."""
        start_s = REAL.monotonic()
        texts = 0
        judged = {}
        for cell_id, block in trials.items():
            texts += len(block.sampled)
            judged[cell_id] = self._listen_to_block(cell_id, block)
        self._spend(REAL.monotonic() - start_s, texts, blocks_left)
        return judged

    def _spend(self, seconds: float, texts: int, blocks_left: int) -> None:
        """Take a time off the budget, and share what is left over the blocks to come."""
        self._budget_s = max(0.0, self._budget_s - seconds)
        if not texts or not blocks_left:
            return
        per_text_s = seconds * len(self._plans) / texts
        affordable = listening.affordable(self._budget_s / blocks_left, per_text_s)
        self._count = min(MOST_TEXTS, affordable)

    def _listen_to_block(self, cell_id: str, block: BlockTrials) -> BlockTrials:
        if not block.sampled:
            return block
        plan = self._plans[cell_id]
        by_arm = {arm: list(block.by_arm[arm]) for arm in LISTENED_ARMS}
        judge = self._judges.get(cell_id)
        for position in sorted(block.sampled):
            if plan.timbre:
                add_timbre(by_arm, position)
            if judge is not None:
                for trials in by_arm.values():
                    trials[position] = judge.judge(trials[position])
        without_sound = {}
        for arm, unjudged in block.by_arm.items():
            without_sound[arm] = tuple(listening.drop_sound(by_arm.get(arm, unjudged)))
        return block._replace(by_arm=without_sound)


def add_timbre(by_arm: Mapping[str, list[Trial]], position: int) -> None:
    """Say of each arm's trial of a text how far its timbre is from that of both others together.

    The candidate's minus the mean of both baselines' is then how much further it is from them than
    they are from each other. Where one has no sound, none has a timbre.
    """
    profiles = {}
    for arm, trials in by_arm.items():
        recording = trials[position].recording
        if recording is None or not listening.has_sound(trials[position]):
            return
        samples = audio.to_samples(recording)
        profile = timbre.mel_profile(samples, recording.sample_rate)
        if profile is None:
            return
        profiles[arm] = profile
    for arm, trials in by_arm.items():
        others = [profile for other, profile in profiles.items() if other != arm]
        distance_db = _total_distance_db(profiles[arm], others)
        quality = trials[position].quality or Quality()
        quality = structs.replace(quality, timbre_db=distance_db)
        trials[position] = structs.replace(trials[position], quality=quality)


def _total_distance_db(profile: timbre.Profile, others: Sequence[timbre.Profile]) -> float:
    return sum(timbre.profile_distance_db(profile, other) for other in others)
