"""What the client of a server offers, one timed response, and what both kinds of client share."""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence
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


class Client(Protocol):
    """Sends requests to one kind of server. TargetError when the answer is no answer."""

    def prepare(self) -> None:
        """Do what is not to be timed, before a trial: open a connection that is to be reused."""

    def ask(self, text: str, mode: Mode) -> TimedResponse:
        """One answer, read to its end."""

    def placement(self) -> dict[str, Json] | None:
        """Which provider runs there, where the server says it."""

    def close(self) -> None:
        """Close the connection."""


def connect(host: str, port: int) -> socket.socket:
    """A TCP connection that sends without delay. OSError after CONNECT_S at the latest."""
    connection = socket.create_connection((host, port), CONNECT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


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
