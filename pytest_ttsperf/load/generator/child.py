"""A generator's own side: opens the target, or reaches it, and replays its part of a trace.

It is a worker that answers a few requests more, so that a single listener and a crowd reach a
target by the same code. What it sends is stamped here, and decoded once the last answer has ended.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import structs

from pytest_ttsperf.errors import TargetTimeout
from pytest_ttsperf.load.generator import protocol
from pytest_ttsperf.load.generator.channels import Channel, EngineChannel
from pytest_ttsperf.load.generator.health import HealthMonitor, ProcessHealth
from pytest_ttsperf.load.generator.listeners import (
    AwaitedListeners,
    SentRequest,
    ThreadedListeners,
    Window,
    watch,
)
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Mode, Recording, TrialLoad
from pytest_ttsperf.targets.python.adapter import PythonAdapter
from pytest_ttsperf.targets.worker import child as worker_child
from pytest_ttsperf.targets.worker import protocol as worker_protocol

if TYPE_CHECKING:
    from pytest_ttsperf.load.generator.programs import Programs

PRIORITY = -10
"""Niceness of a process that only sends and stamps, so that a server on the same machine does not
hold up what is to measure it; its listeners are elsewhere in life. Where that is not allowed, for
all but root, it competes as any other process, and its lateness says how that went."""
SWITCH_S = 0.0005
"""How long a thread of this process may hold up the others, where no target works in it."""


def main(connection_fd: int, lifeline_fd: int) -> None:
    """Serve requests until one says to close, or until the parent is gone."""
    started_ns = REAL.monotonic_ns()
    serve(worker_child.begin(connection_fd, lifeline_fd), started_ns)


def serve(connection: socket.socket, started_ns: int) -> None:
    """Answer requests until one says to close, or until the other end is gone."""
    child = GeneratorChild(connection, started_ns)
    try:
        while not child.closed:
            request = protocol.receive_request(connection)
            body = worker_child.encode_answer(child.answer_any, request)
            worker_protocol.send_body(connection, body)
    except (EOFError, OSError):
        child.close()


class GeneratorChild(worker_child.WorkerChild):
    """What answers the requests of `protocol`, and those of every worker."""

    def __init__(self, connection: socket.socket, started_ns: int) -> None:
        super().__init__(started_ns)
        self._connection = connection
        self._channels: list[Channel] = []
        self._new_channel: Callable[[Mode], Channel] | None = None
        """None for an imported engine, which all share."""
        self._programs: Programs | None = None
        self._is_alone = False
        """Whether no target works in this process."""
        self._window: Window | None = None
        self._threads: ThreadedListeners | None = None

    def answer_any(self, request: Any) -> worker_protocol.Message:
        """Do what is asked for. What the target raises goes on."""
        match request:
            case protocol.PrepareRequest():
                return self._prepare(request)
            case protocol.BeginRequest():
                return self._run(request.begun_ns)
            case protocol.OpenProgramsRequest():
                return self._open_programs(request)
            case worker_protocol.ConnectRequest():
                return self._open_clients(request)
        if self._programs is not None and not isinstance(request, worker_protocol.CloseRequest):
            return self._programs.answer(request)
        return self.answer(request)

    def close(self) -> None:
        """Close all channels and the target; safe to call twice."""
        for channel in self._channels:
            channel.close()
        self._channels.clear()
        if self._programs is not None:
            self._programs.close()
        super().close()

    # Opening: what an imported engine has no need of is imported late, as it is in this process.

    def _open_programs(self, request: protocol.OpenProgramsRequest) -> worker_protocol.Message:
        from pytest_ttsperf.load.generator.programs import Programs

        self._programs = Programs(request)
        self._new_channel = self._programs.new_channel
        self._be_alone()
        return worker_protocol.OpenedReply(ready=self._programs.open())

    def _open_clients(self, request: worker_protocol.ConnectRequest) -> worker_protocol.Message:
        from pytest_ttsperf.load.generator.servers import Clients
        from pytest_ttsperf.targets.server.adapter import ServerAdapter

        reply = self.answer(request)
        adapter = self.open_adapter
        assert isinstance(adapter, ServerAdapter), adapter
        self._new_channel = Clients(request, adapter).new_channel
        self._be_alone()
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)  # threads have that of who starts them
        return reply

    def _be_alone(self) -> None:
        """Set up the process for its own work, as no target has its ways in it."""
        self._is_alone = True
        sys.setswitchinterval(SWITCH_S)
        gc.freeze()

    # Channels

    def _new_engine_channel(self, mode: Mode) -> EngineChannel:
        adapter = self.open_adapter
        assert isinstance(adapter, PythonAdapter), adapter
        return EngineChannel(adapter, mode)

    def _take_channels(self, mode: Mode, count: int) -> Sequence[Channel]:
        """So many, those of windows before among them: their connections may be open still."""
        new_channel = self._new_channel or self._new_engine_channel
        while len(self._channels) < count:
            self._channels.append(new_channel(mode))
        return self._channels[:count]

    # Windows

    def _prepare(self, plan: protocol.PrepareRequest) -> worker_protocol.DoneReply:
        self._window = Window(plan)
        self._threads = None
        if self._awaited_adapter(plan.mode) is None:
            self._threads = ThreadedListeners(
                self._window,
                lambda count: self._take_channels(plan.mode, count),
            )
        return worker_protocol.DoneReply()

    def _awaited_adapter(self, mode: Mode) -> PythonAdapter | None:
        """The engine, if it is one that has to be awaited."""
        if self._programs is not None:
            return None
        adapter = self.open_adapter
        if isinstance(adapter, PythonAdapter) and adapter.call_of(mode).is_async:
            return adapter
        return None

    def _run(self, begun_ns: int) -> worker_protocol.Message:
        """Replay what was prepared, then report it."""
        window = self._window
        assert window is not None, "no window was prepared"
        window.begun_ns = begun_ns
        monitor = HealthMonitor(window.closes_ns, rests_long=not self._is_alone)
        monitor.start()
        if self._is_alone:  # a collection of garbage holds up all listeners
            gc.disable()
        try:
            if self._threads is not None:
                self._threads.begin()
                watch(window, self._threads.is_busy, self._teller(window))
            else:
                self._run_awaited(window)
        finally:
            health = monitor.stop()
            if self._is_alone:
                gc.enable()
        self._window = None
        self._threads = None
        return self._report(window, health)

    def _run_awaited(self, window: Window) -> None:
        """All in the event loop of the engine, which is this thread's; another one looks on.

        It also has to say it where the engine blocks the loop, as nothing else runs then.
        """
        adapter = self._awaited_adapter(window.plan.mode)
        assert adapter is not None
        over = threading.Event()
        tell = self._teller(window)

        def look_on() -> None:
            try:
                watch(window, lambda: not over.is_set(), tell)
            except TargetTimeout as error:
                self._send(worker_child.encode_failure(error))

        observer = threading.Thread(target=look_on, name="ttsperf observer", daemon=True)
        observer.start()
        try:
            adapter.run(AwaitedListeners(window, EngineChannel(adapter, window.plan.mode)).run())
        finally:
            over.set()
            observer.join()

    def _teller(self, window: Window) -> Callable[[float], None]:
        """What says how far a window is, if this process is to."""

        def tell(seconds: float) -> None:
            if window.plan.is_telling:
                reply = protocol.ProgressReply(seconds=seconds)
                self._send(worker_protocol.encode(reply))

        return tell

    def _report(self, window: Window, health: ProcessHealth) -> protocol.WindowReply:
        """Decode answer by answer and send each on; then all is said."""
        for sent in sorted(window.sent, key=lambda each: each.due_ns):
            recording = self._decode(window, sent)
            reply = _to_reply(sent, recording)
            self._send(worker_protocol.encode(reply))
            sent.answer = None
        return protocol.WindowReply(health=health)

    def _decode(self, window: Window, sent: SentRequest) -> Recording | None:
        """The recording of an answer, its request where it was due; what is no sound has failed."""
        answer = sent.answer
        if answer is None or sent.channel is None or not window.plan.is_decoded:
            return None
        try:
            recording = answer.recording or sent.channel.decode(answer)
        except Exception as error:
            sent.error = error
            return None
        return structs.replace(recording, request_ns=sent.due_ns)

    def _send(self, body: bytes) -> None:
        worker_protocol.send_body(self._connection, body)


def _to_reply(sent: SentRequest, recording: Recording | None) -> protocol.RequestReply:
    error = sent.error
    message = None
    if error is not None:
        message = str(error) or type(error).__name__
    return protocol.RequestReply(
        request=sent.request,
        load=TrialLoad(
            window=0,
            listener=sent.request.listener,
            scheduled_ns=sent.due_ns,
            sent_ns=sent.sent_ns,
            end_ns=sent.end_ns,
            ended=sent.ended,
            failure=sent.failure,
            hang_up_after=sent.request.hang_up_after,
        ),
        recording=recording,
        error=message,
        lateness_ns=sent.lateness_ns,
    )
