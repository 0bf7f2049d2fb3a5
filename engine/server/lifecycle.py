"""Opens the voices, listens, drains and ends."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from ..engine import Engine
from ..errors import OptionError
from .app import make_app
from .config import TOKEN_VARIABLE, ServerConfig
from .speech import warm_up
from .voice_pool import VoicePool

logger = logging.getLogger(__name__)

BACKLOG = 128
LOOPBACK = ("127.", "::1", "localhost")


def serve(
    options: ServerConfig, voices: Sequence[str], open_engine: Callable[[str], Engine]
) -> None:
    """Serve until told to end by SIGTERM or SIGINT; streams under way are finished first.

    It listens before the voices are open, and is ready when they are. Raises what opening one
    raises, and OptionError for an address that cannot be had.
    """
    speakers = VoicePool(voices, open_engine)
    with listen(options) as listening:
        if options.token is None and not options.host.startswith(LOOPBACK):
            logger.warning(
                "anybody who reaches %s may ask; set %s for a token", options.host, TOKEN_VARIABLE
            )
        logger.info("http://%s:%d", options.host, listening.getsockname()[1])
        server = Server(options, speakers)
        if threading.current_thread() is threading.main_thread():
            # uvicorn raises the signal anew once it has drained; that is no reason to die of it.
            signal.signal(signal.SIGTERM, lambda *_: None)
        server.run(sockets=[listening])
    if server.failure is not None:
        raise server.failure


def listen(options: ServerConfig) -> socket.socket:
    """A listening socket. Raises OptionError if the address cannot be had."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        return socket.create_server((options.host, options.port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise OptionError(
            f"found {options.host}:{options.port} not to be had ({error}), wanted a free address; "
            "choose another --port"
        ) from error


class Server(uvicorn.Server):
    """uvicorn with our application, that opens its voices when it starts.

    failure: what opening them raised, if it did; the server ends then.
    """

    def __init__(self, options: ServerConfig, speakers: VoicePool) -> None:
        self.speakers = speakers
        self.failure: Exception | None = None
        app = make_app(options, speakers, self._lifespan, self.break_off)
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                ws_max_size=options.limits.body_bytes,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=max(1, round(options.limits.drain_s)),
            )
        )

    def break_off(self, client: tuple[str, int]) -> None:
        """Drop a connection together with what waits to be sent: closing would wait for that."""
        for connection in list(self.server_state.connections):
            if getattr(connection, "client", None) == client:
                connection.transport.abort()

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        opening = asyncio.create_task(self._open(app))
        try:
            yield
        finally:
            self.speakers.give_up()
            await opening
            await asyncio.to_thread(self.speakers.close)

    async def _open(self, app: FastAPI) -> None:
        try:
            await asyncio.to_thread(self.speakers.open)
            if self.should_exit:
                return
            await warm_up(app.state.floor, self.speakers)
            self.speakers.ready = True
            logger.info("ready: %s", ", ".join(voice.name for voice in self.speakers.voices))
        except Exception as error:
            self.failure = error
            self.should_exit = True
