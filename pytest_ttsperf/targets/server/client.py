"""What the client of a server offers, and one timed response."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from pytest_ttsperf.records import Json, Mode, Span
from pytest_ttsperf.targets.decoders import base


@dataclass(slots=True)
class TimedResponse:
    """One answer: raw reads with the instants at which they were there."""

    request_ns: int
    end_ns: int
    reads: list[tuple[int, bytes]]
    container: base.Container
    spans: tuple[Span, ...] = ()
    notes: tuple[str, ...] = field(default=())
    is_rate_supposed: bool = False
    """Whether the rate is the form's, as nothing that came tells it."""


class Client(Protocol):
    """Asks one kind of server. TargetError when the answer is no answer."""

    def prepare(self) -> None:
        """What is not to be timed, before a trial: a kept connection is there."""

    def ask(self, text: str, mode: Mode) -> TimedResponse:
        """One answer, read to its end."""

    def placement(self) -> dict[str, Json] | None:
        """Which provider runs there, where the server tells it."""

    def close(self) -> None:
        """Close the connection."""
