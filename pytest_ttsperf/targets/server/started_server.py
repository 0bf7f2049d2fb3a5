"""A server that is started for its target, each time that this is opened, and ended with it.

So each process of a comparison is a new one, on a port that was free, and what it is lucky in
averages out (docs/adr/0064). No shell is used. POSIX only.
"""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

from pytest_ttsperf import real
from pytest_ttsperf.errors import TargetCrashed, TargetError, TargetFailed, TargetTimeout
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import TargetSpec
from pytest_ttsperf.targets import command_line
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.base import TargetRequest
from pytest_ttsperf.targets.child_process import ChildProcess, describe_exit, environment
from pytest_ttsperf.targets.server import request_template, start_options
from pytest_ttsperf.targets.server.request_template import Address
from pytest_ttsperf.targets.server.start_options import PORT, START, START_TIMEOUT

POLL_S = 0.02
CONNECT_S = 1.0
EXIT_S = 0.2
"""Within which a server is seen to have ended, after it gave no answer."""
CLOSE_S = 5.0
STILL_RUNS = "it still runs"
PORTS = range(20_000, 32_000)
"""Below those that systems choose for connections, so that none takes one in the meantime."""


class StartedServer:
    """One process of a server, for one opening of its target."""

    def __init__(self, request: TargetRequest) -> None:
        """TargetShapeError, TargetNotFound for a command or an address that cannot be one."""
        spec = request.spec
        start_options.check(spec)
        words = command_line.split_words(spec.options[START])
        self._words = [targets_spec.resolve(word, f"the option {START}") for word in words]
        command_line.require_program(self._words[0])
        self._request = request
        self._label = spec.label
        self._timeout_s = start_options.timeout_s(spec)
        self._process: ChildProcess | None = None
        self._port: int | None = None

    def start(self) -> TargetRequest:
        """Start it, and wait until it listens: what asks it then, with the address that it has.

        TargetCrashed where it ends first, TargetTimeout where it does not listen within the time.
        """
        start_s = REAL.monotonic()
        port = str(self._take_port())
        spec = self._request.spec
        answering = TargetSpec(
            spec=spec.spec.replace(PORT, port),
            options=start_options.without_start(spec.options),
        )
        try:
            self._launch([word.replace(PORT, port) for word in self._words])
            self._wait_until_listening(answering)
        except BaseException:
            self.close()
            raise
        left_s = self._timeout_s - (REAL.monotonic() - start_s)
        return self._request._replace(spec=answering, patience_s=max(0.0, left_s))

    @contextlib.contextmanager
    def explaining_end(self) -> Iterator[None]:
        """TargetCrashed with its last words, for an error of a server that has ended by then."""
        try:
            yield
        except TargetError as error:
            self.refuse_end(EXIT_S, error)
            raise

    def refuse_end(self, wait_s: float = 0.0, cause: TargetError | None = None) -> None:
        """TargetCrashed with its last words, if it has ended, or does so within the time."""
        process = self._process
        if process is None:
            return
        code = process.wait_for_exit_code(wait_s)
        if code is None:
            return
        raise TargetCrashed(
            f"target {self._label}: the server that was started for it has ended "
            f"({describe_exit(code, STILL_RUNS)}); wanted one that goes on until it is told to "
            f"end: try its command by itself.\nIts last words:\n{process.output_tail()}"
        ) from cause

    def close(self) -> str | None:
        """End it and all that it started, by SIGTERM first; safe to call twice.

        Returns what was wrong with its end, if anything was.
        """
        process, self._process = self._process, None
        if process is None:
            self._give_port_back()
            return None
        try:
            return _end(process)
        finally:
            process.end()
            self._give_port_back()

    def _launch(self, words: list[str]) -> None:
        try:
            self._process = ChildProcess(env=environment())
            self._process.start(words)
        except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
            raise TargetFailed(
                f"target {self._label}: its server cannot be started: {error}"
            ) from error

    def _wait_until_listening(self, answering: TargetSpec) -> None:
        address = request_template.parse_address(targets_spec.resolve(answering.spec))
        is_over = partial(self._has_ended_or_listens, address)
        if real.wait_until(is_over, self._timeout_s, every_s=POLL_S):
            self.refuse_end()
            return
        assert self._process is not None
        raise TargetTimeout(
            f"target {self._label}: its server was started, and nothing listens at "
            f"{answering.shown} after {self._timeout_s:g} s; have the command use {PORT}, or allow "
            f"more with the target option {START_TIMEOUT}=SECONDS.\n"
            f"Its last words:\n{self._process.output_tail()}"
        )

    def _has_ended_or_listens(self, address: Address) -> bool:
        assert self._process is not None
        return self._process.poll() is not None or _listens(address)

    def _take_port(self) -> int:
        self._port = _draw_port()
        return self._port

    def _give_port_back(self) -> None:
        if self._port is not None:
            _taken.discard(self._port)
            self._port = None


def begin(request: TargetRequest) -> StartedServer | None:
    """The server that is to be started for a target; None for one that runs already.

    TargetShapeError for a spec that says half of it.
    """
    if start_options.is_started(request.spec):
        return StartedServer(request)
    start_options.check(request.spec)
    return None


@contextlib.contextmanager
def explaining_end(server: StartedServer | None) -> Iterator[None]:
    """An error of a server that was started for its target, and has ended, is its end."""
    if server is None:
        yield
        return
    with server.explaining_end():
        yield


def _end(process: ChildProcess) -> str | None:
    """Have a server end by itself; what was wrong with that."""
    code = process.poll()
    if code is not None:
        return f"its server had ended before it was closed ({describe_exit(code, STILL_RUNS)})"
    process.remember_tree()
    process.send_signal(signal.SIGTERM)
    if process.wait_for_exit_code(CLOSE_S) is None:
        return f"its server did not end within {CLOSE_S:g} s of SIGTERM, and was killed"
    return None


# Ports

_random = random.SystemRandom()
"""Whatever a test has seeded, processes that run side by side draw other ports."""
_lock = threading.Lock()
_taken: set[int] = set()
"""Those of servers that were started here and may not listen yet."""


def _draw_port() -> int:
    """A port that is free, and that nobody else here has drawn."""
    with _lock:
        while True:
            port = _random.choice(PORTS)
            if port not in _taken and _is_free(port):
                _taken.add(port)
                return port


def _is_free(port: int) -> bool:
    with real.Socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a connection that has just ended is in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _listens(address: Address) -> bool:
    """Whether a connection is taken there."""
    try:
        entries = real.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(map(_takes_connection, entries))


def _takes_connection(entry: tuple[Any, ...]) -> bool:
    family, kind, protocol, _, place = entry
    with contextlib.suppress(OSError), real.Socket(family, kind, protocol) as connection:
        connection.settimeout(CONNECT_S)
        connection.connect(place)
        # A socket that is connected to itself, as may happen by chance, is nobody else.
        return bool(connection.getsockname() != connection.getpeername())
    return False
