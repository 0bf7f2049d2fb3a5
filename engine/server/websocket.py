"""A WebSocket: text goes in as it is written, audio comes out as it is synthesised.

From the client, JSON: {"type": "append", "text": ...} adds to the utterance, {"type": "flush"} ends
it, so that its last words are spoken too, and {"type": "cancel", "played_s": ...} is barge-in:
everything stops, and the answer names the last word that was played.

To the client: audio as binary messages; and JSON: `started`, `words` with their times, `done` with
totals, `cancelled`, `error`, and `unreadable` with what no voice can say. Times are seconds from
the start of the utterance.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from .admission import Slot, send_with_backpressure
from .errors import ApiError, busy_error, to_api_error
from .metrics import Outcome, RequestMetrics
from .payloads import new_request_id, round_figure, to_unreadable_list, to_word_times
from .schemas import ParsedRequest
from .state import ServerState
from .surrogates import Joiner, load_json
from .synthesis import EncodedChunk, SynthesisJob
from .tasks import run_until
from .utterance import PlayedAudio, TextBuffer
from .voice_pool import LoadedVoice

if TYPE_CHECKING:  # compiling the rules takes a while, and the server is to listen at once
    from ..text.normalise import Unreadable

logger = logging.getLogger(__name__)


class ClientMessage(BaseModel):
    """A message from the client."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["append", "flush", "cancel"]
    text: str = ""
    played_s: Annotated[float, Field(ge=0)] | None = None


