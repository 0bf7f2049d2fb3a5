"""What tests replace, as it was when the plugin was imported: clocks, sleep, sockets.

All that measures, waits or connects in pytest's process uses these. Tests stop time:
freezegun puts false clocks into every loaded module, time-machine into the wall clock of the
interpreter itself, and a fixture may replace `time.sleep`. freezegun looks for clocks among the
names of modules, so they are kept one level below: use `REAL.monotonic()`, and import none of them
by its name. pytest-socket replaces `socket.socket`.
"""

from __future__ import annotations

import _socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from socket import getaddrinfo as getaddrinfo
from socket import socket as _SocketType  # noqa: N812
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from filelock import BaseFileLock


Socket = _SocketType
POLL_S = 0.01
LOCK_POLL_S = 0.05


class Clocks(NamedTuple):
    """Functions of the standard library, under their names there."""

    monotonic: Callable[[], float]
    monotonic_ns: Callable[[], int]
    perf_counter: Callable[[], float]
    perf_counter_ns: Callable[[], int]
    process_time_ns: Callable[[], int]
    clock_gettime_ns: Callable[[int], int]
    sleep: Callable[[float], None]
    datetime: type[datetime]


REAL = Clocks(
    monotonic=time.monotonic,
    monotonic_ns=time.monotonic_ns,
    perf_counter=time.perf_counter,
    perf_counter_ns=time.perf_counter_ns,
    process_time_ns=time.process_time_ns,
    clock_gettime_ns=time.clock_gettime_ns,
    sleep=time.sleep,
    datetime=datetime,
)
_IMPORTED_AT_S = time.monotonic()
_IMPORTED_WALL_S = time.time()


def now() -> datetime:
    """The real date and time, with the local zone.

    Counted on from the import of the plugin, since the wall clock itself may be frozen by now.
    """
    wall_s = _IMPORTED_WALL_S + REAL.monotonic() - _IMPORTED_AT_S
    return REAL.datetime.fromtimestamp(wall_s, UTC).astimezone()


def wait_until(is_over: Callable[[], bool], timeout_s: float, *, every_s: float = POLL_S) -> bool:
    """Wait until something is over, looking every so many seconds; False if it is not by then."""
    deadline = REAL.monotonic() + timeout_s
    while not is_over():
        left_s = deadline - REAL.monotonic()
        if left_s <= 0:
            return False
        REAL.sleep(min(every_s, left_s))
    return True


def acquire(lock: BaseFileLock, timeout_s: float) -> None:
    """Acquire a lock file, which itself would wait by a clock that a test may have stopped.

    filelock.Timeout when another process holds it all the time.
    """
    from filelock import Timeout

    deadline = REAL.monotonic() + timeout_s
    while True:
        try:
            lock.acquire(blocking=False)
            return
        except Timeout:
            if REAL.monotonic() >= deadline:
                raise
        REAL.sleep(LOCK_POLL_S)


def socketpair() -> tuple[Socket, Socket]:
    """Two sockets that are joined to one another; they are no network."""
    one, other = _socket.socketpair()
    return Socket(fileno=one.detach()), Socket(fileno=other.detach())
