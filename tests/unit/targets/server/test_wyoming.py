"""The Wyoming client against a small real server, in a thread of this process."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from pytest_ttsperf.errors import TargetError, TargetFailed, TargetNotFound, TargetShapeError
from pytest_ttsperf.targets.server.adapter import ServerAdapter
from pytest_ttsperf.targets.server.wyoming import WyomingClient
from tests.unit.targets.sounds import speechlike

pytestmark = pytest.mark.starts

SOUND = speechlike(4000)
POLL_S = 0.02  # how soon the server sees that it is to end
SHAPE = {"rate": 16_000, "width": 2, "channels": 1}
Script = Callable[[dict[str, Any]], list[bytes]]


def event(kind: str, data: dict[str, Any] | None = None, payload: bytes = b"") -> bytes:
    """As the protocol's own library writes it: data behind the line."""
    body = json.dumps(data).encode() if data else b""
    line = {"type": kind, "version": "1", "data_length": len(body), "payload_length": len(payload)}
    return json.dumps(line).encode() + b"\n" + body + payload


def spoken(asked: dict[str, Any]) -> list[bytes]:
    data = SOUND.tobytes()
    parts = [event("audio-chunk", SHAPE, data[at : at + 1001]) for at in range(0, len(data), 1001)]
    inline = json.dumps({"type": "audio-start", "data": SHAPE}).encode() + b"\n"
    return [inline, event("info", {"x": 1}), *parts, event("audio-stop")]


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, script: Script) -> None:
        self.script, self.asked, self.connections = script, [], 0  # type: ignore[var-annotated]
        super().__init__(("127.0.0.1", 0), _Handler)
        thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": POLL_S}, daemon=True
        )
        thread.start()

    @property
    def url(self) -> str:
        return f"wyoming://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self.server.connections += 1
        for line in self.rfile:
            asked = json.loads(line)
            self.server.asked.append(asked)
            for part in self.server.script(asked):
                if not part:  # breaks off
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.wfile.write(part)


@pytest.fixture
def serving() -> Iterator[Callable[[Script], Server]]:
    servers: list[Server] = []

    def start(script: Script) -> Server:
        servers.append(Server(script))
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("connection", "connections"), [("keep", 1), ("fresh", 3)])
def test_samples_are_those_of_the_payload(
    serving: Callable[[Script], Server], connection: str, connections: int
) -> None:
    server = serving(spoken)
    speaker = ServerAdapter(WyomingClient(server.url, connection=connection), server.url)
    assert speaker.sample_rate == 16_000
    recording = speaker.record("Hello.", "stream")
    whole = speaker.record("Hello.", "nonstream")
    speaker.close()
    assert server.connections == connections
    for each in (recording, whole):
        heard = np.frombuffer(each.pcm, "<f4")  # type: ignore[arg-type]
        np.testing.assert_array_equal(heard, SOUND.astype(np.float32) / 32768)
    assert len(recording.arrivals_ns) == 8
    assert whole.frame_counts == (4000,)
    stages = [span.stage for span in recording.spans]
    assert ("wyoming.connect" in stages) == (connection == "fresh")
    assert server.asked[-1] == {"type": "synthesize", "data": {"text": "Hello."}}


def test_a_voice_is_asked_for(serving: Callable[[Script], Server]) -> None:
    server = serving(spoken)
    client = WyomingClient(server.url, voice="joe", needs_voice=True)
    client.prepare()
    client.ask("Hello.", "stream")
    client.close()
    assert server.asked[0]["data"]["voice"] == {"name": "joe"}


def test_a_kept_connection_that_was_closed_is_opened_before_the_trial(
    serving: Callable[[Script], Server],
) -> None:
    server = serving(lambda asked: [*spoken(asked), b""])
    client = WyomingClient(server.url)
    for _ in range(3):
        client.prepare()
        assert [s.stage for s in client.ask("Hello.", "stream").spans] == [
            "wyoming.wait", "wyoming.body",
        ]  # fmt: skip
        while not client._socket or not _is_closed(client._socket):
            continue
    client.close()
    assert server.connections == 3


def _is_closed(own: socket.socket) -> bool:
    return own.recv(1, socket.MSG_PEEK) == b""


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([event("audio-start", SHAPE), event("audio-chunk", SHAPE, b"1234"), b""],
         "broke after 4 bytes of sound"),
        ([event("audio-chunk", SHAPE, b"1234")[:-2], b""], "broke after 0 bytes"),
        ([event("error", {"text": "no such voice"})], "answered: no such voice"),
        ([event("audio-start", SHAPE), event("audio-stop")], "without sound"),
        ([event("audio-stop")], "before any sound"),
        ([b"HTTP/1.1 400 Bad Request\r\n"], "broke after 0 bytes"),
        ([b"[1]\n"], "wanted an event of the Wyoming protocol"),
        ([event("audio-chunk", SHAPE, b"1234"), event("audio-chunk", {**SHAPE, "rate": 8000})],
         "midway"),
    ],
)  # fmt: skip
def test_answers_that_are_none_are_told(
    serving: Callable[[Script], Server], answer: list[bytes], told: str
) -> None:
    server = serving(lambda asked: answer)
    client = WyomingClient(server.url)
    client.prepare()
    with pytest.raises(TargetError, match=told):
        client.ask("Hello.", "stream")
    client.close()


