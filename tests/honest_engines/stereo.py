"""A server that answers with stereo WAV at 44.1 kHz, two equal channels, while it is being made.

`python -m tests.honest_engines.stereo` prints its port, and ends with its standard input.
"""

from __future__ import annotations

import json
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from tests.honest_engines.engines import CdRate

CHANNELS = 2
FRAME_BYTES = 2 * CHANNELS


class StereoHandler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "audio/wav")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._send(wav_header(CdRate.sample_rate))
        for samples, _ in CdRate().stream(request["input"]):
            both = np.repeat(np.clip(samples, -1, 1), CHANNELS)
            self._send((both * 32767).astype("<i2").tobytes())
        self._send(b"")

    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, data: bytes) -> None:
        """One chunk of HTTP; an empty one is the last."""
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def wav_header(rate: int) -> bytes:
    """Of a stream, whose length nobody knows when it begins."""
    shape = (1, CHANNELS, rate, rate * FRAME_BYTES, FRAME_BYTES, 16)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, *shape)
    return b"RIFF\xff\xff\xff\xffWAVE" + form + b"data\xff\xff\xff\xff"


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), StereoHandler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
