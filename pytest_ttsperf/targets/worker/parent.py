"""The target in a process of its own, seen from its parent.

So the memory is the engine's alone, a crash is an error with its last words, and a hang ends at
the timeout. Arrivals are stamped inside the process (`worker_child`). POSIX only: it inherits
descriptors and is killed as a process group.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
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
from pytest_ttsperf.records import Mode, Recording, TargetInfo, TargetSpec
from pytest_ttsperf.targets import tracing
from pytest_ttsperf.targets.base import Inspection, without_secrets
from pytest_ttsperf.targets.child_process import ChildProcess, environment
from pytest_ttsperf.targets.worker import protocol, source_tree
from pytest_ttsperf.targets.worker.source_tree import counterpart_folder

POLL_S = 0.25
CLOSE_S = 5.0
_PLUGIN_ROOT = str(Path(__file__).resolve().parents[3])
# The running plugin and no other: not one in the folder that the worker starts in, which may be an
# older version's. Another interpreter finds what the plugin needs behind its own packages.
_START = (
    "import sys; root, *more = sys.argv[3:]; known = list(sys.path); "
    "sys.path[:] = [root, *known, *(entry for entry in more if entry not in known)]; "
    "from pytest_ttsperf.targets.worker.child import main; "
    "root in known or sys.path.remove(root); "
    "main(int(sys.argv[1]), int(sys.argv[2]))"
)
_ERRORS: dict[str, type[TargetError]] = {
    "ModuleMissing": ModuleMissing,
    "OptionUntaken": OptionUntaken,
    "ProviderUnavailable": ProviderMissing,
    "TargetNotFound": TargetNotFound,
    "TargetShapeError": TargetShapeError,
    "WrongTree": WrongTree,
}


class _TooLateError(Exception):
    """No answer within the time given."""


class WorkerTarget:
    """One worker process with one target; see `targets.Target` for the protocol."""

    isolated = True

    def __init__(
        self,
        spec: TargetSpec,
        *,
        offered: dict[str, str],
        demanded: tuple[str, ...] = (),
        timeout_s: float = 60.0,
        mirror: source_tree.TreeOverride | None = None,
        python: str = sys.executable,
    ) -> None:
        """`mirror` has the target imported from another tree, `python` by another interpreter."""
        self._spec = spec
        self._mirror = mirror
        self._python = python
        self._offered = offered
        self._demanded = demanded
        self._timeout_s = timeout_s
        self._process: ChildProcess | None = None
        self._connection: socket.socket | None = None
        self._lifeline: int | None = None

    def open(self) -> TargetInfo:
        """Start the process and open the target in it."""
        spawned_ns = self._start()
        reply = self._ask(
            protocol.OpenRequest(
                spec=self._spec.spec,
                options=self._spec.options,
                offered=self._offered,
                demanded=self._demanded,
                sys_path=tuple(os.fsencode(entry or os.getcwd()) for entry in sys.path),
                spawned_ns=spawned_ns,
                mirror=self._mirror,
            )
        )
        assert isinstance(reply, protocol.OpenedReply), reply
        ready = reply.ready
        return without_secrets(
            structs.replace(ready, target_warnings=(*ready.target_warnings, *tracing.remarks()))
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
        return Inspection(placement, reply.cost, reply.tracers)

    def close(self) -> str | None:
        """End the process and everything it started. Safe to call twice, or on a dead worker.

        Gives what was wrong with the target's own closing, if anything was.
        """
        if self._process is None:
            return None
        self._process.remember_tree()
        try:
            return self._closed_well(self._process)
        finally:
            self._end()

    def _closed_well(self, process: ChildProcess) -> str | None:
        if process.poll() is not None or self._connection is None:
            return None
        try:
            protocol.send(self._connection, protocol.CloseRequest())
            self._wait_readable(CLOSE_S)
            reply = protocol.receive_reply(self._connection)
            code = _exit_code(process, CLOSE_S)
        except (OSError, EOFError):
            return f"its process ended while it was closed ({_how(_exit_code(process, CLOSE_S))})"
        except _TooLateError:
            code = None
        if code is None:
            return f"it was not closed within {CLOSE_S:g} s, and its process was ended"
        if isinstance(reply, protocol.FailedReply):
            return f"its close() raised {reply.kinds[0]}: {secrets.scrub(reply.message)}"
        return None if code == 0 else f"its process ended badly ({_how(code)})"

    def _start(self) -> int:
        """Start the process; gives when it was executed, on time.monotonic_ns."""
        ours, theirs = real.socketpair()
        read_end, self._lifeline = os.pipe()
        self._connection = ours
        own = self._python != sys.executable
        try:
            self._process = ChildProcess(
                # What PYTHONPATH adds belongs to the running environment, and comes behind its own.
                env=environment({"PYTHONPATH", "PYTHONHOME"} if own else ()),
                cwd=counterpart_folder(self._mirror, os.getcwd()) if self._mirror else None,
                pass_fds=(theirs.fileno(), read_end),
            )
            self._process.start(
                [
                    self._python,
                    "-P",
                    "-c",
                    _START,
                    str(theirs.fileno()),
                    str(read_end),
                    _PLUGIN_ROOT,
                    *(sys.path if own else ()),
                ]
            )
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

    def _ask(self, request: protocol.Request) -> protocol.Reply:
        if self._connection is None:
            raise TargetCrashed(f"target {self._spec.label} is not open, or its worker was closed")
        try:
            protocol.send(self._connection, request)
            self._wait_readable(self._timeout_s)
            reply = protocol.receive_reply(self._connection)
        except (EOFError, OSError):
            self._crashed()
        except _TooLateError:
            self._timed_out()
        except BaseException:  # Ctrl-C, a test's own timeout: it is busy, do not wait for it
            self._end()
            raise
        if isinstance(reply, protocol.FailedReply):
            self._raise(reply)
        return reply

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

    def _crashed(self) -> NoReturn:
        assert self._process is not None
        code = _exit_code(self._process, CLOSE_S)
        words = self._process.last_words()
        self._end()
        raise TargetCrashed(
            f"target {self._spec.label}: its worker process ended ({_how(code)}) before it "
            f"answered.\nIts last words:\n{words}"
        )

    def _timed_out(self) -> NoReturn:
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)  # faulthandler tells where it hangs
        REAL.sleep(0.2)
        words = self._process.last_words()
        self._end()
        raise TargetTimeout(
            f"target {self._spec.label} gave no answer within {self._timeout_s:g} s and was "
            f"ended; --ttsperf-timeout allows more.\nIts last words:\n{words}"
        )

    def _raise(self, failed: protocol.FailedReply) -> NoReturn:
        kind = next((_ERRORS[name] for name in failed.kinds if name in _ERRORS), TargetFailed)
        if kind is TargetFailed and TargetFailed.__name__ not in failed.kinds:
            raise TargetFailed(
                f"target {self._spec.label} raised {failed.kinds[0]}: {failed.message}\n"
                f"{failed.traceback}"
            )
        raise kind(failed.message)

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
        if self._connection is not None:
            self._connection.close()
        if self._lifeline is not None:
            os.close(self._lifeline)
        self._process = self._connection = self._lifeline = None


def _exit_code(process: ChildProcess, timeout_s: float) -> int | None:
    """The exit code of a process that ends by then; None when it does not."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None


def _how(code: int | None) -> str:
    if code is None:
        return "it closed its connection"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
