"""unwarmed_server.py as a target: a server that is started anew whenever the target is opened.

A server that runs already has no cold start that could be measured. This one has: each trial of
`cold_engine` starts it and is its first listener; warm trials are all answered by one. The run of
docs/worked-example.md measures it (tools/worked_example.py).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

from gate_trees import START_S
from load_target import ROOT, Answer, OurServer, ServerStage, end

SCRIPT = Path(__file__).with_name("unwarmed_server.py")
LOOK_S = 0.01
"""How often it is looked whether the server is ready."""


class TimedAnswer(Answer):
    """An answer of which the rest is a stage too: Server-Timing ends with the first audio."""

    def _read(self) -> Generator[bytes, None, None]:
        first_ns: int | None = None
        for data in super()._read():
            if first_ns is None:
                first_ns = time.perf_counter_ns()
            yield data
        if first_ns is not None:
            body = ServerStage("http.body", None, first_ns, time.perf_counter_ns())
            self._stages.append(body)


class UnwarmedServer(OurServer):
    """The server below this process, and the stages of its last answer."""

    def __init__(self, provider: str = "cpu", voice: str = "heart") -> None:
        """Returns once the server says that it is ready. RuntimeError where it does not start."""
        self._provider = provider
        self._answer: Answer | None = None
        super().__init__(provider, voice)

    def _start(self, stack: contextlib.ExitStack) -> int:
        command = [
            sys.executable, str(SCRIPT), "--voice", self._voice, "--provider", self._provider,
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        stack.callback(end, process)
        try:
            port = read_port(process)
            wait_until_ready(port)
        except BaseException:
            stack.close()
            raise
        return port

    def stream(self, text: str) -> Answer:
        """A request, sent when it is iterated over."""
        self._answer = TimedAnswer(self, text)
        return self._answer

    def stages(self) -> list[ServerStage]:
        """Those of the last answer; none before the first."""
        return [] if self._answer is None else self._answer.stages()

    def close(self) -> None:
        """End the server, and the connection to it."""
        self.connection.close()
        super().close()


def read_port(process: subprocess.Popen[bytes]) -> int:
    """The port that a server prints first. RuntimeError where it ends before."""
    assert process.stdout is not None, "it is a pipe"
    with process.stdout as printed:
        line = printed.readline().strip()
    if not line.isdigit():
        raise RuntimeError(
            f"found {line!r} printed by {SCRIPT.name}, wanted its port; what it has written to "
            "standard error says why"
        )
    return int(line)


def wait_until_ready(port: int) -> None:
    """Wait until the server says that it is ready. RuntimeError where it never does."""
    end_s = time.monotonic() + START_S
    while not is_ready(port):
        if time.monotonic() > end_s:
            raise RuntimeError(
                f"found a server that is not ready after {START_S:g} s, wanted one; see what "
                "keeps it"
            )
        time.sleep(LOOK_S)


def is_ready(port: int) -> bool:
    """Whether the server says so."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", "/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
