"""Asks a server of the Wyoming protocol over TCP: a line of JSON, then data and sound, if any."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable
from typing import IO, Any

from pytest_ttsperf.errors import TargetFailed, TargetNotFound, TargetShapeError
from pytest_ttsperf.measure.targets import containers, forms
from pytest_ttsperf.measure.targets.remote import Answer
from pytest_ttsperf.records import Json, Mode, Span

DEFAULT_PORT = 10200
CONNECT_S = 10.0
MOST_BYTES = 1 << 26
CONNECT, WAIT, BODY = "wyoming.connect", "wyoming.wait", "wyoming.body"


class WyomingClient:
    """See `remote.Client`; the connection is kept, or fresh for each trial."""

    def __init__(
        self,
        url: str,
        *,
        voice: str | None = None,
        needs_voice: bool = False,  # noqa: ARG002  (there is always a place for it)
        connection: str = "keep",
        now_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        if connection not in forms.KEEPINGS:
            raise TargetShapeError(f"found connection={connection!r}; wanted keep or fresh")
        self._url, self._voice, self._now_ns = url, voice, now_ns
        _, self._host, self._port, _ = forms.address(url, DEFAULT_PORT)
        self._keeps = connection == "keep"
        self._socket: socket.socket | None = None
        self._file: IO[bytes] | None = None
        self._spans: tuple[Span, ...] = ()

    def prepare(self) -> None:
        """With a kept connection: see that it is there."""
        if not self._keeps or (self._socket and select.select([self._socket], [], [], 0)[0]):
            self.close()
        if self._keeps and self._socket is None:
            self._connect()

    def ask(self, text: str, mode: Mode) -> Answer:  # noqa: ARG002  (one form for both)
        """Send one text, read to the end of its sound."""
        data: dict[str, Json] = {"text": text}
        if self._voice is not None:
            data["voice"] = {"name": self._voice}
        line = json.dumps({"type": "synthesize", "data": data}).encode() + b"\n"
        request_ns = self._now_ns()
        if self._socket is None:
            self._connect()
        assert self._socket is not None
        reads: list[tuple[int, bytes]] = []
        try:
            self._socket.sendall(line)
            sent_ns = self._now_ns()
            shape = self._heard(reads)
            end_ns = self._now_ns()
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise TargetFailed(
                f"target {self._url}: the connection broke after {sum(len(d) for _, d in reads)} "
                f"bytes of sound ({type(error).__name__}: {error})"
            ) from error
        except BaseException:
            self.close()
            raise
        if not reads:
            raise TargetFailed(f"target {self._url} ended its answer without sound")
        rate, width, channels = shape
        spans = (
            *(self._spans if not self._keeps else ()),
            Span(stage=WAIT, start_ns=sent_ns, end_ns=reads[0][0]),
            Span(stage=BODY, start_ns=reads[0][0], end_ns=end_ns),
        )
        pcm = containers.Pcm(rate, bits=8 * width, channels=channels)
        return Answer(request_ns, end_ns, reads, pcm, spans)

    def placement(self) -> dict[str, Json] | None:
        """The protocol does not tell it."""
        return None

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        if self._file is not None:
            self._file.close()
        if self._socket is not None:
            self._socket.close()
        self._file = self._socket = None

    def _connect(self) -> None:
        begun_ns = self._now_ns()
        try:
            self._socket = socket.create_connection((self._host, self._port), CONNECT_S)
        except OSError as error:
            raise TargetNotFound(
                f"target {self._url}: nothing answers there ({error}); start the server, or "
                "correct the address"
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(None)
        self._file = self._socket.makefile("rb")
        self._spans = (Span(stage=CONNECT, start_ns=begun_ns, end_ns=self._now_ns()),)

    def _heard(self, reads: list[tuple[int, bytes]]) -> tuple[int, int, int]:
        """Read up to audio-stop; rate in Hz, bytes a sample and channels of the sound."""
        shape: tuple[int, int, int] | None = None
        while True:
            kind, data, payload = self._event()
            arrived_ns = self._now_ns()
            if kind in ("audio-start", "audio-chunk"):
                told = (int(data["rate"]), int(data["width"]), int(data["channels"]))
                if shape not in (None, told):
                    raise TargetShapeError(
                        f"target {self._url} changes its sound from {shape} to {told} (Hz, bytes, "
                        "channels) midway; wanted one throughout"
                    )
                shape = told
                if payload:
                    reads.append((arrived_ns, payload))
            elif kind == "audio-stop":
                if shape is None:
                    raise TargetFailed(f"target {self._url} stopped before any sound")
                return shape
            elif kind == "error":
                raise TargetFailed(f"target {self._url} answered: {data.get('text') or data}")

    def _event(self) -> tuple[str, dict[str, Any], bytes]:
        """One event: its type, data and sound. EOFError or ValueError for what is none."""
        assert self._file is not None
        line = self._file.readline(MOST_BYTES)
        if not line.endswith(b"\n"):
            raise EOFError("it was closed before the end of the sound")
        event = json.loads(line)
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            raise ValueError(f"found {line[:80]!r}, wanted an event of the Wyoming protocol")
        data = dict(event.get("data") or {})
        if event.get("data_length"):
            data.update(json.loads(self._exactly(int(event["data_length"]))))
        payload = self._exactly(int(event.get("payload_length") or 0))
        return event["type"], data, payload

    def _exactly(self, size: int) -> bytes:
        assert self._file is not None
        if not 0 <= size <= MOST_BYTES:
            raise ValueError(f"found a length of {size} bytes, wanted at most {MOST_BYTES}")
        data = self._file.read(size)
        if len(data) < size:
            raise EOFError("it was closed before the end of the sound")
        return data
