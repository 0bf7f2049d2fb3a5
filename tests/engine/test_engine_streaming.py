"""How chunks flow: one ahead, in turn, until stopped; words, overrides and texts in parts."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from engine.audio import Chunk
from engine.engine import Engine
from engine.errors import (
    EngineBusy,
    EngineClosed,
    OptionError,
    OptionTypeError,
    TextEmpty,
    TextUnspeakable,
)
from engine.runtime.session import Cancelled, CancelToken
from engine.streaming import (
    TIDY_EVERY,
    Prefetcher,
    PrefetchTask,
    Stream,
    StreamLimiter,
    prefetch_one,
)
from engine.text.segmentation import incoming, segments

SHORT = "This is a short test sentence."
LONG = " ".join(["Every sentence of this text is here to keep the engine at work."] * 20)
IDLE_S = 0.1


def samples_of(chunks: Iterator[Chunk] | Stream) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in chunks])


def eventually(condition: Callable[[], bool], within_s: float = 2.0) -> bool:
    end = time.monotonic() + within_s
    while not condition() and time.monotonic() < end:
        threading.Event().wait(0.001)
    return condition()


# One ahead ---------------------------------------------------------------------------------------


class Source:
    """Items one, two, ..., and who made each."""

    def __init__(self, count: int) -> None:
        self.makers: list[int] = []
        self._count = count

    def __iter__(self) -> Iterator[int]:
        for item in range(self._count):
            self.makers.append(threading.get_ident())
            yield item


def test_items_pass_in_order_and_none_is_lost() -> None:
    helper = Prefetcher()
    assert list(prefetch_one(iter(Source(50)), helper)) == list(range(50))  # type: ignore[arg-type]
    helper.close()


def test_a_listener_who_takes_time_finds_the_next_item_made() -> None:
    source, helper = Source(3), Prefetcher()
    items = prefetch_one(iter(source), helper)  # type: ignore[arg-type]
    next(items)
    assert source.makers[0] == threading.get_ident()
    assert eventually(lambda: len(source.makers) == 2)
    assert source.makers[1] != threading.get_ident()
    assert not eventually(lambda: len(source.makers) > 2, 0.02), "one ahead and no more"
    assert list(items) == [1, 2]
    helper.close()


def test_a_step_claimed_by_the_listener_is_not_made_by_the_helper() -> None:
    source = Source(2)
    step = PrefetchTask(iter(source))
    assert step.take() == [0]
    step.help()
    assert step.take() == [0]
    assert len(source.makers) == 1


def test_a_dropped_step_is_never_made() -> None:
    source = Source(2)
    step = PrefetchTask(iter(source))
    step.drop()
    step.help()
    assert source.makers == []


def test_an_error_of_the_source_reaches_the_listener() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("the source failed")

    helper = Prefetcher()
    items = prefetch_one(failing(), helper)  # type: ignore[arg-type]
    next(items)
    with pytest.raises(ValueError, match="the source failed"):
        next(items)
    helper.close()


def test_the_thread_ends_with_its_helper() -> None:
    before = threading.active_count()
    helper = Prefetcher()
    helper.offer(PrefetchTask(iter(())))
    assert threading.active_count() == before + 1
    del helper
    assert eventually(lambda: threading.active_count() == before)


# Stopping ----------------------------------------------------------------------------------------


def test_closing_from_another_thread_leaves_the_engine_idle_at_once(voice: Engine) -> None:
    stream = voice.stream(LONG)
    next(stream)
    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(list, stream)
        threading.Event().wait(0.05)
        began = time.monotonic()
        stream.close()
        assert time.monotonic() - began < IDLE_S
        assert len(listening.result(timeout=1)) < 200
    assert list(stream) == []
    made = len(voice.stages())
    threading.Event().wait(0.03)
    assert len(voice.stages()) == made, "nobody is at work any more"


def test_a_closed_stream_ends_and_the_engine_goes_on(voice: Engine) -> None:
    wanted = voice.synthesize(SHORT).samples
    with voice.stream(LONG) as stream:
        next(stream)
    assert next(stream, None) is None
    stream.close()
    np.testing.assert_array_equal(voice.synthesize(SHORT).samples, wanted)


def test_a_stopped_run_ends_in_the_middle(voice: Engine) -> None:
    model = voice._model
    assert model is not None
    (speech,) = model.read(SHORT)
    stop = CancelToken()
    stop.set()
    feeds = {"ids": np.array([speech.ids], np.int64), "speed": np.ones(1, np.float32)}
    with pytest.raises(Cancelled):
        model.sessions()[0].run(feeds, stop)
    assert model.sessions()[0].run(feeds, CancelToken())["steps"].size > 0


# Turns -------------------------------------------------------------------------------------------


def test_no_more_streams_than_allowed_and_all_get_their_turn(voice: Engine) -> None:
    most = 0
    lock = threading.Lock()
    active: set[int] = set()
    with Engine(max_streams=2) as engine:
        wanted = engine.synthesize(SHORT).samples

        def speak(number: int) -> np.ndarray:
            nonlocal most
            stream = engine.stream(SHORT)
            chunks = [next(stream)]
            with lock:
                active.add(number)
                most = max(most, len(active))
            chunks.extend(itertools.islice(stream, 2))
            with lock:
                active.discard(number)
            return samples_of(itertools.chain(chunks, stream))

        with ThreadPoolExecutor(6) as pool:
            for found in pool.map(speak, range(12)):
                np.testing.assert_array_equal(found, wanted)
    assert 1 <= most <= 2


def test_streams_wait_first_come_first_served() -> None:
    turns, stop = StreamLimiter(1), CancelToken()
    turns.enter("a", stop)
    order: list[str] = []

    def wait(who: str) -> None:
        turns.enter(who, stop)
        order.append(who)
        turns.leave(who)

    threads = []
    for count, who in enumerate("bcd", 1):
        threads.append(threading.Thread(target=wait, args=(who,)))
        threads[-1].start()
        assert eventually(lambda count=count: len(turns._waiting) == count)  # type: ignore[misc]
    assert order == []
    turns.leave("a")
    for thread in threads:
        thread.join(timeout=5)
    assert order == ["b", "c", "d"]


def test_a_wait_that_could_never_end_is_refused() -> None:
    with Engine(max_streams=1) as engine:
        first = engine.stream(SHORT)
        next(first)
        with pytest.raises(EngineBusy, match="max_streams=1"):
            engine.synthesize(SHORT)
        first.close()
        assert engine.synthesize(SHORT).frame_count


def test_who_waits_can_be_stopped() -> None:
    turns, stop = StreamLimiter(1), CancelToken()
    turns.enter("a", CancelToken())
    waiting = threading.Thread(target=turns.enter, args=("b", stop))
    waiting.start()
    stop.set()
    waiting.join(timeout=5)
    assert not waiting.is_alive()


def begin(wait: Callable[..., object], *arguments: object) -> Future[object]:
    """Call it in a thread that holds nobody up, should it never end."""
    called: Future[object] = Future()

    def call() -> None:
        try:
            called.set_result(wait(*arguments))
        except BaseException as error:
            called.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return called


class WatchedCondition(threading.Condition):
    """Counts who goes to sleep, and lets nobody do so for a time only."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeps = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is None, "who looks again and again is not woken"
        self.sleeps.release()
        return super().wait()


