"""Sends requests to a server of the Wyoming protocol over TCP: a line of JSON, then data and sound.

The protocol has one audio-start and audio-stop for a text, but servers exist that send a pair for
each sentence, and nothing announces the last. So an answer is over with `synthesize-stopped`, or
when nothing has followed an audio-stop for a while; its end is the instant of that audio-stop. What
comes later still is not passed over: it fails the next trial, and says so.
"""

from __future__ import annotations

import json
import socket
from functools import partial
from time import perf_counter_ns
from typing import Any, NamedTuple

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import TargetFailed, TargetShapeError
from pytest_ttsperf.records import Json, Mode, Span
from pytest_ttsperf.targets import spec
from pytest_ttsperf.targets.decoders.pcm import Pcm, PcmShape
from pytest_ttsperf.targets.server import request_template
from pytest_ttsperf.targets.server.client import (
    READ_BYTES,
    RawResponse,
    TimedRead,
    TimedResponse,
    broken_connection,
    connect,
    is_readable,
    not_reachable,
    shut_down,
)

MOST_BYTES = 1 << 26
QUIET_S = 0.5
QUIET_WAITS = 3
"""After an audio-stop: at least so long, and so many times the longest wait for sound before it."""
MOST_QUIET_S = 60
CONNECT = "wyoming.connect"
WAIT = "wyoming.wait"
BODY = "wyoming.body"


class _Shape(NamedTuple):
    """Of bare samples: Hz, bytes a sample, channels."""

    rate: int
    width: int
    channels: int


