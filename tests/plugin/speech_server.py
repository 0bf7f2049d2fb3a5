"""A small real server of speech, whose behaviour the path names: `/wav/v1/audio/speech` and so on.

Run by `python -m`, with a port or without, it prints its port; `serve()` runs it in a thread of
the process that calls it.
"""

from __future__ import annotations

import base64
import gzip
import json
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import numpy as np

from tests.unit.targets import sounds

RATE = 24_000
POLL_S = 0.02  # how soon it is seen that it is to end
FIRST_S = 0.03
PIECES = 10
BALLAST_MB = 120
spoken: set[str] = set()
connections: list[int] = []
counts: dict[str, int] = {}


def tone(text: str, rate: int = RATE) -> bytes:
    """PCM16 of 15 characters a second."""
    wave = np.sin(2 * np.pi * 180 * np.arange(rate * len(text) // 15) / rate) * 0.3
    return (wave * 32767).astype("<i2").tobytes()


def mp3(text: str) -> bytes:
    """The hum as MP3, made anew for each answer: a text that was spoken before takes as long."""
    return sounds.encoded.__wrapped__("mp3", "libmp3lame", RATE, RATE * len(text) // 15)


def wav_header(size: int) -> bytes:
    """A mono 16-bit header that claims so many bytes of sound."""
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16)
    return b"RIFF\xff\xff\xff\xffWAVE" + fmt + b"data" + struct.pack("<I", size)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    status = 200
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        connections.append(1)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        told = {
            "connections": len(connections),
            "provider": {"provider": "CPUExecutionProvider", "voice": "hum",
                         "nodes": {"CPUExecutionProvider": 12}},
        }  # fmt: skip
        self._whole(200 if self.path.startswith("/told") else 404, json.dumps(told))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Type"] == "application/x-www-form-urlencoded":
            asked = dict(parse_qsl(body.decode(), strict_parsing=True))
        else:
            asked = json.loads(body)
        if self.path.count("/v1/") > 1:
            return self._whole(404, json.dumps({"detail": "Not Found"}))
        way = self.path.strip("/").split("/")[0]
        self.answer(way, asked.get("input") or asked.get("say") or "")
        return None

    def answer(self, way: str, text: str) -> None:
        """Speak a text in the way that the path names, or in the usual one."""
        getattr(self, f"_{way}", self._pcm)(text)

    def _pcm(self, text: str) -> None:
        self._stream(text, "audio/pcm", b"")

    def _computes(self, text: str) -> None:
        """For longer than a tick of the system's clock, so that its CPU time is seen to rise."""
        end = time.perf_counter() + FIRST_S
        while time.perf_counter() < end:
            pass
        self._pcm(text)

    def _told(self, text: str) -> None:
        self._stream(text, "audio/pcm", b"", {"Server-Timing": "encode;dur=12, vocode;dur=9.5"})

    def _named(self, text: str) -> None:
        self._stream(text, "audio/pcm", b"", {"X-Provider": "CoreMLExecutionProvider"})

    def _wav(self, text: str) -> None:
        self._stream(text, "audio/wav", wav_header(0xFFFFFFFF))

    def _nosize(self, text: str) -> None:
        self._stream(text, "audio/wav", wav_header(0))

    def _flac(self, text: str) -> None:
        self._encoded("flac", "flac", "audio/flac", text)

    def _mp3(self, text: str) -> None:
        self._encoded("mp3", "libmp3lame", "audio/mpeg", text)

    def _opus(self, text: str) -> None:
        self._encoded("ogg", "libopus", "audio/ogg; codecs=opus", text, 2 * RATE)

    def _aac(self, text: str) -> None:
        self._encoded("adts", "aac", "audio/aac", text)

    def _encoded(self, container: str, codec: str, kind: str, text: str, rate: int = RATE) -> None:
        data = sounds.encoded(container, codec, rate, rate * len(text) // 15)
        self._stream(text, kind, b"", sound=data)

    def _slow16(self, text: str) -> None:
        """At another rate than the form's, and it says so."""
        self._stream(text, "audio/pcm; rate=16000", b"", sound=tone(text, 16_000))

    def _header16(self, text: str) -> None:
        self._stream(text, "audio/pcm", b"", {"X-Sample-Rate": "16000"}, sound=tone(text, 16_000))

    def _silent48(self, text: str) -> None:
        """At another rate than the form's, without a word."""
        self._stream(text, "audio/pcm", b"", sound=tone(text, 48_000))

    def _misnamed(self, text: str) -> None:
        self._stream(text, "audio/pcm", b"", sound=mp3(text))

    def _gzip(self, text: str) -> None:
        extra = {"Content-Encoding": "gzip"}
        self._stream(text, "audio/pcm", b"", extra, sound=gzip.compress(tone(text)))

    def _zipped(self, text: str) -> None:
        """Compressed, and it does not say so."""
        self._stream(text, "audio/pcm", b"", sound=gzip.compress(tone(text)))

    def _joined(self, text: str) -> None:
        """A file for each half, each with its tag, as MP3."""
        data = mp3(text)
        tag = b"ID3\x04\0\0\0\0\0\x20" + b"TAG\xff\xfb\x90\x64\0" * 4
        self._stream(text, "audio/mpeg", b"", sound=tag + data + tag + data)

    def _created(self, text: str) -> None:
        self.status = 201
        self._pcm(text)

    def _partial(self, text: str) -> None:
        self.status = 206
        self._wav(text)

    def _moved(self, text: str) -> None:
        self.status = 307
        self._head({"Location": "/pcm/v1/audio/speech", "Content-Length": "0"})

    def _garbled(self, text: str) -> None:
        self.status = 500
        self._head({"Content-Type": "audio/wav", "Content-Length": "2560"})
        self.wfile.write(bytes(range(256)) * 10)

    def _sse(self, text: str) -> None:
        sound = tone(text)
        time.sleep(FIRST_S)
        self._head({"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        for at in range(0, len(sound), 5001):
            audio = base64.b64encode(sound[at : at + 5001]).decode()
            event = json.dumps({"type": "speech.audio.delta", "audio": audio})
            self._chunk(f"data: {event}\n\n".encode())
        self._chunk(b'data: {"type": "speech.audio.done", "usage": null}\n\n')
        self._chunk(b"")

    def _length(self, text: str) -> None:
        """With a length told, and so without chunks of HTTP's own."""
        time.sleep(FIRST_S)
        sound = tone(text)
        self._head({"Content-Type": "audio/wav", "Content-Length": str(44 + len(sound))})
        self.wfile.write(wav_header(len(sound)))
        for at in range(0, len(sound), 9001):
            self.wfile.write(sound[at : at + 9001])

    def _burst(self, text: str) -> None:
        """Many small writes at once: they are one delivery."""
        time.sleep(FIRST_S)
        sound = tone(text)
        self._head({"Content-Type": "audio/pcm", "Content-Length": str(len(sound))})
        for half in (sound[: len(sound) // 4 * 2], sound[len(sound) // 4 * 2 :]):
            for at in range(0, len(half), 500):
                self.wfile.write(half[at : at + 500])
            time.sleep(0.02)

    def _breaks(self, text: str) -> None:
        """In the midst, for all texts but the one at the opening."""
        if text.startswith("Hello"):
            return self._pcm(text)
        self._head({"Content-Type": "audio/pcm", "Transfer-Encoding": "chunked"})
        self._chunk(tone(text)[:4000])
        self.close_connection = True
        return None

    def _hangs(self, text: str) -> None:
        """Once, over the third text after the opening."""
        counts["hangs"] = counts.get("hangs", 0) + 1
        if counts["hangs"] == 4:
            time.sleep(60)
        self._pcm(text)

    def _caches(self, text: str) -> None:
        """A text that was spoken before is there at once."""
        # So much longer that a busy machine delays no answer from the cache by half of it.
        first_s, pause_s = (0.0005, 0.0) if text in spoken else (10 * FIRST_S, 0.004)
        spoken.add(text)
        self._stream(text, "audio/pcm", b"", first_s=first_s, pause_s=pause_s)

    def _closes(self, text: str) -> None:
        self.close_connection = True
        self._stream(text, "audio/pcm", b"", {"Connection": "close"})

    def _busy(self, text: str) -> None:
        self._whole(503, json.dumps({"error": {"message": "the queue is full"}}))

    def _json(self, text: str) -> None:
        self._whole(200, json.dumps({"detail": "no such voice"}))

    def _empty(self, text: str) -> None:
        self._whole(200, "")

    def _stream(
        self,
        text: str,
        kind: str,
        header: bytes,
        extra: dict[str, str] | None = None,
        first_s: float = FIRST_S,
        pause_s: float = 0.002,
        sound: bytes | None = None,
    ) -> None:
        time.sleep(first_s if not header else 0)
        self._head({"Content-Type": kind, "Transfer-Encoding": "chunked", **(extra or {})})
        if header:
            self._chunk(header)
            time.sleep(first_s)
        sound = tone(text) if sound is None else sound
        step = -(-len(sound) // PIECES // 2) * 2 + 1  # odd: samples are cut in two
        for at in range(0, len(sound), step):
            self._chunk(sound[at : at + step])
            time.sleep(pause_s)
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _head(self, headers: dict[str, str]) -> None:
        self.send_response(self.status)
        self.status = 200
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _whole(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


class Server(ThreadingHTTPServer):
    """Quiet about clients that leave."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


def serve(certificate: str | None = None) -> Server:
    """Start it in a thread; `server_address` tells where. With a certificate over TLS."""
    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": POLL_S}, daemon=True
    ).start()
    return server


if __name__ == "__main__":
    ballast = np.ones(BALLAST_MB * 125_000)  # memory that is surely the server's
    main = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
    sys.stdout.write(f"{main.server_address[1]}\n")
    sys.stdout.flush()
    main.serve_forever()
