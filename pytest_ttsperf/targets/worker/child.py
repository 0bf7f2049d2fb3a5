"""The worker's own side: runs the target in this process and answers its parent.

Started by `worker.WorkerTarget` with two inherited descriptors: the socket to talk over, and a
lifeline whose end of file means that the parent is gone, however it went. Standard output and
error belong to the target and are kept by the parent as its last words.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

from pytest_ttsperf import secrets
from pytest_ttsperf.measure.recorder import cost
from pytest_ttsperf.records import TargetInfo
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets import tracing
from pytest_ttsperf.targets.python import adapter
from pytest_ttsperf.targets.spec import SERVERS, kind
from pytest_ttsperf.targets.worker import protocol, source_tree

if TYPE_CHECKING:
    from pytest_ttsperf.targets.server.adapter import ServerAdapter


_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main(connection_fd: int, lifeline_fd: int) -> None:
    """Serve requests until told to close or until the parent is gone."""
    started_ns = time.monotonic_ns()
    for descriptor in (connection_fd, lifeline_fd):
        os.set_inheritable(descriptor, False)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    threading.Thread(target=_end_with_parent, args=(lifeline_fd,), daemon=True).start()
    serve(socket.socket(fileno=connection_fd), started_ns)


def serve(connection: socket.socket, started_ns: int) -> None:
    """Answer what is asked, until told to close or until nobody asks any more.

    `started_ns` is when this process began to be ours, on time.monotonic_ns.
    """
    child = _Child(started_ns)
    try:
        while not child.closed:
            request = protocol.receive_request(connection)
            try:
                body = protocol.encode(child.answer(request))
            except Exception as error:
                body = protocol.encode(_failure_reply(error))
            protocol.send_body(connection, body)
    except (EOFError, OSError):
        child.close()


def _end_with_parent(lifeline_fd: int) -> None:
    """End this process group once the parent is gone, whatever the target is doing."""
    while os.read(lifeline_fd, 1):
        continue
    os.killpg(0, signal.SIGKILL)


class _Child:
    def __init__(self, started_ns: int) -> None:
        self._started_ns = started_ns
        self._speaker: adapter.PythonAdapter | ServerAdapter | None = None
        self._mirror: source_tree.TreeOverride | None = None
        self._module = ""
        self.closed = False

    def answer(self, request: protocol.Request) -> protocol.Reply:
        match request:
            case protocol.OpenRequest():
                return self._open(request)
            case protocol.WarmRequest():
                self._open_speaker.warm()
                return protocol.DoneReply()
            case protocol.RecordRequest():
                return protocol.RecordedReply(
                    recording=self._open_speaker.record(request.text, request.mode)
                )
            case protocol.InspectRequest():
                self._check_origin()
                return protocol.InspectedReply(
                    placement=self._open_speaker.placement(),
                    cost=cost(),
                    tracers=tracing.tracers(),
                )
            case protocol.CloseRequest():
                self.close()
                return protocol.DoneReply()

    def close(self) -> None:
        self.closed = True
        if self._speaker is not None:
            self._speaker.close()
            self._speaker = None

    @property
    def _open_speaker(self) -> adapter.PythonAdapter | ServerAdapter:
        if self._speaker is None:
            raise RuntimeError("the worker was asked to speak before its target was open")
        return self._speaker

    def _check_origin(self) -> None:
        """Raise WrongTree if code of another version was imported, also after the opening."""
        if self._mirror is not None:
            source_tree.verify_origin(self._mirror, self._module)

    def _open_server(self, request: protocol.OpenRequest) -> protocol.OpenedReply:
        from pytest_ttsperf.targets.server import adapter as server_adapter

        self._speaker = server_adapter.open_adapter(
            request.spec, request.options, request.offered, request.demanded
        )
        ready = TargetInfo(
            pid=None,
            sample_rate=self._speaker.sample_rate,
            is_rate_supposed=self._speaker.is_rate_supposed,
            placement=self._speaker.placement(),
            target_warnings=self._speaker.opening_spans()[1],
            tracers=tracing.tracers(),
        )
        return protocol.OpenedReply(ready=ready)

    def _open(self, request: protocol.OpenRequest) -> protocol.OpenedReply:
        secrets.remember(request.spec, request.options)
        if kind(request.spec) in SERVERS:
            return self._open_server(request)
        spec = targets_spec.resolve(request.spec)
        self._mirror, self._module = request.mirror, spec.partition(":")[0]
        entries = [os.fsdecode(entry) for entry in request.sys_path]
        if request.mirror is None:
            sys.path[:] = _searched(sys.path, entries)
        else:
            sys.path[:] = source_tree.import_paths(request.mirror, [*sys.path, *entries])
        begun_ns = time.monotonic_ns()
        found = adapter.find_callable(spec)
        imported_ns = time.monotonic_ns()
        self._speaker = adapter.open_adapter(
            found,
            spec,
            targets_spec.resolve_options(request.options),
            request.offered,
            request.demanded,
        )
        opened_ns = time.monotonic_ns()
        self._check_origin()
        spans, target_warnings = self._speaker.opening_spans()
        to_recorder_clock_ns = time.perf_counter_ns() - time.monotonic_ns()
        return protocol.OpenedReply(
            ready=TargetInfo(
                pid=os.getpid(),
                sample_rate=self._speaker.sample_rate,
                placement=self._speaker.placement(),
                versions=adapter.library_versions(),
                spans=spans,
                target_warnings=target_warnings,
                tracers=tracing.tracers(),
                phases_ms={
                    "process": (self._started_ns - request.spawned_ns) / 1e6,
                    "import": (imported_ns - begun_ns) / 1e6,
                    "open": (opened_ns - imported_ns) / 1e6,
                    "ready": (opened_ns - request.spawned_ns) / 1e6,
                },
                process_ns=request.spawned_ns + to_recorder_clock_ns,
            )
        )


def _searched(here: list[str], there: list[str]) -> list[str]:
    """The search path of this process, with what whoever started it has besides.

    In its order, where it has all that is searched here; else its own entries come first.
    """
    if set(here) <= set(there):
        return there
    return [*(entry for entry in there if entry not in here), *here]


def _failure_reply(error: Exception) -> protocol.FailedReply:
    """The error with its traceback, which starts at the target's own first frame."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
        frames = frames.tb_next
    error = error.with_traceback(frames or error.__traceback__)
    return protocol.FailedReply(
        kinds=tuple(kind.__name__ for kind in type(error).__mro__),
        message=str(error),
        traceback="".join(traceback.format_exception(error)),
    )
