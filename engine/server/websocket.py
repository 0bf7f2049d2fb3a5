"""A WebSocket: text as it is written goes in, sound comes out as it is made.

From the client, JSON: {"type": "append", "text": ...} adds to what is said, {"type": "flush"} ends
an utterance, so that its last words are said too, {"type": "cancel", "played_s": ...} is barge-in:
everything stops, and the answer tells the last word that was heard.

To the client: sound as binary messages; and JSON: `started`, `words` with their times, `done` with
totals, `cancelled`, `error`. Times are seconds from the start of the utterance.
"""

from __future__ import annotations

import asyncio
import json
import logging
import queue
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..audio import Word
from .admission import Slot
from .errors import ApiError, to_api_error
from .metrics import Outcome, RequestMetrics
from .state import ServerState
from .synthesis import (
    EncodedChunk,
    SynthesisJob,
    request_id,
    round_ms,
    send_with_backpressure,
    word_times,
)
from .voice_pool import LoadedVoice

logger = logging.getLogger(__name__)


class ClientMessage(BaseModel):
    """A message of the client."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["append", "flush", "cancel"]
    text: str = ""
    played_s: Annotated[float, Field(ge=0)] | None = None


class Script:
    """The text of one utterance while it is written.

    It is read in a worker thread; while there is nothing to read, the place is left to others.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.place: Slot | None = None
        self.text_chars = 0

    def append(self, text: str) -> None:
        """More of it."""
        self.text_chars += len(text)
        self._parts.put(text)

    def end(self) -> None:
        """No more."""
        self._parts.put(None)

    def __iter__(self) -> Iterator[str]:
        while (part := self._next()) is not None:
            yield part

    def _next(self) -> str | None:
        with suppress(queue.Empty):
            return self._parts.get_nowait()
        assert self.place is not None, "it is read by who has a place"
        self._loop.call_soon_threadsafe(self.place.rest)
        part = self._parts.get()
        if part is not None:  # the end needs no place, and may be that nobody listens any more
            asyncio.run_coroutine_threadsafe(self.place.resume(), self._loop).result()
        return part


