"""The response to one speech request over HTTP.

Worker threads make one chunk at a time, and only as fast as the client reads. What a slow client
has not read fills the buffer of its connection and no more, and others get its slot meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from ..audio import Word
from ..encoders import CONTENT_TYPES
from .admission import Slot, send_with_backpressure
from .errors import to_api_error
from .metrics import Outcome, RequestMetrics
from .payloads import (
    count_unreadable,
    encode_delta_event,
    encode_done_event,
    join_names,
    join_unreadable,
    make_error_response,
    new_request_id,
    round_figure,
    sum_stages_ms,
)
from .response_cache import CachedResponse, CacheKey
from .schemas import SpeechRequest
from .state import ServerState
from .synthesis import EncodedChunk, SynthesisJob
from .tasks import run_until
from .voice_pool import LoadedVoice

if TYPE_CHECKING:  # compiling the rules takes a while, and the server is to listen at once
    from ..text.normalise import Unreadable

logger = logging.getLogger(__name__)


class SpeechResponse:
    """An ASGI application that answers one speech request.

    The head is sent together with the first audio. An error before that gets an error response; a
    later one breaks the connection, so that nobody takes half a text for all of it.
    """

    def __init__(
        self,
        state: ServerState,
        voice: LoadedVoice,
        request: SpeechRequest,
        began_s: float,
        ignored: Sequence[str] = (),
    ) -> None:
        """`began_s`: when the head of the request had arrived, by time.perf_counter().

        ignored: fields of the request that mean nothing here.
        """
        self._state = state
        self._voice = voice
        self._request = request
        self._began_s = began_s
        self._ignored = ignored
        self._queued_s = 0.0
        self._id = new_request_id()
        self._metrics = RequestMetrics()
        self._job = SynthesisJob(state.executor, voice.engine, request.input, request)
        self._is_sse = request.stream_format == "sse"
        # Events report timings, which are never the same again: only plain audio is cached.
        self._cache = None if self._is_sse else state.cache
        self._cache_key = CacheKey(
            voice.voice,
            request.input,
            request.speed,
            request.response_format,
            request.emoji,
        )
        self._cached: CachedResponse | None = None
        self._has_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, until the end or until the client disconnects."""
        try:
            await run_until(self._answer(scope, receive, send), _wait_for_disconnect(receive))
        finally:
            if self._metrics.outcome == "stalled":
                self._state.abort(scope["client"])
            self._state.stats.add(self._metrics)
            self._log()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._send_speech(send)
        except Exception as error:
            api_error = to_api_error(error)
            if api_error.is_server_error:
                # The message may quote the text: it goes to the client, but not into the log.
                logger.error("%s failed: %s", self._id, type(error).__name__)
            self._metrics.outcome = "failed"
            if self._has_begun:
                return  # without a last message, for which uvicorn closes the connection
            if not api_error.is_server_error:
                self._metrics.outcome = "refused"
            response = make_error_response(api_error, self._id)
            await response(scope, receive, send)

    async def _send_speech(self, send: Send) -> None:
        """Send it from the cache, or else synthesise it."""
        if self._cache is not None:
            self._cached = self._cache.find(self._cache_key)
        if self._cached is not None:
            self._metrics.outcome = await self._send_cached(self._cached, send)
            return
        async with Slot(self._state.admission) as slot:
            self._queued_s = self._elapsed_s
            try:
                self._metrics.outcome = await self._synthesize(slot, send)
            finally:
                await self._job.end()

    async def _send_cached(self, cached: CachedResponse, send: Send) -> Outcome:
        await self._send_head(send, "hit")
        try:
            async with asyncio.timeout(self._state.limits.stall_s):
                await send(_body_message(cached.content, is_last=True))
        except TimeoutError:
            return "stalled"
        return "cached"

    async def _synthesize(self, slot: Slot, send: Send) -> Outcome:
        stall_s = self._state.limits.stall_s
        words: list[Word] = []
        contents: list[bytes] = []
        async for chunk in self._job:
            if not self._has_begun:
                await self._send_head(send, "miss")
            words += chunk.words
            body = self._encode(chunk)
            if self._cache is not None:
                contents.append(body)
            self._metrics.add_chunk(self._elapsed_s, chunk.audio_s, chunk.work_s)
            message = _body_message(body)
            if not await send_with_backpressure(slot, send(message), stall_s):
                return "stalled"
        if self._cache is not None:
            response = CachedResponse(b"".join(contents), tuple(self._find_unreadable()))
            self._cache.store(self._cache_key, response)
        last = b""
        if self._is_sse:
            last = encode_done_event(words, self._find_unreadable(), self._compute_totals())
        message = _body_message(last, is_last=True)
        if not await send_with_backpressure(slot, send(message), stall_s):
            return "stalled"
        return "done"

    def _encode(self, chunk: EncodedChunk) -> bytes:
        """The chunk as it is sent."""
        if self._is_sse:
            return encode_delta_event(chunk, self._job.take_unreadable())
        return chunk.content

    def _find_unreadable(self) -> Sequence[Unreadable]:
        """What was left out so far; of a cached response, all that was."""
        if self._cached is not None:
            return self._cached.unreadable
        return self._job.unreadable()

    async def _send_head(self, send: Send, cache_status: str) -> None:
        self._has_begun = True
        audio_type = CONTENT_TYPES[self._request.response_format]
        headers = {
            "content-type": "text/event-stream" if self._is_sse else audio_type,
            "cache-control": "no-store",
            "x-accel-buffering": "no",
            "x-request-id": self._id,
            "x-model": self._voice.voice.family,
            "x-voice": quote(self._voice.name),
            "server-timing": self._format_timing(),
        }
        if cache_status == "miss":
            headers["x-provider"] = self._voice.provider
        if self._ignored:
            headers["x-ignored"] = join_names(self._ignored)
        unreadable = self._find_unreadable()
        if unreadable:
            headers["x-unreadable"] = join_unreadable(unreadable)
        if self._cache is not None:
            headers["x-cache"] = cache_status
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": Headers(headers).raw,
            }
        )

    @property
    def _elapsed_s(self) -> float:
        return time.perf_counter() - self._began_s

    def _format_timing(self) -> str:
        """Milliseconds up to the first audio: until the slot was acquired, by stage, and in all."""
        first = [span for span in self._job.stages() if span.chunk in (None, 0)]
        durations = {
            "queue": self._queued_s * 1e3,
            **sum_stages_ms(first),
            "total": self._elapsed_s * 1e3,
        }
        return ", ".join(f"{name};dur={ms:.2f}" for name, ms in durations.items())

    def _compute_totals(self) -> dict[str, Any]:
        metrics = self._metrics
        stages = sum_stages_ms(self._job.stages())
        return {
            "characters": len(self._request.input),
            "audio_s": round(metrics.audio_s, 4),
            "ttfa_ms": round_figure(metrics.ttfa_ms),
            "total_ms": round_figure(self._elapsed_s * 1e3),
            "rtf": round_figure(metrics.rtf, 4),
            "underruns": metrics.underruns,
            "stages_ms": {stage: round_figure(ms) for stage, ms in stages.items()},
        }

    def _log(self) -> None:
        """One line without a word of the text."""
        metrics = self._metrics
        logger.info(
            "%s %s: %s %s, %d characters, ttfa %s ms, %.2f s of audio, rtf %s, underruns %d, "
            "left out %s",
            self._id,
            metrics.outcome,
            self._voice.name,
            self._request.response_format,
            len(self._request.input),
            round_figure(metrics.ttfa_ms),
            metrics.audio_s,
            round_figure(metrics.rtf, 3),
            metrics.underruns,
            count_unreadable(self._find_unreadable()),
        )


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _body_message(content: bytes, *, is_last: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": not is_last}
