"""Servers that are started for their target: real ones, which are really ended."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pytest_ttsperf.errors import (
    TargetCrashed,
    TargetFailed,
    TargetNotFound,
    TargetShapeError,
    TargetTimeout,
)
from pytest_ttsperf.records import Json, TargetSpec
from pytest_ttsperf.targets.base import TargetRequest
from pytest_ttsperf.targets.server import started_server
from pytest_ttsperf.targets.server.run_options import with_http_options
from pytest_ttsperf.targets.server.target import ServerTarget

URL = "http://127.0.0.1:{port}"
PATIENT_S = 20.0
SERVER = '''
"""A server of speech in the mood that its second argument names."""
import os, signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, mood = int(sys.argv[1]), sys.argv[2]
asked = []

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass
    def do_GET(self):
        self.answer(404, b"")
    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"]))
        asked.append(text)
        if mood == "loading" and len(asked) < 3:
            return self.answer(503, b"not ready")
        if mood == "forwarding" and len(asked) < 3:
            self.close_connection = True
            return None
        if mood == "refusing":
            return self.answer(400, b"no such voice")
        if b"die" in text:
            print("it died of a text", flush=True)
            os._exit(3)
        return self.answer(200, b"\\1\\2" * 2400)
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "audio/pcm")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

if mood == "broken":
    sys.exit("no voice of that name")
if mood == "deaf":
    time.sleep(60)
if mood == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
'''


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """Makes targets whose server is in a mood; all are closed in the end."""
    (tmp_path / "moods.py").write_text(SERVER)
    targets: list[ServerTarget] = []

    def make_target(mood: str = "", **options: Json) -> ServerTarget:
        command = shlex.join([sys.executable, "-S", "-E", str(tmp_path / "moods.py")])
        start = f"{command} {{port}} {mood or 'speaking'}"
        spec = TargetSpec(spec=URL, options={"start": start, **options})
        target = ServerTarget(TargetRequest(spec, {}, timeout_s=PATIENT_S))
        targets.append(target)
        return target

    yield make_target
    for target in targets:
        target.close()


def is_gone(pid: int) -> bool:
    end_s = time.monotonic() + PATIENT_S
    while psutil.pid_exists(pid) and time.monotonic() < end_s:
        time.sleep(0.01)
    return not psutil.pid_exists(pid)


@pytest.mark.starts
def test_each_target_has_a_process_of_its_own_that_ends_with_it(make: Any) -> None:
    first, second = make(), make()
    pids = []
    for target in (first, second):
        ready = target.open()
        assert ready.pid is not None
        assert target.lifecycle == "served"
        assert sum(target.record("Hello.", "stream").frame_counts) == 2400
        assert target.inspect().placement is None
        pids.append(ready.pid)
    assert len(set(pids)) == 2
    assert first.close() is None
    assert first.close() is None, "twice does no harm"
    assert is_gone(pids[0])
    second.record("Hello again.", "stream")
    second.close()
    assert is_gone(pids[1])


@pytest.mark.starts
@pytest.mark.parametrize("mood", ["loading", "forwarding"])
def test_one_that_listens_before_it_is_ready_is_asked_again(make: Any, mood: str) -> None:
    target = make(mood)
    target.open()
    assert target.record("Hello.", "stream").sample_rate == 24_000


@pytest.mark.starts
def test_what_it_answers_otherwise_is_its_error_at_once(make: Any) -> None:
    target = make("refusing")
    begun_s = time.monotonic()
    with pytest.raises(TargetFailed, match="400"):
        target.open()
    assert time.monotonic() - begun_s < PATIENT_S


@pytest.mark.starts
def test_one_that_ends_before_it_listens_says_its_last_words(make: Any) -> None:
    with pytest.raises(TargetCrashed, match="exit code 1") as caught:
        make("broken").open()
    assert "no voice of that name" in str(caught.value)
    assert "try its command by itself" in str(caught.value)


@pytest.mark.starts
def test_one_that_ends_later_says_them_too(make: Any) -> None:
    target = make()
    target.open()
    with pytest.raises(TargetCrashed, match="exit code 3") as caught:
        target.record("Now die.", "stream")
    assert "it died of a text" in str(caught.value)
    assert target.close() == "its server had ended before it was closed (exit code 3)"


@pytest.mark.starts
def test_one_that_never_listens_is_ended(make: Any) -> None:
    target = make("deaf", start_timeout=0.3)
    with pytest.raises(TargetTimeout, match=r"nothing listens at http://127.0.0.1:\d+ after 0.3 s"):
        target.open()
    assert not started_server._taken, "its port may be drawn again"


@pytest.mark.starts
def test_one_that_does_not_end_is_killed(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(started_server, "CLOSE_S", 0.2)
    target = make("stubborn")
    pid = target.open().pid
    assert target.close() == "its server did not end within 0.2 s of SIGTERM, and was killed"
    assert pid is not None
    assert is_gone(pid)


@pytest.mark.starts
def test_ports_are_drawn_once() -> None:
    ports = [started_server._draw_port() for _ in range(50)]
    started_server._taken.difference_update(ports)
    assert len(set(ports)) == 50
    assert all(port in started_server.PORTS for port in ports)


# What is no start


@pytest.mark.parametrize(
    ("spec", "options", "words"),
    [
        (URL, {}, "and nothing that starts a server there; add the target option start=COMMAND"),
        (URL, {"start": "serve"}, r"found start='serve' for .*; wanted \{port\} in the command"),
        ("http://localhost:8000", {"start": "serve {port}"}, "and in the address"),
        (URL, {"start": 8000}, "found start=8000"),
        (URL, {"start": "serve {port}", "start_timeout": 0}, "found start_timeout=0, wanted"),
        (URL, {"start": "serve {port}", "start_timeout": True}, "found start_timeout=True, wanted"),
        ("http://localhost:8000", {"start_timeout": 5}, "which nothing starts"),
        ("wyoming://localhost:{port}", {}, "nothing that starts a server there"),
    ],
)
def test_half_a_start_is_refused_before_anything_runs(
    spec: str, options: dict[str, Json], words: str
) -> None:
    target = TargetSpec(spec=spec, options=options)
    with pytest.raises(TargetShapeError, match=words):
        with_http_options(target, {})
    with pytest.raises(TargetShapeError, match=words):
        started_server.begin(TargetRequest(target, {}))


def test_a_key_in_a_command_is_not_shown() -> None:
    target = TargetSpec(spec=URL, options={"start": "serve --token hush-hush-1234"})
    with pytest.raises(TargetShapeError) as caught:
        with_http_options(target, {})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("no-such-server-anywhere {port}", "found no program 'no-such-server-anywhere' on PATH"),
        ("serve '{port}", "which cannot be read"),
    ],
)
def test_a_command_that_cannot_be_one_is_refused(command: str, words: str) -> None:
    target = TargetSpec(spec=URL, options={"start": command})
    with pytest.raises(TargetNotFound, match=words):
        started_server.begin(TargetRequest(target, {}))


def test_a_server_that_runs_already_is_not_started() -> None:
    target = TargetSpec(spec="http://localhost:8000", options={"connection": "keep"})
    assert started_server.begin(TargetRequest(target, {})) is None
