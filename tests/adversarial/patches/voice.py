"""The target of every comparison: our engine, with `speaking.py` between it and the listener."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine import Engine

from .speaking import Samples, speak


class Voice:
    """A voice of our engine, as this version of the package speaks it."""

    def __init__(self, provider: str = "cpu", voice: str = "heart") -> None:
        self._engine = Engine(voice, provider)

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self._engine.sample_rate

    def stream(self, text: str) -> Iterator[Samples]:
        """The text as chunks: float32 arrays, shape [frames]."""
        return speak(self._engine, text)

    def warm(self) -> object:
        """The engine's own warm-up."""
        return self._engine.warm()

    def stages(self) -> list[Any]:
        """The spans of the last stream."""
        return self._engine.stages()

    def placement(self) -> dict[str, Any]:
        """What ran where."""
        return self._engine.placement()

    def close(self) -> None:
        """Free the voice."""
        self._engine.close()
