"""The routes."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from ..errors import EngineError
from .admission import AdmissionQueue
from .config import ServerConfig
from .errors import ApiError, to_api_error, too_many_requests
from .head import HeadMiddleware
from .metrics import RequestStats
from .names import OPENAI_MODELS, OPENAI_VOICES
from .payloads import make_error_response, new_request_id
from .response_cache import ResponseCache
from .schemas import SpeechRequest, parse_query, read_request
from .speech import SpeechResponse
from .state import Abort, ServerState
from .voice_pool import VoicePool
from .websocket import WebSocketSession

OWNER = "engine"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CLIENT_CLOSED_REQUEST = 499  # for the record: nobody is there to read it
EXPOSED_HEADERS = [
    "X-Request-Id",
    "X-Model",
    "X-Voice",
    "X-Provider",
    "X-Ignored",
    "X-Unreadable",
    "X-Cache",
    "Server-Timing",
]
"""Of an answer, what the script of another page may read."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class AsgiResponse(Response):
    """Answers with an ASGI application. FastAPI passes nothing but a Response on."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def make_app(
    config: ServerConfig, voice_pool: VoicePool, lifespan: Lifespan, abort: Abort
) -> FastAPI:
    """The application. Its `state.server` is the ServerState; `lifespan` has to load the voices."""
    state = _make_state(config, abort)
    # Its pages come from this server too: without a network, /docs would be blank otherwise.
    app = FastAPIOffline(title="Text to speech", lifespan=lifespan)
    app.state.server = state

    async def guard(request: Request) -> None:
        _check_token(config, request)

    _add_health_routes(app.router, voice_pool)
    guarded = APIRouter(dependencies=_make_dependencies(config, guard))
    _add_speech_routes(guarded, state, voice_pool)
    _add_monitoring_routes(guarded, state, voice_pool)
    app.include_router(guarded)
    _add_websocket_route(app.router, state, voice_pool, config)
    app.add_exception_handler(ApiError, _answer_error)
    app.add_exception_handler(EngineError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    app.add_middleware(HeadMiddleware)
    if config.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=config.origins,
            allow_methods=["GET", "POST"],
            # OpenAI's client adds some ten of its own, and these pages are named one by one.
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )
    return app


def _make_dependencies(config: ServerConfig, guard: Callable[..., Any]) -> list[Any]:
    """What runs before every guarded route; with a token, /docs asks for it."""
    dependencies = [Depends(guard)]
    if config.token is not None:
        dependencies.append(Depends(HTTPBearer(auto_error=False)))
    return dependencies


def _make_state(config: ServerConfig, abort: Abort) -> ServerState:
    limits = config.limits
    admission = AdmissionQueue(limits.streams, limits.waiting, limits.wait_s)
    cache = None
    if limits.cache_mb:
        cache = ResponseCache(round(limits.cache_mb * 1e6))
    return ServerState(
        is_strict=config.is_strict,
        limits=limits,
        admission=admission,
        stats=RequestStats(admission),
        executor=ThreadPoolExecutor(limits.streams, thread_name_prefix="speech"),
        abort=abort,
        cache=cache,
    )


def _add_health_routes(router: APIRouter, voice_pool: VoicePool) -> None:
    @router.get("/health")
    async def health() -> dict[str, str]:
        """Whether the process is running."""
        return {"status": "ok"}

    @router.get("/ready")
    async def ready() -> JSONResponse:
        """Whether a request would be served at once: 200, or 503 until every voice is warm."""
        is_ready = voice_pool.is_ready
        return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)


def _add_speech_routes(router: APIRouter, state: ServerState, voice_pool: VoicePool) -> None:
    body = {
        "content": {"application/json": {"schema": SpeechRequest.model_json_schema()}},
        "required": True,
    }

    sound: dict[int | str, dict[str, Any]] = {
        200: {
            "description": "The audio, or events with audio and word timings.",
            "content": {"audio/mpeg": {}, "text/event-stream": {}},
        }
    }

    @router.post(
        "/v1/audio/speech",
        response_class=Response,
        responses=sound,
        openapi_extra={"requestBody": body},
    )
    async def speech(request: Request) -> Response:
        """Speak a text; the audio is streamed while it is synthesised."""
        began_s = time.perf_counter()
        is_strict = state.is_strict
        parsed = await read_request(request, state.limits, is_strict=is_strict)
        speech = parsed.speech
        voice = voice_pool.find(speech.model, speech.voice_name, is_strict=is_strict)
        return AsgiResponse(SpeechResponse(state, voice, speech, began_s, parsed.ignored))

    @router.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The models of the loaded voices, and OpenAI's names, which stand for any of them."""
        names = [*voice_pool.families, *OPENAI_MODELS]
        return {"object": "list", "data": [_describe_model(name) for name in names]}

    @router.get("/v1/audio/models")
    async def audio_models() -> dict[str, Any]:
        """The same: all models of this server speak. Open WebUI reads them from `models`."""
        listed = await models()
        return {**listed, "models": listed["data"]}

    @router.get("/v1/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        """One model, by any name that a speech request may have for it."""
        voice_pool.find_families(name, is_strict=state.is_strict)
        return _describe_model(name)

    @router.get("/v1/audio/voices")
    async def voices() -> dict[str, Any]:
        """The voices of this server; OpenAI's names stand for the first, which is the default."""
        voices = [
            {
                "id": voice.name,
                "name": voice.name,
                "model": voice.family,
                "language": voice.language,
                "sample_rate": voice.sample_rate,
                "licence": voice.licence,
                "aliases": [],
            }
            for voice in voice_pool.voices
        ]
        voices[0]["aliases"] = list(OPENAI_VOICES)
        return {"object": "list", "voices": voices}


def _describe_model(name: str) -> dict[str, Any]:
    """A model as OpenAI's API describes it."""
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": OWNER,
    }


