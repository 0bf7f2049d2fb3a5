"""From start to end: listens, loads and warms the voices, serves, and finishes open streams."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import uvicorn
from fastapi import FastAPI
from starlette.types import Message

from ..engine import Engine
from ..errors import OptionError
from .app import make_app
from .config import TOKEN_VARIABLE, ServerConfig
from .http10 import find_http_protocol
from .metrics import RequestStats
from .schemas import SpeechRequest
from .speech import SpeechResponse
from .state import ServerState
from .voice_pool import LoadedVoice, VoicePool

logger = logging.getLogger(__name__)

BACKLOG = 128
LOOPBACK = ("127.", "::1", "localhost")
WARM_UP_TEXT = "This is said to nobody."


def serve(
    config: ServerConfig, voices: Sequence[str], open_engine: Callable[[str], Engine]
) -> None:
    """Serve until SIGTERM or SIGINT; streams under way are finished first.

    The server listens before the voices are loaded, and is ready when they are. Raises what loading
    one raises, and OptionError for an address that is not available.
    """
    voice_pool = VoicePool(voices, open_engine)
    with listen(config) as listening_socket:
        if config.token is None and not config.host.startswith(LOOPBACK):
            logger.warning(
                "anybody who reaches %s may send requests; set %s to require a token",
                config.host,
                TOKEN_VARIABLE,
            )
        port = listening_socket.getsockname()[1]
        logger.info("http://%s:%d", config.host, port)
        server = Server(config, voice_pool)
        if threading.current_thread() is threading.main_thread():
            # uvicorn raises the signal again once it has drained; the process should not die of it.
            signal.signal(signal.SIGTERM, lambda *_: None)
        server.run(sockets=[listening_socket])
    if server.failure is not None:
        raise server.failure


def listen(config: ServerConfig) -> socket.socket:
    """A listening socket. Raises OptionError if the address is not available."""
    address = (config.host, config.port)
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server(address, family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise OptionError(
            f"found {config.host}:{config.port} not to be had ({error}), wanted a free address; "
            "choose another --port"
        ) from error


class Server(uvicorn.Server):
    """uvicorn with our application, which loads its voices when it starts.

    failure: what loading or warming them raised, if anything; the server ends then.
    """

    def __init__(self, config: ServerConfig, voice_pool: VoicePool) -> None:
        self.voice_pool = voice_pool
        self.failure: Exception | None = None
        app = make_app(config, voice_pool, self._lifespan, self.abort)
        super().__init__(
            uvicorn.Config(
                app,
                http=find_http_protocol(),
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                ws_max_size=config.limits.body_bytes,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=max(1, round(config.limits.drain_s)),
            )
        )

    def abort(self, client: tuple[str, int]) -> None:
        """Drop a client's connection and its unsent bytes, which closing would wait for."""
        for connection in list(self.server_state.connections):
            if getattr(connection, "client", None) == client:
                connection.transport.abort()

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(self._load(app.state.server))
        try:
            yield
        finally:
            self.voice_pool.cancel()
            await loading
            await asyncio.to_thread(self.voice_pool.close)

    async def _load(self, state: ServerState) -> None:
        try:
            await asyncio.to_thread(self.voice_pool.load)
            if self.should_exit:
                return
            for voice in self.voice_pool:
                await warm_up(state, voice)
            self.voice_pool.is_ready = True
            names = [voice.name for voice in self.voice_pool]
            logger.info("ready: %s", ", ".join(names))
        except Exception as error:
            self.failure = error
            self.should_exit = True


async def warm_up(state: ServerState, voice: LoadedVoice) -> None:
    """Answer a request for each stream format, so that the first real one is as fast as others."""

    async def receive() -> Message:
        never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await never

    async def send(_: Message) -> None:
        pass

    # Statistics of its own and no cache, as this is no request of a client.
    uncounted = replace(state, stats=RequestStats(state.admission), cache=None)
    for stream_format in ("audio", "sse"):
        request = SpeechRequest(
            model=voice.voice.family,
            voice=voice.name,
            input=WARM_UP_TEXT,
            stream_format=stream_format,
        )
        response = SpeechResponse(uncounted, voice, request, time.perf_counter())
        await response({}, receive, send)
