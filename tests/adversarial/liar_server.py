"""The liars as one HTTP server; the path names which: `/Cache/v1/audio/speech` and so on.

`python -m tests.adversarial.liar_server` prints its port. With `hidden`, the process that holds the
port hands its connections on to one that is no child of it.
"""

from __future__ import annotations

import os
import socket
import sys

import numpy as np

from tests.adversarial import liars
from tests.plugin import speech_server

CLAIMED_TIMES = 10
"""So many times as long as it is, says the header of `longer`."""


def to_pcm16(samples: liars.Samples) -> bytes:
    """16-bit samples as bytes; what exceeds full scale is cut off."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


class LiarHandler(speech_server.Handler):
    """Answers with the chunks of the liar that the path names, or lies in HTTP's own ways."""

    engines: dict[str, liars.Voice]

    def answer(self, way: str, text: str) -> None:
        if way in self.engines:
            self._speak(self.engines[way], text)
        else:
            super().answer(way, text)

    def _speak(self, engine: liars.Voice, text: str) -> None:
        """Where the engine raises, the connection breaks."""
        self._head({"Content-Type": f"audio/pcm; rate={engine.sample_rate}",
                    "Transfer-Encoding": "chunked"})  # fmt: skip
        for samples in engine.stream(text):
            if len(samples):
                self._chunk(to_pcm16(samples))
        self._chunk(b"")

    def _header(self, text: str) -> None:
        """The header at once, and then it begins to work."""
        self._wav_of(liars.EmptyFirst(), text, size=0xFFFFFFFF)

    def _longer(self, text: str) -> None:
        """The header claims more sound than there is."""
        claimed = len(to_pcm16(liars.Voice().speak(text))) * CLAIMED_TIMES
        self._wav_of(liars.EmptyFirst(), text, size=claimed)

    def _wav_of(self, engine: liars.Voice, text: str, size: int) -> None:
        self._head({"Content-Type": "audio/wav", "Transfer-Encoding": "chunked"})
        self._chunk(speech_server.wav_header(size))
        for samples in engine.stream(text):
            if len(samples):
                self._chunk(to_pcm16(samples))
        self._chunk(b"")

    def _other(self, text: str) -> None:
        """Says that it is on CoreML, and does not count its nodes."""
        extra = {"X-Provider": "CoreMLExecutionProvider"}
        self._stream(text, "audio/pcm", b"", extra)

    def _beforehand(self, text: str) -> None:
        """Sends an answer to the next text, whatever that will be, right behind this one."""
        self._speak(liars.EmptyFirst(), text)
        self._speak(liars.Precomputed(), text)


def make_engines() -> dict[str, liars.Voice]:
    """One of each."""
    classes = [liars.Voice, *liars.Voice.__subclasses__(), *liars.Burst.__subclasses__()]
    left_out = (liars.StoppedClock, liars.NeverQuiet)
    return {kind.__name__: kind() for kind in classes if kind not in left_out}


def hand_on(server: speech_server.Server) -> None:
    """Accept connections, and have a process that is no child of this one answer on them."""
    ours, theirs = socket.socketpair()
    if not os.fork():
        ours.close()
        answer_hidden(server, theirs)
        os._exit(0)
    theirs.close()
    os.wait()
    while True:
        connection, _ = server.socket.accept()
        with connection:
            socket.send_fds(ours, [b"x"], [connection.fileno()])


def answer_hidden(server: speech_server.Server, front: socket.socket) -> None:
    """Answer on the connections that come from the front, in an orphan that ends with it."""
    if os.fork():
        return
    server.socket.close()
    while True:
        _, descriptors, _, _ = socket.recv_fds(front, 1, 1)
        if not descriptors:
            os._exit(0)
        connection = socket.socket(fileno=descriptors[0])
        server.process_request(connection, connection.getpeername())


if __name__ == "__main__":
    LiarHandler.engines = make_engines()
    main = speech_server.Server(("127.0.0.1", 0), LiarHandler)
    sys.stdout.write(f"{main.server_address[1]}\n")
    sys.stdout.flush()
    if "hidden" in sys.argv[1:]:
        hand_on(main)
    main.serve_forever()
