"""A program at work: its pipes, the instants at which its output came, and its end.

What it writes to standard output comes straight here; what it says on standard error is read by
its guardian, which also ends all that it has started (`child_process`).
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from typing import IO, NamedTuple, NoReturn

from pytest_ttsperf.errors import TargetCrashed, TargetFailed, TargetShapeError, TargetTimeout
from pytest_ttsperf.real import REAL
from pytest_ttsperf.targets.child_process import ChildProcess, environment
from pytest_ttsperf.targets.command.framing import Framing

READ_BYTES = 1 << 16
MOST_BYTES = 1 << 28
"""Of one answer: more than an hour of audio, and less than fills the memory."""
CLOSE_S = 5.0


class Read(NamedTuple):
    """Audio that came, and when, on time.perf_counter_ns."""

    at_ns: int
    audio: bytes


class CommandProcess:
    """One process, started at once. TargetFailed when it cannot be."""

    def __init__(self, arguments: list[str], label: str, stdin: int | IO[bytes]) -> None:
        self._label = label
        try:
            self._process = ChildProcess(env=environment(), stdin=stdin, stdout=subprocess.PIPE)
        except OSError as error:
            raise TargetFailed(f"target {label} cannot be started: {error}") from error
        try:
            self._process.start(arguments)
        except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
            self._process.end()
            raise TargetFailed(f"target {label} cannot be started: {error}") from error
        assert self._process.stdout is not None
        self._out = self._process.stdout.fileno()
        self._readable = select.poll()
        self._readable.register(self._out, select.POLLIN)

    @property
    def pid(self) -> int:
        """Of the program itself."""
        return self._process.pid

    @property
    def executed_ns(self) -> int:
        """When it was started, on time.perf_counter_ns: what it took from there on is its own."""
        return self._process.executed_ns

    @property
    def cpu_s(self) -> float | None:
        """User and system seconds; None until its end was waited for."""
        return self._process.cpu_s

    def read(self, answer: Framing | None, timeout_s: float) -> tuple[list[Read], int]:
        """Audio with the instants of its arrival, to the end of the answer, or of the output."""
        reads: list[Read] = []
        deadline, size = REAL.monotonic() + timeout_s, 0
        quiet_s = answer.quiet_s if answer else None
        while answer is None or not answer.over:
            left_s = deadline - REAL.monotonic()
            wait_s = min(left_s, quiet_s) if quiet_s is not None and reads else left_s
            if not self._readable.poll(max(0.0, wait_s * 1e3)):
                if wait_s < left_s:
                    return reads, reads[-1].at_ns
                self.timed_out(f"gave no whole answer within {timeout_s:g} s")
            data = os.read(self._out, READ_BYTES)
            at_ns = REAL.perf_counter_ns()
            if not data:
                if answer is None:
                    return reads, at_ns
                self._crashed()
            reads.append(Read(at_ns, answer.feed(data) if answer else data))
            size += len(data)
            if size > MOST_BYTES:
                raise TargetShapeError(
                    f"target {self._label} wrote more than {MOST_BYTES >> 20} MB for one text; "
                    "wanted the audio of that text"
                )
        return reads, reads[-1].at_ns

    def write(self, data: bytes, timeout_s: float) -> None:
        """Hand over a line, to a process that may be slow to read it."""
        assert self._process.stdin is not None
        into = self._process.stdin.fileno()
        os.set_blocking(into, False)
        writable = select.poll()
        writable.register(into, select.POLLOUT)
        deadline, view = REAL.monotonic() + timeout_s, memoryview(data)
        try:
            while view:
                if not writable.poll(max(0.0, (deadline - REAL.monotonic()) * 1e3)):
                    self.timed_out(f"did not read its text within {timeout_s:g} s")
                view = view[os.write(into, view) :]
        except BrokenPipeError:
            self._crashed()

    def refuse_leftovers(self) -> None:
        """TargetShapeError when something came after the end of the last answer."""
        if not self._readable.poll(0):
            return
        late = len(os.read(self._out, READ_BYTES))
        if not late:
            self._crashed()
        raise TargetShapeError(
            f"target {self._label} wrote {late} bytes after its answer was taken for complete; "
            "with end=quiet:SECONDS, allow more seconds"
        )

    def ended(self, timeout_s: float) -> int | None:
        """Close its input and wait for its end; the exit code, None when it goes on."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def timed_out(self, what: str) -> NoReturn:
        """End it, and raise TargetTimeout."""
        words = self.last_words()
        self.kill()
        raise TargetTimeout(
            f"target {self._label} {what} and was ended; --ttsperf-timeout allows more.\n"
            f"Its last words:\n{words}"
        )

    def _crashed(self) -> NoReturn:
        code = self.ended(CLOSE_S)
        words = self.last_words()
        self.kill()
        raise TargetCrashed(
            f"target {self._label} ended its output ({describe_exit(code)}) before its "
            "answer was over.\n"
            f"Its last words:\n{words}"
        )

    def last_words(self) -> str:
        """The end of what it said on standard error."""
        return self._process.last_words()

    def kill(self) -> None:
        """End it and all that it started, and close its pipes; safe to call twice."""
        self._process.end()


def describe_exit(code: int | None) -> str:
    """How it ended, by its exit code; None while it has not."""
    if code is None:
        return "it goes on without an output"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
