"""What a generator's process and its parent say to each other, beside what every worker says.

A window takes three messages down (prepare, begin, and the close of all), and comes up as one reply
for each request and one at the end, so that no message holds the sound of a whole window.
"""

from __future__ import annotations

import socket

from pytest_ttsperf.load.generator.health import ProcessHealth
from pytest_ttsperf.records import LoadSpec, Mode, OfferedRequest, Recording, TrialLoad
from pytest_ttsperf.targets.worker import protocol


class OpenProgramsRequest(protocol.TargetMessage, frozen=True):
    """Read the command line of a program, of which each listener will have one."""

    timeout_s: float


class PrepareRequest(protocol.Message, frozen=True):
    """Get ready for a window: connections and threads are there once it is answered."""

    load: LoadSpec
    mode: Mode
    requests: tuple[OfferedRequest, ...]
    """Those of the trace that are this process's to send."""
    turn_size: int
    """How many requests the whole trace has: indexes go on behind it where listeners begin anew."""
    most_in_flight: int
    """Of an open loop, in this process."""
    closes_ns: int
    """From the beginning of the window: no request that is due later is sent."""
    is_repeated: bool
    """False where each request of a closed loop is sent once, whenever it is due."""
    timeout_s: float
    """For one answer."""
    is_telling: bool
    """Whether it says how far it is."""
    is_decoded: bool
    """Whether the sound of the answers is wanted; a null target's is not."""


class BeginRequest(protocol.Message, frozen=True):
    """Send what was prepared."""

    begun_ns: int
    """The beginning of the window, on time.perf_counter_ns, which all processes share."""


class ProgressReply(protocol.Message, frozen=True):
    """How far a window is."""

    seconds: float


class RequestReply(protocol.Message, frozen=True):
    """One request of a window is over; sent once all are."""

    request: OfferedRequest
    load: TrialLoad
    recording: Recording | None
    error: str | None
    lateness_ns: int | None
    """Of the send, by the generator's fault; None where nothing was sent."""


class WindowReply(protocol.Message, frozen=True):
    """All requests of a window are over and were reported."""

    health: ProcessHealth


REQUESTS = protocol.new_decoder(
    protocol.Request | OpenProgramsRequest | PrepareRequest | BeginRequest
)
REPLIES = protocol.new_decoder(protocol.Reply | ProgressReply | RequestReply | WindowReply)


def receive_request(connection: socket.socket) -> protocol.Message:
    """Read one request; EOFError when the parent is gone."""
    request: protocol.Message = REQUESTS.decode(protocol.receive_body(connection))
    return request
