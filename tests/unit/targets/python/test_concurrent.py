"""Engines that are called by several listeners at once, and how long a chunk sounds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.metrics.audio import to_samples
from pytest_ttsperf.targets.python import adapter, samples

RATE = 16_000
TEXTS = ["one", "three", "seventeen letters"]


class Telling:
    """A stream that tells its own stages."""

    def __init__(self, text: str, gate: threading.Barrier | None) -> None:
        self.text = text
        self.gate = gate
        self.left = 3

    def __iter__(self) -> Telling:
        return self

    def __next__(self) -> Any:
        if self.left == 0:
            raise StopIteration
        self.left -= 1
        if self.gate is not None:
            self.gate.wait(20)
        return np.full(100, len(self.text) / 100, np.float32)

    def stages(self) -> list[tuple[str, int, int, int]]:
        return [("speak", len(self.text), 10, 20)]


class Engine:
    """Goes on only where all listeners are at it."""

    sample_rate = RATE

    def __init__(self) -> None:
        self.gate: threading.Barrier | None = None

    def stream(self, text: str) -> Telling:
        return Telling(text, self.gate)

    def stages(self) -> list[tuple[str, int, int, int]]:
        return [("of the last stream", 0, 10, 20)]


class AwaitedEngine:
    sample_rate = RATE

    def __init__(self) -> None:
        self.open_streams = 0
        self.most = 0

    async def stream(self, text: str) -> AsyncIterator[Any]:
        self.open_streams += 1
        self.most = max(self.most, self.open_streams)
        for _ in range(3):
            await asyncio.sleep(0.01)
            yield np.full(100, len(text) / 100, np.float32)
        self.open_streams -= 1


def open_engine(engine: Any) -> adapter.PythonAdapter:
    return adapter.open_adapter(lambda: engine, "others:Engine", {}, {}, ())


def test_threads_are_recorded_each_by_itself() -> None:
    engine = Engine()
    opened = open_engine(engine)
    assert [span.stage for span in opened.record("alone", "stream").spans] == ["of the last stream"]
    engine.gate = threading.Barrier(len(TEXTS))
    call = opened.call_of("stream")
    assert not call.is_async
    with ThreadPoolExecutor(len(TEXTS)) as pool:
        stamped = list(pool.map(call.record, TEXTS))
    for text, one in zip(TEXTS, stamped, strict=True):
        recording = opened.decode(one)
        np.testing.assert_allclose(to_samples(recording), len(text) / 100, rtol=1e-6)
        assert [(span.stage, span.chunk) for span in recording.spans] == [("speak", len(text))]
        assert recording.cpu_ns is None
    opened.close()


def test_tasks_are_recorded_each_by_itself() -> None:
    engine = AwaitedEngine()
    opened = open_engine(engine)
    call = opened.call_of("stream")
    assert call.is_async

    async def record_all() -> list[Any]:
        return await asyncio.gather(*map(call.record_async, TEXTS))

    for text, one in zip(TEXTS, opened.run(record_all()), strict=True):
        recording = opened.decode(one)
        np.testing.assert_allclose(to_samples(recording), len(text) / 100, rtol=1e-6)
        assert recording.spans == ()
    assert engine.most == len(TEXTS)
    opened.close()


def test_a_stream_whose_stages_are_none_is_told() -> None:
    class Wrong(Telling):
        def stages(self) -> Any:
            return 4

    opened = open_engine(Engine())
    stamped = opened.call_of("stream").record("one")
    with pytest.raises(TargetShapeError, match="gave 4; wanted a list of spans"):
        opened.decode(stamped._replace(source=Wrong("one", None)))
    opened.close()


def test_an_answer_that_was_hung_up_is_recorded_as_far_as_it_came() -> None:
    opened = open_engine(Engine())
    stamped = opened.call_of("stream").record("one", stop_after=2)
    assert stamped.is_cut
    assert opened.decode(stamped).frame_counts == (100, 100)
    opened.close()


WAVE = np.zeros(480, np.int16)


@pytest.mark.parametrize(
    ("chunk", "frames", "rate"),
    [
        (WAVE, 480, None),
        (WAVE.astype(np.float32), 480, None),
        (WAVE.tobytes(), 480, None),
        (memoryview(WAVE.tobytes()), 480, None),
        ((WAVE, 48_000), 480, 48_000),
        (WAVE.reshape(1, 480), 480, None),
        ([WAVE[:100], (WAVE[100:], 8_000)], 480, 8_000),
        ([], 0, None),
        (None, 0, None),
        ("sound", 0, None),
    ],
)
def test_frames_are_counted_without_a_look_at_the_samples(
    chunk: Any, frames: int, rate: int | None
) -> None:
    assert samples.count_frames(chunk) == frames
    assert samples.rate_of(chunk) == rate


def test_how_long_a_chunk_sounds_is_by_its_rate_or_the_engines() -> None:
    opened = open_engine(Engine())
    assert opened.duration_ns(WAVE) == 30_000_000
    assert opened.duration_ns((WAVE, 48_000)) == 10_000_000
    assert opened.duration_ns(None) == 0
    opened.close()


class Rateless:
    def stream(self, text: str) -> Iterator[Any]:
        yield WAVE


def test_without_a_rate_nothing_is_said_of_how_long_it_sounds() -> None:
    opened = open_engine(Rateless())
    assert opened.duration_ns(WAVE) == 0
    opened.close()
