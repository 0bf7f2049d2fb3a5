"""The worker's own side: runs the target in this process and answers its parent.

Started by `parent.WorkerTarget` through `start.py`, with two inherited descriptors: the socket to
talk over, and a lifeline whose end of file means that the parent is gone, however it went. Standard
output and error belong to the target; the last of them is what a crash is reported with.
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
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pytest_ttsperf import secrets
from pytest_ttsperf.measure.recorder import cost
from pytest_ttsperf.records import TargetInfo
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets import tracing
from pytest_ttsperf.targets.python import adapter
from pytest_ttsperf.targets.worker import protocol, source_tree

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ttsperf.records import SessionProfile
    from pytest_ttsperf.targets.server.adapter import ServerAdapter
    from pytest_ttsperf.targets.worker import session_profiles

_WORKER_FOLDER = os.path.dirname(os.path.abspath(__file__))
_PLUGIN_FOLDER = os.path.dirname(os.path.dirname(_WORKER_FOLDER))


def main(connection_fd: int, lifeline_fd: int) -> None:
    """Serve requests until one says to close, or until the parent is gone."""
    started_ns = time.monotonic_ns()
    serve(begin(connection_fd, lifeline_fd), started_ns)


def begin(connection_fd: int, lifeline_fd: int) -> socket.socket:
    """Be a process that ends with its parent and says where it hangs; the socket to talk over."""
    for descriptor in (connection_fd, lifeline_fd):
        os.set_inheritable(descriptor, False)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    threading.Thread(target=_end_with_parent, args=(lifeline_fd,), daemon=True).start()
    return socket.socket(fileno=connection_fd)


def serve(connection: socket.socket, started_ns: int) -> None:
    """Answer requests until one says to close, or until the other end is gone.

    `started_ns` is when code of the plugin began to run here, on time.monotonic_ns.
    """
    child = WorkerChild(started_ns)
    try:
        while not child.closed:
            request = protocol.receive_request(connection)
            protocol.send_body(connection, encode_answer(child.answer, request))
    except (EOFError, OSError):
        child.close()


def encode_answer(answer: Callable[[Any], protocol.Message], request: protocol.Message) -> bytes:
    """The reply to a request, encoded: what it raises is a reply, too."""
    try:
        return protocol.encode(answer(request))
    except Exception as error:
        return encode_failure(error)


def encode_failure(error: Exception) -> bytes:
    """An error as a reply, encoded."""
    return protocol.encode(_failure_reply(error))


def _end_with_parent(lifeline_fd: int) -> None:
    """End this process group once the parent is gone, whatever the target is doing."""
    while os.read(lifeline_fd, 1):
        continue
    os.killpg(0, signal.SIGKILL)


class WorkerChild:
    """What answers the requests of `protocol`."""

    def __init__(self, started_ns: int) -> None:
        self._started_ns = started_ns
        self._adapter: adapter.PythonAdapter | ServerAdapter | None = None
        self._tree: source_tree.Tree | None = None
        self._module = ""
        self._profiles: session_profiles.SessionProfiles | None = None
        self.closed = False

    def answer(self, request: protocol.Request) -> protocol.Reply:
        """Do what is asked for. What the target raises goes on."""
        match request:
            case protocol.OpenRequest():
                return self._open(request)
            case protocol.ConnectRequest():
                return self._connect(request)
            case protocol.WarmRequest():
                self.open_adapter.warm()
                return protocol.DoneReply()
            case protocol.RecordRequest():
                recording = self.open_adapter.record(request.text, request.mode)
                return protocol.RecordedReply(recording=recording)
            case protocol.InspectRequest():
                self._check_origin()
                return protocol.InspectedReply(
                    placement=self.open_adapter.placement(),
                    cost=cost(),
                    tracers=tracing.tracers(),
                    profiles=self._end_profiles(),
                )
            case protocol.CloseRequest():
                self.close()
                return protocol.DoneReply()

    def close(self) -> None:
        """Close the target; safe to call twice."""
        self.closed = True
        if self._adapter is not None:
            self._adapter.close()
            self._adapter = None

    @property
    def open_adapter(self) -> adapter.PythonAdapter | ServerAdapter:
        """The target, once it is open."""
        if self._adapter is None:
            raise RuntimeError("the worker was asked for something before its target was open")
        return self._adapter

    def _check_origin(self) -> None:
        """Raise WrongTree if code of another version was imported, also after the opening."""
        if self._tree is not None:
            source_tree.verify_origin(self._tree, self._module)

    def _profile_into(self, folder: Path) -> None:
        """Have all sessions of ONNX Runtime profiled that are opened from now on."""
        from pytest_ttsperf.targets.worker import session_profiles

        self._profiles = session_profiles.SessionProfiles(folder)
        self._profiles.install()

    def _end_profiles(self) -> tuple[SessionProfile, ...]:
        return () if self._profiles is None else self._profiles.finish()

    def _connect(self, request: protocol.ConnectRequest) -> protocol.OpenedReply:
        from pytest_ttsperf.targets.server import adapter as server_adapter

        secrets.remember(request.spec, request.options)
        self._adapter = server_adapter.open_adapter(
            request.spec,
            request.options,
            request.available,
            request.requested,
            patience_s=request.patience_s,
        )
        _, target_warnings = self._adapter.opening_spans()
        ready = TargetInfo(
            pid=None,
            sample_rate=self._adapter.sample_rate,
            is_rate_supposed=self._adapter.is_rate_supposed,
            placement=self._adapter.placement(),
            target_warnings=target_warnings,
            tracers=tracing.tracers(),
        )
        return protocol.OpenedReply(ready=ready)

    def _open(self, request: protocol.OpenRequest) -> protocol.OpenedReply:
        secrets.remember(request.spec, request.options)
        spec = targets_spec.resolve(request.spec)
        self._tree = request.tree
        self._module = spec.partition(":")[0]
        sys.path[:] = _search_path(request)
        if request.profile_folder is not None:
            self._profile_into(request.profile_folder)
        begin_ns = time.monotonic_ns()
        found = adapter.find_callable(spec)
        imported_ns = time.monotonic_ns()
        opened = adapter.open_adapter(
            found,
            spec,
            targets_spec.resolve_options(request.options),
            request.available,
            request.requested,
        )
        opened_ns = time.monotonic_ns()
        self._adapter = opened
        self._check_origin()
        to_recorder_clock_ns = time.perf_counter_ns() - time.monotonic_ns()
        ready = opened.describe_opening(
            phases_ms={
                "process": (self._started_ns - request.spawned_ns) / 1e6,
                "import": (imported_ns - begin_ns) / 1e6,
                "open": (opened_ns - imported_ns) / 1e6,
                "ready": (opened_ns - request.spawned_ns) / 1e6,
            },
            process_ns=request.spawned_ns + to_recorder_clock_ns,
        )
        return protocol.OpenedReply(ready=ready)


def _search_path(request: protocol.OpenRequest) -> list[str]:
    """Where this process looks for modules: all that its parent searches is among it."""
    here = list(sys.path)
    there = list(map(os.fsdecode, request.sys_path))
    if request.tree is not None:
        return source_tree.import_paths(request.tree, [*here, *there])
    if set(here) <= set(there):
        return there  # in the parent's order, which may matter
    return [*(entry for entry in there if entry not in here), *here]


def _failure_reply(error: Exception) -> protocol.FailedReply:
    """The error with its traceback, which starts at the target's own first frame."""
    frames = error.__traceback__
    while frames is not None and _is_plugin_code(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    error = error.with_traceback(frames or error.__traceback__)
    return protocol.FailedReply(
        kinds=tuple(kind.__name__ for kind in type(error).__mro__),
        message=str(error),
        traceback="".join(traceback.format_exception(error)),
    )


def _is_plugin_code(file: str) -> bool:
    return file.startswith(_PLUGIN_FOLDER)
