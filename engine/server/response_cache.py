"""A cache of whole answers, off by default: the same text, voice, speed and format again."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

from ..voices import Voice


class CacheKey(NamedTuple):
    """What an answer depends on."""

    voice: Voice
    text: str
    speed: float
    audio_format: str


class ResponseCache:
    """The answers asked for last, as many as fit. Lives in one event loop."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[CacheKey, bytes] = OrderedDict()
        self._bytes = 0
        self._hits = 0
        self._misses = 0

    def find(self, key: CacheKey) -> bytes | None:
        """The answer, or None; either is counted."""
        content = self._kept.get(key)
        if content is None:
            self._misses += 1
        else:
            self._hits += 1
            self._kept.move_to_end(key)
        return content

    def keep(self, key: CacheKey, content: bytes) -> None:
        """Keep it, and forget those asked for longest ago. What is too big is not kept."""
        if len(content) > self._most_bytes or key in self._kept:
            return
        self._kept[key] = content
        self._bytes += len(content)
        while self._bytes > self._most_bytes:
            _, forgotten = self._kept.popitem(last=False)
            self._bytes -= len(forgotten)

    def status(self) -> dict[str, Any]:
        """Counters, JSON-able."""
        return {
            "hits": self._hits,
            "misses": self._misses,
            "answers": len(self._kept),
            "bytes": self._bytes,
            "most_bytes": self._most_bytes,
        }
