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
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from ..audio import Word
from ..encoders import CONTENT_TYPES, Encoder, open_encoder
from ..flow import Stream
from ..stream import Engine, Text
from ..timing import Span
from .history import Account, History, Outcome
from .options import Limits
from .places import Place, Places
from .problems import told
from .sounds import Key, Sounds
from .speakers import Speaker
from .wishes import Wish

logger = logging.getLogger(__name__)

BreakOff = Callable[[tuple[str, int]], None]  # drops the connection with that client

REHEARSED = "This is said to nobody."
PATIENCE_S = 0.05  # a listener who has not taken a chunk by then gives the place to others


def request_id() -> str:
    """A new one."""
    return f"req_{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class Floor:
    """What all requests share."""

    limits: Limits
    places: Places
    history: History
    pool: ThreadPoolExecutor
    break_off: BreakOff
    sounds: Sounds | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What one step gave: bytes of the format, perhaps none, and the sound that was put in."""

    content: bytes
    audio_s: float
    words: tuple[Word, ...]
    took_s: float


class Saying:
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

    def step(self) -> Part | None:
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
        return Part(content, audio_s, tuple(words), time.perf_counter() - began_s)

    def stages(self) -> list[Span]:
        """Where the time went so far."""
        return [] if self._stream is None else self._stream.stages()

    async def end(self) -> None:
        """Give up what is being made; back when nothing is."""
        self._over = True
        if self._stream is not None:
            await self._stream.aclose()


class Speech(Response):
    """The answer to a speech request. Its head leaves with the first audio.

    An error before that is answered as one; after it the connection is broken, so that nobody takes
    half a text for the whole.
    """

    def __init__(self, floor: Floor, speaker: Speaker, wish: Wish, began_s: float) -> None:
        self.background = None
        self._floor = floor
        self._speaker = speaker
        self._wish = wish
        self._began_s = began_s
        self._queued_s = 0.0
        self._id = request_id()
        self._account = Account()
        self._saying = Saying(speaker.engine, wish.input, wish.response_format, wish.speed)
        self._words: list[Word] = []
        # Events tell how it went, which is never the same again: only plain sound is kept.
        self._sounds = None if self._sse else floor.sounds
        self._key = Key(speaker.voice, wish.input, wish.speed, wish.response_format)
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
            problem = told(error)
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

    async def _speak(self, place: Place, send: Send) -> Outcome:
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
            if not await taken(place, send(_body(body)), stall_s):
                return "stalled"
        if self._sounds is not None:
            self._sounds.keep(self._key, b"".join(self._contents))
        last = self._last_event() if self._sse else b""
        ended = await taken(place, send(_body(last, more=False)), stall_s)
        return "done" if ended else "stalled"

    async def _repeat(self, kept: bytes, send: Send) -> Outcome:
        await self._begin(send, "hit")
        try:
            async with asyncio.timeout(self._floor.limits.stall_s):
                await send(_body(kept, more=False))
        except TimeoutError:
            return "stalled"
        return "cached"

    async def _next(self) -> Part | None:
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

    def _event(self, part: Part) -> bytes:
        audio = base64.b64encode(part.content).decode()
        return _sse_event(
            {"type": "speech.audio.delta", "audio": audio, "words": told_words(part.words)}
        )

    def _last_event(self) -> bytes:
        account = self._account
        return _sse_event(
            {
                "type": "speech.audio.done",
                # Tokens are not what this engine counts.
                "usage": {"input_tokens": None, "output_tokens": None, "total_tokens": None},
                "words": told_words(self._words),
                "totals": {
                    "characters": len(self._wish.input),
                    "audio_s": round(account.audio_s, 4),
                    "ttfa_ms": rounded(account.ttfa_ms),
                    "total_ms": rounded((time.perf_counter() - self._began_s) * 1e3),
                    "rtf": rounded(account.rtf, 4),
                    "underruns": account.underruns,
                    "stages_ms": {
                        name: rounded(ms)
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
            rounded(account.ttfa_ms),
            account.audio_s,
            rounded(account.rtf, 3),
            account.underruns,
        )


async def taken(place: Place, sent: Awaitable[None], stall_s: float) -> bool:
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


async def rehearse(floor: Floor, speakers: Iterable[Speaker]) -> None:
    """Say something with every voice, to nobody, so that the first request is as fast as others."""

    async def receive() -> Message:
        nobody_leaves: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await nobody_leaves

    async def send(_: Message) -> None:
        pass

    history = History(lambda: 0, lambda: 0)  # of its own: this was no request
    for speaker in speakers:
        for stream_format in ("audio", "sse"):
            wish = Wish(
                model=speaker.voice.family,
                voice=speaker.voice.name,
                input=REHEARSED,
                stream_format=stream_format,
            )
            began_s = time.perf_counter()
            await Speech(replace(floor, history=history, sounds=None), speaker, wish, began_s)(
                {}, receive, send
            )


def stage_ms(spans: Sequence[Span], *, first: bool = True) -> dict[str, float]:
    """Milliseconds by stage: up to the first chunk, or of all."""
    durations: dict[str, float] = {}
    for span in spans:
        if not first or span.chunk in (None, 0):
            took_ms = (span.end_ns - span.start_ns) / 1e6
            durations[span.stage] = durations.get(span.stage, 0.0) + took_ms
    return durations


async def _gone(receive: Receive) -> None:
    """Back when the listener is."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _body(content: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def _sse_event(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event, separators=(',', ':'))}\n\n".encode()


def told_words(words: Sequence[Word]) -> list[dict[str, Any]]:
    return [
        {"word": word.text, "start": round(word.start_s, 4), "end": round(word.end_s, 4)}
        for word in words
    ]


def rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)
