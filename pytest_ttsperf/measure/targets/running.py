"""A program at work: its pipes, the instants at which its output came, and its end.

What it says on standard error goes to a file, never to a pipe that fills up and blocks it. It is
the head of a session of its own, so that all it has started ends with it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import tempfile
from typing import IO, NamedTuple, NoReturn

import psutil

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import (
    TargetCrashed,
    TargetFailed,
    TargetShapeError,
    TargetTimeout,
)
from pytest_ttsperf.measure.targets.endings import Ending
from pytest_ttsperf.popen import Popen
from pytest_ttsperf.real import REAL

LAST_WORDS_BYTES = 4000
BEFORE_THEM_BYTES = 4000
"""Read before the last words, so that a secret at their beginning is seen whole."""
KEPT_WORDS_BYTES = 1_000_000
READ_BYTES = 1 << 16
MOST_BYTES = 1 << 28
"""Of one answer: more than an hour of audio, and less than fills the memory."""
CLOSE_S = 5.0
POLL_S = 0.002


class Read(NamedTuple):
    """Audio that came, and when, on time.perf_counter_ns."""

    at_ns: int
    audio: bytes


class Running:
    """One process, started at once. TargetFailed when it cannot be."""

    def __init__(self, arguments: list[str], label: str, stdin: int | IO[bytes]) -> None:
        self._label = label
        self._words = tempfile.TemporaryFile("a+b")  # noqa: SIM115  (lives as long as the process)
        self.cpu_s: float | None = None
        try:
            self._process = Popen(
                arguments,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=self._words,
                bufsize=0,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
            self._words.close()
            raise TargetFailed(f"target {label} cannot be started: {error}") from error
        assert self._process.stdout is not None
        self._out = self._process.stdout.fileno()
        self._readable = select.poll()
        self._readable.register(self._out, select.POLLIN)

    @property
    def pid(self) -> int:
        """Of the program itself."""
        return self._process.pid

    def read(self, answer: Ending | None, timeout_s: float) -> tuple[list[Read], int]:
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
        deadline = REAL.monotonic() + timeout_s
        while self._process.returncode is None:
            pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
            if pid:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_s = usage.ru_utime + usage.ru_stime
            elif REAL.monotonic() > deadline:
                return None
            else:
                REAL.sleep(POLL_S)
        return self._process.returncode

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
            f"target {self._label} ended its output ({how(code)}) before its answer was over.\n"
            f"Its last words:\n{words}"
        )

    def last_words(self) -> str:
        """The end of what it said on standard error."""
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(0, size - BEFORE_THEM_BYTES - LAST_WORDS_BYTES))
        words = secrets.scrub(self._words.read().decode(errors="replace"))
        return words[-LAST_WORDS_BYTES:].strip() or "(it said nothing)"

    def forget_words(self) -> None:
        """Keep what it says from filling the disk."""
        if os.fstat(self._words.fileno()).st_size > KEPT_WORDS_BYTES:
            self._words.truncate(0)

    def kill(self) -> None:
        """End it and all that it started, and close its pipes; safe to call twice."""
        children: list[psutil.Process] = []
        if self._process.returncode is None:
            with contextlib.suppress(psutil.Error):
                children = psutil.Process(self._process.pid).children(recursive=True)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._words):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def how(code: int | None) -> str:
    """How it ended, by its exit code; None while it has not."""
    if code is None:
        return "it goes on without an output"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
