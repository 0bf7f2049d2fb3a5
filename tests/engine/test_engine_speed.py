"""Speaking faster and slower: every voice family, whole and in chunks."""

from __future__ import annotations

import statistics
from itertools import pairwise

import numpy as np
import pytest

from engine.audio import Chunk
from engine.chunk_lengths import FIRST_CHUNK_S, MAX_CHUNK_S
from engine.engine import Engine
from engine.errors import OptionError
from engine.pauses import PAUSE_S
from engine.text.segmentation import Pause

TEXT = "The quick brown fox jumps over the lazy dog. Nobody asked why."
SPEEDS = (0.25, 0.5, 0.8, 1.2, 1.5, 2.0, 3.0, 4.0)
WITHIN = 0.03


@pytest.fixture(scope="module", params=["voice", "joe"], ids=["heart", "joe"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def natural(engine: Engine) -> list[Chunk]:
    return list(engine.stream(TEXT))


def length_of(chunks: list[Chunk]) -> float:
    return sum(chunk.duration_s for chunk in chunks)


def words_of(chunks: list[Chunk]) -> list[str]:
    return [word.text for chunk in chunks for word in chunk.words]


@pytest.mark.parametrize("speed", SPEEDS)
def test_speed_means_what_it_says(engine: Engine, natural: list[Chunk], speed: float) -> None:
    chunks = list(engine.stream(TEXT, speed=speed))
    assert length_of(chunks) * speed == pytest.approx(length_of(natural), rel=WITHIN)
    assert words_of(chunks) == words_of(natural)


@pytest.mark.parametrize("speed", SPEEDS)
def test_chunks_hold_their_schedule(engine: Engine, speed: float) -> None:
    first, *others = engine.stream(TEXT, speed=speed)
    slowing = max(1, 1 / speed)
    assert 0.5 * FIRST_CHUNK_S <= first.duration_s <= 2 * FIRST_CHUNK_S * slowing
    # A pause that was lengthened comes with the sound behind it.
    longest_s = 2 * MAX_CHUNK_S + PAUSE_S[Pause.STOP] / speed
    assert all(chunk.duration_s <= longest_s for chunk in others)
    assert statistics.median(chunk.duration_s for chunk in others) <= 2 * MAX_CHUNK_S
    assert len(others) >= 3


@pytest.mark.parametrize("speed", [0.25, 4.0])
def test_words_come_in_order_in_the_chunk_that_they_begin_in(engine: Engine, speed: float) -> None:
    end_s = 0.0
    starts = []
    for chunk in engine.stream(TEXT, speed=speed):
        begin_s = end_s
        end_s += chunk.duration_s
        starts += [word.start_s for word in chunk.words]
        assert all(begin_s <= word.start_s < end_s for word in chunk.words)
    assert all(one <= other for one, other in pairwise(starts))


@pytest.mark.parametrize("speed", [0.3, 1.3, 3.0])
def test_the_same_text_gives_the_same_bits(engine: Engine, speed: float) -> None:
    first, second = (engine.synthesize(TEXT, speed=speed) for _ in range(2))
    np.testing.assert_array_equal(first.samples, second.samples)


def test_speed_1_is_what_there_is_without_a_speed(engine: Engine, natural: list[Chunk]) -> None:
    chunks = list(engine.stream(TEXT, speed=1))
    assert [chunk.pcm16() for chunk in chunks] == [chunk.pcm16() for chunk in natural]


def test_a_stream_at_a_speed_beyond_the_models_can_be_closed(engine: Engine) -> None:
    stream = engine.stream(TEXT, speed=4)
    next(stream)
    stream.close()
    assert list(stream) == []


def test_parts_of_a_text_are_rescaled_too(engine: Engine, natural: list[Chunk]) -> None:
    parts = [f"{word} " for word in TEXT.split()]
    chunks = list(engine.stream(parts, speed=4))
    assert words_of(chunks) == words_of(natural)
    assert length_of(chunks) * 4 == pytest.approx(length_of(list(engine.stream(parts))), rel=WITHIN)


@pytest.mark.parametrize("speed", [0.2, 4.1, 0, -1, float("nan"), True, "2"])
def test_an_unfit_speed_is_told(speed: float, voice: Engine) -> None:
    with pytest.raises(OptionError, match=r"wanted a number from 0.25 to 4; 1 is the voice's own"):
        voice.stream(TEXT, speed=speed)
