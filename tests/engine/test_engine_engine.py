"""The engine with its real voice: early first chunk, exact streams, no crash on any text."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from string import punctuation

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.engine import Engine
from engine.errors import EngineClosed, OptionError, OptionTypeError, TextEmpty, TextUnspeakable
from engine.timing import StageSpan
from engine.warm_up import MAX_WARM_ROUNDS, until_steady
from tests.examples import examples

SHORT = "This is a short test sentence."
TWO_SENTENCES = "The first sentence is here. And the second one comes after it."


def spans_of(engine: Engine, stage: str) -> list[StageSpan]:
    return [span for span in engine.stages() if span.stage == stage]


def level_dbfs(samples: np.ndarray) -> float:
    return 20 * np.log10(np.sqrt(np.mean(samples**2)) + 1e-9)


def test_opening_is_told_stage_by_stage() -> None:
    with Engine() as engine:
        opening = engine.stages()
    assert [(span.stage, span.chunk) for span in opening] == [
        ("import", None), ("model", None), ("session", None), ("voice", None)
    ]  # fmt: skip
    assert all(a.end_ns <= b.start_ns for a, b in itertools.pairwise(opening))


def test_the_first_chunk_leaves_before_the_rest_is_made(voice: Engine) -> None:
    stream = voice.stream(TWO_SENTENCES)
    next(stream)
    assert [(span.stage, span.chunk) for span in voice.stages()][:6] == [
        ("text", None), ("phonemes", 0), ("encode", 0), ("decode", 0), ("vocode", 0), ("convert", 0)
    ]  # fmt: skip
    rest = list(stream)
    assert [span.chunk for span in spans_of(voice, "vocode")] == list(range(len(rest) + 1))
    second = spans_of(voice, "encode")[1]
    assert second.chunk is not None
    assert second.chunk > 1, "the first segment had several pieces"


def test_no_piece_of_a_segment_is_computed_more_than_one_ahead(voice: Engine) -> None:
    for done, _ in enumerate(voice.stream(SHORT), 1):
        assert done <= len(spans_of(voice, "vocode")) <= done + 1
    assert done > 2


def test_a_segment_is_read_only_when_the_one_before_was_made(voice: Engine) -> None:
    list(voice.stream(TWO_SENTENCES))
    read_second, encode_second = spans_of(voice, "phonemes")[1], spans_of(voice, "encode")[1]
    assert read_second.chunk == encode_second.chunk
    before = [s for s in spans_of(voice, "convert") if s.chunk < read_second.chunk]
    assert before[-1].end_ns <= read_second.start_ns <= encode_second.start_ns


def test_the_first_chunk_is_short_and_later_ones_longer(voice: Engine) -> None:
    chunks = list(voice.stream(SHORT))
    assert 0.1 <= chunks[0].duration_s < 0.2, "a tenth of a second behind the silence in front"
    assert [chunk.duration_s for chunk in chunks[1:3]] == [0.2, 0.4]
    assert {chunk.sample_rate for chunk in chunks} == {voice.sample_rate} == {24_000}


def test_a_stream_joined_is_synthesize_bit_for_bit(voice: Engine) -> None:
    streamed = np.concatenate([chunk.samples for chunk in voice.stream(TWO_SENTENCES)])
    whole = voice.synthesize(TWO_SENTENCES)
    np.testing.assert_array_equal(streamed, whole.samples)
    assert 2 < whole.duration_s < 8
    assert -40 < level_dbfs(whole.samples) < -10


def test_another_seed_is_another_noise_and_the_same_voice(voice: Engine) -> None:
    with Engine(seed=1) as other:
        one, two = voice.synthesize(SHORT), other.synthesize(SHORT)
    assert one.frame_count == two.frame_count
    assert not np.array_equal(one.samples, two.samples)
    assert abs(level_dbfs(one.samples) - level_dbfs(two.samples)) < 1


def test_two_engines_in_two_threads_do_not_disturb_each_other(voice: Engine) -> None:
    texts = [SHORT, TWO_SENTENCES]
    wanted = [voice.synthesize(text).samples for text in texts]
    with Engine() as one, Engine() as two, ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(lambda e=e, t=t: [e.synthesize(t).samples for _ in range(3)])
            for e, t in zip((one, two), texts, strict=True)
        ]
        for job, samples in zip(jobs, wanted, strict=True):
            assert all(np.array_equal(found, samples) for found in job.result(timeout=30))


def test_a_stream_left_early_does_not_disturb_the_next(voice: Engine) -> None:
    wanted = voice.synthesize(SHORT).samples
    abandoned = voice.stream(TWO_SENTENCES)
    next(abandoned)
    np.testing.assert_array_equal(voice.synthesize(SHORT).samples, wanted)
    abandoned.close()


# Texts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "  \n\t ", "\0", "\u200b"])
def test_blank_text_is_refused_before_the_first_chunk(voice: Engine, text: str) -> None:
    with pytest.raises(TextEmpty):
        voice.stream(text)


@pytest.mark.parametrize("text", ["...", punctuation, "😀", "👩‍👩‍👧 🎉", "你好世界", "/-" * 5000])
def test_text_without_a_sound_is_refused_before_the_first_chunk(voice: Engine, text: str) -> None:
    with pytest.raises(TextUnspeakable, match=r"wanted at least one word .* 'heart' \(en-US\)"):
        voice.stream(text)


@pytest.mark.parametrize("text", [None, 1, b"hello"])
def test_what_is_not_text_is_a_type_error(voice: Engine, text: object) -> None:
    with pytest.raises(OptionTypeError) as caught:
        voice.stream(text)  # type: ignore[arg-type]
    assert isinstance(caught.value, TypeError)


def test_a_refused_text_leaves_the_spans_of_the_last_stream(voice: Engine) -> None:
    voice.synthesize(SHORT)
    before = voice.stages()
    with pytest.raises(TextEmpty):
        voice.stream("")
    assert voice.stages() == before


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("hello\0world", "hello world"),
        ("😀 hello 🎉 world 👋🏽", "hello world"),
        ("hello 你好 world", "hello world"),
        ("\ufeffhello\u00a0\u200bworld", "hello world"),
        ("hello \ud800world", "hello world"),
        ("... hello world", "…hello world"),
    ],
)
def test_what_has_no_sound_is_left_out_of_what_has(voice: Engine, text: str, same_as: str) -> None:
    found, wanted = voice.synthesize(text), voice.synthesize(same_as)
    assert abs(found.duration_s - wanted.duration_s) < 0.3
    assert level_dbfs(found.samples) > -40


def test_segments_without_a_sound_are_passed_over(voice: Engine) -> None:
    text = "你好。\n\nHello there.\n\n你好。\n\nGoodbye."
    np.testing.assert_array_equal(
        voice.synthesize(text).samples, voice.synthesize("Hello there.\n\nGoodbye.").samples
    )


def test_ten_thousand_characters_start_as_soon_as_one_sentence(voice: Engine) -> None:
    text = ("The cat sat on 3.5 mats, didn't it? " * 300)[:10_000]
    stream = voice.stream(text)
    first = list(itertools.islice(stream, 3))
    assert [chunk.duration_s for chunk in first[1:]] == [0.2, 0.4]
    assert len(spans_of(voice, "encode")) == 1
    stream.close()


def test_a_giant_word_streams_in_parts(voice: Engine) -> None:
    stream = voice.stream("a" * 5000)
    assert len(list(itertools.islice(stream, 80))) == 80
    assert len(spans_of(voice, "encode")) > 1
    stream.close()


@settings(max_examples=examples(25))
@given(st.text(min_size=1, max_size=40))
def test_any_text_is_spoken_or_refused(voice: Engine, text: str) -> None:
    try:
        stream = voice.stream(text)
    except (TextEmpty, TextUnspeakable):
        return
    chunks = list(itertools.islice(stream, 8))
    assert chunks
    assert all(chunk.frame_count for chunk in chunks)


# Options, warming, closing ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", [-1, 1.5, "1", None, True])
def test_a_seed_that_is_no_natural_number_is_refused(seed: object) -> None:
    with pytest.raises(OptionError, match="wanted a whole number"):
        Engine(seed=seed)  # type: ignore[arg-type]


def test_threads_asked_for_are_threads_placed() -> None:
    with Engine(threads=2) as engine:
        assert engine.placement()["threads"] == 2


def test_warming_tells_what_it_took_and_leaves_the_stages_alone(voice: Engine) -> None:
    voice.synthesize(SHORT)
    before = voice.stages()
    took = voice.warm()
    assert 2 <= took["rounds"] <= MAX_WARM_ROUNDS
    assert took["seconds"] > 0
    assert voice.stages() == before


@pytest.mark.parametrize(
    ("durations", "rounds", "steady"),
    [
        ([100, 100], 2, True),
        ([500, 100, 95], 3, True),
        ([100, 130, 105], 3, True),
        ([2.0**-n for n in range(MAX_WARM_ROUNDS)], MAX_WARM_ROUNDS, False),
    ],
)
def test_warming_ends_when_a_round_is_near_the_best(
    durations: list[float], rounds: int, steady: bool
) -> None:
    now_ns = 0
    left = iter(durations)

    def speak() -> None:
        nonlocal now_ns
        now_ns += int(next(left) * 1e9)

    took = until_steady(speak, now_ns=lambda: now_ns, work_ns=lambda: now_ns)
    assert (took["rounds"], took["steady"]) == (rounds, steady)
    assert took["seconds"] == pytest.approx(sum(durations))


@pytest.mark.parametrize(
    ("durations", "work", "rounds"),
    [
        ([2, 5], [2, 2.1], 2),  # others were busy
        ([2, 5, 4], [2, 3, 2.1], 3),  # it did more itself
        ([5, 2, 3], [2, 2, 2], 3),  # faster: not as warm as can be
    ],
)
def test_warming_does_not_wait_for_a_busy_machine(
    durations: list[float], work: list[float], rounds: int
) -> None:
    clocks = {"now": 0, "work": 0}
    left = iter(zip(durations, work, strict=True))

    def speak() -> None:
        now_s, work_s = next(left)
        clocks["now"] += int(now_s * 1e9)
        clocks["work"] += int(work_s * 1e9)

    took = until_steady(speak, now_ns=lambda: clocks["now"], work_ns=lambda: clocks["work"])
    assert (took["rounds"], took["steady"]) == (rounds, True)
    assert took["seconds"] == pytest.approx(sum(durations))


def test_a_closed_engine_says_so_whatever_it_is_asked() -> None:
    engine = Engine()
    running = engine.stream(SHORT)
    next(running)
    engine.close()
    engine.close()
    for use in (
        lambda: engine.stream(SHORT),
        lambda: engine.synthesize(SHORT),
        lambda: next(running),
        engine.warm,
        engine.placement,
        engine.__enter__,
    ):
        with pytest.raises(EngineClosed, match="make a new Engine"):
            use()
    assert engine.sample_rate == 24_000
    assert engine.stages()


def test_the_context_manager_closes() -> None:
    with Engine() as engine:
        pass
    with pytest.raises(EngineClosed):
        engine.stream(SHORT)
