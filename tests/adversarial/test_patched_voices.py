"""Each patch does what its name says, and a comparison calls some of them by their names."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from engine.cache import VARIABLE
from pytest_ttsperf.compare import blocks
from tests.adversarial import patched_voices
from tests.adversarial.patched_voices import HONEST, PATCHES, Answer, Judgement, Patch
from tests.plugin.conftest import Project, forks, project, repository  # noqa: F401 - fixtures

pytestmark = pytest.mark.uncovered
RATE = 24_000
CHUNK_S = (0.1, 0.2, 0.4, 0.8)
SILENCE_S = 0.2
"""Behind the last sound."""
STREAMING = [patch for patch in PATCHES if patch.name != "cached_answer"]
"""The others; that one waits for the whole of the first text of each length."""
TEXT = "Nobody has asked Dr. Smith for his 12 books."


@dataclass(frozen=True)
class ToneChunk:
    """A piece of a tone."""

    samples: np.ndarray[Any, Any]
    sample_rate: int = RATE

    @property
    def frame_count(self) -> int:
        return len(self.samples)


class ToneEngine:
    """Hums for any text, and remembers what it was asked for; `hz` is the pitch of the hum."""

    sample_rate = RATE

    def __init__(self, hz: float = 200.0) -> None:
        self.hz = hz
        self.texts: list[str] = []
        self.speeds: list[float] = []

    def stream(self, text: str, *, speed: float = 1.0) -> Iterator[ToneChunk]:
        self.texts.append(text)
        self.speeds.append(speed)
        start = 0
        for samples in np.split(self.sound(), self.joints()[:-1]):
            yield ToneChunk(samples)
            start += len(samples)

    def sound(self) -> np.ndarray[Any, Any]:
        """All of it."""
        end = self.joints()[-1]
        tone = np.sin(2 * np.pi * self.hz * np.arange(end) / RATE).astype(np.float32)
        tone[end - round(SILENCE_S * RATE) :] = 0.0
        return tone

    def joints(self) -> list[int]:
        """The samples at which chunks end."""
        return list(np.cumsum([round(seconds * RATE) for seconds in CHUNK_S]))


def patch_module(name: str) -> ModuleType:
    """The file of a patch, anew, so that it remembers nothing."""
    module = importlib.import_module(f"tests.adversarial.patches.{name}")
    return importlib.reload(module)


def chunks_of(name: str, engine: ToneEngine, text: str = TEXT) -> list[np.ndarray[Any, Any]]:
    return list(patch_module(name).speak(engine, text))


def sound_of(name: str, engine: ToneEngine, text: str = TEXT) -> np.ndarray[Any, Any]:
    return np.concatenate(chunks_of(name, engine, text))


def rms(samples: np.ndarray[Any, Any]) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


def test_the_honest_version_changes_nothing() -> None:
    engine = ToneEngine()
    assert np.array_equal(sound_of(HONEST.name, engine), engine.sound())
    assert (engine.texts, engine.speeds) == ([TEXT], [1.0])


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.name)
def test_each_patch_speaks_otherwise_than_the_honest_version(patch: Patch) -> None:
    engine = ToneEngine()
    module = patch_module(patch.name)
    texts = [f"{TEXT} {number}" for number in range(200)]
    is_other = False
    for text in texts:
        found = np.concatenate(list(module.speak(engine, text)))
        is_same_request = engine.texts[-1] == text and engine.speeds[-1] == 1.0
        if not is_same_request or not np.array_equal(found, engine.sound()):
            is_other = True
    assert is_other


@pytest.mark.parametrize("patch", STREAMING, ids=lambda patch: patch.name)
def test_no_patch_waits_for_the_second_chunk_before_its_first(patch: Patch) -> None:
    engine = ToneEngine()
    stream = iter(engine.stream(TEXT))
    engine.stream = lambda *_, **__: stream  # type: ignore[method-assign]
    next(patch_module(patch.name).speak(engine, TEXT))
    assert len(list(stream)) == len(CHUNK_S) - 1


def test_one_word_is_dropped() -> None:
    engine = ToneEngine()
    chunks_of("word_dropped", engine)
    assert engine.texts == ["Nobody has asked Dr. for his 12 books."]
    assert patch_module("word_dropped").without_a_word("Yes.") == "Yes."


def test_numbers_and_abbreviations_are_skipped() -> None:
    engine = ToneEngine()
    chunks_of("normalization_skipped", engine)
    assert engine.texts == ["Nobody has asked Smith for his books."]


def test_one_text_in_fifty_is_truncated_to_half_of_its_words() -> None:
    truncate_some = patch_module("one_in_fifty_truncated").truncate_some
    texts = [f"a b c d {number}" for number in range(5000)]
    shortened = [text for text in texts if truncate_some(text) != text]
    assert 50 <= len(shortened) <= 200
    assert all(truncate_some(text) == "a b c" for text in shortened)


def test_a_quarter_of_a_second_of_sound_is_cut_with_the_silence_behind_it() -> None:
    engine = ToneEngine()
    lost = len(engine.sound()) - len(sound_of("tail_cut", engine))
    assert lost / RATE == pytest.approx(SILENCE_S + 0.25, abs=0.01)


def test_the_last_sound_becomes_noise_of_the_same_energy() -> None:
    engine = ToneEngine()
    old, new = engine.sound(), sound_of("noise_tail", engine)
    assert len(new) == len(old)
    differs = np.flatnonzero(old != new)
    assert (differs[-1] - differs[0]) / RATE == pytest.approx(0.3, abs=0.01)
    assert rms(new[differs]) == pytest.approx(rms(old[differs]), rel=0.1)


def test_the_last_chunk_is_lost() -> None:
    assert len(chunks_of("last_chunk_lost", ToneEngine())) == len(CHUNK_S) - 1


@pytest.mark.parametrize(("hz", "least", "most"), [(200, 0.99, 1.01), (5000, 0.0, 0.1)])
def test_little_is_left_above_4_khz(hz: float, least: float, most: float) -> None:
    engine = ToneEngine(hz)
    found = sound_of("narrow_band", engine)
    assert len(found) == len(engine.sound())
    assert least <= rms(found) / rms(engine.sound()) <= most


def test_half_the_amplitude_is_left() -> None:
    engine = ToneEngine()
    assert rms(sound_of("half_level", engine)) == pytest.approx(rms(engine.sound()) / 2)


@pytest.mark.parametrize("name", ["faster_speech", "other_voice"])
def test_less_is_made_of_a_text(name: str) -> None:
    engine = ToneEngine()
    chunks_of(name, engine)
    assert engine.speeds[0] > 1.1


def test_another_voice_is_deeper_by_what_it_is_longer() -> None:
    module = patch_module("other_voice")
    engine = ToneEngine()
    old, new = engine.sound()[:RATE], module.stretch(engine.sound()[:RATE])
    assert len(new) / len(old) == pytest.approx(module.STRETCH, rel=0.001)
    crossings = [np.count_nonzero(np.diff(np.signbit(sound))) for sound in (old, new)]
    assert crossings[0] == pytest.approx(crossings[1], abs=1)


def test_silence_is_all_that_padding_adds() -> None:
    engine = ToneEngine()
    new = sound_of("padding", engine)
    added = new[len(engine.sound()) :]
    assert len(added) == RATE
    assert not added.any()


def test_each_joint_has_a_hole_of_3_ms() -> None:
    engine = ToneEngine(hz=199.0)
    new = sound_of("seam_click", engine)
    differs = np.flatnonzero(new != engine.sound())
    hole = round(0.003 * RATE)
    distances = {int(place - joint) for joint in engine.joints()[:-1] for place in differs}
    assert len(differs) >= 0.95 * hole * (len(CHUNK_S) - 1)
    assert min(abs(distance) for distance in distances) <= 1
    assert not new[engine.joints()[0] : engine.joints()[0] + hole].any()


def test_a_cache_answers_with_another_text_of_that_length() -> None:
    module = patch_module("cached_answer")
    engine = ToneEngine()
    for text in ("one two", "six ten", "a text that is much longer"):
        list(module.speak(engine, text))
    assert engine.texts == ["one two", "a text that is much longer"]


def test_a_text_begins_with_the_first_100_ms_of_the_one_before() -> None:
    module = patch_module("foreign_start")
    first, second = ToneEngine(hz=300.0), ToneEngine(hz=200.0)
    assert np.array_equal(np.concatenate(list(module.speak(first, "a"))), first.sound())
    start, *rest = module.speak(second, "b")
    assert np.array_equal(start, first.sound()[: len(start)])
    assert len(start) == RATE / 10
    assert np.array_equal(np.concatenate(rest), second.sound())


def test_each_of_two_channels_has_half_of_the_sound() -> None:
    engine = ToneEngine()
    left, right = sound_of("stereo_halves", engine).T
    assert np.array_equal(left + right, engine.sound())
    assert not np.any((left != 0) & (right != 0))
    assert left.any()
    assert right.any()


def test_there_are_fifteen_and_five_of_them_are_for_all_voices() -> None:
    assert len({patch.name for patch in PATCHES}) == 15
    assert sum(patch.is_for_all_voices for patch in PATCHES) == 5
    assert all(patch.labels for patch in PATCHES)


def answer(label: str, outcome: str, reason: str = "") -> Answer:
    return Answer((Judgement(label, outcome, reason),))


def test_a_patch_is_called_by_its_own_label_or_word_and_by_no_other() -> None:
    level = Patch("half_level", ("level",))
    assert answer("level", "FAIL").calls(level)
    assert not answer("speech", "FAIL").calls(level)
    assert not answer("level", "INCONCLUSIVE").calls(level)
    stereo = Patch("stereo_halves", ("refused",), reason="channels")
    assert answer("refused", "FAIL", "found 2 channels").calls(stereo)
    assert not answer("refused", "FAIL", "found nothing").calls(stereo)


WIDE = [f"--ttsperf-compare-fail={figure}:90%" for figure in ("ttfa_p50", "ttfa_p95", "rtf_p50")]
"""So few trials of a busy machine say nothing about times, and must not void what is said."""


def compare_few(repository: Project, patch: Patch) -> Answer:  # noqa: F811 - the fixture
    """The shortest comparison that there is, of our default voice, and what it says."""
    patched_voices.make_repository(repository.path, patch)
    result = repository.run(
        "test_voice.py", "--ttsperf-against=HEAD~1", "--ttsperf-trials=2", *WIDE
    )
    artifact = repository.artifacts()[-1]
    return patched_voices.read_answer(artifact, int(result.ret), result.stdout.str())


@pytest.mark.parametrize("name", ["half_level", "stereo_halves"])
def test_a_comparison_calls_a_patch_by_its_name(
    repository: Project,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
    run_cache: Path,
    name: str,
) -> None:
    monkeypatch.setenv(VARIABLE, str(run_cache))
    # The voice says a text twice in the same way: two in a block are as sure as four.
    monkeypatch.setattr(blocks, "TEXTS", 2)
    monkeypatch.setattr(blocks, "texts_worth", lambda *_: 2)
    patch = patched_voices.patch_named(name)
    found = compare_few(repository, patch)
    assert found.calls(patch), found
    assert found.exit_code == 1
