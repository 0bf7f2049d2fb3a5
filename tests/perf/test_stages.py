"""How long the engine's pure stages take, each alone: `pytest -m perf tests/perf/test_stages.py`.

Each test also looks at what the stage made: a stage that got faster by doing less is not faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.audio import pcm16
from engine.models.hibari.vocoder import BINS, HOP, LOOKAHEAD, Spectra, Vocoder
from engine.text.phonemizer import Phonemizer
from engine.text.segmentation import segments
from engine.voices import find_voice

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.perf

ROUNDS = 30
SENTENCE = "On the third of March, Dr. Smith paid $1,250.50 for a short test sentence on cadence. "
FRAMES = 400  # five seconds of audio
FIRST_FRAMES = 8  # the first chunk: 100 ms


def measure(benchmark: BenchmarkFixture, stage: object, *arguments: object) -> object:
    return benchmark.pedantic(stage, arguments, rounds=ROUNDS, warmup_rounds=3)


@pytest.fixture(scope="module")
def spectra() -> Spectra:
    rng = np.random.default_rng(0)
    logs = rng.normal(-4, 2, (5, BINS, FRAMES)).astype(np.float32)
    return Spectra(*logs, rng.uniform(0, 300, FRAMES).astype(np.float32))


def test_segmentation_of_a_long_text(benchmark: BenchmarkFixture) -> None:
    pieces = measure(benchmark, segments, SENTENCE * 100)
    assert pieces == [SENTENCE.strip()] * 100


def test_reading_a_sentence(benchmark: BenchmarkFixture) -> None:
    heart = find_voice("heart")
    phonemize = Phonemizer.open(heart.vocabulary, heart.language)
    [ids] = measure(benchmark, phonemize, SENTENCE)
    assert 80 < len(ids) < 160


def test_vocoding_the_first_chunk(benchmark: BenchmarkFixture, spectra: Spectra) -> None:
    def first_chunk() -> np.ndarray:
        fed = spectra.between(0, FIRST_FRAMES + LOOKAHEAD)
        return Vocoder(np.random.default_rng(0)).push(fed)

    assert len(measure(benchmark, first_chunk)) == FIRST_FRAMES * HOP


def test_vocoding_five_seconds(benchmark: BenchmarkFixture, spectra: Spectra) -> None:
    def whole() -> np.ndarray:
        vocoder = Vocoder(np.random.default_rng(0))
        return np.concatenate([vocoder.push(spectra), vocoder.finish()])

    samples = measure(benchmark, whole)
    assert len(samples) == FRAMES * HOP
    assert np.isfinite(samples).all()
    assert samples.std() > 0


def test_converting_a_minute_to_pcm(benchmark: BenchmarkFixture) -> None:
    samples = np.sin(np.arange(60 * 24_000, dtype=np.float32)) / 2
    pcm = measure(benchmark, pcm16, samples)
    assert len(pcm) == 2 * len(samples)
    assert np.abs(np.frombuffer(pcm, "<i2") / 32768 - samples).max() < 1 / 32768
