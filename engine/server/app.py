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
from .history import History
from .options import Options
from .places import Places
from .problems import Problem, busy, told
from .sounds import Sounds
from .speakers import OPENAI_MODELS, OPENAI_VOICES, Speaker, Speakers
from .speech import BreakOff, Floor, Speech, request_id
from .talk import Talk
from .wishes import Wish, checked_wish, read_wish

OWNER = "engine"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LEFT = 499  # nobody is there to read it

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def make_app(
    options: Options, speakers: Speakers, lifespan: Lifespan, break_off: BreakOff
) -> FastAPI:
    """The application, its floor as `app.state.floor`. Whoever runs it opens the voices."""
    limits = options.limits
    places = Places(limits.streams, limits.waiting, limits.wait_s)
    history = History(lambda: places.taken, lambda: places.waiting)
    pool = ThreadPoolExecutor(limits.streams, thread_name_prefix="speak")
    sounds = Sounds(round(limits.cache_mb * 1e6)) if limits.cache_mb else None
    floor = Floor(limits, places, history, pool, break_off, sounds)

    app = FastAPI(title="Text to speech", lifespan=lifespan)
    app.state.floor = floor
    app.include_router(_open_routes(speakers))
    app.include_router(_speech_routes(floor, speakers), dependencies=[Depends(_guard(options))])
    app.include_router(_watch_routes(floor, speakers), dependencies=[Depends(_guard(options))])
    app.include_router(_talk_routes(floor, speakers, options))
    app.add_exception_handler(Problem, _answer)
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


def _open_routes(speakers: Speakers) -> APIRouter:
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


def _speech_routes(floor: Floor, speakers: Speakers) -> APIRouter:
    router = APIRouter()
    body = {"content": {"application/json": {"schema": Wish.model_json_schema()}}, "required": True}

    @router.post("/v1/audio/speech", openapi_extra={"requestBody": body})
    async def speech(request: Request) -> Response:
        """Speak a text; the sound is sent while it is made."""
        began_s = time.perf_counter()
        wish = await read_wish(request, floor.limits)
        return Speech(floor, speakers.find(wish.model, wish.voice_name), wish, began_s)

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


def _watch_routes(floor: Floor, speakers: Speakers) -> APIRouter:
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


def _talk_routes(floor: Floor, speakers: Speakers, options: Options) -> APIRouter:
    router = APIRouter()
    # A thread each, as it may have to wait for text; who waits has no place.
    pool = ThreadPoolExecutor(options.limits.sockets, thread_name_prefix="talk")
    sockets: set[WebSocket] = set()

    def admitted(socket: WebSocket) -> tuple[Speaker, Wish]:
        _check_token(options, socket)
        origin = socket.headers.get("origin")
        if origin is not None and origin not in options.origins:
            # Browsers let any page open a WebSocket; CORS does not hold here.
            raise Problem(403, f"found origin {origin}, wanted one named by --cors-origin; add it")
        if len(sockets) >= options.limits.sockets:
            raise busy(len(sockets), options.limits.sockets)
        asked = {"model": OPENAI_MODELS[0], "voice": OPENAI_VOICES[0], "response_format": "pcm"}
        wish = checked_wish({**asked, **socket.query_params, "input": ""})
        return speakers.find(wish.model, wish.voice_name), wish

    @router.websocket("/v1/audio/speech")
    async def talk(socket: WebSocket) -> None:
        """Speak a text while it is written: see talk.py."""
        try:
            speaker, wish = admitted(socket)
        except Problem as problem:
            await socket.send_denial_response(
                JSONResponse(problem.body, problem.status, problem.headers)
            )
            return
        sockets.add(socket)
        try:
            await socket.accept()
            await Talk(floor, pool, socket, speaker, wish.response_format, wish.speed).run()
        finally:
            sockets.discard(socket)

    return router


def _check_token(options: Options, asking: HTTPConnection) -> None:
    found = asking.headers.get("authorization", "").encode()
    if options.token is not None and not hmac.compare_digest(
        found, f"Bearer {options.token}".encode()
    ):
        raise Problem(
            401,
            f"found {'another' if found else 'no'} token, wanted the server's; "
            "send it as Authorization: Bearer TOKEN",
            code="invalid_api_key",
        )


def _guard(options: Options) -> Callable[[Request], Awaitable[None]]:
    async def guard(request: Request) -> None:
        _check_token(options, request)

    return guard


async def _answer(_: Request, error: Exception) -> Response:
    problem = told(error)
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
    return await _answer(request, Problem(error.status_code, message, code="http_error"))


async def _answer_nobody(_: Request, __: Exception) -> Response:
    return Response(status_code=LEFT)
