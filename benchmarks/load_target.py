"""Servers as targets that are started anew whenever they are opened: ours, piper's, fastkokoro's.

For load_quality.py. A server that runs already is one start of its code for a whole comparison;
here each process of a version has a server of its own below it, from the same tree as this file,
and a request of a listener is one over HTTP. The plugin knows nothing of it: it opens an engine and
calls `stream(text)` from as many threads as there are listeners.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import select
import socket
import subprocess
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gate_trees import START_S, serve

ROOT = Path(__file__).resolve().parents[1]
FAULT = Path(__file__).with_name("load_fault.json")
"""Names the fault that a peer is to have; ours has its own in its source."""
PEERS_PYTHON = "LOAD_PEERS_PYTHON"
"""Variable: the interpreter that has the peers."""
FASTKOKORO_FILES = "LOAD_FASTKOKORO_FILES"
"""Variable: the folder with its model and voice."""
OUR_OPTIONS = ("--streams", "8")
"""As many places as there are listeners, so that each is answered in turns with the others."""
READ_BYTES = 1 << 16
WAV_HEADER_BYTES = 44
FASTKOKORO_VOICE = "af_alpha"
"""As `peer_sides.py fastkokoro-files` calls it."""


class ServerStage(NamedTuple):
    """What Server-Timing says: a stage before the first chunk, on time.perf_counter_ns."""

    stage: str
    chunk: int | None
    start_ns: int
    end_ns: int


class Answer:
    """The sound of one answer as it comes, 16 bit, mono; iterating sends the request."""

    def __init__(self, server: Server, text: str) -> None:
        self._server = server
        self._text = text
        self._stages: list[ServerStage] = []
        self._reads = self._read()

    def __iter__(self) -> Iterator[bytes]:
        return self._reads

    def close(self) -> None:
        """Hang up, if the answer has not ended."""
        self._reads.close()

    def stages(self) -> list[ServerStage]:
        """What the server tells of the time to its first audio."""
        return self._stages

    def _read(self) -> Generator[bytes, None, None]:
        connection = self._server.connection
        request_ns = time.perf_counter_ns()
        path, body = self._server.request_of(self._text)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                raise RuntimeError(f"found HTTP {response.status}: {response.read()[:200]!r}")
            self._stages = read_stages(response.headers.get("Server-Timing", ""), request_ns)
            yield from whole_samples(response, self._server.header_bytes)
        except BaseException:
            connection.close()
            raise


def read_stages(timing: str, request_ns: int) -> list[ServerStage]:
    """The durations of a Server-Timing header, one behind the other from the request on."""
    stages = []
    at_ns = request_ns
    for name, ms in re.findall(r"([\w.-]+);dur=([\d.]+)", timing):
        if name == "total":
            continue
        end_ns = at_ns + int(float(ms) * 1e6)
        stages.append(ServerStage(f"server.{name}", 0, at_ns, end_ns))
        at_ns = end_ns
    return stages


def whole_samples(response: http.client.HTTPResponse, header_bytes: int) -> Iterator[bytes]:
    """What is read, without the header, and cut between samples."""
    rest = b""
    to_skip = header_bytes
    while data := response.read1(READ_BYTES):
        data = rest + data
        skipped = min(to_skip, len(data))
        to_skip -= skipped
        data = data[skipped:]
        even = len(data) - len(data) % 2
        rest = data[even:]
        if even:
            yield data[:even]


class Server:
    """A server below this process; each thread that asks has a connection of its own."""

    sample_rate = 24_000
    header_bytes = 0

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._local = threading.local()
        self._port = self._start(self._stack)

    def _start(self, stack: contextlib.ExitStack) -> int:
        """Start it, and have the stack end it; the port of a server that is ready."""
        raise NotImplementedError

    def request_of(self, text: str) -> tuple[str, dict[str, Any]]:
        """Path and body of a request."""
        raise NotImplementedError

    @property
    def connection(self) -> http.client.HTTPConnection:
        """That of this thread; a server closes one that was not used for some seconds."""
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self._port)
        connection: http.client.HTTPConnection = self._local.connection
        if connection.sock is not None:
            readable, _, _ = select.select([connection.sock], [], [], 0)
            if readable:  # nothing was asked, so it is the end
                connection.close()
        return connection

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}"

    def stream(self, text: str) -> Answer:
        """A request, sent when it is iterated over."""
        return Answer(self, text)

    def close(self) -> None:
        """End the server."""
        self._stack.close()


class OurServer(Server):
    """`python -m engine serve` of this tree."""

    def __init__(
        self,
        provider: str = "cpu",  # noqa: ARG002  (there is no other)
        voice: str = "heart",
    ) -> None:
        self._voice = voice
        super().__init__()

    def _start(self, stack: contextlib.ExitStack) -> int:
        return stack.enter_context(serve(ROOT, self._voice, *OUR_OPTIONS))

    def placement(self) -> dict[str, Any]:
        """What runs where, as the server says it."""
        connection = self.connection
        connection.request("GET", "/status")
        status = json.loads(connection.getresponse().read())
        placement: dict[str, Any] = status["voices"][self._voice]
        return placement

    def request_of(self, text: str) -> tuple[str, dict[str, Any]]:
        """OpenAI's."""
        body = {"model": "tts-1", "voice": "alloy", "input": text, "response_format": "pcm"}
        return "/v1/audio/speech", body


class PeerServer(Server):
    """A server of another package, with the fault that the file names."""

    peer = ""

    def _start(self, stack: contextlib.ExitStack) -> int:
        port = free_port()
        command = [
            os.environ[PEERS_PYTHON], str(Path(__file__).with_name("load_peers.py")), self.peer,
            "--port", str(port), "--folder", os.environ.get(FASTKOKORO_FILES, ""),
        ]  # fmt: skip
        if FAULT.exists():
            command += ["--fault", json.loads(FAULT.read_text("utf-8"))["fault"]]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(end, process)
        wait_for_port(process, port)
        return port


class PiperServer(PeerServer):
    """Piper's own HTTP server, which answers with a whole WAV."""

    peer = "piper"
    sample_rate = 22_050
    header_bytes = WAV_HEADER_BYTES

    def request_of(self, text: str) -> tuple[str, dict[str, Any]]:
        """Piper's."""
        return "/synthesize", {"text": text}


class FastkokoroServer(PeerServer):
    """fastkokoro's, streamed."""

    peer = "fastkokoro"

    def request_of(self, text: str) -> tuple[str, dict[str, Any]]:
        """OpenAI's, and what fastkokoro has besides."""
        body = {
            "model": "kokoro", "voice": FASTKOKORO_VOICE, "input": text, "response_format": "pcm",
            "stream": True, "lang": "en-us",
        }  # fmt: skip
        return "/v1/audio/speech", body


PEERS: dict[str, type[PeerServer]] = {each.peer: each for each in (PiperServer, FastkokoroServer)}


def free_port() -> int:
    """A port that nobody listens to."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, and wait until it has."""
    process.terminate()
    process.wait()


def wait_for_port(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until somebody listens. RuntimeError where the process ends before, or never does."""
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"found that {process.args!r} does not listen, wanted a server")
