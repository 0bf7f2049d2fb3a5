"""The generator of load beside loadgen, queueing theory, and what stands still for a second.

    python benchmarks/load_oracle.py [--seconds 60] [--only queue] [--loadgen PYTHON]

**Queue.** A server with one place, whose every answer takes 20 ms, gets requests at random at 70 %
of what it can do. Ours sends them in one process, MLPerf's loadgen (scenario `Server`) in another,
each to a fresh server. Both must send as many as were to come, at instants that are as random as
they should be, and see the mean wait that is known of such a queue (M/D/1: rho S / 2 (1 - rho)).
Nobody can see it who waits for an answer before the next request is sent.

**Stopped.** The server is stopped for a second (SIGSTOP) in the midst of a window. Who sends
nothing meanwhile has one long answer; the truth is one for each request that was due, and a sender
that is on time all the same. Then the sender itself is stopped: what was due meanwhile is late, is
said to be late, and its time counts from when it was due ("coordinated omission").

`pip install mlcommons-loadgen` brings loadgen, into any environment; --loadgen names its
interpreter. Exits with 1 where anything is not as it should be.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import math
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pytest_ttsperf.load.generator.parent import WindowRecord

SERVICE_S = 0.02
LOAD = 0.7
"""Of what the server can do."""
RATE = LOAD / SERVICE_S
PIECE = b"\1\0" * 2400
"""A tenth of a second of sound."""
STOP_S = 1.0
STOP_AFTER_S = 5.0
STOPPED_WINDOW_S = 12.0
SENDERS = 64
"""Threads of loadgen's side: more than are ever under way."""
COUNT_SIGMAS = 4.0
WAIT_ERROR = 0.2
"""Of a mean wait, which in so short a time is no surer than that."""
LEAST_P = 0.001
"""Of a test of whether instants are as random as they should be."""
LATE_MS = 5.0


# The server


class Place:
    """One place, first come, first served: each answer takes the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_s = 0.0

    def take(self) -> None:
        """Return when the answer is done."""
        with self._lock:
            start_s = max(self._free_s, time.monotonic())
            self._free_s = start_s + SERVICE_S
            end_s = self._free_s
        time.sleep(max(0.0, end_s - time.monotonic()))


class Handler(BaseHTTPRequestHandler):
    """Answers every POST with the same sound, once its turn is over."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    place = Place()

    def do_POST(self) -> None:
        """Take the place, then answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.place.take()
        self.send_response(200)
        self.send_header("Content-Type", "audio/pcm; rate=24000")
        self.send_header("Content-Length", str(len(PIECE)))
        self.end_headers()
        self.wfile.write(PIECE)

    def do_GET(self) -> None:
        """There is nothing to be read."""
        self.send_error(404)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


class QueueServer(ThreadingHTTPServer):
    """Takes many connections at once."""

    request_queue_size = 512
    daemon_threads = True


def serve() -> None:
    """Print the port, then serve until ended."""
    server = QueueServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


@contextlib.contextmanager
def queue_server() -> Iterator[tuple[int, int]]:
    """A fresh server: its process and its port."""
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


# Those who send


class Sent(NamedTuple):
    """What one of them did: instants and times in seconds, in the order in which it sent."""

    at_s: tuple[float, ...]
    """When each was due, or was sent where nobody says when it was due."""
    latency_s: tuple[float, ...]


def send_ours(port: int, seconds: float) -> Sent:
    """By the product's generator, in an open loop."""
    record = run_window(port, seconds)
    at_s = []
    latency_s = []
    for request in record.requests:
        load = request.load
        if load.ended != "answered" or load.end_ns is None:
            raise SystemExit(f"found a request that {load.ended}: {request.error}")
        at_s.append((load.scheduled_ns - record.begun_ns) / 1e9)
        latency_s.append((load.end_ns - load.scheduled_ns) / 1e9)
    return Sent(tuple(at_s), tuple(latency_s))


def run_window(
    port: int, seconds: float, meanwhile: Callable[[], None] | None = None
) -> WindowRecord:
    """One open-loop window of the product's generator; `meanwhile` runs once it has begun."""
    from pytest_ttsperf.experiment.plan import TargetFactory
    from pytest_ttsperf.load.generator.parent import LoadGenerator
    from pytest_ttsperf.load.traces import WindowPlan, draw_trace
    from pytest_ttsperf.measure import corpus
    from pytest_ttsperf.records import LoadSpec, TargetSpec

    load = LoadSpec(rate=RATE)
    plan = WindowPlan(lead_s=0.0, counted_s=seconds, least_requests=1)
    source = TargetFactory(TargetSpec(spec=f"http://127.0.0.1:{port}"))
    with LoadGenerator(source, load, "stream") as generator:
        generator.open()
        trace = draw_trace(load, corpus.texts("short", 300), seed=int(time.time()), plan=plan)
        thread = None
        if meanwhile is not None:
            thread = threading.Thread(target=meanwhile)
            thread.start()
        record = generator.run_window(trace, lambda _: None)
        if thread is not None:
            thread.join()
    return record