@pytest.mark.parametrize(
    ("event", "has_turn"),
    [
        (lambda turns, _: turns.leave("a"), True),
        (lambda turns, _: turns.close(), False),
        (lambda _, stop: stop.set(), False),
    ],
    ids=["leave", "close", "stop"],
)
def test_who_waits_sleeps_once_and_is_woken(
    event: Callable[[StreamLimiter, CancelToken], None], has_turn: bool
) -> None:
    turns, stop = StreamLimiter(1), CancelToken()
    turns._changed = watched = WatchedCondition()
    turns.enter("a", CancelToken())
    waiting = begin(turns.enter, "b", stop)
    assert watched.sleeps.acquire(timeout=5)
    assert not waiting.done()
    event(turns, stop)
    waiting.result(timeout=5)
    assert not watched.sleeps.acquire(blocking=False), "woken by the event, and by nothing before"
    assert ("b" in turns._holders) is has_turn
    assert not turns._waiting


def test_who_stops_waiting_lets_the_next_one_in() -> None:
    turns, stop = StreamLimiter(1), CancelToken()
    turns._changed = watched = WatchedCondition()
    turns.enter("a", CancelToken())
    first = begin(turns.enter, "b", stop)
    assert watched.sleeps.acquire(timeout=5)
    second = begin(turns.enter, "c", CancelToken())
    assert watched.sleeps.acquire(timeout=5)
    with watched:
        turns._holders.clear()
        stop.is_set = True
        watched.notify()  # the first one alone
    first.result(timeout=5)
    second.result(timeout=5)
    assert list(turns._holders) == ["c"]


def test_nobody_is_refused_while_another_one_is_about_to_enter() -> None:
    turns = StreamLimiter(2)
    turns._changed = watched = WatchedCondition()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(turns.enter, "of the pool", CancelToken()).result(timeout=5)
        turns.enter("a", CancelToken())
        turns._waiting.append("first")  # has not been woken yet
        second = pool.submit(turns.enter, "b", CancelToken())
        assert watched.sleeps.acquire(timeout=5)
        turns.leave("a")  # now every turn that is taken belongs to the thread that waits
        assert watched.sleeps.acquire(timeout=5), "it goes on waiting"
        turns._waiting.remove("first")
        turns._wake()
        second.result(timeout=5)


