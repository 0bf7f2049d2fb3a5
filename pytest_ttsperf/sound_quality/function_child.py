"""The process of a `FunctionProcess`: what runs there, from its first line to its end.

A request is a line of JSON with `frames` and `sample_rate`, then the samples as little-endian
float32; an answer is a line of JSON, with `value` or with `error`. The first answer comes without
a request, once the function is imported. Output of the function goes where the parent collects
it, never into the connection.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.errors import TtsperfError
from pytest_ttsperf.real import REAL

GRACE_S = 2.0
"""For a call that is under way when the parent goes."""
SHOWN_FRAMES = 3


class Request(NamedTuple):
    """Audio to judge: samples of shape (frames,), and their rate in Hz."""

    samples: NDArray[np.float32]
    sample_rate: int


def main(descriptor: int, spec: str) -> None:
    """Serve the connection until its other end is closed."""
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)  # what the function starts must not hold it
    incoming = connection.makefile("rb")
    outgoing = connection.makefile("wb")
    requests: SimpleQueue[Request | None] = SimpleQueue()
    function: Callable[..., Any] | None = None
    threading.Thread(target=_read_requests, args=(incoming, requests), daemon=True).start()
    try:
        function = _find(spec)
        _answer(outgoing, {"value": None})
    except Exception as error:
        _answer(outgoing, {"error": _describe(error)})
    with contextlib.suppress(ConnectionError):
        while function is not None and (request := requests.get()) is not None:
            _answer(outgoing, _call(function, request))
    _end_children()


def _read_requests(stream: IO[bytes], requests: SimpleQueue[Request | None]) -> None:
    """Hand on what comes. At its end: give a call a moment to finish, then end the process."""
    with contextlib.suppress(OSError, ValueError):
        while line := stream.readline():
            header = json.loads(line)
            body = stream.read(4 * header["frames"])
            requests.put(Request(np.frombuffer(body, "<f4"), header["sample_rate"]))
    requests.put(None)
    REAL.sleep(GRACE_S)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _find(spec: str) -> Callable[..., Any]:
    """The function of a 'module:callable'."""
    module, _, name = spec.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"found {type(found).__name__}, wanted a function (samples, sample_rate)")
    return found  # type: ignore[no-any-return]


def _call(function: Callable[..., Any], request: Request) -> dict[str, Any]:
    """One answer."""
    try:
        value = function(request.samples, request.sample_rate)
        json.dumps(value)
    except Exception as error:
        return {"error": _describe(error)}
    return {"value": value}


def _describe(error: Exception) -> str:
    """Our own errors say all; of others, what was raised and where."""
    if isinstance(error, TtsperfError):
        return str(error)
    lines = traceback.format_exception(error, limit=-SHOWN_FRAMES)
    return "".join(lines).strip()


def _answer(stream: IO[bytes], answer: dict[str, Any]) -> None:
    stream.write(json.dumps(answer).encode() + b"\n")
    stream.flush()


def _end_children() -> None:
    """End what the function has started, and outlive it, so that exit handlers run."""
    sys.stdout.flush()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(os.getpgrp(), signal.SIGTERM)
