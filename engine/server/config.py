"""How the server is configured."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from ..errors import OptionError

TOKEN_VARIABLE = "TTS_ENGINE_TOKEN"  # noqa: S105 - the name of it
HOST = "127.0.0.1"
PORT = 8000
LIMIT_HELP = {
    "streams": "texts to synthesise at the same time",
    "waiting": "requests that may wait for their turn; further ones are told to try again later",
    "sockets": "WebSockets that may be open",
    "text_chars": "longest text, in characters",
    "body_bytes": "largest request body, in bytes",
    "body_s": "seconds within which a request has to arrive",
    "wait_s": "seconds that a request may wait for its turn",
    "stall_s": "seconds that a client may go without reading",
    "cache_mb": "megabytes of responses to keep for repeated requests; 0 keeps none",
    "drain_s": "seconds for requests under way when the server is told to stop",
}
MAY_BE_ZERO = {"waiting", "cache_mb"}


@dataclass(frozen=True, slots=True)
class Limits:
    """The server's limits; LIMIT_HELP explains each.

    Raises OptionError for a negative one, and for 0 where that would admit nothing.
    """

    streams: int = max(2, os.cpu_count() or 2)
    waiting: int = 16
    sockets: int = 32
    text_chars: int = 4096  # OpenAI's
    body_bytes: int = 128 * 1024
    body_s: float = 10.0
    wait_s: float = 30.0
    stall_s: float = 30.0
    drain_s: float = 30.0
    cache_mb: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            is_forbidden_zero = value == 0 and field.name not in MAY_BE_ZERO
            if value < 0 or is_forbidden_zero:
                raise OptionError(
                    f"found {field.name}={value}, wanted a positive number; leave it out for the "
                    "default"
                )


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Where to listen, and whom to serve.

    token: what every request except /health and /ready has to present; None admits everybody.
    origins: web pages whose scripts may send requests, as "https://example.org"; none by default.
    is_strict: whether a request is refused for what a client of another server would send.
    """

    host: str = HOST
    port: int = PORT
    token: str | None = None
    origins: tuple[str, ...] = ()
    limits: Limits = Limits()
    is_strict: bool = False
