"""A process of its own that calls a function with audio, and sends what it returns.

What judges audio brings models, threads and native code along, and may print, crash or hang; none
of that gets into pytest's process, which is the measured one's neighbour. The process ends as soon
as nobody holds the other end of its connection, whatever ended the run.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf import git, real
from pytest_ttsperf.errors import QualityError
from pytest_ttsperf.popen import Popen
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Json

TIMEOUT_S = 300.0
"""For the import of a function, and for each call of it: some load a model of gigabytes."""
END_S = 5.0
"""For the process to end by itself once it is no longer needed."""
SHOWN_CHARACTERS = 2000
RECEIVED_BYTES = 1 << 16
PROGRAM = (
    "import sys; sys.path[:] = sys.argv[3:]; "
    "from pytest_ttsperf.sound_quality.function_child import main; "
    "main(int(sys.argv[1]), sys.argv[2])"
)
"""Searches what this process searches; the name of a module alone would not find everything."""
NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""As for targets: onnxruntime, which predicts opinion, reports its sessions otherwise."""
WANTED = (
    "wanted 'module:callable', or a function that can be imported by its module and name, as it "
    "runs in a process of its own"
)


class FunctionProcess:
    """A context manager around one process and one function of (samples, sample_rate)."""

    def __init__(self, function: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """`function` is 'module:callable'. The process starts when the context is entered."""
        self.function = function
        self._timeout_s = timeout_s
        self._resources = contextlib.ExitStack()
        self._process: Popen[bytes] | None = None
        self._connection: real.Socket | None = None
        self._output: IO[bytes] | None = None
        self._received = b""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """Start the process and import the function there. QualityError where that fails."""
        self.close()
        try:
            self._start()
            self._receive("was not imported")
        except OSError as error:
            self.close()
            raise QualityError(
                f"no process can be started for {self.function} ({error.strerror or error}); "
                "free memory, processes or room for temporary files"
            ) from error
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        self._resources.callback(self._end)  # last, once the connection is closed
        ours, theirs = real.socketpair()
        self._connection = self._resources.enter_context(ours)
        descriptor = theirs.fileno()
        searched = [os.fspath(entry) for entry in sys.path]
        with theirs:
            self._output = tempfile.TemporaryFile()  # noqa: SIM115, closed with the others
            self._resources.enter_context(self._output)
            self._process = Popen(
                [sys.executable, "-P", "-c", PROGRAM, str(descriptor), self.function, *searched],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                env={NO_TELEMETRY: "1", **git.without_repository()},
                pass_fds=[descriptor],
                start_new_session=True,
            )

    def _end(self) -> None:
        """Wait a little for the end of the process, then end it and all of its session."""
        process = self._process
        if process is None:
            return
        real.wait_until(lambda: process.poll() is not None, END_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        """End the process and what it has started; safe to call twice."""
        self._resources.close()
        self._process = None
        self._connection = None
        self._output = None
        self._received = b""

    def call(self, samples: NDArray[np.float32], sample_rate: int) -> Json:
        """What the function returns for samples of shape (frames,) at a rate in Hz.

        QualityError where it raises (with its message), where its process has ended, and where it
        takes longer than the timeout. After the latter two the process is gone.
        """
        if self._connection is None:
            raise QualityError(
                f"the process of {self.function} is not running; use it within its `with` block, "
                "and not after it has died or timed out"
            )
        body = np.ascontiguousarray(samples, dtype="<f4")
        header = json.dumps({"frames": body.size, "sample_rate": sample_rate}).encode()
        self._connection.settimeout(self._timeout_s)
        try:
            self._connection.sendall(header + b"\n" + body.tobytes())
        except TimeoutError:
            raise self._timed_out("did not take its audio") from None
        except OSError:
            raise self._died() from None
        return self._receive("gave no answer")

    def _receive(self, failure: str) -> Json:
        """The next answer."""
        try:
            answer = json.loads(self._receive_line())
        except TimeoutError:
            raise self._timed_out(failure) from None
        except OSError:
            raise self._died() from None
        if "error" in answer:
            raise QualityError(f"{self.function}: {answer['error']}")
        value: Json = answer["value"]
        return value

    def _receive_line(self) -> bytes:
        """TimeoutError where it does not come in time, ConnectionError where it will not."""
        assert self._connection is not None
        deadline = REAL.monotonic() + self._timeout_s
        while b"\n" not in self._received:
            left_s = deadline - REAL.monotonic()
            if left_s <= 0:
                raise TimeoutError
            self._connection.settimeout(left_s)
            data = self._connection.recv(RECEIVED_BYTES)
            if not data:
                raise ConnectionError
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return line

    def _timed_out(self, failure: str) -> QualityError:
        words = self._last_words()
        self.close()
        return QualityError(
            f"{self.function} {failure} within {self._timeout_s:g} s; give it more time, or less "
            f"audio. Its last words:\n{words}"
        )

    def _died(self) -> QualityError:
        process = self._process
        assert process is not None
        real.wait_until(lambda: process.poll() is not None, END_S)
        code = process.poll()
        words = self._last_words()
        self.close()
        return QualityError(
            f"the process of {self.function} ended ({_describe_exit(code)}). Its last words:\n"
            f"{words}"
        )

    def _last_words(self) -> str:
        """The end of what it printed."""
        assert self._output is not None
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - SHOWN_CHARACTERS))
        words = self._output.read().decode(errors="replace").strip()
        return words or "(it said nothing)"


def name_function(function: str | Callable[..., Any]) -> str:
    """'module:callable' of a function. QualityError where nobody else could import it by that."""
    if isinstance(function, str):
        module, _, name = function.partition(":")
        if not module or not name:
            raise QualityError(f"found {function!r}, {WANTED}")
        return function
    module = getattr(function, "__module__", None) or ""
    name = getattr(function, "__qualname__", None) or ""
    if not _is_importable(function, module, name):
        raise QualityError(f"found {function!r}, which cannot be imported by a name; {WANTED}")
    return f"{module}:{name}"


def _is_importable(function: object, module: str, name: str) -> bool:
    """Whether a name in a module is this function, for another process as well."""
    if module in ("", "__main__") or not name:
        return False
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found == function


def _describe_exit(code: int | None) -> str:
    if code is None:
        return "it closed its connection"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