class WebSocketSession:
    """The session on one accepted WebSocket. Utterances are spoken one after the other."""

    def __init__(
        self,
        state: ServerState,
        executor: Executor,
        socket: WebSocket,
        voice: LoadedVoice,
        request: ParsedRequest,
    ) -> None:
        """`executor` needs a thread for each session, which is blocked while text is awaited."""
        self._state = state
        self._executor = executor
        self._socket = socket
        self._voice = voice
        self._request = request.speech
        self._ignored = request.ignored
        self._joiner = Joiner()
        self._texts: asyncio.Queue[TextBuffer] = asyncio.Queue()
        self._open_text: TextBuffer | None = None  # the one that is written to
        self._speaking: asyncio.Task[None] | None = None
        self._played = PlayedAudio()
        self._end = asyncio.Event()

    async def run(self) -> None:
        """Serve the client until it leaves, or has to."""
        self._speaking = asyncio.create_task(self._speak())
        try:
            with suppress(WebSocketDisconnect):
                await run_until(self._listen(), self._end.wait())
        finally:
            await self._stop_speaking()

    async def _listen(self) -> None:
        while True:
            content = await self._receive()
            try:
                await self._handle(self._parse(content))
            except ApiError as error:
                await self._send_error(error)

    async def _receive(self) -> str | bytes:
        """The next message: JSON is JSON, also where a client sends it as binary."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        text: str | None = message.get("text")
        if text is not None:
            return text
        content: bytes = message["bytes"]
        return content

    def _parse(self, content: str | bytes) -> ClientMessage:
        if self._state.is_strict:
            return _parse_strictly(content)
        return _parse_liberally(content, self._joiner)

    async def _handle(self, message: ClientMessage) -> None:
        if message.type != "append":
            self._joiner.clear()
        if message.type == "cancel":
            await self._stop_speaking()
            await self._send_event("cancelled", **self._played.summarize(message.played_s))
            self._played = PlayedAudio()
            self._speaking = asyncio.create_task(self._speak())
        elif message.type == "flush":
            if self._open_text is not None:
                self._open_text.end()
                self._open_text = None
        elif message.text:
            self._append(message.text)

    def _append(self, text: str) -> None:
        limits = self._state.limits
        if self._open_text is None:
            if self._texts.qsize() >= limits.waiting:
                raise busy_error("found too many utterances waiting, wanted fewer; wait for `done`")
            self._open_text = TextBuffer()
            self._texts.put_nowait(self._open_text)
        if self._open_text.text_chars + len(text) > limits.text_chars:
            raise ApiError(
                400,
                f"found an utterance of more than {limits.text_chars} characters, wanted at most "
                "so many; flush now and then",
                code="text_too_long",
                param="text",
            )
        self._open_text.append(text)

    async def _stop_speaking(self) -> None:
        """Stop at once, and forget the texts that wait."""
        self._open_text = None
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)
        while not self._texts.empty():
            self._texts.get_nowait()

    async def _speak(self) -> None:
        """Speak one text after the other, as they arrive."""
        while not self._end.is_set():
            text = await self._texts.get()
            self._played = PlayedAudio()
            # TTFA and RTF would depend on how fast the client writes: only the audio is counted.
            metrics = RequestMetrics()
            try:
                await self._speak_text(text, metrics)
            finally:
                metrics.audio_s = self._played.audio_s
                self._state.stats.add(metrics)
                if self._open_text is text:
                    self._open_text = None  # after an error nothing is added to it
            if metrics.outcome == "stalled":
                self._state.abort(self._socket.scope["client"])
                self._end.set()

    async def _speak_text(self, text: TextBuffer, metrics: RequestMetrics) -> None:
        """Speak one text, tell the client of errors, and set the outcome."""
        try:
            metrics.outcome = await self._synthesize(text)
        except WebSocketDisconnect:
            self._end.set()
        except Exception as error:
            api_error = to_api_error(error)
            metrics.outcome = "refused"
            if api_error.is_server_error:
                metrics.outcome = "failed"
                logger.error("an utterance failed: %s", type(error).__name__)
            await self._send_error(api_error)

    async def _synthesize(self, text: TextBuffer) -> Outcome:
        began_s = time.perf_counter()
        request_id = new_request_id()
        job = SynthesisJob(self._executor, self._voice.engine, text, self._request)
        stall_s = self._state.limits.stall_s
        async with Slot(self._state.admission) as slot:
            text.slot = slot
            try:
                await self._send_event(
                    "started",
                    request_id=request_id,
                    model=self._voice.voice.family,
                    voice=self._voice.name,
                    ignored=list(self._ignored),
                    provider=self._voice.provider,
                )
                async for chunk in job:
                    self._played.add(chunk)  # before it is sent, as that may be cancelled
                    sending = self._send_chunk(chunk, job.take_unreadable())
                    if not await send_with_backpressure(slot, sending, stall_s):
                        return "stalled"
                await self._send_unreadable(job.take_unreadable())
            finally:
                text.end()  # a thread may be waiting for more of it
                await job.end()
        await self._send_done(request_id, text, began_s, len(job.unreadable()))
        return "done"

    async def _send_done(
        self,
        request_id: str,
        text: TextBuffer,
        began_s: float,
        unreadable_count: int,
    ) -> None:
        played = self._played
        ttfa_ms = None
        if played.first_s is not None:
            ttfa_ms = round_figure((played.first_s - began_s) * 1e3)
        await self._send_event(
            "done",
            request_id=request_id,
            characters=text.text_chars,
            audio_s=round_figure(played.audio_s, 4),
            ttfa_ms=ttfa_ms,
            words=len(played.words),
            unreadable=unreadable_count,
        )

    async def _send_chunk(self, chunk: EncodedChunk, unreadable: Sequence[Unreadable]) -> None:
        await self._send_unreadable(unreadable)
        if chunk.words:
            await self._send_event("words", words=to_word_times(chunk.words))
        await self._socket.send_bytes(chunk.content)

    async def _send_unreadable(self, found: Sequence[Unreadable]) -> None:
        """What was left out since the client heard of it last, if anything was."""
        if found:
            await self._send_event("unreadable", unreadable=to_unreadable_list(found))

    async def _send_event(self, kind: str, **fields: Any) -> None:
        message = json.dumps({"type": kind, **fields})
        await self._socket.send_text(message)

    async def _send_error(self, error: ApiError) -> None:
        await self._send_event("error", **error.body)


def _parse_strictly(content: str | bytes) -> ClientMessage:
    """Raises ApiError 400 that names the field to blame."""
    try:
        return ClientMessage.model_validate_json(content)
    except ValidationError as error:
        raise _unfit_message(error) from None


def _parse_liberally(content: str | bytes, joiner: Joiner) -> ClientMessage:
    """As _parse_strictly, but null is absent, and what means nothing here is left out.

    `joiner` puts characters together that the client has cut in two.
    """
    try:
        value = load_json(content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _unfit_message(None)
    fields = {}
    for name in ClientMessage.model_fields:
        if value.get(name) is not None:
            fields[name] = value[name]
    text = fields.get("text")
    if isinstance(text, str):
        fields["text"] = joiner.join(text)
    try:
        return ClientMessage.model_validate(fields)
    except ValidationError as error:
        raise _unfit_message(error) from None


def _unfit_message(error: ValidationError | None) -> ApiError:
    """None: for what is no JSON object."""
    field = "message"
    if error is not None:
        location = error.errors()[0]["loc"]
        field = ".".join(map(str, location)) or field
    return ApiError(
        400,
        f"found an unfit {field}, wanted append with text, flush or cancel; "
        'send {"type": "append", "text": "Hello."}',
        code="invalid_request",
        param=field,
    )
