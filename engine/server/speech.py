"""One speech request, from its text to its last byte.

Chunks are made by worker threads, one at a time and only while the listener takes them: what a slow
reader has not taken fills the buffer of its connection and no more, and its place goes to others.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from ..audio import Word
from ..encoders import CONTENT_TYPES
from .admission import Slot
from .errors import to_api_error
from .metrics import Outcome, RequestMetrics, RequestStats
from .response_cache import CacheKey
from .schemas import SpeechRequest
from .state import ServerState
from .synthesis import (
    EncodedChunk,
    SynthesisJob,
    request_id,
    round_ms,
    send_with_backpressure,
    stage_ms,
    word_times,
)
from .voice_pool import LoadedVoice

logger = logging.getLogger(__name__)

REHEARSED = "This is said to nobody."


class SpeechResponse(Response):
    """The answer to a speech request. Its head leaves with the first audio.

    An error before that is answered as one; after it the connection is broken, so that nobody takes
    half a text for the whole.
    """

    def __init__(
        self, floor: ServerState, speaker: LoadedVoice, wish: SpeechRequest, began_s: float
    ) -> None:
        self.background = None
        self._floor = floor
        self._speaker = speaker
        self._wish = wish
        self._began_s = began_s
        self._queued_s = 0.0
        self._id = request_id()
        self._account = RequestMetrics()
        self._saying = SynthesisJob(speaker.engine, wish.input, wish.response_format, wish.speed)
        self._words: list[Word] = []
        # Events tell how it went, which is never the same again: only plain sound is kept.
        self._sounds = None if self._sse else floor.sounds
        self._key = CacheKey(speaker.voice, wish.input, wish.speed, wish.response_format)
        self._contents: list[bytes] = []
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak until the end, or until nobody listens."""
        work = asyncio.create_task(self._work(scope, receive, send))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            work.cancel()
            gone.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)
            if self._account.outcome == "stalled":
                self._floor.break_off(scope["client"])
            self._floor.history.add(self._account)
            self._log()
        if not work.cancelled():
            work.result()

    async def _work(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            kept = None if self._sounds is None else self._sounds.find(self._key)
            if kept is not None:
                self._account.outcome = await self._repeat(kept, send)
                return
            async with self._floor.places.place() as place:
                self._queued_s = time.perf_counter() - self._began_s
                try:
                    self._account.outcome = await self._speak(place, send)
                finally:
                    await self._saying.end()
        except Exception as error:
            problem = to_api_error(error)
            if problem.status >= 500:
                # The message of an error may quote the text: it goes to who asked, not to the log.
                logger.error("%s failed: %s", self._id, type(error).__name__)
            if not self._begun:
                self._account.outcome = "refused" if problem.status < 500 else "failed"
                headers = {**problem.headers, "X-Request-Id": self._id}
                await JSONResponse(problem.body, problem.status, headers)(scope, receive, send)
            else:
                # No last message: uvicorn then closes the connection before the body's end.
                self._account.outcome = "failed"

    async def _speak(self, place: Slot, send: Send) -> Outcome:
        stall_s = self._floor.limits.stall_s
        while (part := await self._next()) is not None:
            if not self._begun:
                await self._begin(send, "miss")
            self._words += part.words
            if self._sounds is not None:
                self._contents.append(part.content)
            self._account.making_s += part.took_s
            body = self._event(part) if self._sse else part.content
            self._account.hands_over(time.perf_counter(), self._began_s, part.audio_s)
            if not await send_with_backpressure(place, send(_body(body)), stall_s):
                return "stalled"
        if self._sounds is not None:
            self._sounds.keep(self._key, b"".join(self._contents))
        last = self._last_event() if self._sse else b""
        ended = await send_with_backpressure(place, send(_body(last, more=False)), stall_s)
        return "done" if ended else "stalled"

    async def _repeat(self, kept: bytes, send: Send) -> Outcome:
        await self._begin(send, "hit")
        try:
            async with asyncio.timeout(self._floor.limits.stall_s):
                await send(_body(kept, more=False))
        except TimeoutError:
            return "stalled"
        return "cached"

    async def _next(self) -> EncodedChunk | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._floor.pool, self._saying.step)

    @property
    def _sse(self) -> bool:
        return self._wish.stream_format == "sse"

    async def _begin(self, send: Send, cache: str) -> None:
        self._begun = True
        kind = "text/event-stream" if self._sse else CONTENT_TYPES[self._wish.response_format]
        headers = {
            "content-type": kind,
            "cache-control": "no-store",
            "x-accel-buffering": "no",
            "x-request-id": self._id,
            "x-voice": quote(self._speaker.voice.name),
            "server-timing": self._timing(),
        }
        if cache == "miss":
            headers["x-provider"] = self._speaker.provider  # that ran
        if self._sounds is not None:
            headers["x-cache"] = cache
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": encoded})

    def _timing(self) -> str:
        """Milliseconds up to the first audio, by stage; `queue` is from the head to the place."""
        total_ms = (time.perf_counter() - self._began_s) * 1e3
        durations = {
            "queue": self._queued_s * 1e3,
            **stage_ms(self._saying.stages()),
            "total": total_ms,
        }
        return ", ".join(f"{name};dur={ms:.2f}" for name, ms in durations.items())

    def _event(self, part: EncodedChunk) -> bytes:
        audio = base64.b64encode(part.content).decode()
        return _sse_event(
            {"type": "speech.audio.delta", "audio": audio, "words": word_times(part.words)}
        )

    def _last_event(self) -> bytes:
        account = self._account
        return _sse_event(
            {
                "type": "speech.audio.done",
                # Tokens are not what this engine counts.
                "usage": {"input_tokens": None, "output_tokens": None, "total_tokens": None},
                "words": word_times(self._words),
                "totals": {
                    "characters": len(self._wish.input),
                    "audio_s": round(account.audio_s, 4),
                    "ttfa_ms": round_ms(account.ttfa_ms),
                    "total_ms": round_ms((time.perf_counter() - self._began_s) * 1e3),
                    "rtf": round_ms(account.rtf, 4),
                    "underruns": account.underruns,
                    "stages_ms": {
                        name: round_ms(ms)
                        for name, ms in stage_ms(self._saying.stages(), first=False).items()
                    },
                },
            }
        )

    def _log(self) -> None:
        account = self._account
        logger.info(
            "%s %s: %s %s, %d characters, ttfa %s ms, %.2f s of sound, rtf %s, underruns %d",
            self._id,
            account.outcome,
            self._speaker.voice.name,
            self._wish.response_format,
            len(self._wish.input),
            round_ms(account.ttfa_ms),
            account.audio_s,
            round_ms(account.rtf, 3),
            account.underruns,
        )


async def warm_up(floor: ServerState, speakers: Iterable[LoadedVoice]) -> None:
    """Say something with every voice, to nobody, so that the first request is as fast as others."""

    async def receive() -> Message:
        nobody_leaves: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await nobody_leaves

    async def send(_: Message) -> None:
        pass

    history = RequestStats(lambda: 0, lambda: 0)  # of its own: this was no request
    for speaker in speakers:
        for stream_format in ("audio", "sse"):
            wish = SpeechRequest(
                model=speaker.voice.family,
                voice=speaker.voice.name,
                input=REHEARSED,
                stream_format=stream_format,
            )
            began_s = time.perf_counter()
            await SpeechResponse(
                replace(floor, history=history, sounds=None), speaker, wish, began_s
            )({}, receive, send)


async def _gone(receive: Receive) -> None:
    """Back when the listener is."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _body(content: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def _sse_event(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event, separators=(',', ':'))}\n\n".encode()
