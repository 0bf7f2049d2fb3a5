"""What the server is told when it starts."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from ..errors import OptionError

TOKEN_VARIABLE = "TTS_ENGINE_TOKEN"  # noqa: S105 - the name of it
HOST = "127.0.0.1"
PORT = 8000
LIMIT_HELP = {
    "streams": "how many texts are spoken at once",
    "waiting": "how many more may wait for their turn; others are told to come again",
    "sockets": "how many WebSockets may be open",
    "text_chars": "the longest text, in characters",
    "body_bytes": "the largest request, in bytes",
    "body_s": "seconds for a request to arrive",
    "wait_s": "seconds that one may wait for its turn",
    "stall_s": "seconds that a listener may take nothing",
    "cache_mb": "megabytes of answers to keep for those who ask the same again; 0 keeps none",
    "drain_s": "seconds for what is under way when the server is told to end",
}
MAY_BE_NONE = ("waiting", "cache_mb")


@dataclass(frozen=True, slots=True)
class Limits:
    """See LIMIT_HELP. Raises OptionError for what is not positive, but where 0 has a meaning."""

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
            if value < 0 or (value == 0 and field.name not in MAY_BE_NONE):
                raise OptionError(
                    f"found {field.name}={value}, wanted a positive number; leave it out for the "
                    "default"
                )


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Where to listen and to whom.

    token: what every request but /health and /ready has to bear; None lets anybody in.
    origins: web pages that a browser may let ask, as "https://example.org"; none by default.
    """

    host: str = HOST
    port: int = PORT
    token: str | None = None
    origins: tuple[str, ...] = ()
    limits: Limits = Limits()
