"""Engines of every shape that is taken as it is, and what is told of those that are not."""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.errors import TargetNotFound, TargetShapeError
from pytest_ttsperf.metrics.audio import to_samples
from pytest_ttsperf.records import Recording
from pytest_ttsperf.targets.python import adapter
from pytest_ttsperf.targets.python.samples import decode_chunks

RATE = 16_000
WAVE = (np.sin(np.arange(1001) / 9) * 9000).astype(np.int16)
FLOATS = WAVE.astype(np.float32) / np.float32(32768)
CUTS = (400, 801)


def cut(whole: Any) -> list[Any]:
    return [whole[: CUTS[0]], whole[CUTS[0] : CUTS[1]], whole[CUTS[1] :]]


class PiperChunk:
    """As piper's AudioChunk tells itself."""

    sample_width, sample_channels = 2, 1

    def __init__(self, samples: Any, rate: int = RATE) -> None:
        self.sample_rate = rate
        self.audio_int16_bytes = samples.tobytes()


class Chunk:
    def __init__(self, samples: Any) -> None:
        self.samples = samples


def speaker(target: Any, **options: Any) -> adapter.PythonAdapter:
    return adapter.open_adapter(lambda: target, "others:Engine", options, {}, ())


def spoken(found: Any, mode: Any = "stream", **options: Any) -> Recording:
    made = adapter.open_adapter(found, "others:Engine", options, {}, ())
    try:
        return made.record("Hello there.", mode)
    finally:
        made.close()


def check(recording: Recording, counts: tuple[int, ...] = (400, 401, 200)) -> None:
    assert recording.frame_counts == counts
    assert recording.sample_rate == RATE
    assert np.array_equal(to_samples(recording), FLOATS)
    assert recording.request_ns <= recording.arrivals_ns[0] <= recording.end_ns
    assert list(recording.arrivals_ns) == sorted(recording.arrivals_ns)


YIELDED: dict[str, Callable[[], list[Any]]] = {
    "float32": lambda: cut(FLOATS),
    "int16": lambda: cut(WAVE),
    "bytes": lambda: [part.tobytes() for part in cut(WAVE)],
    "bytearray": lambda: [bytearray(part.tobytes()) for part in cut(WAVE)],
    "memoryview": lambda: [memoryview(part.tobytes()) for part in cut(WAVE)],
    "memoryview of int16": lambda: [memoryview(part.copy()) for part in cut(WAVE)],
    "samples": lambda: [Chunk(part) for part in cut(FLOATS)],
    "audio_int16_bytes": lambda: [PiperChunk(part) for part in cut(WAVE)],
    "pairs": lambda: [(part, RATE) for part in cut(FLOATS)],
    "pairs of bytes": lambda: [(part.tobytes(), RATE) for part in cut(WAVE)],
}


@pytest.mark.parametrize("name", YIELDED)
@pytest.mark.parametrize("method", ["stream", "create_stream", "synthesize_stream", "synthesize"])
def test_what_may_be_yielded_by_each_method(name: str, method: str) -> None:
    engine = type("Engine", (), {"sample_rate": RATE, method: lambda self, text: YIELDED[name]()})
    check(spoken(engine))
    check(spoken(engine, "nonstream"), (1001,))


@pytest.mark.parametrize("name", YIELDED)
def test_what_may_be_yielded_asynchronously(name: str) -> None:
    class Engine:
        sample_rate = RATE

        async def create_stream(self, text: str) -> AsyncIterator[Any]:
            for chunk in YIELDED[name]():
                await asyncio.sleep(0)
                yield chunk

    check(spoken(Engine))
    check(spoken(Engine, "nonstream"), (1001,))


class Whole:
    sample_rate = RATE

    def synthesize(self, text: str) -> Any:
        return WAVE


class Awaited:
    sample_rate = RATE

    async def synthesize(self, text: str) -> bytes:
        await asyncio.sleep(0)
        return WAVE.tobytes()


class Called:
    sample_rate = RATE

    def __call__(self, text: str) -> Any:
        return FLOATS, RATE


class Hidden:
    """Asynchronous, and does not look so."""

    sample_rate = RATE

    def stream(self, text: str) -> Any:
        return Awaited().synthesize(text)


class AwaitedStream:
    """A coroutine that gives the stream."""

    sample_rate = RATE

    async def stream(self, text: str) -> Any:
        async def later() -> AsyncIterator[Any]:
            yield WAVE

        return later()


@pytest.mark.parametrize("kind", [Whole, Awaited, Called, Hidden, AwaitedStream])
@pytest.mark.parametrize("mode", ["stream", "nonstream"])
def test_a_whole_is_one_chunk(kind: Any, mode: str) -> None:
    check(spoken(kind, mode), (1001,))


