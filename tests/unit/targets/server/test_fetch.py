"""Answers that are not decoded at once, or not listened to until their end: over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from pytest_ttsperf.errors import StatusRefused, TargetFailed
from pytest_ttsperf.load.generator.servers import ServerChannel
from pytest_ttsperf.targets.server.adapter import ServerAdapter
from pytest_ttsperf.targets.server.client import Unanswered
from pytest_ttsperf.targets.server.http import HttpClient
from pytest_ttsperf.targets.server.wyoming import WyomingClient
from tests.plugin import speech_server
from tests.unit.targets.server.test_wyoming import Server, event, spoken

pytestmark = pytest.mark.starts

TEXT = "Twenty letters or so."
FRAMES = speech_server.RATE * len(TEXT) // 15


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = speech_server.serve()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_what_was_fetched_is_decoded_later_and_by_another(base: str) -> None:
    adapter = ServerAdapter(HttpClient(f"{base}/wav"), base)
    client = HttpClient(f"{base}/wav")
    client.prepare()
    raw = client.fetch(TEXT)
    client.close()
    assert not raw.is_cut
    assert raw.over_ns == raw.end_ns
    recording = adapter.decode(raw, "stream")
    assert sum(recording.frame_counts) == FRAMES
    assert recording.arrivals_ns == tuple(at_ns for at_ns, _ in raw.reads)
    assert (recording.request_ns, recording.end_ns) == (raw.request_ns, raw.end_ns)
    assert adapter.decode(client.fetch(TEXT), "nonstream").frame_counts == (FRAMES,)
    client.close()
    adapter.close()


@pytest.mark.parametrize("way", ["pcm", "wav", "length", "mp3"])
@pytest.mark.parametrize("connection", ["keep", "fresh"])
def test_an_answer_is_hung_up_after_so_many_reads(base: str, way: str, connection: str) -> None:
    url = f"{base}/{way}"
    adapter = ServerAdapter(HttpClient(url, connection=connection), url)
    client = HttpClient(url, connection=connection)
    for _ in range(2):  # the second shows that it can go on
        client.prepare()
        raw = client.fetch(TEXT, stop_after=2)
        assert raw.is_cut
        assert len(raw.reads) == 2
        recording = adapter.decode(raw, "stream")
        assert len(recording.arrivals_ns) == 2
        assert sum(recording.frame_counts) < FRAMES
    client.prepare()
    whole = adapter.decode(client.fetch(TEXT, stop_after=10_000), "stream")
    assert sum(whole.frame_counts) == pytest.approx(FRAMES, rel=0.1)
    client.close()
    adapter.close()


def test_an_answer_that_is_hung_up_behind_its_header_has_a_rate_and_no_sound(base: str) -> None:
    adapter = ServerAdapter(HttpClient(f"{base}/wav"), base)
    client = HttpClient(f"{base}/wav")
    client.prepare()
    recording = adapter.decode(client.fetch(TEXT, stop_after=1), "stream")
    assert recording.frame_counts == (0,)
    assert recording.sample_rate == speech_server.RATE
    client.close()
    adapter.close()


@pytest.mark.parametrize(
    ("way", "bytes_per_s"),
    [("pcm", 2 * speech_server.RATE), ("wav", 2 * speech_server.RATE), ("mp3", None)],
)
def test_it_is_known_how_long_bytes_sound_unless_they_are_compressed(
    base: str, way: str, bytes_per_s: float | None
) -> None:
    adapter = ServerAdapter(HttpClient(f"{base}/{way}"), base)
    assert adapter.bytes_per_s == (bytes_per_s and pytest.approx(bytes_per_s, rel=0.01))
    adapter.close()


def test_a_refusal_has_its_status(base: str) -> None:
    client = HttpClient(f"{base}/busy")
    client.prepare()
    with pytest.raises(StatusRefused, match="the queue is full") as caught:
        client.fetch(TEXT)
    assert caught.value.status == 503
    client.close()


def test_an_answer_that_takes_too_long_is_ended_from_another_thread() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    client = HttpClient(f"http://127.0.0.1:{listener.getsockname()[1]}")
    client.prepare()
    threading.Timer(0.1, client.abort).start()
    start = time.monotonic()
    with pytest.raises(TargetFailed, match="the connection broke after 0 bytes"):
        client.fetch(TEXT)
    assert time.monotonic() - start < 30
    client.abort()  # there is nothing left to end
    client.close()
    listener.close()


def read_request(connection: socket.socket) -> bool:
    """Read a whole request; whether there was one."""
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(1 << 16)
        if not received:
            return False
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(line for line in head.splitlines() if line.lower().startswith(b"content-length"))
    while len(body) < int(length.split(b":")[1]):
        body += connection.recv(1 << 16)
    return True


ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\nContent-Length: 480\r\n\r\n" + b"\1\0" * 240
)


@pytest.fixture
def forgetful() -> Iterator[Callable[[int], str]]:
    """A server that ends each connection after so many answers, without a word."""
    listeners: list[socket.socket] = []

    def start(answers: int) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=serve, args=(listener, answers), daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def serve(listener: socket.socket, answers: int) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                for _ in range(answers):
                    if not read_request(connection):
                        break
                    connection.sendall(ANSWER)

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def ended(client: HttpClient) -> None:
    """Wait until the server's end of the connection is there."""
    deadline = time.monotonic() + 20
    while not client._connection.is_stale() and time.monotonic() < deadline:
        time.sleep(0.005)