class PlayedAudio:
    """What of an utterance was sent, and since when."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.audio_s = 0.0
        self.first_s: float | None = None

    def add(self, part: EncodedChunk) -> None:
        """Another part."""
        if self.first_s is None:
            self.first_s = time.perf_counter()
        self.words += part.words
        self.audio_s += part.audio_s

    def told(self, played_s: float | None) -> dict[str, Any]:
        """The last word that began before `played_s`.

        Without it the listener is taken to have played from the first sound on without a pause.
        """
        since_s = 0.0 if self.first_s is None else time.perf_counter() - self.first_s
        until_s = min(since_s if played_s is None else played_s, self.audio_s)
        begun = [word for word in self.words if word.start_s < until_s]
        return {
            "played_s": round_ms(until_s, 4),
            "estimated": played_s is None,
            "last_word": word_times(begun[-1:])[0] if begun else None,
            "words_spoken": len(begun),
            "audio_s": round_ms(self.audio_s, 4),
        }


class WebSocketSession:
    """One WebSocket, that is accepted already. Utterances are said one after the other."""

    def __init__(
        self,
        floor: ServerState,
        pool: ThreadPoolExecutor,
        socket: WebSocket,
        speaker: LoadedVoice,
        audio_format: str,
        speed: float,
    ) -> None:
        self._floor = floor
        self._pool = pool
        self._socket = socket
        self._speaker = speaker
        self._format = audio_format
        self._speed = speed
        self._scripts: asyncio.Queue[Script] = asyncio.Queue()
        self._open: Script | None = None
        self._speaking: asyncio.Task[None] | None = None
        self._heard = PlayedAudio()
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Until the client leaves."""
        self._speaking = asyncio.create_task(self._speak())
        listening = asyncio.create_task(self._listen())
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait((listening, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
            over.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await self._hush()
        if not listening.cancelled():
            with suppress(WebSocketDisconnect):
                listening.result()

    async def _listen(self) -> None:
        while True:
            message = await self._socket.receive_text()
            try:
                await self._obey(ClientMessage.model_validate_json(message))
            except ValidationError as error:
                blamed = ".".join(map(str, error.errors()[0]["loc"])) or "message"
                await self._tell_problem(
                    ApiError(
                        400,
                        f"found an unfit {blamed}, wanted append with text, flush or cancel; "
                        'send {"type": "append", "text": "Hello."}',
                        code="invalid_request",
                        param=blamed,
                    )
                )
            except ApiError as problem:
                await self._tell_problem(problem)

    async def _obey(self, said: ClientMessage) -> None:
        if said.type == "cancel":
            await self._hush()
            await self._tell("cancelled", **self._heard.told(said.played_s))
            self._heard = PlayedAudio()
            self._speaking = asyncio.create_task(self._speak())
        elif said.type == "flush":
            if self._open is not None:
                self._open.end()
                self._open = None
        elif said.text:
            self._append(said.text)

    def _append(self, text: str) -> None:
        if self._open is None:
            if self._scripts.qsize() >= self._floor.limits.waiting:
                raise ApiError(
                    429, "found too many utterances waiting, wanted fewer; wait for `done`",
                    code="busy",
                )  # fmt: skip
            self._open = Script(asyncio.get_running_loop())
            self._scripts.put_nowait(self._open)
        most = self._floor.limits.text_chars
        if self._open.text_chars + len(text) > most:
            raise ApiError(
                400,
                f"found an utterance of more than {most} characters, wanted at most so many; "
                "flush now and then",
                code="text_too_long",
                param="text",
            )
        self._open.append(text)

    async def _hush(self) -> None:
        """Stop speaking, and forget what was to be said."""
        self._open = None
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)
        while not self._scripts.empty():
            self._scripts.get_nowait()

    async def _speak(self) -> None:
        """One utterance after the other."""
        while not self._over.is_set():
            script = await self._scripts.get()
            self._heard = PlayedAudio()
            account = RequestMetrics()
            try:
                account.outcome = await self._say(script)
            except WebSocketDisconnect:
                self._over.set()
            except Exception as error:
                problem = to_api_error(error)
                account.outcome = "refused" if problem.status < 500 else "failed"
                if problem.status >= 500:
                    logger.error("a talk failed: %s", type(error).__name__)
                await self._tell_problem(problem)
            finally:
                # How soon and how fast it was depends on who wrote: only the sound is counted.
                account.audio_s = self._heard.audio_s
                self._floor.history.add(account)
                if self._open is script:
                    self._open = None  # what was refused takes no more
            if account.outcome == "stalled":
                self._floor.break_off(self._socket.scope["client"])
                self._over.set()

    async def _say(self, script: Script) -> Outcome:
        began_s = time.perf_counter()
        identity = request_id()
        saying = SynthesisJob(self._speaker.engine, script, self._format, self._speed)
        loop = asyncio.get_running_loop()
        async with self._floor.places.place() as place:
            script.place = place
            try:
                await self._tell(
                    "started",
                    request_id=identity,
                    voice=self._speaker.voice.name,
                    provider=self._speaker.provider,
                )
                while (part := await loop.run_in_executor(self._pool, saying.step)) is not None:
                    self._heard.add(part)  # before, as a cancel may come while it is sent
                    if not await send_with_backpressure(
                        place, self._send(part), self._floor.limits.stall_s
                    ):
                        return "stalled"
            finally:
                script.end()  # its reader may be waiting for more
                await saying.end()
        heard = self._heard
        await self._tell(
            "done",
            request_id=identity,
            characters=script.text_chars,
            audio_s=round_ms(heard.audio_s, 4),
            ttfa_ms=None if heard.first_s is None else round_ms((heard.first_s - began_s) * 1e3),
            words=len(heard.words),
        )
        return "done"

    async def _send(self, part: EncodedChunk) -> None:
        if part.words:
            await self._tell("words", words=word_times(part.words))
        await self._socket.send_bytes(part.content)

    async def _tell(self, kind: str, **more: Any) -> None:
        await self._socket.send_text(json.dumps({"type": kind, **more}))

    async def _tell_problem(self, problem: ApiError) -> None:
        await self._tell("error", **problem.body)
