"""The parent of one measured process: whatever ends the run, nothing of it stays behind.

Run as a script by `child_process.ChildProcess`, which sends it requests. It forks before the
process is wanted: what will be the process waits for its arguments at a descriptor of pytest's, and
only has to execute the program. So the guardian takes no measured time, and stands in the way of no
audio.

On Linux it adopts the orphans of everything below it (PR_SET_CHILD_SUBREAPER in prctl(2)): a
process that was forked twice, in a session of its own, is ended like any other. What the process
prints is read here, so that it never waits for pytest, and all but the last of it is dropped.

Nothing but the standard library is imported, and little of that: it starts with each process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping

TYPE_CHECKING = False  # as the type checker understands it; importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Any, NoReturn

    Dispositions = Mapping[int, Any]

TAIL_BYTES = 8000
"""Of what the process prints; the rest is read and dropped."""
PIPE_BYTES = 1 << 20
"""What it can print at once before it would have to wait for us."""
READ_BYTES = 1 << 20
PATIENCE_S = 5.0
"""For the ending of what was killed; more only if the system does not let it go."""
ROUND_S = 0.002
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
READY = b"\n"
"""Sent by what will be the process, once it waits for nothing but its arguments."""
NO_EXECUTION = 127
"""The exit code of a child that could not become the program (as in a shell)."""


class Guardian:
    """One process with all that descends from it, from its start to the end of the last."""

    def __init__(self, parent_pid: int, control: int, *, adopts: bool) -> None:
        self._parent_pid = parent_pid
        self._control = control
        self._adopts = adopts and _control_process(PR_SET_CHILD_SUBREAPER, 1)
        self._pid = 0
        self._has_ended = False
        self._is_over = False
        self._request = b""
        self._output = OutputTail()
        self._dispositions = _wake_on(signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP)
        self._wakes, wake = os.pipe()
        for descriptor in (self._wakes, wake):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def fork(self, launch: int, passed: tuple[int, ...], *, merges_output: bool) -> None:
        """Fork a child that waits at `launch` for the arguments of its program.

        Its standard error is read here, with `merges_output` its standard output, too. The
        descriptors `passed` are for the program, and closed here.
        """
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, self._dispositions)
        self._pid = os.fork()
        if self._pid == 0:
            become(
                launch,
                self._output.write_end,
                self._dispositions,
                mask,
                merges_output=merges_output,
            )
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._dispositions)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        for descriptor in (nothing, launch, self._output.write_end, *passed):
            os.close(descriptor)

    def serve(self) -> None:
        """Answer until it is to end, or its parent has; then end all that was started."""
        poll = select.poll()
        parent = _open_descriptor_of(self._parent_pid)
        for descriptor in (self._control, self._wakes, self._output.read_end, parent):
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        self._answer(f"ready {self._pid} {int(self._adopts)}")
        while not self._is_over and os.getppid() == self._parent_pid:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._output.read_end in ready and not self._output.read():
                poll.unregister(self._output.read_end)
            if self._wakes in ready:
                self._take_signals()
            if self._control in ready:
                self._take_requests()
            if parent in ready:
                self._is_over = True

    def end_all(self) -> None:
        """Kill everything below this process, until nothing is left.

        Where orphans are adopted all of it becomes a child of this one, as what is between is
        killed, and a child's pid is nobody else's before it was waited for. Elsewhere it is what
        can be seen at the moment.
        """
        deadline = time.monotonic() + PATIENCE_S
        if not self._adopts and self._pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)
        while _has_children() and time.monotonic() < deadline:
            parent_of = dict(parents())
            for pid in below(os.getpid(), parent_of, deep=not self._adopts):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(ROUND_S)

    def _take_signals(self) -> None:
        numbers = os.read(self._wakes, READ_BYTES)
        self._reap()
        if signal.SIGTERM in numbers or signal.SIGHUP in numbers:
            self._is_over = True

    def _take_requests(self) -> None:
        data = os.read(self._control, READ_BYTES)
        if not data:
            self._is_over = True
            return
        *requests, self._request = (self._request + data).split(b"\n")
        for request in requests:
            if request == b"tail":
                self._output.read()
                self._answer(f"tail {self._output.tail.hex()}")
            elif request == b"end":
                self._is_over = True
            else:
                self._signal(int(request.removeprefix(b"signal ")))

    def _signal(self, number: int) -> None:
        if not self._has_ended:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self._pid, number)

    def _reap(self) -> None:
        """Take note of whatever has ended, and report the end of the process itself."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._pid:
                    self._has_ended = True
                    cpu_s = usage.ru_utime + usage.ru_stime
                    self._answer(f"ended {os.waitstatus_to_exitcode(status)} {cpu_s:.6f}")

    def _answer(self, line: str) -> None:
        data = line.encode() + b"\n"
        with contextlib.suppress(ConnectionError):
            while data:
                data = data[os.write(self._control, data) :]