def test_a_connection_that_has_ended_before_a_request_is_told_from_one_that_breaks(
    forgetful: Callable[[int], str],
) -> None:
    client = HttpClient(forgetful(1), template={"status": None})
    client.prepare()
    client.fetch(TEXT)
    ended(client)
    with pytest.raises(Unanswered, match="after 0 bytes of sound"):
        client.fetch(TEXT)
    client.close()


def test_a_listener_asks_once_more_over_a_new_connection(forgetful: Callable[[int], str]) -> None:
    """As where a server ends an idle connection in the very moment of the next request."""
    url = forgetful(1)
    adapter = ServerAdapter(HttpClient(url, template={"status": None}), url)
    client = HttpClient(url, template={"status": None})
    channel = ServerChannel(client, adapter, "stream")
    channel.prepare()
    for _ in range(3):
        answer = channel.ask(TEXT, None)
        assert sum(channel.decode(answer).frame_counts) == 240
        ended(client)
    channel.close()
    adapter.close()


def test_a_server_that_ends_connections_instead_of_answering_has_failed(
    forgetful: Callable[[int], str],
) -> None:
    url = forgetful(1)
    adapter = ServerAdapter(HttpClient(url, template={"status": None}), url)
    silent = HttpClient(forgetful(0), template={"status": None})
    channel = ServerChannel(silent, adapter, "stream")
    channel.prepare()
    with pytest.raises(Unanswered):
        channel.ask(TEXT, None)
    channel.close()
    adapter.close()


def test_sound_over_wyoming_is_hung_up() -> None:
    server = Server(spoken)
    adapter = ServerAdapter(WyomingClient(server.url, quiet=0.05), server.url)
    client = WyomingClient(server.url)
    for _ in range(2):
        client.prepare()
        raw = client.fetch("Hello.", stop_after=3)
        assert raw.is_cut
        assert len(raw.reads) == 3
        assert raw.end_ns == raw.reads[-1][0]
        assert len(adapter.decode(raw, "stream").arrivals_ns) == 3
    client.close()
    adapter.close()
    server.shutdown()
    server.server_close()


def test_an_answer_over_wyoming_is_over_when_it_is_known_to_be() -> None:
    """Its end is that of its sound; a listener learns of it only after a while of quiet."""
    quiet = Server(spoken)
    prompt = Server(lambda asked: [*spoken(asked), event("synthesize-stopped")])
    waits_ns = []
    for server in (quiet, prompt):
        client = WyomingClient(server.url, quiet=0.2)
        client.prepare()
        raw = client.fetch("Hello.")
        waits_ns.append(raw.over_ns - raw.end_ns)
        client.close()
        server.shutdown()
        server.server_close()
    assert waits_ns[0] >= 0.2e9
    assert 0 <= waits_ns[1] < waits_ns[0]