def _add_monitoring_routes(router: APIRouter, state: ServerState, voice_pool: VoicePool) -> None:
    @router.get("/status")
    async def status() -> dict[str, Any]:
        """Placement, figures of the last requests, and how many requests run and wait."""
        return {
            "ready": voice_pool.is_ready,
            "voices": {voice.name: voice.placement for voice in voice_pool},
            **state.stats.to_status(),
            "queue": {
                "speaking": state.admission.active_count,
                "streams": state.admission.limit,
                "waiting": state.admission.waiting_count,
                "most_waiting": state.limits.waiting,
            },
            "cache": None if state.cache is None else state.cache.to_status(),
        }

    @router.get("/metrics")
    async def metrics() -> Response:
        """The same for Prometheus."""
        return Response(state.stats.to_prometheus(), media_type=METRICS_TYPE)


def _add_websocket_route(
    router: APIRouter, state: ServerState, voice_pool: VoicePool, config: ServerConfig
) -> None:
    # One thread for each socket, as it may be blocked until text arrives; it holds no slot then.
    executor = ThreadPoolExecutor(config.limits.sockets, thread_name_prefix="websocket")
    sockets: set[WebSocket] = set()

    @router.websocket("/v1/audio/speech")
    async def converse(socket: WebSocket) -> None:
        """Speak a text while it is written: see websocket.py."""
        try:
            _check_token(config, socket)
            _check_origin(config, socket)
            if len(sockets) >= config.limits.sockets:
                raise too_many_requests(len(sockets), config.limits.sockets)
            parsed = parse_query(socket.query_params, is_strict=state.is_strict)
            speech = parsed.speech
            voice = voice_pool.find(speech.model, speech.voice_name, is_strict=state.is_strict)
        except ApiError as error:
            response = JSONResponse(error.body, error.status, error.headers)
            await socket.send_denial_response(response)
            return
        sockets.add(socket)
        try:
            await socket.accept()
            await WebSocketSession(state, executor, socket, voice, parsed).run()
        finally:
            sockets.discard(socket)


def _check_origin(config: ServerConfig, socket: WebSocket) -> None:
    """Browsers let the script of any page open a WebSocket: CORS does not cover them."""
    origin = socket.headers.get("origin")
    if origin is not None and origin not in config.origins:
        raise ApiError(403, f"found origin {origin}, wanted one named by --cors-origin; add it")


def _check_token(config: ServerConfig, connection: HTTPConnection) -> None:
    if config.token is None:
        return
    header = connection.headers.get("authorization", "")
    scheme, _, found = header.strip().partition(" ")
    is_bearer = scheme.lower() == "bearer"  # RFC 9110: the case of a scheme does not matter
    # Headers are read as Latin-1; a token in other letters arrives in UTF-8.
    is_same = hmac.compare_digest(found.strip().encode("latin-1"), config.token.encode())
    if is_bearer and is_same:
        return
    which = "another" if header else "no"
    raise ApiError(
        401,
        f"found {which} token, wanted the server's; send it as Authorization: Bearer TOKEN",
        code="invalid_api_key",
    )


async def _answer_error(_: Request, error: Exception) -> Response:
    return make_error_response(to_api_error(error), new_request_id())


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = str(error.detail)
    if error.status_code in (404, 405):
        path = request.url.path
        message = f"found {request.method} {path}, wanted a route of this server; see /docs"
    return await _answer_error(request, ApiError(error.status_code, message, code="http_error"))


async def _answer_nobody(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)
