"""What all requests of one server share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .admission import AdmissionQueue
from .config import Limits
from .metrics import RequestStats
from .response_cache import ResponseCache

Abort = Callable[[tuple[str, int]], None]  # drops the connection with that client


@dataclass(frozen=True, slots=True)
class ServerState:
    """What all requests share."""

    limits: Limits
    places: AdmissionQueue
    history: RequestStats
    pool: ThreadPoolExecutor
    break_off: Abort
    sounds: ResponseCache | None = None