def test_a_function_that_speaks_is_not_called_to_make_a_speaker() -> None:
    def speak(text: str, gain: int = 1) -> Iterator[Any]:
        assert text == "Hello there."
        yield from cut(WAVE // gain)

    check(spoken(speak, sample_rate=RATE))
    assert np.array_equal(
        to_samples(spoken(speak, sample_rate=RATE, gain=2)),
        (WAVE // 2).astype(np.float32) / np.float32(32768),
    )


def test_a_function_is_given_what_it_takes_and_no_more() -> None:
    async def speak(text: str) -> Any:
        return WAVE, RATE

    made = adapter.open_adapter(speak, "x:speak", {}, {"voice": "heart", "provider": "cpu"}, ())
    check(made.record("Hello there.", "stream"), (1001,))
    made.close()
    with pytest.raises(TargetShapeError, match="voice 'heart' was asked for"):
        adapter.open_adapter(speak, "x:speak", {}, {"voice": "heart"}, ("voice",))
    with pytest.raises(TargetShapeError, match="option speed=2 was given"):
        adapter.open_adapter(speak, "x:speak", {"speed": 2}, {}, ())


def test_a_coroutine_may_make_the_engine_and_close_it() -> None:
    closed = []

    class Engine(Awaited):
        async def warm(self) -> None:
            closed.append("warm")

        async def close(self) -> None:
            closed.append("closed")

    async def make() -> Engine:
        return Engine()

    made = adapter.open_adapter(make, "others:make", {}, {}, ())
    assert made.warm()
    check(made.record("Hello there.", "stream"), (1001,))
    made.close()
    assert closed == ["warm", "closed"]


def test_work_of_the_engine_goes_on_while_it_is_waited_for() -> None:
    """As kokoro_onnx does it: a task makes chunks and a queue hands them over."""

    class Engine:
        async def create_stream(self, text: str, voice: str) -> AsyncIterator[Any]:
            queue: asyncio.Queue[Any] = asyncio.Queue()

            async def produce() -> None:
                loop = asyncio.get_running_loop()
                for part in cut(FLOATS):
                    await queue.put(await loop.run_in_executor(None, lambda part=part: part.copy()))
                await queue.put(None)

            task = asyncio.create_task(produce())
            while (part := await queue.get()) is not None:
                yield part, RATE
            await task

    check(spoken(Engine, voice="af_heart"))


# Options


class Told:
    """Takes some keywords when it is made and others when it speaks."""

    sample_rate = RATE

    def __init__(self, model: str, threads: int = 1) -> None:
        self.told = {"model": model, "threads": threads}

    def stream(self, text: str, voice: str = "none", *, speed: float = 1.0) -> Any:
        self.told |= {"voice": voice, "speed": speed}
        return cut(WAVE)


def test_options_find_their_place() -> None:
    engines = []

    def make(model: str, threads: int = 1) -> Told:
        engines.append(Told(model, threads))
        return engines[-1]

    available = {"voice": "heart", "provider": "cpu"}
    made = adapter.open_adapter(make, "x:make", {"model": "m", "speed": 2.0}, available, ("voice",))
    made.record("Hello there.", "stream")
    assert engines[0].told == {"model": "m", "threads": 1, "voice": "heart", "speed": 2.0}


@pytest.mark.parametrize(
    ("options", "requested", "told"),
    [
        ({}, (), "needs model=; give it with --ttsperf-target-option model=VALUE"),
        ({"model": "m", "sped": 2}, (), "option sped=2 was given, but neither"),
        ({"model": "m"}, ("provider",), "provider 'cpu' was asked for"),
        ({"model": "m", "sample_rate": "fast"}, (), "sample_rate='fast'"),
    ],
)
def test_options_that_nothing_takes(
    options: dict[str, Any], requested: tuple[str, ...], told: str
) -> None:
    with pytest.raises(TargetShapeError, match=told):
        adapter.open_adapter(Told, "x:Told", options, {"provider": "cpu"}, requested)


def test_a_method_that_needs_more_than_a_text() -> None:
    class Engine:
        def create_stream(self, text: str, voice: str) -> Any: ...

    with pytest.raises(TargetShapeError, match=r"create_stream\(text\) needs voice="):
        adapter.open_adapter(Engine, "x:Engine", {}, {}, ())


def test_a_factory_that_needs_a_file_is_not_given_the_text() -> None:
    def load(model_path: str) -> Any:
        raise AssertionError("not called")

    with pytest.raises(TargetShapeError, match="needs model_path="):
        adapter.open_adapter(load, "x:load", {}, {}, ())


def test_the_whole_is_made_by_the_method_for_it_where_it_can_be() -> None:
    class Kokoro:
        async def create_stream(self, text: str, voice: str) -> AsyncIterator[Any]:
            for part in cut(FLOATS):
                yield part, RATE

        def create(self, text: str, voice: str, speed: float = 1.0) -> Any:
            assert voice == "heart"
            return FLOATS[::-1].copy(), RATE

    recording = spoken(Kokoro, "nonstream", voice="heart")
    assert np.array_equal(to_samples(recording), FLOATS[::-1])


# The rate


class Silent:
    def stream(self, text: str) -> Any:
        return cut(WAVE)


def test_the_rate_is_the_chunks_the_configurations_the_modules_or_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Configured(Silent):
        config = types.SimpleNamespace(sample_rate=RATE)

    check(spoken(Configured))
    assert speaker(Configured()).sample_rate == RATE
    check(spoken(Silent, sample_rate=RATE))
    assert speaker(Silent()).sample_rate is None, "not known before the chunks are there"
    module = types.ModuleType("others")
    module.SAMPLE_RATE = RATE  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "others", module)
    check(spoken(Silent))


def test_no_rate_at_all() -> None:
    with pytest.raises(TargetShapeError, match=r"tells no sample rate.*sample_rate=24000"):
        spoken(Silent)


class Rated:
    """Yields what it is told, at a rate it tells."""

    sample_rate: int | None = RATE

    def __init__(self, *chunks: Any) -> None:
        self.chunks = chunks

    def stream(self, text: str) -> Any:
        return iter(self.chunks)


Rates = [
    ([(WAVE, 8000)], RATE, "says sample_rate=16000, a chunk says 8000"),
    ([(WAVE, 8000), (WAVE, RATE)], None, "yielded a chunk at 8000 Hz, a chunk says 16000"),
    ([PiperChunk(WAVE, 8000)], RATE, "they must agree"),
]


@pytest.mark.parametrize(("chunks", "rate", "told"), Rates)
def test_rates_that_do_not_agree(chunks: list[Any], rate: int | None, told: str) -> None:
    engine = Rated(*chunks)
    engine.sample_rate = rate
    with pytest.raises(TargetShapeError, match=told):
        speaker(engine).record("x", "stream")


# What is refused


def stereo() -> PiperChunk:
    chunk = PiperChunk(WAVE)
    chunk.sample_channels = 2
    return chunk


@pytest.mark.parametrize(
    ("chunk", "told"),
    [
        (np.zeros(10), "ndarray of float64"),
        (np.zeros((10, 2), np.float32), r"shape \(10, 2\)"),
        ([0.1, 0.2], "yielded float; wanted mono float32"),
        ("text", "yielded str"),
        (("a", "b", WAVE), r"a tuple of 3 \(str, str, ndarray of int16"),
        (WAVE.tobytes()[:-1], "odd number of bytes"),
        (b"RIFF" + bytes(40), "begin as a WAV file"),
        (memoryview(FLOATS.copy()), "a memoryview of 'f'"),
        (None, "yielded NoneType"),
        ((WAVE, 0), "a chunk at 0 Hz"),
        (stereo(), "2 channels"),
        (np.zeros((10, 2), np.float32), "2 channels"),
        (np.zeros((2, 10), np.int16), "2 channels"),
    ],
)
def test_chunks_that_are_no_sound(chunk: Any, told: str) -> None:
    with pytest.raises(TargetShapeError, match=told):
        speaker(Rated(chunk)).record("x", "stream")


@pytest.mark.parametrize(
    "shared", [np.zeros(10, np.float32), np.zeros(10, np.int16), bytearray(20)]
)
@pytest.mark.parametrize("wrap", [lambda it: it, lambda it: (it, RATE), Chunk])
def test_a_buffer_filled_again_is_told_in_every_shape(shared: Any, wrap: Any) -> None:
    with pytest.raises(TargetShapeError, match="same buffer twice"):
        speaker(Rated(wrap(shared), wrap(shared))).record("x", "stream")


def test_a_target_with_nothing_that_speaks() -> None:
    class Engine:
        def talk(self, text: str) -> None: ...

    with pytest.raises(TargetShapeError, match="which has talk; wanted an object with `stream"):
        speaker(Engine())


def test_a_method_that_gives_nothing() -> None:
    engine = types.SimpleNamespace(sample_rate=RATE, stream=lambda text: None)
    with pytest.raises(TargetShapeError, match="gave NoneType for a text"):
        speaker(engine).record("x", "stream")


def test_objects_that_speak_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("others")
    module.engine, module.seven = Rated(WAVE), 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "others", module)
    check(spoken(adapter.find_callable("others:engine")), (1001,))
    with pytest.raises(TargetNotFound, match="is int, wanted a callable"):
        adapter.find_callable("others:seven")


@given(st.lists(st.integers(0, 2002), max_size=8))
def test_bytes_may_be_cut_anywhere(cuts: list[int]) -> None:
    data, edges = WAVE.tobytes(), [0, *sorted(cuts), 2002]
    parts = [data[a:b] for a, b in pairwise(edges)]
    pieces, _ = decode_chunks(parts, "x", declared_rate=RATE, fallback=None)
    assert len(pieces) == len(parts)
    assert np.array_equal(np.concatenate(pieces), FLOATS)


def test_a_list_is_one_chunk_and_an_empty_one_has_no_sound() -> None:
    pieces, _ = decode_chunks([[WAVE, WAVE.copy()], []], "x", declared_rate=RATE, fallback=None)
    assert [len(piece) for piece in pieces] == [2002, 0]