def become(
    launch: int,
    output: int,
    dispositions: Dispositions,
    mask: Iterable[int],
    *,
    merges_output: bool,
) -> NoReturn:
    """In the child: wait for the arguments, and become that program.

    Just before, the CPU time that was ours and the instants on both clocks of this machine are
    written to `launch`: what follows is the program's. The execution closes `launch`; if it fails,
    the number of the error is written there.
    """
    try:
        os.setsid()
        _control_process(PR_SET_PDEATHSIG, signal.SIGKILL)  # a guardian may be killed, too
        os.dup2(output, 2)
        if merges_output:
            os.dup2(output, 1)
        for number, disposition in dispositions.items():
            signal.signal(number, disposition)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.get_exec_path()  # imports what it needs
        os.write(launch, READY)
        arguments = receive_arguments(launch)
        if arguments:
            clocks = (time.process_time_ns(), time.monotonic_ns(), time.perf_counter_ns())
            os.write(launch, b"%d %d %d\n" % clocks)
            os.execvp(arguments[0], arguments)  # noqa: S606  (no shell is wanted here)
    except OSError as error:
        os.write(launch, str(error.errno).encode())
    finally:
        os._exit(NO_EXECUTION)


def receive_arguments(launch: int) -> list[bytes]:
    """Read a size in bytes, a newline and that many bytes, in which each argument ends with a 0.

    An empty list when the other end was closed.
    """
    data = b""
    while b"\n" not in data:
        data += os.read(launch, 1) or b"0\n"
    size = int(data)
    arguments = b""
    while len(arguments) < size:
        more = os.read(launch, READ_BYTES)
        if not more:
            return []
        arguments += more
    return arguments.split(b"\0")[:-1]


class OutputTail:
    """A pipe that is always read, and the last of what went through it."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        self.tail = b""
        self._buffer = bytearray(READ_BYTES)
        os.set_blocking(self.read_end, False)
        if sys.platform == "linux":
            import fcntl

            with contextlib.suppress(OSError):  # a user may have only so much in pipes
                fcntl.fcntl(self.write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def read(self) -> bool:
        """Read what is there; False once nobody can write any more."""
        try:
            size = os.readv(self.read_end, [self._buffer])
        except BlockingIOError:
            return True
        newest = bytes(self._buffer[max(0, size - TAIL_BYTES) : size])
        self.tail = (self.tail + newest)[-TAIL_BYTES:]
        return size > 0


def below(top: int, parent_of: dict[int, int], *, deep: bool) -> list[int]:
    """The children of a process; with `deep` theirs, too."""
    children = [pid for pid, parent in parent_of.items() if parent == top]
    if not deep:
        return children
    found = list(children)
    for child in children:
        found += below(child, parent_of, deep=True)
    return found


def parents() -> Iterator[tuple[int, int]]:
    """Each process of this machine that can be seen, with its parent."""
    if sys.platform == "linux":
        yield from _parents_by_proc()
    else:
        yield from _parents_by_ps()


def _parents_by_proc() -> Iterator[tuple[int, int]]:
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
            # The program's name stands in brackets and may hold anything, brackets among it.
            _, _, fields = file.read().rpartition(b")")
            _, parent, *_ = fields.split()
            yield int(name), int(parent)


def _parents_by_ps() -> Iterator[tuple[int, int]]:
    import subprocess

    command = ["ps", "-A", "-o", "pid=", "-o", "ppid="]
    listed = subprocess.run(command, capture_output=True, check=False)
    for line in listed.stdout.splitlines():
        pid, parent = line.split()
        yield int(pid), int(parent)


def _has_children() -> bool:
    """Whether any is left, after taking note of those that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return False
    return True


def _control_process(option: int, argument: int) -> bool:
    """prctl(2), where there is one."""
    if sys.platform != "linux":
        return False
    try:
        result = ctypes.CDLL(None).prctl(option, argument, 0, 0, 0)
    except (OSError, AttributeError):
        return False
    return bool(result == 0)


def _open_descriptor_of(pid: int) -> int | None:
    """A descriptor that is readable once that process has ended, whoever holds control open."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # an old kernel, or a sandbox
        return None


def _wake_on(*numbers: signal.Signals) -> Dispositions:
    """Have these signals wake us; returns what the program is to do for them, and for others."""
    dispositions: dict[int, Any] = {}
    for number in numbers:
        dispositions[number] = signal.signal(number, lambda *_: None)
    # Python ignores these two; a program expects what subprocess gives it.
    dispositions[signal.SIGPIPE] = signal.SIG_DFL
    dispositions[signal.SIGXFSZ] = signal.SIG_DFL
    return dispositions


def main(arguments: list[str]) -> None:
    """Be the guardian of one process, to its end."""
    numbers = [int(argument) for argument in arguments]
    source, parent_pid, control, launch, merges_output, adopts, *passed = numbers
    os.close(source)
    for descriptor in (control, launch):
        os.set_inheritable(descriptor, False)
    guardian = Guardian(parent_pid, control, adopts=bool(adopts))
    try:
        guardian.fork(launch, tuple(passed), merges_output=bool(merges_output))
        guardian.serve()
    finally:
        guardian.end_all()


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # at once: somebody waits