def test_nobody_there_and_options_unknown_are_told() -> None:
    with pytest.raises(TargetNotFound, match="nothing answers there"):
        WyomingClient("wyoming://127.0.0.1:9").prepare()
    with pytest.raises(TargetShapeError, match="wanted keep or fresh"):
        WyomingClient("wyoming://127.0.0.1:9", connection="some")


def test_half_a_sample_is_a_failed_trial(serving: Callable[[Script], Server]) -> None:
    server = serving(
        lambda asked: [event("audio-chunk", SHAPE, b"123"), event("audio-stop")],
    )
    client = WyomingClient(server.url)
    with pytest.raises(TargetFailed, match="cut short"):
        ServerAdapter(client, server.url)
    client.close()


BARE = {"timestamp": 0}


def sentence(data: bytes, shape: dict[str, Any] = SHAPE) -> list[bytes]:
    """One run of events; `shape` is what its chunk tells."""
    return [event("audio-start", SHAPE), event("audio-chunk", shape, data), event("audio-stop")]


def sentences(asked: dict[str, Any]) -> list[bytes]:
    data = SOUND.tobytes()
    return [*sentence(data[:3000]), *sentence(data[3000:5000]), *sentence(data[5000:])]


def test_an_answer_sentence_by_sentence_is_heard_to_its_end(
    serving: Callable[[Script], Server],
) -> None:
    server = serving(sentences)
    speaker = ServerAdapter(WyomingClient(server.url), server.url)
    for _ in range(2):
        recording = speaker.record("One. Two. Three.", "stream")
        heard = np.frombuffer(recording.pcm, "<f4")  # type: ignore[arg-type]
        np.testing.assert_array_equal(heard, SOUND.astype(np.float32) / 32768)
        assert recording.frame_counts == (1500, 1000, 1500)
        assert recording.end_ns - recording.arrivals_ns[-1] < 0.5e9, "waiting is not a part of it"
    speaker.close()
    assert server.connections == 1


def test_the_end_is_known_at_once_where_the_server_tells_it(
    serving: Callable[[Script], Server],
) -> None:
    server = serving(lambda asked: [*sentences(asked), event("synthesize-stopped")])
    client = WyomingClient(server.url, quiet=50)  # would run into the timeout of the test
    for _ in range(3):
        client.prepare()
        assert len(client.ask("One. Two. Three.", "stream").reads) == 3
    client.close()
    assert server.connections == 1


def test_sound_that_comes_after_the_end_is_told(serving: Callable[[Script], Server]) -> None:
    """The server goes on as soon as the client has taken the answer to be over."""
    goes_on = threading.Event()

    def script(asked: dict[str, Any]) -> Iterator[bytes]:
        yield from sentence(SOUND.tobytes())
        goes_on.wait()
        yield from sentence(SOUND.tobytes())

    server = serving(script)  # type: ignore[arg-type]
    client = WyomingClient(server.url, quiet=0.05)
    client.prepare()
    client.ask("One. Two.", "stream")
    goes_on.set()
    assert client._socket is not None
    client._socket.recv(1, socket.MSG_PEEK)  # until it is there
    with pytest.raises(TargetFailed, match=r"lost a part of its sound.*quiet=3"):
        client.prepare()
    client.close()


def test_chunks_without_a_shape_have_that_of_their_start(
    serving: Callable[[Script], Server],
) -> None:
    server = serving(lambda asked: sentence(SOUND.tobytes(), BARE))
    speaker = ServerAdapter(WyomingClient(server.url), server.url)
    assert (speaker.sample_rate, sum(speaker.record("A.", "stream").frame_counts)) == (16_000, 4000)
    speaker.close()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([event("audio-start", BARE), event("audio-stop")], "without rate, width, channels"),
        ([event("audio-chunk", {"rate": 16_000}, b"12")], "without width, channels"),
        ([event("audio-chunk", {**SHAPE, "rate": "fast"}, b"12")], "wanted whole numbers"),
        ([event("audio-chunk", {**SHAPE, "rate": None}, b"12")], "wanted whole numbers"),
        ([b'{"type": "audio-stop", "payload_length": "x"}\n'], "found a length of x"),
        ([b'{"type": "audio-start", "data": [1]}\n'], "wanted the data of an event"),
    ],
)
def test_events_that_tell_too_little_are_told(
    serving: Callable[[Script], Server], answer: list[bytes], told: str
) -> None:
    server = serving(lambda asked: answer)
    client = WyomingClient(server.url)
    client.prepare()
    with pytest.raises(TargetError, match=told):
        client.ask("Hello.", "stream")
    client.close()


def test_how_long_to_wait_must_be_seconds() -> None:
    for wrong in (0, -1, "long", 1e9):
        with pytest.raises(TargetShapeError, match="wanted seconds"):
            WyomingClient("wyoming://127.0.0.1:9", quiet=wrong)  # type: ignore[arg-type]