def send_by_loadgen(python: str, port: int, seconds: float) -> Sent | None:
    """By MLPerf's loadgen, in a process of its own; None where it is not installed."""
    command = [python, __file__, "--loadgen-side", str(port), f"--seconds={seconds}"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if "No module named" in done.stderr:
        return None
    if done.returncode:
        raise SystemExit(f"loadgen failed:\n{done.stderr[-2000:]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    return Sent(tuple(answer["at_s"]), tuple(answer["latency_s"]))


class LoadgenSide:
    """What loadgen calls: hands each query to a thread, and says when it is answered."""

    def __init__(self, loadgen: Any, port: int) -> None:
        self._loadgen = loadgen
        self._port = port
        self._inbox: queue.SimpleQueue[tuple[int, float]] = queue.SimpleQueue()
        self.done: list[tuple[float, float]] = []
        """When each was issued, and answered."""
        for _ in range(SENDERS):
            threading.Thread(target=self._send_all, daemon=True).start()

    def issue(self, samples: Sequence[Any]) -> None:
        """Queries that are due now."""
        now_s = time.perf_counter()
        for sample in samples:
            self._inbox.put((sample.id, now_s))

    def _send_all(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        while True:
            number, issued_s = self._inbox.get()
            connection.request("POST", "/v1/audio/speech", b"{}")
            connection.getresponse().read()
            self.done.append((issued_s, time.perf_counter()))
            response = self._loadgen.QuerySampleResponse(number, 0, 0)
            self._loadgen.QuerySamplesComplete([response])


def be_loadgen(port: int, seconds: float) -> None:
    """Run loadgen's scenario `Server`, and print what it did."""
    import mlperf_loadgen as loadgen

    side = LoadgenSide(loadgen, port)
    settings = loadgen.TestSettings()
    settings.scenario = loadgen.TestScenario.Server
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.server_target_qps = RATE
    settings.server_target_latency_ns = int(60e9)
    settings.min_duration_ms = int(1000 * seconds)
    settings.min_query_count = 1
    settings.schedule_rng_seed = int(time.time())
    outputs = loadgen.LogOutputSettings()
    logs = loadgen.LogSettings()
    with tempfile.TemporaryDirectory() as folder:
        outputs.outdir = folder
        outputs.copy_summary_to_stdout = False
        logs.log_output = outputs
        system = loadgen.ConstructSUT(side.issue, lambda: None)
        library = loadgen.ConstructQSL(1024, 1024, lambda _: None, lambda _: None)
        loadgen.StartTestWithLogSettings(system, library, settings, logs)
        loadgen.DestroyQSL(library)
        loadgen.DestroySUT(system)
    ordered = sorted(side.done)
    begun_s = ordered[0][0]
    print(
        json.dumps(
            {
                "at_s": [issued_s - begun_s for issued_s, _ in ordered],
                "latency_s": [answered_s - issued_s for issued_s, answered_s in ordered],
            }
        )
    )


# What is known of such a queue


def wait_s() -> float:
    """Mean time in the queue of M/D/1, after Pollaczek and Khinchine."""
    return LOAD * SERVICE_S / (2 * (1 - LOAD))


class Found(NamedTuple):
    """One sender beside what is known."""

    name: str
    requests: int
    rate: float
    p_random: float
    """Of Kolmogorov and Smirnov: that pauses so distributed are exponential."""
    wait_ms: float
    p95_ms: float


def summarise(name: str, sent: Sent, seconds: float) -> Found:
    """Figures of one sender; the time that an answer takes besides its service is in its wait."""
    import numpy as np
    from scipy import stats

    at_s = np.array([at for at in sent.at_s if at <= seconds])
    pauses = np.diff(at_s)
    test = stats.kstest(pauses, stats.expon(scale=1 / RATE).cdf)
    latency_s = np.array(sent.latency_s)
    return Found(
        name=name,
        requests=len(at_s),
        rate=len(at_s) / seconds,
        p_random=float(test.pvalue),
        wait_ms=1e3 * float(latency_s.mean() - SERVICE_S),
        p95_ms=1e3 * float(np.quantile(latency_s, 0.95)),
    )


def problems_of(found: Found, seconds: float) -> Iterator[str]:
    """What is not as it should be."""
    expected = RATE * seconds
    if abs(found.requests - expected) > COUNT_SIGMAS * math.sqrt(expected):
        yield f"{found.name}: found {found.requests} requests, wanted about {expected:.0f}"
    if found.p_random < LEAST_P:
        yield f"{found.name}: its pauses are not exponential (p = {found.p_random:.1g})"
    if abs(found.wait_ms / (1e3 * wait_s()) - 1) > WAIT_ERROR:
        yield (
            f"{found.name}: found a mean wait of {found.wait_ms:.1f} ms, wanted about "
            f"{1e3 * wait_s():.1f} ms"
        )


def check_queue(seconds: float, python: str) -> list[str]:
    """Ours and loadgen beside queueing theory."""
    rows = []
    with queue_server() as (_, port):
        rows.append(summarise("ours", send_ours(port, seconds), seconds))
    with queue_server() as (_, port):
        sent = send_by_loadgen(python, port, seconds)
    if sent is None:
        print(f"{python} has no mlperf_loadgen: pip install mlcommons-loadgen")
    else:
        rows.append(summarise("loadgen", sent, seconds))
    print("| sender | requests | a second | random, p | mean wait, ms | p95, ms |")
    print("|---|---|---|---|---|---|")
    print(f"| theory | {RATE * seconds:.0f} | {RATE:.1f} | | {1e3 * wait_s():.1f} | |")
    problems: list[str] = []
    for row in rows:
        print(
            f"| {row.name} | {row.requests} | {row.rate:.1f} | {row.p_random:.2f} | "
            f"{row.wait_ms:.1f} | {row.p95_ms:.1f} |"
        )
        problems += problems_of(row, seconds)
    return problems


# Stopped


class Stopped(NamedTuple):
    """What a window shows in the midst of which something stood still for `STOP_S`."""

    longest_ms: float
    long: int
    """Answers that took at least half of it."""
    lateness_p50_ms: float
    lateness_max_ms: float


def stop_meanwhile(pids: Callable[[], Sequence[int]]) -> Callable[[], None]:
    """What stops these processes for a while, some seconds from now."""

    def stop() -> None:
        time.sleep(STOP_AFTER_S)
        stopped = pids()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(STOP_S)
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)

    return stop


def generator_pids() -> list[int]:
    """The processes below this one that send."""
    import psutil

    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any("load.generator.child" in word for word in process.cmdline()):
                found.append(process.pid)
    if not found:
        raise SystemExit("found no process of a generator, wanted the one that sends")
    return found


def read_stopped(record: WindowRecord) -> Stopped:
    """From a window in which all was answered in the end."""
    latencies_ms = []
    for request in record.requests:
        load = request.load
        if load.ended != "answered" or load.end_ns is None:
            raise SystemExit(f"found a request that {load.ended}: {request.error}")
        latencies_ms.append((load.end_ns - load.scheduled_ns) / 1e6)
    return Stopped(
        longest_ms=max(latencies_ms),
        long=sum(latency_ms >= 500 * STOP_S for latency_ms in latencies_ms),
        lateness_p50_ms=record.health.lateness_p50_ms or 0.0,
        lateness_max_ms=record.health.lateness_max_ms or 0.0,
    )


def check_stopped() -> list[str]:
    """The server stopped, and then the sender."""
    problems: list[str] = []
    with queue_server() as (pid, port):
        server = read_stopped(run_window(port, STOPPED_WINDOW_S, stop_meanwhile(lambda: [pid])))
    with queue_server() as (_, port):
        sender = read_stopped(run_window(port, STOPPED_WINDOW_S, stop_meanwhile(generator_pids)))
    # All that was due meanwhile waits longer than half of it: for its end, and for those before.
    least = RATE * STOP_S
    least -= COUNT_SIGMAS * math.sqrt(least)
    print("\n| stopped for 1 s | longest answer, ms | half a second or more | latest send, ms |")
    print("|---|---|---|---|")
    for name, found in (("server", server), ("sender", sender)):
        print(f"| {name} | {found.longest_ms:.0f} | {found.long} | {found.lateness_max_ms:.1f} |")
        if found.longest_ms < 900 * STOP_S:
            problems.append(f"{name} stopped: the longest answer does not show it")
        if found.long < least:
            problems.append(
                f"{name} stopped: found {found.long} long answers, wanted at least {least:.0f}"
            )
    if server.lateness_max_ms > LATE_MS + 500 * STOP_S:
        problems.append("the sender was late because the server stood still")
    if sender.lateness_max_ms < 900 * STOP_S:
        problems.append("the sender stood still and did not say that it was late")
    return problems


def main() -> int:
    """Print both tables; 1 where anything is not as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", choices=("queue", "stopped"))
    parser.add_argument("--loadgen", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--loadgen-side", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return 0
    if options.loadgen_side is not None:
        be_loadgen(options.loadgen_side, options.seconds)
        return 0
    problems = []
    if options.only != "stopped":
        problems += check_queue(options.seconds, options.loadgen)
    if options.only != "queue":
        problems += check_stopped()
    for problem in problems or ["all is as it should be"]:
        print(problem)
    return int(bool(problems))


if __name__ == "__main__":
    raise SystemExit(main())
