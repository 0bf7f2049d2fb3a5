"""The target in a process of its own, seen from its parent.

So the memory is the engine's alone, a crash is an error with its last words, and a hang ends at
the timeout. Arrivals are stamped inside the process (`worker_child`). POSIX only: it inherits
descriptors and is killed as a process group.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import tempfile
from pathlib import Path
from subprocess import DEVNULL, STDOUT
from typing import IO, NoReturn

import psutil

import pytest_ttsperf
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
from pytest_ttsperf.measure.targets import wire, without_secrets
from pytest_ttsperf.measure.targets.mirror import folder
from pytest_ttsperf.popen import Popen
from pytest_ttsperf.real import REAL, wait_until
from pytest_ttsperf.records import Json, Mode, Ready, RecorderCost, Recording, TargetSpec

LAST_WORDS_BYTES = 4000
BEFORE_THEM_BYTES = 4000
"""Read before the last words, so that a secret at their beginning is seen whole."""
POLL_S = 0.25
CLOSE_S = 5.0
_PLUGIN_ROOT = str(Path(pytest_ttsperf.__file__).resolve().parent.parent)
# The running plugin and no other: not one in the folder that the worker starts in, which may be an
# older version's. Another interpreter finds what the plugin needs behind its own packages.
_START = (
    "import sys; root, *more = sys.argv[3:]; known = list(sys.path); "
    "sys.path[:] = [root, *known, *(entry for entry in more if entry not in known)]; "
    "from pytest_ttsperf.measure.targets.worker_child import main; "
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
        mirror: wire.Mirror | None = None,
        python: str = sys.executable,
    ) -> None:
        """`mirror` has the target imported from another tree, `python` by another interpreter."""
        self._spec = spec
        self._mirror = mirror
        self._python = python
        self._offered = offered
        self._demanded = demanded
        self._timeout_s = timeout_s
        self._process: Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._lifeline: int | None = None
        self._output: IO[bytes] | None = None
        self._children: list[psutil.Process] = []

    def open(self) -> Ready:
        """Start the process and open the target in it."""
        spawned_ns = REAL.monotonic_ns()
        self._start()
        reply = self._ask(
            wire.Open(
                spec=self._spec.spec,
                options=self._spec.options,
                offered=self._offered,
                demanded=self._demanded,
                sys_path=tuple(os.fsencode(entry or os.getcwd()) for entry in sys.path),
                spawned_ns=spawned_ns,
                mirror=self._mirror,
            )
        )
        assert isinstance(reply, wire.Opened), reply
        return without_secrets(reply.ready)

    def warm(self) -> None:
        """The target's own `warm()`, if it has one."""
        self._ask(wire.Warm())

    def record(self, text: str, mode: Mode) -> Recording:
        """One timed synthesis, stamped in the worker."""
        reply = self._ask(wire.Speak(text=text, mode=mode))
        assert isinstance(reply, wire.Spoken), reply
        return reply.recording

    def inspect(self) -> tuple[dict[str, Json] | None, RecorderCost]:
        """The placement as it stands now, and the recorder's own cost in that process."""
        reply = self._ask(wire.Inspect())
        assert isinstance(reply, wire.Inspected), reply
        return secrets.scrub_value("placement", reply.placement), reply.cost

    def close(self) -> str | None:
        """End the process and everything it started. Safe to call twice, or on a dead worker.

        Gives what was wrong with the target's own closing, if anything was.
        """
        if self._process is None:
            return None
        self._remember_tree()
        try:
            return self._closed_well(self._process)
        finally:
            self._end()

    def _closed_well(self, process: Popen[bytes]) -> str | None:
        if process.poll() is not None or self._connection is None:
            return None
        try:
            wire.send(self._connection, wire.Close())
            self._wait_readable(CLOSE_S)
            reply = wire.receive_reply(self._connection)
            code = _exit_code(process, CLOSE_S)
        except (OSError, EOFError):
            return f"its process ended while it was closed ({_how(_exit_code(process, CLOSE_S))})"
        except _TooLateError:
            code = None
        if code is None:
            return f"it was not closed within {CLOSE_S:g} s, and its process was ended"
        if isinstance(reply, wire.Failed):
            return f"its close() raised {reply.kinds[0]}: {secrets.scrub(reply.message)}"
        return None if code == 0 else f"its process ended badly ({_how(code)})"

    def _start(self) -> None:
        ours, theirs = real.socketpair()
        read_end, self._lifeline = os.pipe()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the worker)
        own = self._python != sys.executable
        # What PYTHONPATH adds belongs to the running environment, and comes behind its own.
        hidden = {"PYTHONPATH", "PYTHONHOME"} if own else set()
        try:
            self._process = Popen(
                [
                    self._python,
                    "-P",
                    "-c",
                    _START,
                    str(theirs.fileno()),
                    str(read_end),
                    _PLUGIN_ROOT,
                    *(sys.path if own else ()),
                ],
                env={name: value for name, value in os.environ.items() if name not in hidden},
                cwd=folder(self._mirror, os.getcwd()) if self._mirror else None,
                stdin=DEVNULL,
                stdout=self._output,
                stderr=STDOUT,
                pass_fds=(theirs.fileno(), read_end),
                start_new_session=True,
            )
        finally:
            theirs.close()
            os.close(read_end)
        self._connection = ours

    def _ask(self, request: wire.Request) -> wire.Reply:
        if self._connection is None:
            raise TargetCrashed(f"target {self._spec.label} is not open, or its worker was closed")
        try:
            wire.send(self._connection, request)
            self._wait_readable(self._timeout_s)
            reply = wire.receive_reply(self._connection)
        except (EOFError, OSError):
            self._crashed()
        except _TooLateError:
            self._timed_out()
        except BaseException:  # Ctrl-C, a test's own timeout: it is busy, do not wait for it
            self._end()
            raise
        if isinstance(reply, wire.Failed):
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
        words = self._last_words()
        self._end()
        raise TargetCrashed(
            f"target {self._spec.label}: its worker process ended ({_how(code)}) before it "
            f"answered.\nIts last words:\n{words}"
        )

    def _timed_out(self) -> NoReturn:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGUSR1)  # faulthandler tells where it hangs
            REAL.sleep(0.2)
        words = self._last_words()
        self._end()
        raise TargetTimeout(
            f"target {self._spec.label} gave no answer within {self._timeout_s:g} s and was "
            f"ended; --ttsperf-timeout allows more.\nIts last words:\n{words}"
        )

    def _raise(self, failed: wire.Failed) -> NoReturn:
        kind = next((_ERRORS[name] for name in failed.kinds if name in _ERRORS), TargetFailed)
        if kind is TargetFailed and TargetFailed.__name__ not in failed.kinds:
            raise TargetFailed(
                f"target {self._spec.label} raised {failed.kinds[0]}: {failed.message}\n"
                f"{failed.traceback}"
            )
        raise kind(failed.message)

    def _last_words(self) -> str:
        assert self._output is not None
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - BEFORE_THEM_BYTES - LAST_WORDS_BYTES))
        words = secrets.scrub(self._output.read().decode(errors="replace"))
        return words[-LAST_WORDS_BYTES:].strip() or "(it said nothing)"

    def _remember_tree(self) -> None:
        """Note the worker's children now: those in a session of their own outlive its group."""
        assert self._process is not None
        with contextlib.suppress(psutil.Error):
            self._children = psutil.Process(self._process.pid).children(recursive=True)

    def _kill(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._remember_tree()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for child in self._children:
            with contextlib.suppress(psutil.Error):
                child.kill()  # psutil makes sure that it is still the same process
        self._process.wait()

    def _end(self) -> None:
        self._kill()
        self._children = []
        if self._connection is not None:
            self._connection.close()
        if self._lifeline is not None:
            os.close(self._lifeline)
        if self._output is not None:
            self._output.close()
        self._process = self._connection = self._lifeline = self._output = None


def _exit_code(process: Popen[bytes], timeout_s: float) -> int | None:
    """The exit code of a process that ends by then; None when it does not.

    Popen.wait would wait by a clock that a test may have stopped.
    """
    wait_until(lambda: process.poll() is not None, timeout_s, every_s=0.005)
    return process.poll()


def _how(code: int | None) -> str:
    if code is None:
        return "it closed its connection"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
