"""The generator as its users see it: it opens a target, replays traces, and says how well it did.

Processes of its own send the requests, so that nothing that pytest does delays them: one, or for an
imported engine `load.processes`, over which the listeners are dealt out. The engine lives in these
processes and is called as an application would call it; a server and a program have processes
besides, and then the generator's own CPU time can be told from theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from msgspec import Struct, structs

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import MeasurementError, TargetCrashed
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.load.generator import health, protocol
from pytest_ttsperf.load.generator.health import ProcessHealth
from pytest_ttsperf.measure import corpus
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    GeneratorHealth,
    LoadSpec,
    Mode,
    OfferedRequest,
    Recording,
    TargetInfo,
    Trace,
    TrialLoad,
)
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.base import Inspection, TargetRequest
from pytest_ttsperf.targets.server import started_server
from pytest_ttsperf.targets.server import target as server_target
from pytest_ttsperf.targets.worker import protocol as worker_protocol
from pytest_ttsperf.targets.worker.parent import WorkerTarget

WARM_TEXTS = 4
MOST_IN_FLIGHT = 256
"""Of an open loop that names no number: so many threads stand ready, and as many connections may be
open. A request beyond them is capped, and counted, as it is with a number that was named."""
MOST_PROGRAMS = 16
"""The same for programs, each of which is a process, perhaps with a voice in its memory."""
SETTLE_NS = 50_000_000
"""Between the word to begin and the beginning, so that every process has heard it by then."""
NS_PER_S = 1_000_000_000
SERVERS = ("http", "wyoming")
"""Kinds of targets that are asked over their address."""
WAIT_S = 30.0
"""Beyond the time for an answer: for what all answers together take to be decoded or opened."""


class RequestRecord(Struct, frozen=True, kw_only=True):
    """One request of a window and what came of it."""

    request: OfferedRequest
    load: TrialLoad
    recording: Recording | None
    """With its sound, its `request_ns` being when it was due; None without an answer."""
    error: str | None


class WindowRecord(Struct, frozen=True, kw_only=True):
    """A window as it was recorded."""

    trace: Trace
    begun_ns: int
    """On the clock of all its instants."""
    requests: tuple[RequestRecord, ...]
    """By the instant at which they were due."""
    health: GeneratorHealth


class GeneratorProcess(WorkerTarget):
    """One process of a generator, with its part of the listeners."""

    child_module = "pytest_ttsperf.load.generator.child"

    def __init__(self, request: TargetRequest, kind: str) -> None:
        self.is_of_server = kind in SERVERS
        super().__init__(request, is_client=self.is_of_server)
        self._is_for_programs = kind == "command"

    def _open_request(self, spawned_ns: int) -> worker_protocol.Message:
        if not self._is_for_programs:
            return super()._open_request(spawned_ns)
        request = self._request
        return protocol.OpenProgramsRequest(
            request.spec.spec,
            request.spec.options,
            request.available,
            request.requested,
            timeout_s=request.timeout_s,
        )

    def abandon(self) -> None:
        """End it at once, whatever it is doing."""
        self._end()

    def listen(self, timeout_s: float) -> worker_protocol.Message:
        """What it says next; an error of the target is raised."""
        return self.receive(protocol.REPLIES, timeout_s)


class LoadGenerator:
    """Opens one target and sends it windows of requests; a context manager that closes it.

    Whatever single requests end in, a window is a record of it. Only where the target or its
    process is gone, or an imported engine hangs, an error leaves it: TargetCrashed, TargetTimeout.
    """

    def __init__(
        self,
        source: TargetFactory,
        load: LoadSpec,
        mode: Mode,
        *,
        is_decoded: bool = True,
    ) -> None:
        """MeasurementError for what cannot be loaded in this way.

        Without `is_decoded` answers are no recordings: nobody listens to a target of no work.
        """
        self._source = source
        self._request = source.request
        """As its processes have it: with the address of a server that was started for it."""
        self._server: started_server.StartedServer | None = None
        self._load = load
        self._mode: Mode = mode
        self._kind = targets_spec.kind_of(source.spec.spec).name
        self._is_decoded = is_decoded
        _refuse_unsuited(source, load, self._kind)
        self._processes: list[GeneratorProcess] = []
        self._ready: list[TargetInfo] = []
        self._windows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def change_load(self, load: LoadSpec) -> None:
        """Make another load from now on, on the target that is open: a search does so at each step.

        MeasurementError for one with more or fewer processes.
        """
        _refuse_unsuited(self._source, load, self._kind)
        if load.processes != self._load.processes:
            raise MeasurementError(
                f"found {load.processes} processes for a target that was opened in "
                f"{self._load.processes}, wanted as many; open another generator"
            )
        self._load = load

    def open(self) -> TargetInfo:
        """Open the target and warm it: its own warm-up, then a few texts, one after the other.

        A server that is started for its target is started now. Several processes are opened one
        after the other, so that none disturbs the opening of another; what is returned is of the
        first. TargetError when it does not open.
        """
        self._source.make()  # raises what is wrong with the spec as every other user does
        try:
            self._start_server()
            for _ in range(self._load.processes):
                with started_server.explaining_end(self._server):
                    self._open_process()
        except BaseException:
            self.close()
            raise
        return self._ready[0]

    @property
    def target_pids(self) -> tuple[int, ...]:
        """The tops of the process trees that are the target's: one for each process of an engine.

        Empty where none can be read, and for programs, which come and go.
        """
        pids = [ready.pid for ready in self._ready if ready.pid is not None]
        return tuple(pids)

    @property
    def target_pid(self) -> int | None:
        """The only one of `target_pids`; None where there is none, or there are several."""
        pids = self.target_pids
        if len(pids) != 1:
            return None
        return pids[0]

    def record(self, text: str) -> Recording:
        """One text spoken to a single listener, while nobody else listens."""
        return self._first_process.record(text, self._mode)

    def inspect(self) -> Inspection:
        """Placement and tracers as of now, of the first process."""
        return self._first_process.inspect()

    def run_window(self, trace: Trace, tell: Callable[[float], None]) -> WindowRecord:
        """Replay a trace, follow every request to its end, and decode what came.

        `tell` gets the seconds since the beginning, four times a second, until the last answer has
        ended. TargetCrashed, TargetTimeout: see the class.
        """
        replies: list[protocol.RequestReply] = []
        try:
            self._prepare(trace)
            begun_ns = REAL.perf_counter_ns() + SETTLE_NS
            for process in self._processes:
                process.send(protocol.BeginRequest(begun_ns=begun_ns))
            healths = [
                self._collect(process, trace, replies.append, tell) for process in self._processes
            ]
        except BaseException:  # what they say next would be of this window
            for process in self._processes:
                process.abandon()
            raise
        self._require_server(replies)
        record = WindowRecord(
            trace=trace,
            begun_ns=begun_ns,
            requests=tuple(self._records(replies)),
            health=health.summarise(
                [reply.lateness_ns for reply in replies if reply.lateness_ns is not None],
                healths,
                works_beside_target=self._kind == targets_spec.PYTHON,
            ),
        )
        self._windows += 1
        return record

    def close(self) -> str | None:
        """Close the target, or the connections to it; safe to call twice.

        Returns what was wrong with the closing, if anything was.
        """
        processes, self._processes = self._processes, []
        self._ready = []
        troubles = [process.close() for process in processes]
        server, self._server = self._server, None
        if server is not None:
            troubles.append(server.close())
        return next(filter(None, troubles), None)

    def _start_server(self) -> None:
        if self._kind not in SERVERS:
            return
        self._server = started_server.begin(self._source.request)
        if self._server is not None:
            self._request = self._server.start()

    def _open_process(self) -> None:
        process = GeneratorProcess(self._request, self._kind)
        self._processes.append(process)
        ready = process.open()
        process.warm()
        for text in corpus.warmup_texts("short", WARM_TEXTS):
            process.record(text, self._mode)
        if process.is_of_server:
            owner = server_target.find_server(self._request.spec)
            ready = structs.replace(
                ready,
                pid=owner.pid,
                pid_missing_because=owner.reason,
            )
        if self._kind == "command":
            ready = structs.replace(
                ready,
                pid=None,
                pid_missing_because="each listener has a program of its own, which comes and goes",
            )
        self._ready.append(ready)

    @property
    def _first_process(self) -> GeneratorProcess:
        if not self._processes:
            raise TargetCrashed(f"target {self._source.spec.label} is not open, or was closed")
        return self._processes[0]

    def _prepare(self, trace: Trace) -> None:
        """Have every process ready with its part of the trace, before the first begins."""
        count = len(self._processes)
        parts = deal(trace.requests, count)
        caps = share_out(self._most_in_flight, count)
        for number, process in enumerate(self._processes):
            process.send(
                protocol.PrepareRequest(
                    load=self._load,
                    mode=self._mode,
                    requests=tuple(parts[number]),
                    turn_size=len(trace.requests),
                    most_in_flight=caps[number],
                    closes_ns=int((trace.lead_s + trace.counted_s) * NS_PER_S),
                    is_repeated=trace.is_repeated,
                    timeout_s=self._source.timeout_s,
                    is_telling=number == 0,
                    is_decoded=self._is_decoded,
                )
            )
        wait_s = self._wait_s
        if self._kind == "command":  # each listener may start a program and have it speak
            wait_s *= self._load.listeners or self._most_in_flight
        for process in self._processes:
            process.listen(wait_s)

    @property
    def _most_in_flight(self) -> int:
        if self._load.most_in_flight is not None:
            return self._load.most_in_flight
        return MOST_PROGRAMS if self._kind == "command" else MOST_IN_FLIGHT

    def _collect(
        self,
        process: GeneratorProcess,
        trace: Trace,
        add: Callable[[protocol.RequestReply], None],
        tell: Callable[[float], None],
    ) -> ProcessHealth:
        """All that a process says of a window, to its end."""
        wait_s = self._wait_s + trace.lead_s + trace.counted_s
        while True:
            reply = process.listen(wait_s)
            match reply:
                case protocol.ProgressReply():
                    tell(reply.seconds)
                case protocol.RequestReply():
                    add(reply)
                case protocol.WindowReply():
                    return reply.health

    @property
    def _wait_s(self) -> float:
        """For a word of a process: an answer that takes too long ends at twice its time."""
        return 2 * self._source.timeout_s + WAIT_S

    def _records(self, replies: Sequence[protocol.RequestReply]) -> Iterator[RequestRecord]:
        for reply in sorted(replies, key=lambda each: each.load.scheduled_ns):
            error = reply.error
            if error is not None:
                error = secrets.scrub(error)
            yield RequestRecord(
                request=reply.request,
                load=structs.replace(reply.load, window=self._windows),
                recording=reply.recording,
                error=error,
            )

    def _require_server(self, replies: Sequence[protocol.RequestReply]) -> None:
        """TargetCrashed where requests failed and another process answers by now, or none."""
        has_failures = any(reply.load.ended == "failed" for reply in replies)
        before = self._ready[0].pid
        if not has_failures or before is None or not self._first_process.is_of_server:
            return
        if self._server is not None:
            self._server.refuse_end(started_server.EXIT_S)
        owner = server_target.find_server(self._request.spec)
        if owner.pid != before:
            raise TargetCrashed(
                f"target {self._source.spec.label} ended under this load, or was started anew "
                f"(process {before} before, {owner.pid or 'none to be found'} now); look into its "
                "log"
            )


def _refuse_unsuited(source: TargetFactory, load: LoadSpec, kind: str) -> None:
    if source.inline:
        raise MeasurementError(
            "many listeners are a process of their own; leave out --ttsperf-inline"
        )
    if load.processes < 1:
        raise MeasurementError(f"found processes={load.processes}, wanted at least 1")
    if load.processes > 1 and kind != targets_spec.PYTHON:
        raise MeasurementError(
            f"found processes={load.processes} for {source.spec.shown}, which has processes of its "
            "own; leave processes out, it is for module:callable"
        )
    if load.listeners is not None and load.listeners < load.processes:
        raise MeasurementError(
            f"found {load.listeners} listeners for {load.processes} processes, wanted at least one "
            "each"
        )


def deal(requests: Sequence[OfferedRequest], count: int) -> list[list[OfferedRequest]]:
    """The requests of each of so many processes: a listener stays with one of them."""
    parts: list[list[OfferedRequest]] = [[] for _ in range(count)]
    for request in requests:
        parts[request.listener % count].append(request)
    return parts


def share_out(number: int, count: int) -> list[int]:
    """A number in so many parts that differ by 1 at most; no part is 0."""
    whole, rest = divmod(number, count)
    return [max(1, whole + (place < rest)) for place in range(count)]
