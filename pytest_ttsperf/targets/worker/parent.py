"""The target in a process of its own, seen from its parent.

So the memory is the engine's alone, a crash is an error with its last words, and a hang ends at
the timeout. Arrivals are stamped inside the process (`child`). POSIX only: it inherits
descriptors and is killed as a process group.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

from msgspec import structs

from pytest_ttsperf import real, secrets
from pytest_ttsperf.errors import (
    ModuleMissing,
    OptionUntaken,
    ProviderMissing,
    TargetCrashed,
    TargetError,
    TargetFailed,
    TargetNotFound,
    TargetShapeError,
    TargetTimeout,
    WrongTree,
)
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Mode, Recording, TargetInfo
from pytest_ttsperf.targets import tracing
from pytest_ttsperf.targets.base import Inspection, Lifecycle, TargetRequest, without_secrets
from pytest_ttsperf.targets.child_process import ChildProcess, describe_exit, environment
from pytest_ttsperf.targets.placement import TELL_PLACEMENT
from pytest_ttsperf.targets.worker import interpreter, protocol
from pytest_ttsperf.targets.worker.source_tree import counterpart_folder

POLL_S = 0.25
CLOSE_S = 5.0
STILL_RUNS = "it closed its connection"
TRACEBACK_S = 0.2
"""For a process that hangs, to print where."""
_PLUGIN_FOLDER = str(Path(__file__).resolve().parents[3])
_START_FILE = str(Path(__file__).with_name("start.py"))
_RUN_START_FILE = "import sys; exec(compile(open(sys.argv[1]).read(), sys.argv[1], 'exec'))"
"""The file says why it is run in this way."""
_ERRORS: dict[str, type[TargetError]] = {
    "ModuleMissing": ModuleMissing,
    "OptionUntaken": OptionUntaken,
    "ProviderUnavailable": ProviderMissing,
    "TargetCrashed": TargetCrashed,
    "TargetFailed": TargetFailed,
    "TargetNotFound": TargetNotFound,
    "TargetShapeError": TargetShapeError,
    "TargetTimeout": TargetTimeout,
    "WrongTree": WrongTree,
}


class _TooLateError(Exception):
    """No answer within the time that is allowed."""


class WorkerTarget:
    """One worker process with one target; see `targets.base.Target` for the protocol."""

    isolated = True
    lifecycle: Lifecycle = "kept"
    can_swap_code = True
    is_proven_by_opening = True
    placement_remedy = TELL_PLACEMENT
    process_usage = None
    child_module = "pytest_ttsperf.targets.worker.child"
    """What runs in the process: a module with `main(connection_fd, lifeline_fd)`."""

    def __init__(self, request: TargetRequest, *, is_client: bool = False) -> None:
        """With `is_client` the worker imports no target: it is the client of a server."""
        self._request = request
        self._spec = request.spec
        self._tree = request.tree
        self._is_client = is_client
        self._process: ChildProcess | None = None
        self._connection: socket.socket | None = None
        self._lifeline: int | None = None

    def open(self) -> TargetInfo:
        """Start the process and open the target in it."""
        spawned_ns = self._start()
        timeout_s = self._request.timeout_s + self._request.patience_s
        reply = self._ask(self._open_request(spawned_ns), timeout_s)
        assert isinstance(reply, protocol.OpenedReply), reply
        ready = reply.ready
        target_warnings = (*ready.target_warnings, *tracing.remarks())
        return without_secrets(structs.replace(ready, target_warnings=target_warnings))

    def _open_request(self, spawned_ns: int) -> protocol.Message:
        request = self._request
        spec = request.spec
        target = (spec.spec, spec.options, request.available, request.requested)
        if self._is_client:
            return protocol.ConnectRequest(*target, patience_s=request.patience_s)
        tree = None
        if self._tree is not None:
            tree = self._tree.only_folders()
        searched = sys.path
        if request.python is not None:
            searched = interpreter.project_folders(sys.path)
        return protocol.OpenRequest(
            *target,
            sys_path=tuple(os.fsencode(entry or os.getcwd()) for entry in searched),
            spawned_ns=spawned_ns,
            tree=tree,
            profile_folder=request.profile_folder,
        )

    def warm(self) -> None:
        """The target's own `warm()`, if it has one."""
        self._ask(protocol.WarmRequest())

    def record(self, text: str, mode: Mode) -> Recording:
        """One timed synthesis, stamped in the worker."""
        reply = self._ask(protocol.RecordRequest(text=text, mode=mode))
        assert isinstance(reply, protocol.RecordedReply), reply
        return reply.recording

    def inspect(self) -> Inspection:
        """The placement, the recorder's own cost and the tracers in that process, as of now."""
        reply = self._ask(protocol.InspectRequest())
        assert isinstance(reply, protocol.InspectedReply), reply
        placement = secrets.scrub_value("placement", reply.placement)
        return Inspection(placement, reply.cost, reply.tracers, reply.profiles)

    def close(self) -> str | None:
        """End the process and everything it started. Safe to call twice, or on a dead worker.

        Returns what was wrong with the target's own closing, if anything was.
        """
        if self._process is None:
            return None
        self._process.remember_tree()
        try:
            return self._close_target(self._process)
        finally:
            self._end()

    def _close_target(self, process: ChildProcess) -> str | None:
        """Have the target closed and its process end by itself; returns what was wrong with it."""
        if process.poll() is not None or self._connection is None:
            return None
        try:
            protocol.send(self._connection, protocol.CloseRequest())
            self._wait_readable(CLOSE_S)
            reply = protocol.receive_reply(self._connection)
            code = process.wait_for_exit_code(CLOSE_S)
        except (OSError, EOFError):
            code = process.wait_for_exit_code(CLOSE_S)
            return f"its process ended while it was closed ({describe_exit(code, STILL_RUNS)})"
        except _TooLateError:
            code = None
        if code is None:
            return f"it was not closed within {CLOSE_S:g} s, and its process was ended"
        if isinstance(reply, protocol.FailedReply):
            return f"its close() raised {reply.kinds[0]}: {secrets.scrub(reply.message)}"
        if code != 0:
            return f"its process ended badly ({describe_exit(code, STILL_RUNS)})"
        return None

    def _start(self) -> int:
        """Start the process; returns when it was executed, on time.monotonic_ns."""
        ours, theirs = real.socketpair()
        read_end, self._lifeline = os.pipe()
        self._connection = ours
        try:
            self._process = self._new_process(theirs.fileno(), read_end)
            self._process.start(self._arguments(theirs.fileno(), read_end))
        except OSError as error:
            self._end()
            raise TargetFailed(
                f"target {self._spec.label}: its process cannot be started: {error}"
            ) from error
        except BaseException:
            self._end()
            raise
        finally:
            theirs.close()
            os.close(read_end)
        return self._process.executed_monotonic_ns

    def _new_process(self, *descriptors: int) -> ChildProcess:
        hidden: set[str] = set()
        folder = None
        if self._tree is not None:
            folder = counterpart_folder(self._tree, os.getcwd())
            if self._tree.has_own_environment:
                # What PYTHONPATH adds belongs to the running one, and comes behind its own.
                hidden = {"PYTHONPATH", "PYTHONHOME"}
        if self._request.python is not None:
            # Else the packages of PYTHONPATH would win over those of that interpreter.
            hidden = {"PYTHONPATH", "PYTHONHOME"}
        return ChildProcess(env=environment(hidden), cwd=folder, pass_fds=descriptors)

    def _arguments(self, connection_fd: int, lifeline_fd: int) -> list[str]:
        python = sys.executable
        searched: list[str] = []
        if self._tree is not None and self._tree.has_own_environment:
            python = self._tree.python
            searched = sys.path
        if self._request.python is not None:
            python = self._request.python
            searched = interpreter.environment_folders(sys.path)
        return [
            python,
            "-P",
            "-c",
            _RUN_START_FILE,
            _START_FILE,
            self.child_module,
            str(connection_fd),
            str(lifeline_fd),
            _PLUGIN_FOLDER,
            *searched,
        ]

    def _ask(self, request: protocol.Message, timeout_s: float | None = None) -> protocol.Reply:
        """The reply, within the time for an answer if no other is named."""
        self.send(request)
        reply = self.receive(protocol.REPLIES, timeout_s or self._request.timeout_s)
        assert isinstance(reply, protocol.Reply), reply
        return reply

    def send(self, message: protocol.Message) -> None:
        """Say something to the process. TargetCrashed when it is gone."""
        try:
            protocol.send(self._open_connection, message)
        except OSError:
            self._raise_crashed()
        except BaseException:  # half a message may be on its way
            self._end()
            raise

    def receive(self, decoder: protocol.Decoder, timeout_s: float) -> protocol.Message:
        """What it says next. What it failed with is raised as an error of ours.

        TargetCrashed when it is gone, TargetTimeout when it says nothing within the time; then it
        is ended.
        """
        connection = self._open_connection
        try:
            self._wait_readable(timeout_s)
            reply: protocol.Message = decoder.decode(protocol.receive_body(connection))
        except (EOFError, OSError):
            self._raise_crashed()
        except _TooLateError:
            self._raise_timeout()
        except BaseException:  # Ctrl-C, a test's own timeout: it is busy, do not wait for it
            self._end()
            raise
        if isinstance(reply, protocol.FailedReply):
            self._raise_failed(reply)
        return reply

    @property
    def _open_connection(self) -> socket.socket:
        if self._connection is None:
            raise TargetCrashed(f"target {self._spec.label} is not open, or its worker was closed")
        return self._connection

    def _wait_readable(self, timeout_s: float) -> None:
        """Wait for an answer. EOFError when the process ends, _TooLateError after the timeout."""
        assert self._connection is not None
        assert self._process is not None
        deadline = REAL.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            while (left_s := deadline - REAL.monotonic()) > 0:
                if selector.select(min(POLL_S, left_s)):
                    return
                if self._process.poll() is not None:
                    raise EOFError
        raise _TooLateError

    def _raise_crashed(self) -> NoReturn:
        assert self._process is not None
        code = self._process.wait_for_exit_code(CLOSE_S)
        output = self._process.output_tail()
        self._end()
        raise TargetCrashed(
            f"target {self._spec.label}: its worker process ended "
            f"({describe_exit(code, STILL_RUNS)}) before it answered.\nIts last words:\n{output}"
        )

    def _raise_timeout(self) -> NoReturn:
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)  # faulthandler prints where it hangs
        REAL.sleep(TRACEBACK_S)
        output = self._process.output_tail()
        self._end()
        raise TargetTimeout(
            f"target {self._spec.label} gave no answer within {self._request.timeout_s:g} s and "
            f"was ended; --ttsperf-timeout allows more.\nIts last words:\n{output}"
        )

    def _raise_failed(self, reply: protocol.FailedReply) -> NoReturn:
        """The error that a reply stands for, as one of ours."""
        for name in reply.kinds:
            if name in _ERRORS:
                raise _ERRORS[name](reply.message)
        raise TargetFailed(
            f"target {self._spec.label} raised {reply.kinds[0]}: {reply.message}\n{reply.traceback}"
        )

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
        if self._connection is not None:
            self._connection.close()
        if self._lifeline is not None:
            os.close(self._lifeline)
        self._process = self._connection = self._lifeline = None