@pytest.mark.parametrize("is_engine_closed", [False, True], ids=["stream", "engine"])
def test_a_stream_closed_while_it_waits_makes_no_chunk(is_engine_closed: bool) -> None:
    engine = Engine(max_streams=1)
    engine._limiter._changed = watched = WatchedCondition()
    first, second = engine.stream(SHORT), engine.stream(SHORT)
    next(first)
    before = second.stages()
    waiting = begin(next, second, None)
    assert watched.sleeps.acquire(timeout=5)
    if is_engine_closed:
        engine.close()
        with pytest.raises(EngineClosed):
            waiting.result(timeout=5)
    else:
        second.close()
        assert waiting.result(timeout=5) is None
    assert second.stages() == before
    first.close()
    engine.close()


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "2"])
def test_a_limit_that_is_no_count_is_refused(limit: object) -> None:
    with pytest.raises(OptionError, match="max_streams="):
        Engine(max_streams=limit)  # type: ignore[arg-type]


def test_several_streams_over_one_engine_say_what_each_would_alone(voice: Engine) -> None:
    texts = [SHORT, "And another one.", LONG[:200], "Four of them."]
    wanted = [voice.synthesize(text).samples for text in texts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: samples_of(voice.stream(text)), texts * 3))
    for one, other in zip(found, wanted * 3, strict=True):
        np.testing.assert_array_equal(one, other)


def test_interleaved_streams_of_one_thread_do_not_mix(voice: Engine) -> None:
    wanted = voice.synthesize(SHORT).samples
    chunks = list(zip(voice.stream(SHORT), voice.stream(SHORT), strict=True))
    for side in zip(*chunks, strict=True):
        np.testing.assert_array_equal(samples_of(iter(side)), wanted)


# Asynchronous ------------------------------------------------------------------------------------


def test_async_for_gives_the_same_chunks(voice: Engine) -> None:
    async def listen() -> list[Chunk]:
        return [chunk async for chunk in voice.astream(SHORT)]

    np.testing.assert_array_equal(
        samples_of(iter(asyncio.run(listen()))), voice.synthesize(SHORT).samples
    )


def test_an_asynchronous_text_is_spoken_while_it_comes(voice: Engine) -> None:
    async def written() -> AsyncIterator[str]:
        for word in f"First this, and then that. {SHORT}".split():
            yield f"{word} "
            await asyncio.sleep(0)

    async def listen() -> list[Chunk]:
        return [chunk async for chunk in voice.stream(written())]

    words = [word.text for chunk in asyncio.run(listen()) for word in chunk.words]
    assert words == f"First this and then that {SHORT[:-1]}".split()


def test_an_asynchronous_text_needs_an_event_loop(voice: Engine) -> None:
    async def written() -> AsyncIterator[str]:
        yield SHORT

    with pytest.raises(OptionTypeError, match="async for"):
        next(voice.stream(written()))


def test_an_error_of_an_asynchronous_text_reaches_the_listener(voice: Engine) -> None:
    async def written() -> AsyncIterator[str]:
        yield "One sentence is whole. And then"
        raise ConnectionError("the writer is gone")

    async def listen() -> None:
        async for _ in voice.stream(written()):
            pass

    with pytest.raises(ConnectionError, match="the writer is gone"):
        asyncio.run(listen())


def test_an_asynchronous_stream_can_be_closed_early(voice: Engine) -> None:
    async def listen() -> float:
        stream = voice.stream(LONG)
        await anext(stream)
        began = time.monotonic()
        await stream.aclose()
        return time.monotonic() - began

    assert asyncio.run(listen()) < IDLE_S


# A text in parts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "pieces"),
    [
        (["Hello ", "there."], ["Hello there."]),
        (["Hello there. How", " are you? Fine"], ["Hello there.", "How are you?", "Fine"]),
        (["Well then, let us go", " on. Now."], ["Well then,", "let us go on.", "Now."]),
        (["Dr. ", "Smith is ", "here. So am I."], ["Dr. Smith is here.", "So am I."]),
        (
            ["It costs 1,", "000 dollars, or so. Yes."],
            ["It costs 1,000 dollars,", "or so.", "Yes."],
        ),
        (["One\n", "Two\n", "Three"], ["One", "Two", "Three"]),
        (list("Hi. You too."), ["Hi.", "You too."]),
        (["A. ", "", "  "], ["A."]),
    ],
)
def test_a_text_in_parts_becomes_a_clause_and_then_sentences(
    parts: list[str], pieces: list[str]
) -> None:
    assert list(incoming(parts)) == pieces


