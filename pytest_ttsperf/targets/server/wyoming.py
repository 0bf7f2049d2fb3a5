"""Asks a server of the Wyoming protocol over TCP: a line of JSON, then data and sound, if any.

The protocol has one audio-start and audio-stop for a text, but servers exist that send a pair for
each sentence, and nothing announces the last. So an answer is over with `synthesize-stopped`, or
when nothing has followed an audio-stop for a while; its end is the instant of that audio-stop. What
comes later still is not passed over: it fails the next trial, and says so.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import TargetFailed, TargetNotFound, TargetShapeError
from pytest_ttsperf.records import Json, Mode, Span
from pytest_ttsperf.targets import spec
from pytest_ttsperf.targets.decoders import pcm as decoders_pcm
from pytest_ttsperf.targets.server import request_template
from pytest_ttsperf.targets.server.client import TimedResponse

DEFAULT_PORT = 10200
CONNECT_S = 10.0
MOST_BYTES = 1 << 26
READ_BYTES = 1 << 16
QUIET_S = 0.5
QUIET_WAITS = 3
"""After an audio-stop: at least so long, and so many times the longest wait for sound before it."""
MOST_QUIET_S = 60
CONNECT, WAIT, BODY = "wyoming.connect", "wyoming.wait", "wyoming.body"


class _Shape(NamedTuple):
    """Of bare samples: Hz, bytes a sample, channels."""

    rate: int
    width: int
    channels: int


class WyomingClient:
    """See `remote.Client`; the connection is kept, or fresh for each trial."""

    def __init__(
        self,
        url: str,
        *,
        voice: str | None = None,
        needs_voice: bool = False,  # noqa: ARG002  (there is always a place for it)
        connection: str = "keep",
        quiet: float | None = None,
        now_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        if connection not in request_template.KEEPINGS:
            raise TargetShapeError(f"found connection={connection!r}; wanted keep or fresh")
        if quiet is not None and not (isinstance(quiet, int | float) and 0 < quiet < MOST_QUIET_S):
            raise TargetShapeError(
                f"found quiet={quiet!r}; wanted seconds, above 0 and below {MOST_QUIET_S}"
            )
        self._url, self._voice, self._now_ns = secrets.mask(url), voice, now_ns
        _, self._host, self._port, _ = request_template.address(spec.resolve(url), DEFAULT_PORT)
        self._keeps = connection == "keep"
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._quiet = quiet
        """Seconds without an event after which an answer is over; None to go by its waits."""
        self._longest_pause_ns = 0
        """Between an audio-stop and the sound after it, over all answers."""
        self._spans: tuple[Span, ...] = ()

    def prepare(self) -> None:
        """With a kept connection: see that it is there. TargetFailed where an answer went on."""
        if self._socket is not None and self._is_readable(0):
            left = self._buffer or self._socket.recv(READ_BYTES)
            self.close()
            if left:
                raise TargetFailed(
                    f"target {self._url} sent more ({left[:60]!r}) after its answer had seemed "
                    "over: the trial before this one has lost a part of its sound. Wait longer "
                    "for a next sentence, with --ttsperf-target-option quiet=3 (seconds)"
                )
        if not self._keeps:
            self.close()
        if self._keeps and self._socket is None:
            self._connect()

    def ask(self, text: str, mode: Mode) -> TimedResponse:  # noqa: ARG002  (one form for both)
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
            shape, end_ns = self._answer(reads, sent_ns)
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
        spans = (
            *(self._spans if not self._keeps else ()),
            Span(stage=WAIT, start_ns=sent_ns, end_ns=reads[0][0]),
            Span(stage=BODY, start_ns=reads[0][0], end_ns=end_ns),
        )
        pcm = decoders_pcm.Pcm(shape.rate, bits=8 * shape.width, channels=shape.channels)
        return TimedResponse(request_ns, end_ns, reads, pcm, spans)

    def placement(self) -> dict[str, Json] | None:
        """The protocol does not tell it."""
        return None

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._buffer = None, b""

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
        self._spans = (Span(stage=CONNECT, start_ns=begun_ns, end_ns=self._now_ns()),)

    def _answer(self, reads: list[tuple[int, bytes]], sent_ns: int) -> tuple[_Shape, int]:
        """Read a whole answer: the shape of its sound, and when its last audio-stop was there."""
        shape: _Shape | None = None
        stopped_ns: int | None = None
        while stopped_ns is None or self._goes_on(reads, sent_ns):
            kind, data, payload = self._event()
            arrived_ns = self._now_ns()
            if kind in ("audio-start", "audio-chunk"):
                shape = self._shape(data, shape, kind)
                pause_ns = arrived_ns - (stopped_ns or arrived_ns)
                self._longest_pause_ns = max(self._longest_pause_ns, pause_ns)
                stopped_ns = None
            if kind == "audio-chunk" and payload:
                reads.append((arrived_ns, payload))
            elif kind == "audio-stop":
                stopped_ns = arrived_ns
            elif kind == "synthesize-stopped":
                return self._whole(shape), stopped_ns or arrived_ns
            elif kind == "error":
                raise TargetFailed(f"target {self._url} answered: {data.get('text') or data}")
        return self._whole(shape), stopped_ns

    def _whole(self, shape: _Shape | None) -> _Shape:
        """The shape of an answer that is over. TargetFailed for one without sound."""
        if shape is None:
            raise TargetFailed(f"target {self._url} stopped before any sound")
        return shape

    def _goes_on(self, reads: list[tuple[int, bytes]], sent_ns: int) -> bool:
        """After an audio-stop: whether anything follows within the time that it may take.

        A next sentence takes about as long as the first, from asking to its first sound.
        """
        first_ns = reads[0][0] - sent_ns if reads else 0
        waited_s = max(first_ns, self._longest_pause_ns) / 1e9
        quiet_s = self._quiet or max(QUIET_S, QUIET_WAITS * waited_s)
        return self._is_readable(quiet_s) and not self._is_closed()

    def _shape(self, data: dict[str, Any], before: _Shape | None, kind: str) -> _Shape:
        """The shape that an event tells; one that tells none has that of the events before."""
        names = [name for name in _Shape._fields if name not in data]
        if names and before is None:
            raise TargetShapeError(
                f"target {self._url} sent {kind} without {', '.join(names)}, and no event before "
                f"it says so; wanted rate, width and channels, as the protocol has it (found "
                f"{data})"
            )
        told = before._asdict() if before else {}
        told.update({name: data[name] for name in _Shape._fields if name in data})
        try:
            shape = _Shape(*(int(told[name]) for name in _Shape._fields))
        except (TypeError, ValueError) as error:
            raise TargetShapeError(
                f"target {self._url} sent {kind} with {data}; wanted whole numbers as rate, width "
                "and channels"
            ) from error
        if before not in (None, shape):
            raise TargetShapeError(
                f"target {self._url} changes its sound from {tuple(before or ())} to "
                f"{tuple(shape)} (Hz, bytes, channels) midway; wanted one throughout"
            )
        return shape

    def _event(self) -> tuple[str, dict[str, Any], bytes]:
        """One event: its type, data and sound. EOFError or ValueError for what is none."""
        line = self._line()
        event = json.loads(line)
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            raise ValueError(
                f"found {secrets.scrub(repr(line))[:80]}, wanted an event of the Wyoming protocol"
            )
        data = _mapping(event.get("data") or {})
        if event.get("data_length"):
            data.update(_mapping(json.loads(self._exactly(event["data_length"]))))
        payload = self._exactly(event.get("payload_length") or 0)
        return event["type"], data, payload

    def _line(self) -> bytes:
        at = self._buffer.find(b"\n")
        while at < 0:
            seen = len(self._buffer)
            if seen > MOST_BYTES:
                raise ValueError(f"found no end of a line in {seen} bytes")
            self._receive()
            at = self._buffer.find(b"\n", seen)
        line, self._buffer = self._buffer[: at + 1], self._buffer[at + 1 :]
        return line

    def _exactly(self, size: object) -> bytes:
        if type(size) is not int or not 0 <= size <= MOST_BYTES:
            raise ValueError(f"found a length of {size} bytes, wanted at most {MOST_BYTES}")
        parts, missing = [self._buffer], size - len(self._buffer)
        while missing > 0:
            self._buffer = b""
            self._receive()
            parts.append(self._buffer)
            missing -= len(self._buffer)
        whole = b"".join(parts)
        self._buffer = whole[size:]
        return whole[:size]

    def _receive(self) -> None:
        """Wait for more bytes. EOFError where none will come."""
        assert self._socket is not None
        data = self._socket.recv(READ_BYTES)
        if not data:
            raise EOFError("it was closed before the end of the sound")
        self._buffer += data

    def _is_readable(self, timeout_s: float) -> bool:
        """Whether bytes or the end of the connection are there within the time."""
        if self._buffer:
            return True
        assert self._socket is not None
        return bool(select.select([self._socket], [], [], timeout_s)[0])

    def _is_closed(self) -> bool:
        """Whether the server has closed a connection on which nothing is left to read."""
        assert self._socket is not None
        return not self._buffer and self._socket.recv(1, socket.MSG_PEEK) == b""


def _mapping(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"found {str(data)[:80]}, wanted the data of an event")
    return data
