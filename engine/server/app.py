"""The routes."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from ..errors import EngineError
from .admission import AdmissionQueue
from .config import ServerConfig
from .errors import ApiError, busy, to_api_error
from .metrics import RequestStats
from .response_cache import ResponseCache
from .schemas import SpeechRequest, parse_request, read_request
from .speech import SpeechResponse
from .state import Abort, ServerState
from .synthesis import request_id
from .voice_pool import OPENAI_MODELS, OPENAI_VOICES, LoadedVoice, VoicePool
from .websocket import WebSocketSession

OWNER = "engine"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LEFT = 499  # nobody is there to read it

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def make_app(
    options: ServerConfig, speakers: VoicePool, lifespan: Lifespan, break_off: Abort
) -> FastAPI:
    """The application, its floor as `app.state.floor`. Whoever runs it opens the voices."""
    limits = options.limits
    places = AdmissionQueue(limits.streams, limits.waiting, limits.wait_s)
    history = RequestStats(lambda: places.taken, lambda: places.waiting)
    pool = ThreadPoolExecutor(limits.streams, thread_name_prefix="speak")
    sounds = ResponseCache(round(limits.cache_mb * 1e6)) if limits.cache_mb else None
    floor = ServerState(limits, places, history, pool, break_off, sounds)

    app = FastAPI(title="Text to speech", lifespan=lifespan)
    app.state.floor = floor
    app.include_router(_open_routes(speakers))
    app.include_router(_speech_routes(floor, speakers), dependencies=[Depends(_guard(options))])
    app.include_router(_watch_routes(floor, speakers), dependencies=[Depends(_guard(options))])
    app.include_router(_talk_routes(floor, speakers, options))
    app.add_exception_handler(ApiError, _answer)
    app.add_exception_handler(EngineError, _answer)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    if options.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=options.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["X-Request-Id", "X-Voice", "X-Provider", "Server-Timing", "X-Cache"],
        )
    return app


def _open_routes(speakers: VoicePool) -> APIRouter:
    router = APIRouter()

    @router.get("/health")
    async def health() -> dict[str, str]:
        """The process is there."""
        return {"status": "ok"}

    @router.get("/ready")
    async def ready() -> JSONResponse:
        """Whether it would speak at once: 200, or 503 until every voice is warm."""
        return JSONResponse({"ready": speakers.ready}, 200 if speakers.ready else 503)

    return router


def _speech_routes(floor: ServerState, speakers: VoicePool) -> APIRouter:
    router = APIRouter()
    body = {
        "content": {"application/json": {"schema": SpeechRequest.model_json_schema()}},
        "required": True,
    }

    @router.post("/v1/audio/speech", openapi_extra={"requestBody": body})
    async def speech(request: Request) -> Response:
        """Speak a text; the sound is sent while it is made."""
        began_s = time.perf_counter()
        wish = await read_request(request, floor.limits)
        return SpeechResponse(floor, speakers.find(wish.model, wish.voice_name), wish, began_s)

    @router.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The families of the open voices, and OpenAI's names, which mean any of them."""
        names = [*speakers.families, *OPENAI_MODELS]
        return {
            "object": "list",
            "data": [
                {"id": name, "object": "model", "created": 0, "owned_by": OWNER} for name in names
            ],
        }

    @router.get("/v1/audio/voices")
    async def voices() -> dict[str, Any]:
        """The voices it was started with, the default first; it answers to OpenAI's names."""
        own = [
            {
                "id": voice.name,
                "name": voice.name,
                "model": voice.family,
                "language": voice.language,
                "sample_rate": voice.sample_rate,
                "licence": voice.licence,
                "aliases": list(OPENAI_VOICES) if voice is speakers.voices[0] else [],
            }
            for voice in speakers.voices
        ]
        return {"object": "list", "voices": own}

    return router


def _watch_routes(floor: ServerState, speakers: VoicePool) -> APIRouter:
    router = APIRouter()

    @router.get("/status")
    async def status() -> dict[str, Any]:
        """Placement, figures of the last requests, and how many speak and wait."""
        return {
            "ready": speakers.ready,
            "voices": {speaker.voice.name: speaker.placement for speaker in speakers},
            **floor.history.status(),
            "queue": {
                "speaking": floor.places.taken,
                "streams": floor.places.limit,
                "waiting": floor.places.waiting,
                "most_waiting": floor.limits.waiting,
            },
            "cache": None if floor.sounds is None else floor.sounds.status(),
        }

    @router.get("/metrics")
    async def metrics() -> Response:
        """The same for Prometheus."""
        return Response(floor.history.metrics(), media_type=METRICS_TYPE)

    return router


def _talk_routes(floor: ServerState, speakers: VoicePool, options: ServerConfig) -> APIRouter:
    router = APIRouter()
    # A thread each, as it may have to wait for text; who waits has no place.
    pool = ThreadPoolExecutor(options.limits.sockets, thread_name_prefix="talk")
    sockets: set[WebSocket] = set()

    def admitted(socket: WebSocket) -> tuple[LoadedVoice, SpeechRequest]:
        _check_token(options, socket)
        origin = socket.headers.get("origin")
        if origin is not None and origin not in options.origins:
            # Browsers let any page open a WebSocket; CORS does not hold here.
            raise ApiError(403, f"found origin {origin}, wanted one named by --cors-origin; add it")
        if len(sockets) >= options.limits.sockets:
            raise busy(len(sockets), options.limits.sockets)
        asked = {"model": OPENAI_MODELS[0], "voice": OPENAI_VOICES[0], "response_format": "pcm"}
        wish = parse_request({**asked, **socket.query_params, "input": ""})
        return speakers.find(wish.model, wish.voice_name), wish

    @router.websocket("/v1/audio/speech")
    async def talk(socket: WebSocket) -> None:
        """Speak a text while it is written: see talk.py."""
        try:
            speaker, wish = admitted(socket)
        except ApiError as problem:
            await socket.send_denial_response(
                JSONResponse(problem.body, problem.status, problem.headers)
            )
            return
        sockets.add(socket)
        try:
            await socket.accept()
            await WebSocketSession(
                floor, pool, socket, speaker, wish.response_format, wish.speed
            ).run()
        finally:
            sockets.discard(socket)

    return router


def _check_token(options: ServerConfig, asking: HTTPConnection) -> None:
    found = asking.headers.get("authorization", "").encode()
    if options.token is not None and not hmac.compare_digest(
        found, f"Bearer {options.token}".encode()
    ):
        raise ApiError(
            401,
            f"found {'another' if found else 'no'} token, wanted the server's; "
            "send it as Authorization: Bearer TOKEN",
            code="invalid_api_key",
        )


def _guard(options: ServerConfig) -> Callable[[Request], Awaitable[None]]:
    async def guard(request: Request) -> None:
        _check_token(options, request)

    return guard


async def _answer(_: Request, error: Exception) -> Response:
    problem = to_api_error(error)
    headers = {**problem.headers, "X-Request-Id": request_id()}
    if problem.status in (408, 413):  # the rest of the body is not waited for
        headers["Connection"] = "close"
    return JSONResponse(problem.body, problem.status, headers)


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = (
        f"found {request.method} {request.url.path}, wanted a route of this server; see /docs"
        if error.status_code in (404, 405)
        else str(error.detail)
    )
    return await _answer(request, ApiError(error.status_code, message, code="http_error"))


async def _answer_nobody(_: Request, __: Exception) -> Response:
    return Response(status_code=LEFT)
