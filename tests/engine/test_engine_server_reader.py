"""A server with a piper voice, and texts that its reader dies of: only who sent one notices."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from engine.engine import Engine
from engine.server.config import Limits, ServerConfig
from tests.engine.dying_reader import DEADLY, let_the_reader_die
from tests.engine.server_process import SPEECH, served, wish

pytest.importorskip("piper")

ROOT = Path(__file__).resolve().parents[2]
DOTTED = ["p.m. " * 300, "a.b." * 150, "\u044f." * 300]
LONG = "This is said to somebody who listens while others send what nobody can read. " * 2
HARMLESS = "Nothing to fear."


def test_no_text_of_dotted_letters_ends_the_server() -> None:
    command = [sys.executable, "-m", "engine", "serve", "--port", "0", "--voice", "joe"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            url = next(line for line in lines if "http://" in line).split()[-1]
            next(line for line in lines if "ready: joe" in line)
            drain = threading.Thread(target=process.stderr.read)
            drain.start()
            with httpx.stream("POST", f"{url}{SPEECH}", json=wish(LONG, voice="joe")) as other:
                parts = other.iter_raw()
                content = next(parts)
                for text in DOTTED:
                    with httpx.stream(
                        "POST", f"{url}{SPEECH}", json=wish(text, voice="joe"), timeout=60
                    ) as answer:
                        assert answer.status_code == 200
                        assert next(answer.iter_raw())
                content += b"".join(parts)
            assert httpx.get(f"{url}/health").status_code == 200
            undisturbed = httpx.post(f"{url}{SPEECH}", json=wish(LONG, voice="joe"), timeout=60)
            assert content == undisturbed.content
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(60)
            drain.join()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Of a server whose reader really dies of one text."""
    with pytest.MonkeyPatch.context() as patch:
        let_the_reader_die(patch)
        options = ServerConfig(port=0, limits=Limits(streams=2))
        with served(options, lambda _: Engine("joe")) as address:
            yield address


def test_who_sends_what_the_reader_dies_of_is_told(url: str) -> None:
    before = httpx.post(f"{url}{SPEECH}", json=wish(HARMLESS)).content
    with httpx.stream("POST", f"{url}{SPEECH}", json=wish(LONG)) as other:
        parts = other.iter_raw()
        next(parts)
        answer = httpx.post(f"{url}{SPEECH}", json=wish(DEADLY), timeout=60)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["type"], error["code"], error["param"]) == (
            "invalid_request_error", "invalid_input", "input",
        )  # fmt: skip
        assert "espeak-ng cannot read (its process ended by SIG" in error["message"]
        assert sum(map(len, parts)) > 0  # the other one is spoken to its end
    assert httpx.get(f"{url}/health").status_code == 200
    assert httpx.get(f"{url}/ready").status_code == 200
    assert httpx.post(f"{url}{SPEECH}", json=wish(HARMLESS)).content == before


def messages_until(
    messages: Iterator[dict[str, object]], ends: tuple[str, ...]
) -> Iterator[dict[str, object]]:
    """Messages up to and with the first of one of these types."""
    for message in messages:
        yield message
        if message["type"] in ends:
            return


def test_over_a_websocket_too_and_the_talk_goes_on(url: str) -> None:
    address = url.replace("http://", "ws://") + f"{SPEECH}?voice=heart&response_format=pcm"
    with connect(address, compression=None, close_timeout=1) as socket:

        def messages_of(text: str) -> Iterator[dict[str, object]]:
            for message in ({"type": "append", "text": text}, {"type": "flush"}):
                socket.send(json.dumps(message))
            while True:
                answer = socket.recv(timeout=30)
                if isinstance(answer, str):
                    yield json.loads(answer)

        until_the_end = messages_until(messages_of(DEADLY), ("error", "done"))
        (error,) = [message for message in until_the_end if message["type"] == "error"]
        assert "espeak-ng cannot read" in str(error["error"])
        assert "done" in (message["type"] for message in messages_of(HARMLESS))
