"""What all requests to one server share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .admission import AdmissionQueue
from .config import Limits
from .metrics import RequestStats
from .response_cache import ResponseCache

Abort = Callable[[tuple[str, int]], None]


@dataclass(frozen=True, slots=True)
class ServerState:
    """What all requests share.

    executor: its threads synthesise for HTTP requests. abort: drops the connection with the client
    of that address. cache: None unless a size was set for it. is_strict: see ServerConfig.
    """

    limits: Limits
    admission: AdmissionQueue
    stats: RequestStats
    executor: ThreadPoolExecutor
    abort: Abort
    cache: ResponseCache | None = None
    is_strict: bool = False
