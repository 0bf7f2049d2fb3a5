"""What a worker and its parent say to each other: length-prefixed msgpack over one socket.

Never pickle: nothing that comes over the wire is executed. Replies are sent after a trial and
outside its timing.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import Any

import msgspec

from pytest_ttsperf.records import Json, Mode, RecorderCost, Recording, SessionProfile, TargetInfo
from pytest_ttsperf.targets.worker.source_tree import Tree

_LENGTH = struct.Struct("!Q")


class Message(msgspec.Struct, frozen=True, tag=True):
    """What is sent: its class name is on the wire, before its fields."""


class TargetMessage(Message, frozen=True):
    """A target as its spec names it; see `targets.base.TargetRequest`."""

    spec: str
    options: dict[str, Json]
    available: dict[str, str]
    requested: tuple[str, ...]


class ConnectRequest(TargetMessage, frozen=True):
    """Be the client of a server that runs already."""

    patience_s: float = 0.0
    """For so long it may answer that it is not ready."""


class OpenRequest(TargetMessage, frozen=True):
    """Import and call the target."""

    sys_path: tuple[bytes, ...]
    """As the file system has them: not every folder has a name in UTF-8."""
    spawned_ns: int
    tree: Tree | None = None
    """Another version of the code, to be imported in place of the running one."""
    profile_folder: Path | None = None
    """Takes the profiles of the sessions of ONNX Runtime; None for a process that is measured."""


class WarmRequest(Message, frozen=True):
    """Call the target's own `warm()`, if it has one."""


class RecordRequest(Message, frozen=True):
    """Run one timed synthesis."""

    text: str
    mode: Mode


class InspectRequest(Message, frozen=True):
    """Read the placement again, measure the recorder itself, and end profiles."""


class CloseRequest(Message, frozen=True):
    """Close the target and end the process."""


class OpenedReply(Message, frozen=True):
    """The target is open."""

    ready: TargetInfo


class RecordedReply(Message, frozen=True):
    """One trial is over."""

    recording: Recording


class InspectedReply(Message, frozen=True):
    """How the target stands after the run."""

    placement: dict[str, Json] | None
    cost: RecorderCost
    tracers: tuple[str, ...] = ()
    profiles: tuple[SessionProfile, ...] = ()


class DoneReply(Message, frozen=True):
    """It is done, and there is nothing to tell."""


class FailedReply(Message, frozen=True):
    """The target raised. `kinds` are the class names of the exception, nearest first."""

    kinds: tuple[str, ...]
    message: str
    traceback: str


Request = OpenRequest | ConnectRequest | WarmRequest | RecordRequest | InspectRequest | CloseRequest
Reply = OpenedReply | RecordedReply | InspectedReply | DoneReply | FailedReply


def _path_to_bytes(value: Any) -> bytes:
    """A path as the file system has it. TypeError for what else msgpack has no form for."""
    if isinstance(value, Path):
        return os.fsencode(value)
    raise TypeError(f"found {type(value).__name__} in a message, wanted plain data")


def _path_from_bytes(_: type, value: bytes) -> Path:
    return Path(os.fsdecode(value))


_encoder = msgspec.msgpack.Encoder(enc_hook=_path_to_bytes)
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(
    Request,
    dec_hook=_path_from_bytes,
)
Decoder = msgspec.msgpack.Decoder[Any]
REPLIES: Decoder = msgspec.msgpack.Decoder(Reply)


def encode(message: Message) -> bytes:
    """A message as bytes; TypeError or OverflowError for what msgpack cannot carry."""
    return _encoder.encode(message)


def send(connection: socket.socket, message: Message) -> None:
    """Write one message; OSError when the other side is gone."""
    send_body(connection, encode(message))


def send_body(connection: socket.socket, body: bytes) -> None:
    """Write one encoded message; OSError when the other side is gone."""
    connection.sendall(_LENGTH.pack(len(body)) + body)


def receive_request(connection: socket.socket) -> Request:
    """Read one request; EOFError when the parent is gone."""
    return _requests.decode(receive_body(connection))


def receive_reply(connection: socket.socket) -> Reply:
    """Read one reply; EOFError when the worker is gone."""
    reply: Reply = REPLIES.decode(receive_body(connection))
    return reply


def new_decoder(kind: Any) -> Decoder:
    """What reads messages of a union of kinds, for those who say more than a worker does."""
    return msgspec.msgpack.Decoder(kind, dec_hook=_path_from_bytes)


def receive_body(connection: socket.socket) -> bytearray:
    """Read one encoded message; EOFError when the other side is gone."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    return _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytearray:
    buffer = bytearray(count)
    view = memoryview(buffer)
    while view:
        got = connection.recv_into(view)
        if got == 0:
            raise EOFError("the other side closed the connection")
        view = view[got:]
    return buffer