def test_a_clause_is_spoken_before_the_rest_is_written() -> None:
    asked = []

    def written() -> Iterator[str]:
        for number, part in enumerate(["In the end, ", "it was ", "nothing. ", "Really."]):
            asked.append(number)
            yield part

    pieces = incoming(written())
    assert next(pieces) == "In the end,"
    assert asked == [0, 1]


def test_parts_lose_no_word() -> None:
    text = f"{LONG} And, to end with, a list: one, two; three. {SHORT}"
    cuts = [text[at : at + 7] for at in range(0, len(text), 7)]
    assert " ".join(incoming(cuts)).split() == " ".join(segments(text)).split()


def test_a_text_in_parts_is_heard_before_it_is_all_there(voice: Engine) -> None:
    asked = []

    def written() -> Iterator[str]:
        for sentence in ["Here is one. ", "Here is two. ", "Here is three. ", "Here is four. "]:
            asked.append(sentence)
            yield sentence

    stream = voice.stream(written())
    assert asked == [], "nothing is asked for before somebody listens"
    next(stream)
    assert len(asked) == 2
    words = [word.text for chunk in stream for word in chunk.words]
    assert len(asked) == 4
    assert words[-3:] == ["Here", "is", "four"]


def test_parts_that_say_nothing_or_are_no_text_are_errors(voice: Engine) -> None:
    with pytest.raises(TextEmpty):
        list(voice.stream(iter(["", " "])))
    with pytest.raises(TextUnspeakable):
        list(voice.stream(["...", " "]))
    with pytest.raises(OptionTypeError, match="part of a text of type int"):
        list(voice.stream([1]))  # type: ignore[list-item]


# Words and overrides -----------------------------------------------------------------------------


def test_words_come_in_order_with_the_chunk_they_begin_in(voice: Engine) -> None:
    at_s = 0.0
    last_s = 0.0
    words = []
    for chunk in voice.stream(f"{SHORT} Another one comes after it."):
        for word in chunk.words:
            assert at_s - 1e-9 <= word.start_s < at_s + chunk.duration_s
            assert last_s <= word.start_s < word.end_s
            last_s = word.end_s
        at_s += chunk.duration_s
        words += [word.text for word in chunk.words]
    assert last_s <= at_s
    assert " ".join(words) == "This is a short test sentence Another one comes after it"


def test_words_sound_when_they_are_said_to(voice: Engine) -> None:
    chunks = list(voice.stream("Stop. Go."))
    samples = samples_of(iter(chunks))
    stop, go = (word for chunk in chunks for word in chunk.words)

    def level(start_s: float, end_s: float) -> float:
        part = samples[int(start_s * 24_000) : int(end_s * 24_000)]
        return float(np.sqrt(np.mean(part**2)))

    for word in (stop, go):
        assert level(word.start_s, word.end_s) > 5 * level(stop.end_s + 0.1, go.start_s - 0.1)


def test_a_lexicon_overrides_how_words_are_read(voice: Engine) -> None:
    with Engine(lexicon={"GIF": "ʤˈɪf", "new york": "nˈu jˈɔɹk"}) as engine:
        model, other = engine._model, voice._model
        assert model is not None
        assert other is not None
        assert model.read("A GIF.")[0].ids != other.read("A GIF.")[0].ids
        assert [w.text for w in model.read("A GIF.")[0].words] == ["A", "GIF"]
        assert model.read("New York.")[0].ids == model.read("new york.")[0].ids
        assert model.read("A gift.")[0].ids == other.read("A gift.")[0].ids
        assert engine.synthesize("GIF").frame_count


@pytest.mark.parametrize(
    ("lexicon", "error"),
    [
        ({"GIF": "jif!g"}, OptionError),
        ({"GIF": ""}, OptionError),
        ({" ": "ʤˈɪf"}, OptionError),
        ({"GIF": 1}, OptionTypeError),
        (["GIF"], OptionTypeError),
    ],
)
def test_a_lexicon_the_voice_cannot_speak_is_refused(
    lexicon: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match="lexicon"):
        Engine(lexicon=lexicon)  # type: ignore[arg-type]


def test_a_helper_tidies_now_and_then() -> None:
    tidied = threading.Semaphore(0)
    helper = Prefetcher(tidied.release)
    for _ in range(2 * TIDY_EVERY):
        helper.offer(PrefetchTask(iter(())))
    assert tidied.acquire(timeout=10)
    assert tidied.acquire(timeout=10)
    assert not tidied.acquire(blocking=False)
    helper.close()
