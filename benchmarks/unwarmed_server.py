"""This repository's server without its warm-up: the voice is opened by the first request.

    python benchmarks/unwarmed_server.py [--voice heart] [--provider cpu]

It prints the port that it listens on, a free one, and says at once that it is ready, as a server
does that opens its model when it is first needed: the first listener pays for that. What is opened
then stands among the stages of that answer, in Server-Timing. unwarmed_target.py starts it.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence
from typing import Any, cast

from engine.audio import Chunk
from engine.engine import Engine
from engine.runtime.providers import CPU
from engine.server import lifecycle
from engine.server.config import Limits, ServerConfig
from engine.server.state import ServerState
from engine.server.voice_pool import VoicePool
from engine.streaming import Stream
from engine.timing import StageSpan
from engine.voices import find_voice


class FirstStream:
    """The stream that an engine was opened for: its stages begin with those of the opening."""

    def __init__(self, stream: Stream, opening: Sequence[StageSpan]) -> None:
        self._stream = stream
        self._opening = opening

    def __next__(self) -> Chunk:
        return next(self._stream)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the stream's."""
        return getattr(self._stream, name)

    def stages(self) -> list[StageSpan]:
        """The spans so far."""
        return [*self._opening, *self._stream.stages()]


class LazyEngine:
    """An engine that its first text opens; of Engine it has what the server calls."""

    def __init__(self, voice: str, provider: str) -> None:
        """Opens nothing. Raises VoiceNotFound or VoiceNotInstalled."""
        self.sample_rate = find_voice(voice).sample_rate
        self._voice = voice
        self._provider = provider
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self._placement: dict[str, Any] = {}

    def warm(self) -> None:
        """Do nothing: that is the point."""

    def placement(self) -> dict[str, Any]:
        """What runs where: the same dict each time, empty until the voice is open."""
        return self._placement

    def stream(self, text: str, **options: Any) -> Stream | FirstStream:
        """See Engine.stream(). Raises what opening an engine raises."""
        with self._lock:
            is_first = self._engine is None
            engine = self._engine or self._open()
        if not is_first:
            return engine.stream(text, **options)
        opening = engine.stages()
        return FirstStream(engine.stream(text, **options), opening)

    def _open(self) -> Engine:
        engine = Engine(self._voice, self._provider)
        self._placement.update(engine.placement())
        self._engine = engine
        return engine

    def close(self) -> None:
        """Close what was opened."""
        if self._engine is not None:
            self._engine.close()


class UnwarmedServer(lifecycle.Server):
    """The server, ready at once."""

    async def _load(self, state: ServerState) -> None:  # noqa: ARG002  (nothing is warmed with it)
        self.voice_pool.is_ready = True


def serve(voice: str, provider: str) -> None:
    """Serve on a free port, which is printed, until SIGTERM or SIGINT.

    Raises VoiceNotFound, VoiceNotInstalled, or what preparing the formats raises.
    """
    # One text at a time: with several threads the heaps of some fill late, which looks like a leak.
    config = ServerConfig(port=0, limits=Limits(streams=1))
    # The pool takes an Engine, and calls no more of it than a LazyEngine has.
    pool = VoicePool([voice], lambda name, _: cast(Engine, LazyEngine(name, provider)))
    pool.load()
    with lifecycle.listen(config) as listening_socket:
        print(listening_socket.getsockname()[1], flush=True)
        UnwarmedServer(config, pool).run(sockets=[listening_socket])


def main() -> None:
    """Serve, as the arguments say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--voice", default="heart", help="default: %(default)s")
    parser.add_argument("--provider", default=CPU.name, help="default: %(default)s")
    options = parser.parse_args()
    serve(options.voice, options.provider)


if __name__ == "__main__":
    main()
