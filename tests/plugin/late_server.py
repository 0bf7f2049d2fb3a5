"""A real server that streams as it makes its answer, or makes all of it before it sends pieces.

The path says which, and in what the sound is carried: `/streamed_wav/v1/audio/speech`. The answer
is in as many pieces either way.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.sync.server import ServerConnection, serve

from tests.plugin import speech_server
from tests.plugin.speech_server import PIECES, POLL_S, Server, tone, wav_header

MAKE_S = 0.08
"""How long a whole answer takes."""
PIECE_S = MAKE_S / PIECES


def pieces_of(sound: bytes, *, is_streamed: bool) -> Iterator[bytes]:
    """The pieces of an answer, each when it is there."""
    if not is_streamed:
        time.sleep(MAKE_S)
    step = -(-len(sound) // PIECES // 2) * 2
    for at in range(0, len(sound), step):
        if is_streamed:
            time.sleep(PIECE_S)
        yield sound[at : at + step]


class LateHandler(speech_server.Handler):
    """One connection: `streamed_` or `whole_`, then `pcm`, `wav` or `sse`."""

    def answer(self, way: str, text: str) -> None:
        """Speak a text in the way that the path names."""
        delivery, _, form = way.partition("_")
        pieces = pieces_of(tone(text), is_streamed=delivery == "streamed")
        if form == "sse":
            self._send("text/event-stream", b"", map(_to_event, pieces), _done_event())
        elif form == "wav":
            self._send("audio/wav", wav_header(0xFFFFFFFF), pieces)
        else:
            self._send("audio/pcm", b"", pieces)

    def _send(self, kind: str, header: bytes, pieces: Iterator[bytes], end: bytes = b"") -> None:
        self._head({"Content-Type": kind, "Transfer-Encoding": "chunked"})
        if header:
            self._chunk(header)
        for piece in pieces:
            self._chunk(piece)
        if end:
            self._chunk(end)
        self._chunk(b"")


def _to_event(piece: bytes) -> bytes:
    audio = base64.b64encode(piece).decode()
    return b"data: " + json.dumps({"type": "speech.audio.delta", "audio": audio}).encode() + b"\n\n"


def _done_event() -> bytes:
    return b'data: {"type": "speech.audio.done"}\n\n'


@contextmanager
def open_http() -> Iterator[str]:
    """Its address, while it runs in a thread."""
    server = Server(("127.0.0.1", 0), LateHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": POLL_S})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _converse(connection: ServerConnection) -> None:
    """As the server of this repository does: text is appended, and spoken at `flush`."""
    request = connection.request
    is_streamed = request is not None and "streamed" in request.path
    text = ""
    for message in connection:
        received = json.loads(message)
        if received["type"] == "append":
            text += received["text"]
            continue
        for piece in pieces_of(tone(text), is_streamed=is_streamed):
            connection.send(piece)
        connection.send(json.dumps({"type": "done"}))
        text = ""


@contextmanager
def open_websocket() -> Iterator[str]:
    """The address of a server of WebSockets, while it runs in a thread."""
    with serve(_converse, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()
