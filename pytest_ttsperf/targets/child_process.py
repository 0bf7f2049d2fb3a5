"""One measured process, seen from pytest: its start, its end, its last words.

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
"""A guardian is there within milliseconds; on a machine that hardly moves, within seconds."""
ANSWER_S = 10.0
END_S = 2 * guardian.PATIENCE_S
ROUND_S = 0.002
SHOWN_CHARACTERS = guardian.LAST_BYTES // 2
"""Of the last words: half of what is there, so that a secret at their beginning is seen whole."""
NO_WORDS = "(it said nothing)"
_START = (
    "import sys; exec(compile(open(int(sys.argv[1]), closefd=False).read(), 'guardian', 'exec'))"
)
"""By a descriptor, as somebody may end the run by `pkill -f pytest`: it is not in its name."""


def environment(hidden: Iterable[str] = ()) -> dict[str, str]:
    """The variables of what we start: ours, but those that are `hidden`, of coverage or of a hook.

    A git that a target runs would work on the repository and the index of the hook that started us.

    onnxruntime tells its makers of each first session, in a file and over the network, within the
    time that is measured; it is not to, unless its variable says otherwise.
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
        """Have all ready but the process itself; without a `stdout` that is a part of its words.

        `adopts` is whether the orphans of what it starts are ended with it, too.
        """
        passed = tuple(pass_fds)
        self._control, control = real.socketpair()
        self._launch, launch = real.socketpair()
        flags = (int(stdout is None), int(adopts))
        self._received = b""
        self._strays: list[psutil.Process] = []
        self._is_ended = False
        self.pid = 0
        """Of the process itself, also before it is started."""
        self._cpu_before_s = 0.0
        self.executed_ns = self.executed_monotonic_ns = 0
        """When it was started, on time.perf_counter_ns and on time.monotonic_ns."""
        self.returncode: int | None = None
        """As subprocess has it; None while it runs."""
        self.cpu_s: float | None = None
        """User and system seconds, of it and of the children it waited for; None while it runs."""
        try:
            with open(guardian.__file__, "rb") as source:
                inherited = (source.fileno(), control.fileno(), launch.fileno())
                numbers = (inherited[0], os.getpid(), *inherited[1:], *flags, *passed)
                self._guardian = Popen(
                    [sys.executable, "-I", "-S", "-c", _START, *map(str, numbers)],
                    stdin=stdin,
                    stdout=subprocess.DEVNULL if stdout is None else stdout,
                    stderr=subprocess.DEVNULL,
                    bufsize=0,
                    env=dict(env),
                    cwd=cwd,
                    pass_fds=(*inherited, *passed),
                    start_new_session=True,
                )
        except BaseException:
            self._control.close()
            self._launch.close()
            raise
        finally:
            control.close()
            launch.close()
        try:
            _, pid, is_reaper = self._answer(READY_S)
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
        while got := self._launch.recv(64):  # its end is the moment at which it is executed
            report += got
        instants, _, number = report.partition(b"\n")
        if number or not instants:
            code = int(number or errno.ESRCH)
            raise OSError(code, os.strerror(code), os.fsdecode(words[0]))
        cpu_ns, self.executed_monotonic_ns, self.executed_ns = map(int, instants.split())
        self._cpu_before_s = cpu_ns / 1e9

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
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout_s: float) -> int:
        """Its exit code, once it has ended. subprocess.TimeoutExpired when it does not."""
        if self.returncode is None:
            try:
                self._take_end(self._answer(timeout_s))
            except TimeoutError:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout_s) from None
            except OSError:  # its guardian was killed, and took it along
                self.returncode = -signal.SIGKILL
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        with contextlib.suppress(OSError):
            self._send(f"signal {int(number)}")

    def last_words(self) -> str:
        """The end of what it printed."""
        words = ""
        with contextlib.suppress(OSError):
            self._send("words")
            kind, *rest = self._answer(ANSWER_S)
            if kind == "ended":
                self._take_end([kind, *rest])
                kind, *rest = self._answer(ANSWER_S)
            words = secrets.scrub(bytes.fromhex("".join(rest)).decode(errors="replace"))
        return words[-SHOWN_CHARACTERS:].strip() or NO_WORDS

    def remember_tree(self) -> None:
        """Where orphans cannot be adopted: note what it has started, before it ends by itself."""
        if not self._adopts:
            with contextlib.suppress(psutil.Error):
                self._strays = psutil.Process(self.pid).children(recursive=True)

    def end(self) -> None:
        """End it and all that it started, and close its pipes; safe to call twice."""
        if self._is_ended:
            return
        self._is_ended = True
        if self.returncode is None:
            self.remember_tree()
        with contextlib.suppress(OSError):
            self._send("end")
        if not real.wait_until(lambda: self._guardian.poll() is not None, END_S, every_s=ROUND_S):
            self._guardian.kill()
            self._guardian.wait()
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

    def _take_end(self, answer: list[str]) -> None:
        _, code, cpu_s = answer
        self.returncode = int(code)
        self.cpu_s = max(0.0, float(cpu_s) - self._cpu_before_s)

    def _send(self, request: str) -> None:
        self._control.sendall(request.encode() + b"\n")

    def _answer(self, timeout_s: float) -> list[str]:
        """The next line. TimeoutError when none comes, OSError when none will."""
        deadline = REAL.monotonic() + timeout_s
        readable = select.poll()
        readable.register(self._control, select.POLLIN)
        while b"\n" not in self._received:
            if not readable.poll(max(0.0, deadline - REAL.monotonic()) * 1e3):
                raise TimeoutError("the guardian of a process gave no answer")
            got = self._control.recv(1 << 16)
            if not got:
                raise ConnectionError("the guardian of a process has ended")
            self._received += got
        line, _, self._received = self._received.partition(b"\n")
        return line.decode().split(" ")
