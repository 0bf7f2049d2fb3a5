"""How the server ends: requests under way have their time, and nobody outlasts it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from engine.engine import Engine
from engine.errors import EngineClosed
from engine.server.config import ServerConfig
from tests.engine.server_process import PATIENCE_S, SPEECH, Scripted, connected, served, wish

pytestmark = pytest.mark.usefixtures("traced_children")

ROOT = Path(__file__).parents[2]
LONG = "This is said to somebody who takes time to listen. " * 40


def start_server(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """A server as a process that is ready, and its address."""
    command = [sys.executable, "-m", "engine", "serve", "--port", "0", *arguments]
    # What runs in the background may ignore SIGINT, and what it starts would do so too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    url = next(line for line in lines if "http://" in line).split()[-1]
    next(line for line in lines if "ready: heart" in line)
    return process, url


def begin_slowly(url: str) -> socket.socket:
    """A connection with a long answer under way, of which little was read."""
    body = json.dumps(wish(LONG)).encode()
    connection = connected(url, body)
    assert b"200 OK" in connection.recv(1000)
    return connection


def read_slowly(connection: socket.socket, bytes_per_s: float) -> int:
    """Read until the connection is dropped, half a minute at most; how much that was."""
    end_s = time.monotonic() + PATIENCE_S
    count = 0
    with suppress(ConnectionResetError):
        while time.monotonic() < end_s:
            part = connection.recv(4096)
            if not part:
                return count
            count += len(part)
            time.sleep(len(part) / bytes_per_s)
    return count


@pytest.mark.parametrize(
    ("drain_s", "signals"),
    [("1", [signal.SIGTERM]), ("60", [signal.SIGINT, signal.SIGINT])],
    ids=["drain limit", "second SIGINT"],
)
def test_a_slow_reader_does_not_hold_up_its_end_as_a_process(
    voice: Engine, drain_s: str, signals: list[signal.Signals]
) -> None:
    process, url = start_server("--drain-s", drain_s)
    with process, begin_slowly(url) as connection:
        began_s = time.monotonic()
        for one in signals:
            process.send_signal(one)
            time.sleep(0.5)
        # At this speed all of it would take minutes, and what fits into buffers half of one.
        count = read_slowly(connection, 5_000)
        reader_took_s = time.monotonic() - began_s
        process.wait(30)
        server_took_s = time.monotonic() - began_s
        assert process.stderr is not None
        log = process.stderr.read()
    assert count < len(voice.synthesize(LONG).pcm16()) / 4
    assert reader_took_s < 20
    assert reader_took_s < server_took_s + 5  # the reader is not sent more by the system alone
    assert log.count("connections dropped with a request under way: 1; ") == 1
    assert ("SIGINT came a second time" in log) == (len(signals) == 2)
    assert "Traceback" not in log
    assert len(log.splitlines()) < 10
    assert process.returncode == (0 if signals == [signal.SIGTERM] else 130)


def test_a_second_sigterm_does_not_cut_anybody_off_as_a_process(voice: Engine) -> None:
    process, url = start_server()
    with process, httpx.stream("POST", f"{url}{SPEECH}", json=wish(LONG)) as answer:
        parts = answer.iter_raw()
        content = next(parts)
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        content += b"".join(parts)
        assert process.stderr is not None
        process.stderr.read()
    assert content == voice.synthesize(LONG).pcm16()
    assert process.returncode == 0


def test_little_is_made_ahead_of_a_client_that_does_not_read() -> None:
    scripted = Scripted(chunk_count=10_000)
    with served(ServerConfig(port=0), lambda _: scripted) as url, begin_slowly(url):
        before = -1
        while scripted.made > before:
            before = scripted.made
            time.sleep(0.5)
        # Left to the system, its buffer would grow until it holds 600 chunks or more.
        assert scripted.made < 200


class WarmingUp(Scripted):
    """Warms up for as long as it is open."""

    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Event()
        self.is_closed = threading.Event()

    def warm(self) -> None:
        self.began.set()
        assert self.is_closed.wait(PATIENCE_S)
        raise EngineClosed("found a closed engine, wanted an open one; make a new Engine")

    def close(self) -> None:
        self.is_closed.set()


def test_its_end_does_not_wait_for_warming_up() -> None:
    engine = WarmingUp()
    with served(ServerConfig(port=0), lambda _: engine, ready=False):
        assert engine.began.wait(PATIENCE_S)
    assert engine.is_closed.is_set()
