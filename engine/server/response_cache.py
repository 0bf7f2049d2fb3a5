"""A cache of complete responses, off by default: same text, voice, speed and format, same bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from ..voices import Voice

if TYPE_CHECKING:  # compiling the rules takes a while, and the server is to listen at once
    from ..text.normalise import Unreadable


class CacheKey(NamedTuple):
    """Everything the bytes of a response depend on."""

    voice: Voice
    text: str
    speed: float
    audio_format: str
    emoji: str | None = None


class CachedResponse(NamedTuple):
    """A complete response, and what was left out of its text."""

    content: bytes
    unreadable: tuple[Unreadable, ...] = ()


class ResponseCache:
    """The responses used last, as many as fit into `max_bytes`. Belongs to one event loop."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._responses: OrderedDict[CacheKey, CachedResponse] = OrderedDict()
        self._bytes = 0
        self._hits = 0
        self._misses = 0

    def find(self, key: CacheKey) -> CachedResponse | None:
        """The response, or None; counts as a hit or a miss."""
        response = self._responses.get(key)
        if response is None:
            self._misses += 1
        else:
            self._hits += 1
            self._responses.move_to_end(key)
        return response

    def store(self, key: CacheKey, response: CachedResponse) -> None:
        """Add a response and evict those used longest ago. One that is too big is not stored."""
        if len(response.content) > self._max_bytes or key in self._responses:
            return
        self._responses[key] = response
        self._bytes += len(response.content)
        while self._bytes > self._max_bytes:
            _, evicted = self._responses.popitem(last=False)
            self._bytes -= len(evicted.content)

    def to_status(self) -> dict[str, Any]:
        """Counters, as shown by /status."""
        return {
            "hits": self._hits,
            "misses": self._misses,
            "answers": len(self._responses),
            "bytes": self._bytes,
            "most_bytes": self._max_bytes,
        }
