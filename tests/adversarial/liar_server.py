"""The liars as one HTTP server; the path names which: `/Cache/v1/audio/speech` and so on.

`python -m tests.adversarial.liar_server` prints its port. With `hidden`, the process that holds the
port sleeps, and one that is no child of it answers.
"""

from __future__ import annotations

import os
import sys
import threading
import time

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
        """Says that it is on CoreML, and of which nodes it cannot say."""
        extra = {"X-Provider": "CoreMLExecutionProvider"}
        self._stream(text, "audio/pcm", b"", extra)

    def _beforehand(self, text: str) -> None:
        """Sends the answer to the next text right behind this one."""
        self._speak(liars.Voice(), text)
        self._speak(liars.Precomputed(), text)


def make_engines() -> dict[str, liars.Voice]:
    """One of each."""
    classes = [liars.Voice, *liars.Voice.__subclasses__(), *liars.Burst.__subclasses__()]
    left_out = (liars.StoppedClock, liars.NeverQuiet)
    return {kind.__name__: kind() for kind in classes if kind not in left_out}


def work_hidden(server: speech_server.Server) -> None:
    """Answer in a process that is no child of the one that holds the port, and ends with it."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(reading)
        os.wait()
        while True:
            time.sleep(60)
    if os.fork():
        os._exit(0)
    os.close(writing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.read(reading, 1)  # until the other has ended
    os._exit(0)


if __name__ == "__main__":
    LiarHandler.engines = make_engines()
    main = speech_server.Server(("127.0.0.1", 0), LiarHandler)
    sys.stdout.write(f"{main.server_address[1]}\n")
    sys.stdout.flush()
    if "hidden" in sys.argv[1:]:
        work_hidden(main)
    main.serve_forever()
