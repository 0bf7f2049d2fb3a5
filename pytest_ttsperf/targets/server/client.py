"""What the client of a server offers, one timed response, and what both kinds of client share."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pytest_ttsperf.errors import TargetFailed, TargetNotFound
from pytest_ttsperf.records import Json, Mode, Span
from pytest_ttsperf.targets.decoders.base import Decoder

READ_BYTES = 1 << 16
CONNECT_S = 10.0

TimedRead = tuple[int, bytes]
"""The instant in ns at which bytes were there, and the bytes."""


@dataclass(slots=True)
class TimedResponse:
    """One answer: raw reads with the instants at which they were there."""

    request_ns: int
    end_ns: int
    reads: list[TimedRead]
    decoder: Decoder
    spans: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()
    is_rate_supposed: bool = False
    """Whether the rate is the request template's, as nothing in the answer says it."""


@dataclass(slots=True)
class RawResponse:
    """One answer as it came: nothing of it is decoded yet, so that reading it costs little."""

    request_ns: int
    end_ns: int
    """Of the answer: its last byte, or that after which it was hung up."""
    over_ns: int
    """When it was clear here that nothing follows; later than the end where nothing says so."""
    reads: list[TimedRead]
    is_cut: bool
    """Whether it was hung up before its end."""
    identify: Callable[[], TimedResponse]
    """Find out how it is to be decoded. TargetError for what is no sound."""


class Unanswered(TargetFailed):
    """A connection ended before a byte of the answer: perhaps it had been idle for too long."""


class Client(Protocol):
    """Sends requests to one kind of server. TargetError when the answer is no answer."""

    def prepare(self) -> None:
        """Do what is not to be timed, before a trial: open a connection that is to be reused."""

    def ask(self, text: str, mode: Mode) -> TimedResponse:
        """One answer, read to its end."""

    def fetch(self, text: str, *, stop_after: int | None = None) -> RawResponse:
        """The same, not decoded; hung up after so many reads of sound, if a number is named."""

    def abort(self) -> None:
        """End the answer under way, from any thread: whoever reads it gets an error."""

    def placement(self) -> dict[str, Json] | None:
        """Which provider runs there, where the server says it."""

    def close(self) -> None:
        """Close the connection."""


def connect(host: str, port: int) -> socket.socket:
    """A TCP connection that sends without delay. OSError after CONNECT_S at the latest."""
    connection = socket.create_connection((host, port), CONNECT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def shut_down(connection: socket.socket | None) -> None:
    """End a connection for whoever reads from it, in whatever thread; nothing happens to none."""
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def is_readable(connection: socket.socket, timeout_s: float) -> bool:
    """Whether bytes or the end of the connection are there within the time."""
    readable, _, _ = select.select([connection], [], [], timeout_s)
    return bool(readable)


def not_reachable(url: str, error: OSError) -> TargetNotFound:
    """The error for a server to which no connection can be opened."""
    return TargetNotFound(
        f"target {url}: nothing answers there ({error}); start the server, or correct the address"
    )


def broken_connection(url: str, reads: Sequence[TimedRead], error: Exception) -> TargetFailed:
    """The error for a connection that broke within an answer."""
    return TargetFailed(
        f"target {url}: the connection broke after {count_bytes(reads)} bytes of sound "
        f"({type(error).__name__}: {error})"
    )


def count_bytes(reads: Sequence[TimedRead]) -> int:
    """The bytes of an answer so far."""
    return sum(len(data) for _, data in reads)
