"""From start to end: listens, loads and warms the voices, serves, and finishes open streams."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from types import FrameType

import uvicorn
from fastapi import FastAPI
from starlette.types import Message

from ..errors import OptionError
from .app import make_app
from .config import TOKEN_VARIABLE, ServerConfig
from .http10 import find_http_protocol
from .metrics import RequestStats
from .schemas import SpeechRequest
from .speech import SpeechResponse
from .state import ServerState
from .voice_pool import LoadedVoice, OpenEngine, VoicePool

logger = logging.getLogger(__name__)

BACKLOG = 128
# What of an answer may wait in the system's buffer for a slow client. The system would let it grow
# to megabytes, which are minutes of sound: work done ahead, and sent on after the server has ended.
SEND_BUFFER_BYTES = 128 * 1024
TICK_S = 0.1  # so often it is looked whether requests under way are done
DISCARD = struct.pack("ii", 1, 0)  # for SO_LINGER: wait zero seconds, then forget what is left
ABORT_S = 5  # what is left for requests to notice that their connection is gone
LOOPBACK = ("127.", "::1", "localhost")
WARM_UP_TEXT = "This is said to nobody."


def serve(config: ServerConfig, voices: Sequence[str], open_engine: OpenEngine) -> None:
    """Serve until SIGTERM or SIGINT; streams under way are finished first.

    They have `drain_s` for that; then, or at a second SIGINT, their connections are dropped.

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
        listening_socket = socket.create_server(address, family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise OptionError(
            f"found {config.host}:{config.port} not to be had ({error}), wanted a free address; "
            "choose another --port"
        ) from error
    # Accepted connections take it over.
    listening_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return listening_socket


class Server(uvicorn.Server):
    """uvicorn with our application, which loads its voices when it starts.

    failure: what loading or warming them raised, if anything; the server ends then.
    """

    def __init__(self, config: ServerConfig, voice_pool: VoicePool) -> None:
        self.voice_pool = voice_pool
        self.failure: Exception | None = None
        self._drain_s = config.limits.drain_s
        self._is_hurried = False
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
                # uvicorn's own limit, after which it cancels requests, and logs a traceback of
                # each, is never reached: see _drop_connections().
                timeout_graceful_shutdown=math.ceil(config.limits.drain_s) + ABORT_S,
            )
        )

    def abort(self, client: tuple[str, int]) -> None:
        """Close a client's connection without our unsent bytes, which closing would wait for."""
        for connection in list(self.server_state.connections):
            if getattr(connection, "client", None) == client:
                connection.transport.abort()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; at a second SIGINT, do not wait for requests under way."""
        if self.should_exit and sig == signal.SIGINT:
            self._is_hurried = True
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen no longer, and wait for requests under way, at most as long as they may take."""
        dropping = asyncio.create_task(self._drop_connections())
        try:
            await super().shutdown(sockets)
        finally:
            dropping.cancel()

    async def _drop_connections(self) -> None:
        """When the time is up, drop what connections are left.

        A request whose connection is gone ends as for a client that has left. Nor does a client
        go on reading what the system would still have sent it.
        """
        loop = asyncio.get_running_loop()
        end_s = loop.time() + self._drain_s
        while loop.time() < end_s and not self._is_hurried:
            await asyncio.sleep(TICK_S)
        reason = f"they had {self._drain_s:g} s; --drain-s gives them longer"
        if self._is_hurried:
            reason = "SIGINT came a second time"
        connections = list(self.server_state.connections)
        if connections:
            logger.warning(
                "connections dropped with a request under way: %d; %s", len(connections), reason
            )
        for connection in connections:
            drop_connection(connection.transport)

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


def drop_connection(transport: asyncio.WriteTransport) -> None:
    """End a connection at once. Neither we nor the system send what was not sent yet."""
    connected: socket.socket | None = transport.get_extra_info("socket")
    if connected is not None:
        with suppress(OSError):  # it is closed already
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DISCARD)
    transport.abort()


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
