"""How many requests a second the generator itself can make: a load beside a target of no work.

What cannot be sent to a target that does nothing cannot be sent to any, so that a rate near this
one is the generator's limit and not the target's (the null system of MLPerf's loadgen).
"""

from __future__ import annotations

import contextlib
import select
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from msgspec import structs

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.load.generator import null_engine, null_server
from pytest_ttsperf.load.generator.parent import LoadGenerator, WindowRecord
from pytest_ttsperf.load.traces import WindowPlan, draw_trace
from pytest_ttsperf.measure import corpus
from pytest_ttsperf.records import LoadSpec, TargetSpec, Trace
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.child_process import ChildProcess, environment

LEAD_S = 0.1
"""Until all are at work: they begin at once."""
CALLABLE_SHARE = 0.1
"""Of the seconds, for a callable: so much more it does in them, and each request is recorded."""
TEXTS = 60
OPEN_LISTENERS = 8
"""That ask greedily in the place of an open loop, whose rate is what is to be found out."""
START_S = 30.0
PORT_BYTES = 64


def measure_null_rate(
    load: LoadSpec,
    seconds: float = 2.0,
    *,
    source: TargetFactory | None = None,
) -> float:
    """Requests a second that a generator for this load gets through, with a target of no work.

    Its listeners ask again at once. By the kind of `source` they ask an HTTP server in a process of
    its own (without one, too: sockets cost most), a callable in their own process, or `cat`; and
    stamp ten chunks of a tenth of a second for each answer. MeasurementError where that fails.
    """
    kind = "http"
    processes = 1
    if source is not None:
        kind = targets_spec.kind_of(source.spec.spec).name
    if kind == targets_spec.PYTHON:
        processes = load.processes
    listeners = load.listeners or max(OPEN_LISTENERS, processes)
    greedy = LoadSpec(listeners=listeners, pace="greedy", processes=processes)
    if kind == targets_spec.PYTHON:
        seconds *= CALLABLE_SHARE
    plan = WindowPlan(lead_s=LEAD_S, counted_s=seconds, least_requests=1)
    trace = draw_trace(greedy, corpus.texts("short", TEXTS), seed=0, plan=plan)
    with _null_target(kind) as spec:
        record = _run(TargetFactory(spec), greedy, _without_delay(trace))
    return _counted(record) / seconds


def _run(source: TargetFactory, load: LoadSpec, trace: Trace) -> WindowRecord:
    with LoadGenerator(source, load, "stream", is_decoded=False) as generator:
        generator.open()
        return generator.run_window(trace, _tell_nobody)


def _without_delay(trace: Trace) -> Trace:
    """The same trace, whose listeners all begin at once."""
    requests = []
    for request in trace.requests:
        if request.at_ns is not None:
            request = structs.replace(request, at_ns=0)
        requests.append(request)
    return structs.replace(trace, requests=tuple(requests))


@contextlib.contextmanager
def _null_target(kind: str) -> Iterator[TargetSpec]:
    """What does nothing, of the kind that costs as much as that of the target."""
    if kind == targets_spec.PYTHON:
        yield TargetSpec(spec=f"{null_engine.__name__}:stream")
    elif kind == "command":
        with tempfile.NamedTemporaryFile(suffix=".pcm") as sound:
            sound.write(null_server.PIECE * null_server.PIECES)
            sound.flush()
            rate = {"rate": null_server.RATE}
            yield TargetSpec(spec=f"cmd:cat {shlex.quote(sound.name)}", options=rate)
    else:
        with _run_server() as port:
            yield TargetSpec(spec=f"http://127.0.0.1:{port}")


@contextlib.contextmanager
def _run_server() -> Iterator[int]:
    """The null server while the block runs; its port."""
    server = ChildProcess(env=environment(), stdout=subprocess.PIPE)
    try:
        server.start([sys.executable, "-P", "-S", str(Path(null_server.__file__))])
        yield _read_port(server)
    finally:
        server.end()


def _read_port(server: ChildProcess) -> int:
    assert server.stdout is not None
    readable = select.poll()
    readable.register(server.stdout, select.POLLIN)
    line = b""
    if readable.poll(START_S * 1e3):
        line = server.stdout.read(PORT_BYTES)
    try:
        return int(line)
    except ValueError as error:
        raise MeasurementError(
            f"found {line!r} from the server that the generator itself is measured with, wanted "
            f"its port; its last words:\n{server.output_tail()}"
        ) from error


def _counted(record: WindowRecord) -> int:
    """Answers to what was due in the counted part. MeasurementError where requests failed."""
    first_ns = record.begun_ns + int(record.trace.lead_s * 1e9)
    count = 0
    for request in record.requests:
        if request.load.ended != "answered":
            raise MeasurementError(
                f"a request of the generator to a target that does nothing {request.load.ended} "
                f"({request.error}); wanted an answer to each"
            )
        if request.load.scheduled_ns >= first_ns:
            count += 1
    return count


def _tell_nobody(_: float) -> None:
    """Nobody watches: it takes a few seconds."""
