"""One measured process, seen from pytest: its start, its end, and the last of its output.

It is the child of a `guardian`, so that nothing of it outlives the run, whatever ends that. The
guardian is there before the process is asked for and is not between us and what it writes: a start
takes as long as without it (docs/adr/0026). POSIX only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import IO

import psutil

from pytest_ttsperf import git, real, secrets
from pytest_ttsperf.popen import Popen
from pytest_ttsperf.real import REAL
from pytest_ttsperf.targets import guardian, tracing

NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
READY_S = 30.0
"""A guardian answers within milliseconds; on a machine that hardly moves, within seconds."""
ANSWER_S = 10.0
END_S = 2 * guardian.PATIENCE_S
ROUND_S = 0.002
SHOWN_CHARACTERS = guardian.TAIL_BYTES // 2
"""Of its output: half of what is stored, so that a secret at the beginning is seen whole."""
NO_OUTPUT = "(it said nothing)"
_RUN_GUARDIAN = (
    "import sys; exec(compile(open(int(sys.argv[1]), closefd=False).read(), 'guardian', 'exec'))"
)
"""Runs `guardian.py` from a descriptor: by its path, `pkill -f pytest` would end it with the run.
"""


def environment(hidden: Iterable[str] = ()) -> dict[str, str]:
    """The variables of what we start: ours, without those that are `hidden`, of coverage or of git.

    Git's, as a git that a target runs would work on the repository and the index of the hook that
    started us.

    onnxruntime reports each first session to its makers, in a file and over the network, within the
    time that is measured; it is switched off, unless its variable says otherwise.
    """
    variables = tracing.without_coverage(git.without_repository())
    for name in hidden:
        variables.pop(name, None)
    return {NO_TELEMETRY: "1", **variables}


class ChildProcess:
    """A process to be started, once. OSError when there cannot be any."""

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        cwd: str | None = None,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stdout: int | IO[bytes] | None = None,
        pass_fds: Iterable[int] = (),
        adopts: bool = sys.platform == "linux",
    ) -> None:
        """Have all ready but the process itself.

        Without a `stdout`, what it writes there is a part of `output_tail`. `adopts` is whether the
        orphans of what it starts are ended with it, too.
        """
        self._received = b""
        self._strays: list[psutil.Process] = []
        self._is_ended = False
        self._adopts = adopts
        self.pid = 0
        """Of the process itself, also before it is started."""
        self._cpu_before_s = 0.0
        self.executed_ns = 0
        """When it was started, on time.perf_counter_ns."""
        self.executed_monotonic_ns = 0
        """The same on time.monotonic_ns."""
        self.returncode: int | None = None
        """As subprocess has it; None while it runs."""
        self.cpu_s: float | None = None
        """User and system seconds, of it and of the children it waited for; None while it runs."""
        self._control, control = real.socketpair()
        self._launch, launch = real.socketpair()
        try:
            with open(guardian.__file__, "rb") as source:
                self._guardian = _start_guardian(
                    [source.fileno(), control.fileno(), launch.fileno()],
                    pass_fds=tuple(pass_fds),
                    adopts=adopts,
                    stdin=stdin,
                    stdout=stdout,
                    env=env,
                    cwd=cwd,
                )
        except BaseException:
            self._control.close()
            self._launch.close()
            raise
        finally:
            control.close()
            launch.close()
        try:
            _, pid, is_reaper = self._receive_answer(READY_S)
            self._launch.recv(len(guardian.READY))
        except BaseException:
            self.end()
            raise
        self.pid = int(pid)
        self._adopts = is_reaper == "1"

    def start(self, arguments: Iterable[str]) -> None:
        """Start it. OSError when it cannot be; ValueError for arguments that cannot be any."""
        words = [os.fsencode(word) for word in arguments]
        if any(b"\0" in word for word in words):
            raise ValueError("embedded null byte")
        body = b"".join(word + b"\0" for word in words)
        self._launch.sendall(b"%d\n%s" % (len(body), body))
        report = b""
        while data := self._launch.recv(64):  # its end is the moment at which it is executed
            report += data
        instants, _, error_number = report.partition(b"\n")
        if error_number or not instants:
            code = int(error_number or errno.ESRCH)
            raise OSError(code, os.strerror(code), os.fsdecode(words[0]))
        cpu_ns, monotonic_ns, perf_counter_ns = map(int, instants.split())
        self._cpu_before_s = cpu_ns / 1e9
        self.executed_monotonic_ns = monotonic_ns
        self.executed_ns = perf_counter_ns

    @property
    def stdin(self) -> IO[bytes] | None:
        """Our end of its input, if that is a pipe."""
        return self._guardian.stdin

    @property
    def stdout(self) -> IO[bytes] | None:
        """Our end of its output, if that is a pipe."""
        return self._guardian.stdout

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.wait_for_exit_code(0.0)

    def wait_for_exit_code(self, timeout_s: float) -> int | None:
        """Its exit code, once it has ended; None when it has not by then."""
        if self.returncode is None:
            try:
                self._note_end(self._receive_answer(timeout_s))
            except TimeoutError:
                return None
            except OSError:  # its guardian was killed, and took it along
                self.returncode = -signal.SIGKILL
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        with contextlib.suppress(OSError):
            self._send(f"signal {int(number)}")

    def output_tail(self) -> str:
        """The end of what it printed."""
        text = ""
        with contextlib.suppress(OSError):
            self._send("tail")
            kind, *words = self._receive_answer(ANSWER_S)
            if kind == "ended":
                self._note_end([kind, *words])
                kind, *words = self._receive_answer(ANSWER_S)
            text = bytes.fromhex("".join(words)).decode(errors="replace")
        shown = secrets.scrub(text)[-SHOWN_CHARACTERS:].strip()
        return shown or NO_OUTPUT

    def remember_tree(self) -> None:
        """Where orphans cannot be adopted: note what it has started, before it ends by itself."""
        if self.pid and not self._adopts:
            with contextlib.suppress(psutil.Error):
                self._strays = psutil.Process(self.pid).children(recursive=True)

    def end(self) -> None:
        """End it and all that it started, and close its pipes; safe to call twice."""
        if self._is_ended:
            return
        self._is_ended = True
        if self.returncode is None:
            self.remember_tree()
        self._end_guardian()
        was_killed = self._guardian.returncode != 0
        if was_killed and self.pid:  # it can no longer end anything
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        for stray in self._strays:
            with contextlib.suppress(psutil.Error):
                stray.kill()  # psutil makes sure that it is still the same process
        self._control.close()
        self._launch.close()
        for pipe in (self.stdin, self.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _end_guardian(self) -> None:
        with contextlib.suppress(OSError):
            self._send("end")
        if not real.wait_until(lambda: self._guardian.poll() is not None, END_S, every_s=ROUND_S):
            self._guardian.kill()
            self._guardian.wait()

    def _note_end(self, answer: list[str]) -> None:
        _, code, cpu_s = answer
        self.returncode = int(code)
        self.cpu_s = max(0.0, float(cpu_s) - self._cpu_before_s)

    def _send(self, request: str) -> None:
        self._control.sendall(request.encode() + b"\n")

    def _receive_answer(self, timeout_s: float) -> list[str]:
        """The next line, in words. TimeoutError when none comes, OSError when none will."""
        deadline = REAL.monotonic() + timeout_s
        readable = select.poll()
        readable.register(self._control, select.POLLIN)
        while b"\n" not in self._received:
            left_s = max(0.0, deadline - REAL.monotonic())
            if not readable.poll(left_s * 1e3):
                raise TimeoutError("the guardian of a process gave no answer")
            data = self._control.recv(1 << 16)
            if not data:
                raise ConnectionError("the guardian of a process has ended")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return line.decode().split(" ")


def _start_guardian(
    descriptors: list[int],
    *,
    pass_fds: tuple[int, ...],
    adopts: bool,
    stdin: int | IO[bytes],
    stdout: int | IO[bytes] | None,
    env: Mapping[str, str],
    cwd: str | None,
) -> Popen[bytes]:
    """Start it with the descriptors of its source, of the control and of the launch socket."""
    source, control, launch = descriptors
    merges_output = stdout is None
    if stdout is None:
        stdout = subprocess.DEVNULL
    arguments = [source, os.getpid(), control, launch, int(merges_output), int(adopts), *pass_fds]
    return Popen(
        [sys.executable, "-I", "-S", "-c", _RUN_GUARDIAN, *map(str, arguments)],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env=dict(env),
        cwd=cwd,
        pass_fds=(*descriptors, *pass_fds),
        start_new_session=True,
    )


def describe_exit(code: int | None, still_runs: str) -> str:
    """How a process ended, by its exit code; `still_runs` says what is so while there is none."""
    if code is None:
        return still_runs
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
