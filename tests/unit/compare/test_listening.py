"""Which texts of a block are listened to, and what is said of their timbre."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_ttsperf.compare import listening, metrics
from pytest_ttsperf.compare.blocks import (
    ARMS,
    BlockTrials,
    ComparedCell,
    ComparisonSpec,
    summarise_block,
)
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.records import Recording, TargetSpec, Trial, WordCheck

RATE = 24_000


class Clock:
    """Time that passes when somebody listens."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


class Ears:
    """Judges in a second; hears one word too many of what has an odd index."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.judged: list[int] = []

    def __enter__(self) -> Ears:
        return self

    def __exit__(self, *error: object) -> None:
        self.judged.clear()

    def judge(self, trial: Trial) -> Trial:
        from msgspec import structs

        from pytest_ttsperf.records import Quality

        self.clock.now_s += 1.0
        self.judged.append(trial.index)
        errors = trial.index % 2
        words = WordCheck(words=4, errors=errors, worst_run=errors, differing="", transcript="")
        quality = structs.replace(trial.quality or Quality(), words=words)
        return structs.replace(trial, quality=quality)


@functools.cache
def buzz(pitch_hz: float, seconds: float) -> NDArray[np.float32]:
    at = np.arange(int(RATE * seconds)) / RATE
    sound = sum(np.sin(2 * np.pi * pitch_hz * n * at) / n for n in range(1, 20)) * 0.1
    return np.asarray(sound, dtype="<f4")


def speak(index: int, pitch_hz: float, seconds: float = 1.0) -> Trial:
    """A buzz of many harmonics, with its samples."""
    samples = buzz(pitch_hz, seconds)
    recording = Recording(
        request_ns=0,
        arrivals_ns=(1_000_000,),
        frame_counts=(samples.size,),
        end_ns=2_000_000,
        sample_rate=RATE,
        pcm=samples.tobytes(),
    )
    return Trial(index=index, kind="trial", process=0, text=f"text {index}", recording=recording)


def block(sampled: set[int], candidate_hz: float = 120.0, texts: int = 6) -> BlockTrials:
    by_arm = {}
    for arm in ARMS:
        pitch_hz = candidate_hz if arm == "candidate" else 120.0
        by_arm[arm] = tuple(speak(index, pitch_hz) for index in range(texts))
    return BlockTrials(by_arm, dict.fromkeys(ARMS), sampled=frozenset(sampled))


def spec(*figures: str, budget_s: float = 60.0) -> ComparisonSpec:
    margins = {name: metrics.ALL[name].margin for name in figures}
    source = TargetFactory(TargetSpec(spec="scripted:Engine"))
    plan = Plan(test="t", text="short", mode="stream", phase="warm", trials=5)
    cell = ComparedCell(plan, metrics.choose_metrics("warm", margins))
    return ComparisonSpec(
        baseline=source,
        candidate=source,
        cells={"cell": cell},
        against="before",
        budget_s=budget_s,
    )


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> Ears:
    clock = Clock()
    heard = Ears(clock)
    monkeypatch.setattr(listening, "SoundJudge", lambda _: heard)
    monkeypatch.setattr(listening, "REAL", clock)
    return heard


def test_nothing_is_kept_where_nobody_listens() -> None:
    with listening.BlockListener(spec()) as listener:
        assert listener.draw("cell", 0, 38) == frozenset()
        untouched = block(set())
        assert listener.listen({"cell": untouched}, 5) == {"cell": untouched}


def test_the_sample_is_drawn_beforehand_and_grows_into_its_share(ears: Ears) -> None:
    """12 s for 9 blocks; 3 arms of a text take 3 s."""
    with listening.BlockListener(spec("words")) as listener:
        first = listener.draw("cell", 0, 38)
        assert len(first) == listening.FIRST_TEXTS
        assert first == listening.BlockListener(spec("words")).draw("cell", 0, 38)
        assert first != listener.draw("cell", 1, 38)
        listener.listen({"cell": block({1, 4})}, blocks_left=1)
        assert sorted(ears.judged) == [1, 1, 1, 4, 4, 4]
        assert len(listener.draw("cell", 1, 38)) == 2, "6 s are left, 3 s a text"
        listener.listen({"cell": block({0, 1})}, blocks_left=3)
        assert len(listener.draw("cell", 2, 38)) == 1, "one at least"


def test_a_block_has_its_words_and_no_sound_any_more(ears: Ears) -> None:
    with listening.BlockListener(spec("words", "worst_run")) as listener:
        judged = listener.listen({"cell": block({1, 4})}, 9)["cell"]
    for trials in judged.by_arm.values():
        assert not any(isinstance(trial.recording.pcm, bytes) for trial in trials)  # type: ignore[union-attr]
    words = summarise_block(judged, "wer").metric
    assert words.baseline == words.candidate == (0.25, 0.0)
    assert judged.texts_of("wer") == ["text 1", "text 4"]
    assert len(judged.texts_of("rtf")) == 6


@pytest.mark.parametrize(("pitch_hz", "is_far"), [(120.0, False), (190.0, True)])
def test_timbre_is_how_much_further_it_is_than_the_old_from_itself(
    pitch_hz: float, *, is_far: bool
) -> None:
    with listening.BlockListener(spec("timbre")) as listener:
        judged = listener.listen({"cell": block({2}, pitch_hz)}, 9)["cell"]
    timbre = summarise_block(judged, "timbre_db").metric
    (baseline,), (control,), (candidate,) = timbre.baseline, timbre.control, timbre.candidate
    further_db = candidate - (baseline + control) / 2  # type: ignore[operator]
    assert (further_db > 1.0) is is_far
    if not is_far:
        assert further_db == 0


def test_a_text_that_one_arm_did_not_speak_has_no_timbre() -> None:
    spoken = block({2})
    missing = Trial(index=2, kind="trial", process=0, text="text 2", recording=None, error="no")
    trials = list(spoken.by_arm["candidate"])
    trials[2] = missing
    spoken.by_arm["candidate"] = tuple(trials)
    with listening.BlockListener(spec("timbre")) as listener:
        judged = listener.listen({"cell": spoken}, 9)["cell"]
    assert summarise_block(judged, "timbre_db").metric.baseline == (None,)


@pytest.mark.uncovered
def test_an_open_budget_leaves_as_large_a_part_to_listening(ears: Ears) -> None:
    """Of 8 hours as of a minute: the first blocks do not use it up."""
    with listening.BlockListener(spec("words", budget_s=math.inf)) as listener:
        blocks_left = round(spec(budget_s=math.inf).longest_s / 10)
        for number in range(40):
            assert listener.draw("cell", number, 38)
            listener.listen({"cell": block({0, 1})}, blocks_left)
        assert len(listener.draw("cell", 40, 38)) == 1
        assert listener._budget_s > 1000
