"""The synthesis of one text, from the engine's stream to encoded chunks."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ..audio import Word
from ..encoders import Encoder, open_encoder
from ..engine import Engine, Text
from ..streaming import Stream
from ..timing import StageSpan
from .schemas import SpeechRequest

if TYPE_CHECKING:  # compiling the rules takes a while, and the server is to listen at once
    from ..text.normalise import Unreadable


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """Encoded audio, and what went into it since the chunk before.

    audio_s: duration of what was synthesised. work_s: how long that and its encoding took.
    """

    content: bytes
    audio_s: float
    words: tuple[Word, ...]
    work_s: float


class SynthesisJob:
    """Iterates asynchronously over the encoded chunks of a text.

    The request sets its speed and audio format; the text may still be written, so it comes apart.
    A chunk is made when it is asked for, in a thread of the executor. Iterating raises EngineError.
    """

    def __init__(
        self,
        executor: Executor,
        engine: Engine,
        text: Text,
        request: SpeechRequest,
    ) -> None:
        self._executor = executor
        self._engine = engine
        self._text = text
        self._request = request
        self._stream: Stream | None = None
        self._encoder: Encoder | None = None
        self._taken_count = 0  # of what was left out
        self._is_finished = False
        self._is_cancelled = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EncodedChunk:
        loop = asyncio.get_running_loop()
        chunk = await loop.run_in_executor(self._executor, self._make_chunk)
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    def _make_chunk(self) -> EncodedChunk | None:
        """The next chunk; None at the end. Encoders hold audio back: it may take several steps."""
        began_s = time.perf_counter()
        if self._stream is None or self._encoder is None:
            self._stream = self._engine.stream(
                self._text, speed=self._request.speed, emoji=self._request.emoji
            )
            self._encoder = open_encoder(
                self._request.response_format,
                self._engine.sample_rate,
            )
        content = b""
        audio_s = 0.0
        words: list[Word] = []
        while not (content or self._is_finished or self._is_cancelled):
            chunk = next(self._stream, None)
            if chunk is None:
                self._is_finished = True
                content = self._encoder.finish()
            else:
                content = self._encoder.encode(chunk.samples)
                audio_s += chunk.duration_s
                words += chunk.words
        if not content:
            return None
        return EncodedChunk(content, audio_s, tuple(words), time.perf_counter() - began_s)

    def stages(self) -> list[StageSpan]:
        """The engine's time spans so far."""
        return [] if self._stream is None else self._stream.stages()

    def unreadable(self) -> list[Unreadable]:
        """What was left out of the text so far, as no voice can say it."""
        return [] if self._stream is None else self._stream.unreadable()

    def take_unreadable(self) -> list[Unreadable]:
        """What was left out since the last time this was called."""
        found = self.unreadable()[self._taken_count :]
        self._taken_count += len(found)
        return found

    async def end(self) -> None:
        """Cancel what is under way; returns once no thread works on it any more."""
        self._is_cancelled = True
        if self._stream is not None:
            await self._stream.aclose()
