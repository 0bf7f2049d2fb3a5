"""A program at work: its pipes, the instants at which its output came, and its end.

What it writes to standard output comes straight here; what it says on standard error is read by
its guardian, which also ends all that it has started (`child_process`).
"""

from __future__ import annotations

import os
import select
import subprocess
from typing import IO, NamedTuple, NoReturn

from pytest_ttsperf.errors import TargetCrashed, TargetFailed, TargetShapeError, TargetTimeout
from pytest_ttsperf.real import REAL
from pytest_ttsperf.targets.child_process import ChildProcess, describe_exit, environment
from pytest_ttsperf.targets.command.framing import Framing

READ_BYTES = 1 << 16
MOST_BYTES = 1 << 28
"""Of one answer: more than an hour of audio, and less than fills the memory."""
CLOSE_S = 5.0
STILL_RUNS = "it goes on without an output"


class Read(NamedTuple):
    """Audio that came, and when, on time.perf_counter_ns."""

    at_ns: int
    audio: bytes


class CommandProcess:
    """One process, to be started once. TargetFailed when there cannot be any."""

    def __init__(self, label: str, stdin: int | IO[bytes]) -> None:
        """Have all ready but the process itself."""
        self._label = label
        try:
            self._process = ChildProcess(env=environment(), stdin=stdin, stdout=subprocess.PIPE)
        except OSError as error:
            raise TargetFailed(f"target {label} cannot be started: {error}") from error
        assert self._process.stdout is not None
        self._out = self._process.stdout.fileno()
        self._readable = select.poll()
        self._readable.register(self._out, select.POLLIN)

    def start(self, arguments: list[str]) -> None:
        """Start it. TargetFailed when it cannot be."""
        try:
            self._process.start(arguments)
        except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
            self._process.end()
            raise TargetFailed(f"target {self._label} cannot be started: {error}") from error

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

    def read(
        self,
        framing: Framing | None,
        timeout_s: float,
        stop_after: int | None = None,
    ) -> tuple[list[Read], int]:
        """Audio with the instants of its arrival, and when it was over, on time.perf_counter_ns.

        It is over with the answer, by its framing; without one, with the output; or after so many
        reads, if a number is named. TargetTimeout when that takes longer, TargetCrashed when the
        output ends within an answer.
        """
        reads: list[Read] = []
        size = 0
        deadline = REAL.monotonic() + timeout_s
        while framing is None or not framing.is_over:
            left_s = deadline - REAL.monotonic()
            wait_s = left_s
            if reads and framing is not None and framing.quiet_s is not None:
                wait_s = min(left_s, framing.quiet_s)
            if not self._readable.poll(max(0.0, wait_s * 1e3)):
                if wait_s < left_s:
                    break  # quiet for long enough
                self.raise_timeout(f"gave no whole answer within {timeout_s:g} s")
            data = os.read(self._out, READ_BYTES)
            at_ns = REAL.perf_counter_ns()
            size += len(data)
            self._refuse_size(size)
            if data:
                reads.append(Read(at_ns, data if framing is None else framing.feed(data)))
                if len(reads) == stop_after:
                    break
            elif framing is None:
                return reads, at_ns
            else:
                self._raise_crashed()
        return reads, reads[-1].at_ns

    def _refuse_size(self, size: int) -> None:
        if size > MOST_BYTES:
            raise TargetShapeError(
                f"target {self._label} wrote more than {MOST_BYTES >> 20} MB for one text; "
                "wanted the audio of that text"
            )

    def write(self, data: bytes, timeout_s: float) -> None:
        """Hand over a line, to a process that may be slow to read it."""
        assert self._process.stdin is not None
        stdin = self._process.stdin.fileno()
        os.set_blocking(stdin, False)
        writable = select.poll()
        writable.register(stdin, select.POLLOUT)
        deadline = REAL.monotonic() + timeout_s
        rest = memoryview(data)
        try:
            while rest:
                left_s = max(0.0, deadline - REAL.monotonic())
                if not writable.poll(left_s * 1e3):
                    self.raise_timeout(f"did not read its text within {timeout_s:g} s")
                rest = rest[os.write(stdin, rest) :]
        except BrokenPipeError:
            self._raise_crashed()

    def refuse_leftovers(self) -> None:
        """TargetShapeError when something came after the end of the last answer."""
        if not self._readable.poll(0):
            return
        late = len(os.read(self._out, READ_BYTES))
        if not late:
            self._raise_crashed()
        raise TargetShapeError(
            f"target {self._label} wrote {late} bytes after its answer was taken for complete; "
            "with end=quiet:SECONDS, allow more seconds"
        )

    def close_input(self) -> int | None:
        """Close its input and wait for its end; the exit code, None when it goes on."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        return self._process.wait_for_exit_code(CLOSE_S)

    def raise_timeout(self, what: str) -> NoReturn:
        """End it, and raise TargetTimeout."""
        output = self.stderr_tail()
        self.kill()
        raise TargetTimeout(
            f"target {self._label} {what} and was ended; --ttsperf-timeout allows more.\n"
            f"Its last words:\n{output}"
        )

    def _raise_crashed(self) -> NoReturn:
        code = self.close_input()
        output = self.stderr_tail()
        self.kill()
        raise TargetCrashed(
            f"target {self._label} ended its output ({describe_exit(code, STILL_RUNS)}) before its "
            "answer was over.\n"
            f"Its last words:\n{output}"
        )

    def stderr_tail(self) -> str:
        """The end of what it said on standard error."""
        return self._process.output_tail()

    def kill(self) -> None:
        """End it and all that it started, and close its pipes; safe to call twice."""
        self._process.end()
