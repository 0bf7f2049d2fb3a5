"""Servers for tests: a real uvicorn in a thread, with a real voice or a scripted one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest

from engine import warm_up
from engine.audio import Chunk
from engine.engine import Engine
from engine.server.config import ServerConfig
from engine.server.lifecycle import WARM_UP_TEXT, Server, listen
from engine.server.voice_pool import VoicePool

PATIENCE_S = 30.0
SPEECH = "/v1/audio/speech"


def wish(text: str = "Hello there.", **more: Any) -> dict[str, Any]:
    return {"model": "tts-1", "voice": "heart", "input": text, "response_format": "pcm", **more}


class Scripted:
    """Stands in for an engine: chunks of 100 ms of a tone, each when `allowed` has a turn left."""

    sample_rate = 24_000

    def __init__(self, chunk_count: int = 3, *, fail_at: int = -1, gated: bool = False) -> None:
        self.chunk_count = chunk_count
        self.fail_at = fail_at
        self.gate = threading.Semaphore(0) if gated else None
        self.made = 0
        self.closed = threading.Event()
        self.error: Exception = RuntimeError("smoke")

    def warm(self) -> None:
        pass

    def close(self) -> None:
        pass

    def placement(self) -> dict[str, Any]:
        return {"nodes": {"CPUExecutionProvider": 1}}

    def stream(self, text: str, *, speed: float = 1.0, emoji: str | None = None) -> Any:
        if text == WARM_UP_TEXT:
            return Stoppable(iter([Chunk(np.zeros(2400, np.float32), self.sample_rate)]), nothing)
        over = threading.Event()

        def chunks() -> Iterator[Chunk]:
            tone = np.sin(np.arange(2400) * (2 * np.pi / 80)).astype(np.float32) / 4
            for index in range(self.chunk_count):
                while self.gate and not over.is_set() and not self.gate.acquire(timeout=0.01):
                    pass
                if over.is_set():
                    return
                if index == self.fail_at:
                    raise self.error
                self.made += 1
                yield Chunk(tone, self.sample_rate)

        source = chunks()

        async def aclose() -> None:
            over.set()
            self.closed.set()

        return Stoppable(source, aclose)


async def nothing() -> None:
    pass


class Stoppable(SimpleNamespace):
    """What the server uses of an engine's stream."""

    def __init__(self, source: Iterator[Chunk], aclose: Callable[[], Any]) -> None:
        super().__init__(aclose=aclose, source=source)

    def __next__(self) -> Chunk:
        return next(self.source)

    def stages(self) -> list[Any]:
        return []

    def unreadable(self) -> list[Any]:
        return []


@contextmanager
def served(
    options: ServerConfig, open_engine: Callable[[str], Any] = Engine, *, ready: bool = True
) -> Iterator[str]:
    """A server on a free port, as its address."""
    with listen(options) as listening, pytest.MonkeyPatch.context() as patch:
        patch.setattr(warm_up, "MAX_WARM_ROUNDS", 2)  # a busy machine is never steady
        server = Server(options, VoicePool(["heart"], lambda name, _: open_engine(name)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            if ready:
                until(lambda: server.voice_pool.is_ready or server.failure is not None)
            assert server.failure is None
            yield url
        finally:
            server.should_exit = True
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def until(true: Callable[[], bool]) -> None:
    """Wait for it; an error after half a minute."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


def status(url: str) -> Any:
    return httpx.get(f"{url}/status").json()


def idle(url: str, requests: dict[str, int]) -> None:
    """Wait until nobody speaks or waits, and that many requests ended so."""
    until(
        lambda: (
            (found := status(url))["queue"]["speaking"] == found["queue"]["waiting"] == 0
            and found["requests"] == requests
        )
    )


def connected(url: str, body: bytes, length: int | None = None) -> socket.socket:
    """A raw connection on which a speech request was sent; small buffers, so that it fills soon."""
    host, port = url.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(PATIENCE_S)
    connection.connect((host, int(port)))
    head = (
        f"POST {SPEECH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length or len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection
