"""One request for speech: synthesised, encoded and sent at the pace of its reader."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from ..audio import Word
from ..encoders import Encoder, open_encoder
from ..engine import Engine, Text
from ..streaming import Stream
from ..timing import StageSpan
from .admission import Slot

PATIENCE_S = 0.05  # a listener who has not taken a chunk by then gives the place to others


def request_id() -> str:
    """A new one."""
    return f"req_{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """What one step gave: bytes of the format, perhaps none, and the sound that was put in."""

    content: bytes
    audio_s: float
    words: tuple[Word, ...]
    took_s: float


class SynthesisJob:
    """A text on its way to being sound; one step at a time, in whichever thread."""

    def __init__(self, engine: Engine, text: Text, audio_format: str, speed: float) -> None:
        self._engine = engine
        self._text = text
        self._format = audio_format
        self._speed = speed
        self._over = False
        self._ended = False
        self._stream: Stream | None = None
        self._encoder: Encoder | None = None

    def step(self) -> EncodedChunk | None:
        """The next part that has any bytes, or None at the end. Raises EngineError."""
        began_s = time.perf_counter()
        if self._stream is None or self._encoder is None:
            self._stream = self._engine.stream(self._text, speed=self._speed)
            self._encoder = open_encoder(self._format, self._engine.sample_rate)
        content, audio_s = b"", 0.0
        words: list[Word] = []
        while not (content or self._ended or self._over):
            chunk = next(self._stream, None)
            if chunk is None:
                self._ended = True
                content = self._encoder.finish()
            else:
                content = self._encoder.encode(chunk.samples)
                audio_s += chunk.duration_s
                words += chunk.words
        if not content:
            return None
        return EncodedChunk(content, audio_s, tuple(words), time.perf_counter() - began_s)

    def stages(self) -> list[StageSpan]:
        """Where the time went so far."""
        return [] if self._stream is None else self._stream.stages()

    async def end(self) -> None:
        """Give up what is being made; back when nothing is."""
        self._over = True
        if self._stream is not None:
            await self._stream.aclose()


async def send_with_backpressure(place: Slot, sent: Awaitable[None], stall_s: float) -> bool:
    """Whether the listener took it in time. Others have the place while it takes long."""
    sending = asyncio.ensure_future(sent)
    try:
        await asyncio.wait({sending}, timeout=PATIENCE_S)
        if not sending.done():
            place.rest()
            await asyncio.wait({sending}, timeout=stall_s)
            if not sending.done():
                return False
            await place.resume()
        await sending
    finally:
        sending.cancel()
    return True


def stage_ms(spans: Sequence[StageSpan], *, first: bool = True) -> dict[str, float]:
    """Milliseconds by stage: up to the first chunk, or of all."""
    durations: dict[str, float] = {}
    for span in spans:
        if not first or span.chunk in (None, 0):
            took_ms = (span.end_ns - span.start_ns) / 1e6
            durations[span.stage] = durations.get(span.stage, 0.0) + took_ms
    return durations


def word_times(words: Sequence[Word]) -> list[dict[str, Any]]:
    return [
        {"word": word.text, "start": round(word.start_s, 4), "end": round(word.end_s, 4)}
        for word in words
    ]


def round_ms(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)