class WyomingClient:
    """See `client.Client`; one connection for all trials, or a fresh one for each."""

    def __init__(
        self,
        url: str,
        *,
        voice: str | None = None,
        needs_voice: bool = False,  # noqa: ARG002  (there is always a place for it)
        connection: str = "keep",
        quiet: float | None = None,
    ) -> None:
        if connection not in request_template.CONNECTION_MODES:
            raise TargetShapeError(f"found connection={connection!r}; wanted keep or fresh")
        if quiet is not None and not _is_quiet_time(quiet):
            raise TargetShapeError(
                f"found quiet={quiet!r}; wanted seconds, above 0 and below {MOST_QUIET_S}"
            )
        self._url = secrets.mask(url)
        self._voice = voice
        self._address = request_template.parse_address(spec.resolve(url))
        self._keeps_connection = connection == "keep"
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._quiet_s = quiet
        """Without an event, after which an answer is over; None to go by the answer's waits."""
        self._longest_pause_ns = 0
        """Between an audio-stop and the sound after it, over all answers."""
        self._connect_spans: tuple[Span, ...] = ()

    def prepare(self) -> None:
        """Open a connection that is to be reused. TargetFailed where the answer before went on."""
        if self._socket is not None and self._is_readable(0):
            excess = self._buffer or self._socket.recv(READ_BYTES)
            self.close()
            if excess:
                raise TargetFailed(
                    f"target {self._url} sent more ({excess[:60]!r}) after its answer seemed to "
                    "be over: the trial before this one lost a part of its sound. Wait longer for "
                    "the next sentence, with --ttsperf-target-option quiet=3 (seconds)"
                )
        if not self._keeps_connection:
            self.close()
        elif self._socket is None:
            self._connect()

    def ask(self, text: str, mode: Mode) -> TimedResponse:  # noqa: ARG002  (the same for both)
        """Send one text, read to the end of its sound."""
        return self.fetch(text).identify()

    def fetch(self, text: str, *, stop_after: int | None = None) -> RawResponse:
        """See `Client`. A hung up answer takes its connection along: the protocol has no word."""
        request = self._encode_request(text)
        request_ns = perf_counter_ns()
        connection = self._socket or self._connect()
        reads: list[TimedRead] = []
        try:
            connection.sendall(request)
            sent_ns = perf_counter_ns()
            shape, end_ns = self._read_answer(reads, sent_ns, stop_after)
            over_ns = perf_counter_ns()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError | EOFError | ValueError):
                raise broken_connection(self._url, reads, error) from error
            raise
        if not reads:
            raise TargetFailed(f"target {self._url} ended its answer without sound")
        first_ns, _ = reads[0]
        spans: list[Span] = []
        if not self._keeps_connection:
            spans += self._connect_spans
        spans += [
            Span(stage=WAIT, start_ns=sent_ns, end_ns=first_ns),
            Span(stage=BODY, start_ns=first_ns, end_ns=end_ns),
        ]
        is_cut = len(reads) == stop_after
        if is_cut:
            self.close()
        identify = partial(_to_timed, request_ns, end_ns, reads, shape, tuple(spans))
        return RawResponse(request_ns, end_ns, over_ns, reads, is_cut, identify)

    def abort(self) -> None:
        """See `Client`."""
        shut_down(self._socket)

    def placement(self) -> dict[str, Json] | None:
        """None: the protocol has no place for it."""
        return None

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._buffer = b""

    def _connect(self) -> socket.socket:
        begun_ns = perf_counter_ns()
        try:
            self._socket = connect(self._address.host, self._address.port)
        except OSError as error:
            raise not_reachable(self._url, error) from error
        self._socket.settimeout(None)
        self._connect_spans = (Span(stage=CONNECT, start_ns=begun_ns, end_ns=perf_counter_ns()),)
        return self._socket

    def _encode_request(self, text: str) -> bytes:
        data: dict[str, Json] = {"text": text}
        if self._voice is not None:
            data["voice"] = {"name": self._voice}
        return json.dumps({"type": "synthesize", "data": data}).encode() + b"\n"

    def _read_answer(
        self,
        reads: list[TimedRead],
        sent_ns: int,
        stop_after: int | None,
    ) -> tuple[_Shape, int]:
        """Read a whole answer: the shape of its sound, and when its last audio-stop was there.

        After so many reads of sound, if a number is named, it ends with the last of them.
        """
        shape: _Shape | None = None
        end_ns: int | None = None
        while end_ns is None or self._goes_on(reads, sent_ns):
            kind, data, payload = self._read_event()
            arrived_ns = perf_counter_ns()
            if kind in ("audio-start", "audio-chunk"):
                shape = self._read_shape(kind, data, shape)
                if end_ns is not None:
                    self._longest_pause_ns = max(self._longest_pause_ns, arrived_ns - end_ns)
                end_ns = None
            if kind == "audio-chunk" and payload:
                reads.append((arrived_ns, payload))
            elif kind == "audio-stop":
                end_ns = arrived_ns
            if kind == "synthesize-stopped" or len(reads) == stop_after:
                end_ns = end_ns or arrived_ns
                break
        if shape is None:
            raise TargetFailed(f"target {self._url} stopped before any sound")
        return shape, end_ns

    def _goes_on(self, reads: list[TimedRead], sent_ns: int) -> bool:
        """After an audio-stop: whether anything follows within the time that it may take.

        A next sentence takes about as long as the first, from the request to its first sound.
        """
        longest_wait_ns = self._longest_pause_ns
        if reads:
            longest_wait_ns = max(longest_wait_ns, reads[0][0] - sent_ns)
        quiet_s = self._quiet_s or max(QUIET_S, QUIET_WAITS * longest_wait_ns / 1e9)
        return self._is_readable(quiet_s) and not self._is_closed()

    def _read_shape(self, kind: str, data: dict[str, Any], before: _Shape | None) -> _Shape:
        """The shape that an event has; what it leaves out is as in the events before."""
        fields: dict[str, Any] = {}
        if before is not None:
            fields = before._asdict()
        fields |= {name: data[name] for name in _Shape._fields if name in data}
        missing = [name for name in _Shape._fields if name not in fields]
        if missing:
            raise TargetShapeError(
                f"target {self._url} sent {kind} without {', '.join(missing)}, and no event "
                "before it says so; wanted rate, width and channels, as the protocol has it "
                f"(found {data})"
            )
        try:
            shape = _Shape(*(int(fields[name]) for name in _Shape._fields))
        except (TypeError, ValueError) as error:
            raise TargetShapeError(
                f"target {self._url} sent {kind} with {data}; wanted whole numbers as "
                "rate, width and channels"
            ) from error
        if before is not None and shape != before:
            raise TargetShapeError(
                f"target {self._url} changes its sound from {tuple(before)} to {tuple(shape)} "
                "(Hz, bytes, channels) midway; wanted one throughout"
            )
        return shape

    def _read_event(self) -> tuple[str, dict[str, Any], bytes]:
        """The next event: its type, what it says, and its sound.

        EOFError or ValueError for what is none, TargetFailed for an error of the server.
        """
        line = self._read_line()
        head = json.loads(line)
        if not isinstance(head, dict) or not isinstance(head.get("type"), str):
            raise ValueError(
                f"found {secrets.scrub(repr(line))[:80]}, wanted an event of the Wyoming protocol"
            )
        data = _check_mapping(head.get("data") or {})
        if head.get("data_length"):
            more = json.loads(self._read_exactly(head["data_length"]))
            data.update(_check_mapping(more))
        payload = self._read_exactly(head.get("payload_length") or 0)
        if head["type"] == "error":
            raise TargetFailed(f"target {self._url} answered: {data.get('text') or data}")
        return head["type"], data, payload

    def _read_line(self) -> bytes:
        at = self._buffer.find(b"\n")
        while at < 0:
            searched = len(self._buffer)
            if searched > MOST_BYTES:
                raise ValueError(f"found no end of a line in {searched} bytes")
            self._buffer += self._receive()
            at = self._buffer.find(b"\n", searched)
        line = self._buffer[: at + 1]
        self._buffer = self._buffer[at + 1 :]
        return line

    def _read_exactly(self, size: object) -> bytes:
        if type(size) is not int or not 0 <= size <= MOST_BYTES:
            raise ValueError(f"found a length of {size} bytes, wanted at most {MOST_BYTES}")
        parts = [self._buffer]
        missing = size - len(self._buffer)
        while missing > 0:
            parts.append(self._receive())
            missing -= len(parts[-1])
        whole = b"".join(parts)
        self._buffer = whole[size:]
        return whole[:size]

    def _receive(self) -> bytes:
        """Wait for more bytes. EOFError where none will come."""
        assert self._socket is not None
        data = self._socket.recv(READ_BYTES)
        if not data:
            raise EOFError("it was closed before the end of the sound")
        return data

    def _is_readable(self, timeout_s: float) -> bool:
        """As `client.is_readable`, bytes in the buffer included."""
        if self._buffer:
            return True
        assert self._socket is not None
        return is_readable(self._socket, timeout_s)

    def _is_closed(self) -> bool:
        """Whether the server has closed a connection on which nothing is left to read."""
        if self._buffer:
            return False
        assert self._socket is not None
        return self._socket.recv(1, socket.MSG_PEEK) == b""


def _to_timed(
    request_ns: int,
    end_ns: int,
    reads: list[TimedRead],
    shape: _Shape,
    spans: tuple[Span, ...],
) -> TimedResponse:
    decoder = Pcm(PcmShape(shape.rate, 8 * shape.width, shape.channels))
    return TimedResponse(request_ns, end_ns, reads, decoder, spans)


def _is_quiet_time(quiet: object) -> bool:
    return isinstance(quiet, int | float) and 0 < quiet < MOST_QUIET_S


def _check_mapping(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"found {str(data)[:80]}, wanted the data of an event")
    return data
