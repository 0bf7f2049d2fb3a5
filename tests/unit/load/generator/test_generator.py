"""The generator against real targets, each in processes of its own: what it sends, and what comes.

Windows are short here; nobody reads how fast anything was.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import psutil
import pytest
from msgspec import structs

from pytest_ttsperf.errors import TargetCrashed, TargetTimeout
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.load import traces
from pytest_ttsperf.load.generator.null import measure_null_rate
from pytest_ttsperf.load.generator.parent import LoadGenerator, RequestRecord, WindowRecord
from pytest_ttsperf.load.traces import WindowPlan, draw_trace
from pytest_ttsperf.measure import corpus
from pytest_ttsperf.metrics import playback
from pytest_ttsperf.metrics.audio import to_samples
from pytest_ttsperf.records import LoadSpec, TargetSpec, Trace
from tests.plugin import speech_server
from tests.unit.targets.server.test_wyoming import SOUND, Server, spoken

pytestmark = pytest.mark.starts

ROOT = Path(__file__).resolve().parents[4]
TEXTS = corpus.texts("short", 40)
PLAN = WindowPlan(lead_s=0.1, counted_s=0.9, least_requests=1)
LONGER = WindowPlan(lead_s=0.1, counted_s=1.4, least_requests=1)
GREEDY = LoadSpec(listeners=3, pace="greedy")
TURNS = 3
"""Of each greedy listener: each asks again, and some hang up."""
RATE = 24_000
CHUNK = 2400

ENGINES = f'''
import asyncio, os, threading, time
import numpy as np

CHUNK = {CHUNK}

def chunk(text):
    """So loud that it shows which text it is of."""
    return np.full(CHUNK, len(text) / 1000, np.float32)

class Stream:
    """Tells its own stages: the length of its text, and how many streams there were at once."""
    def __init__(self, engine, text):
        self.engine, self.text, self.spans, self.left = engine, text, [], 5
        with engine.lock:
            engine.open_streams += 1
    def __iter__(self):
        return self
    def __next__(self):
        if not self.left:
            self.end()
            raise StopIteration
        self.left -= 1
        start = time.perf_counter_ns()
        time.sleep(self.engine.chunk_s)
        self.spans.append((f"at once {{self.engine.open_streams}}", len(self.text), start,
                           time.perf_counter_ns()))
        return chunk(self.text)
    def end(self):
        with self.engine.lock:
            self.engine.open_streams -= 1
    def close(self):
        self.end()
        self.engine.closed += 1
    def stages(self):
        return [*self.spans, (f"pid {{os.getpid()}}", 0, 1, 2),
                (f"closed {{self.engine.closed}}", 0, 1, 2)]

class Telling:
    sample_rate = {RATE}
    def __init__(self, chunk_s=0.01):
        self.chunk_s, self.open_streams, self.closed = chunk_s, 0, 0
        self.lock = threading.Lock()
    def stream(self, text):
        return Stream(self, text)
    def stages(self):
        return [("of which stream?", -1, 1, 2)]

class Awaited:
    sample_rate = {RATE}
    def __init__(self):
        self.closed = 0
    async def stream(self, text):
        try:
            for _ in range(5):
                await asyncio.sleep(60 if text.startswith("hang") else 0.01)
                yield chunk(text)
        except GeneratorExit:
            self.closed += 1
            raise

class Moody:
    sample_rate = {RATE}
    def stream(self, text):
        if text.startswith("hang"):
            time.sleep(60)
        if text.startswith("die"):
            os._exit(3)
        if text.startswith("fail"):
            raise ValueError("no such word")
        yield chunk(text)
'''


@pytest.fixture(autouse=True)
def _quick_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """All listeners of a closed loop are at work within a tenth of the time."""
    monkeypatch.setattr(traces, "FIRST_S", 0.1)


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The module of the engines, which can be imported."""
    (tmp_path / "crowd_engines.py").write_text(ENGINES)
    monkeypatch.syspath_prepend(tmp_path)
    return "crowd_engines"


def start_server(module: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", module], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    return process, f"http://127.0.0.1:{int(process.stdout.readline())}"


@contextlib.contextmanager
def run_moody() -> Iterator[tuple[subprocess.Popen[str], str]]:
    process, base = start_server("tests.unit.load.generator.moody_server")
    yield process, base
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def moody() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """One for all that leave it as it is."""
    with run_moody() as server:
        yield server


@pytest.fixture
def fresh_moody() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """For whoever ends it, or counts its connections."""
    with run_moody() as server:
        yield server


def source_of(spec: str, /, timeout_s: float = 20.0, **options: Any) -> TargetFactory:
    return TargetFactory(TargetSpec(spec=spec, options=options), timeout_s=timeout_s)


def run(
    source: TargetFactory,
    load: LoadSpec,
    texts: Sequence[str] = TEXTS,
    plan: WindowPlan = PLAN,
    mode: Any = "stream",
) -> WindowRecord:
    with LoadGenerator(source, load, mode) as generator:
        generator.open()
        trace = draw_trace(load, texts, seed=5, plan=plan)
        if load.pace == "greedy":
            trace = draw_turns(load, texts)
        return generator.run_window(trace, lambda _: None)


def draw_turns(load: LoadSpec, texts: Sequence[str] = TEXTS) -> Trace:
    """Some requests of each listener of a closed loop, however long a busy machine takes."""
    trace = draw_trace(load, texts, seed=5, plan=PLAN)
    first = trace.requests[: TURNS * (load.listeners or 0)]
    return structs.replace(trace, requests=first, is_repeated=False)


@contextlib.contextmanager
def opened_to_be_timed(
    source: TargetFactory, load: LoadSpec, timeout_s: float
) -> Iterator[LoadGenerator]:
    """Opened with as much time as a busy machine needs for it; then answers have so much."""
    with LoadGenerator(source, load, "stream") as generator:
        generator.open()
        generator._source = replace(source, timeout_s=timeout_s)
        yield generator


def ends(record: WindowRecord) -> Counter[tuple[str, str | None]]:
    return Counter((each.load.ended, each.load.failure) for each in record.requests)


def require_all_answered(record: WindowRecord, least: int = 5) -> None:
    assert set(ends(record)) == {("answered", None)}
    assert len(record.requests) >= least


def require_own_text(request: RequestRecord) -> None:
    """Its recording is of its text, whole and alone."""
    assert request.recording is not None
    level = len(request.request.text) / 1000
    np.testing.assert_allclose(to_samples(request.recording), level, rtol=1e-5)


def stages_of(record: WindowRecord, beginning: str) -> set[str]:
    found = set()
    for request in record.requests:
        assert request.recording is not None
        for span in request.recording.spans:
            if span.stage.startswith(beginning):
                found.add(span.stage.removeprefix(beginning))
    return found


# Imported engines


def test_an_engine_is_called_by_all_listeners_at_once(engines: str) -> None:
    record = run(source_of(f"{engines}:Telling"), GREEDY)
    require_all_answered(record)
    assert {each.load.listener for each in record.requests} == {0, 1, 2}
    for request in record.requests:
        require_own_text(request)
        recording = request.recording
        assert recording is not None
        assert recording.frame_counts == (CHUNK,) * 5
        assert recording.request_ns == request.load.scheduled_ns
        assert recording.cpu_ns is None
        assert recording.end_ns == request.load.end_ns
        assert {span.chunk for span in recording.spans[:5]} == {len(request.request.text)}
    assert "3" in stages_of(record, "at once ")


def test_an_engine_is_spread_over_processes(engines: str) -> None:
    load = LoadSpec(listeners=4, pace="greedy", processes=2)
    with LoadGenerator(source_of(f"{engines}:Telling"), load, "stream") as generator:
        generator.open()
        assert len(generator.target_pids) == 2
        assert generator.target_pid is None
        record = generator.run_window(draw_turns(load), lambda _: None)
        pids = generator.target_pids
    require_all_answered(record)
    assert stages_of(record, "pid ") == {str(pid) for pid in pids}
    assert {each.load.listener for each in record.requests} == {0, 1, 2, 3}
    assert "3" not in stages_of(record, "at once ")
    assert not any(map(psutil.pid_exists, pids))


def test_an_engine_that_is_awaited_serves_all_in_its_loop(engines: str) -> None:
    record = run(source_of(f"{engines}:Awaited"), GREEDY)
    require_all_answered(record)
    for request in record.requests:
        require_own_text(request)
    overlaps = [
        after.load.scheduled_ns < (before.load.end_ns or 0)
        for before, after in pairwise(record.requests)
    ]
    assert sum(overlaps) > len(overlaps) / 2


@pytest.mark.parametrize("name", ["Telling", "Awaited"])
@pytest.mark.parametrize("load", [GREEDY, LoadSpec(rate=15.0)])
def test_listeners_hang_up(engines: str, name: str, load: LoadSpec) -> None:
    load = LoadSpec(listeners=load.listeners, rate=load.rate, pace=load.pace, hangs_up=True)
    record = run(source_of(f"{engines}:{name}"), load)
    assert set(ends(record)) == {("answered", None), ("hung_up", None)}
    for request in record.requests:
        require_own_text(request)
        assert request.recording is not None
        chunks = len(request.recording.arrivals_ns)
        if request.load.ended == "hung_up":
            assert chunks == request.load.hang_up_after
        else:
            assert chunks == 5


def test_an_engine_is_asked_to_stop(engines: str) -> None:
    record = run(source_of(f"{engines}:Telling"), LoadSpec(rate=15.0, hangs_up=True))
    cut = ends(record)["hung_up", None]
    assert cut >= 3
    assert max(map(int, stages_of(record, "closed "))) == cut


def test_a_patient_listener_asks_when_the_answer_was_played(engines: str) -> None:
    """Half a second of sound each; the next is due when it is over, whoever sends it when."""
    record = run(source_of(f"{engines}:Telling"), LoadSpec(listeners=1), plan=LONGER)
    first, second, *_ = record.requests
    assert first.recording is not None
    played_ns = first.recording.arrivals_ns[0] + 5 * CHUNK * 10**9 // RATE
    assert second.load.scheduled_ns == played_ns


def test_as_a_whole_an_answer_is_one_chunk(engines: str) -> None:
    record = run(source_of(f"{engines}:Telling"), GREEDY, mode="nonstream")
    require_all_answered(record)
    for request in record.requests:
        require_own_text(request)
        assert request.recording is not None
        assert request.recording.frame_counts == (5 * CHUNK,)


def test_an_error_of_an_engine_ends_one_request(engines: str) -> None:
    record = run(source_of(f"{engines}:Moody"), LoadSpec(rate=20.0), ["fail here", "all is well"])
    assert set(ends(record)) == {("answered", None), ("failed", "ValueError")}
    failed = [each for each in record.requests if each.load.ended == "failed"]
    assert all(each.error == "no such word" and each.recording is None for each in failed)


def test_an_engine_that_dies_under_load_is_an_error(engines: str) -> None:
    with pytest.raises(TargetCrashed, match="exit code 3"):
        run(source_of(f"{engines}:Moody"), LoadSpec(rate=20.0), ["die now", "all is well"])


def test_an_engine_that_hangs_is_an_error_and_is_ended(engines: str) -> None:
    load = LoadSpec(rate=20.0)
    with opened_to_be_timed(source_of(f"{engines}:Moody"), load, 0.5) as generator:
        pid = generator.target_pid
        assert pid is not None
        trace = draw_trace(load, ["hang now", "all is well"], seed=5, plan=PLAN)
        with pytest.raises(TargetTimeout, match=r"did not end within 0\.5 s"):
            generator.run_window(trace, lambda _: None)
        assert not psutil.pid_exists(pid)


def test_a_task_that_hangs_ends_by_itself(engines: str) -> None:
    load = LoadSpec(rate=20.0)
    with opened_to_be_timed(source_of(f"{engines}:Awaited"), load, 0.5) as generator:
        trace = draw_trace(load, ["hang now", "all is well"], seed=5, plan=PLAN)
        record = generator.run_window(trace, lambda _: None)
    assert set(ends(record)) == {("answered", None), ("failed", "TargetTimeout")}


def test_windows_follow_one_another_and_loads_may_change(engines: str) -> None:
    with LoadGenerator(source_of(f"{engines}:Telling"), GREEDY, "stream") as generator:
        ready = generator.open()
        assert generator.target_pid == ready.pid
        alone = generator.record(TEXTS[0])
        trace = draw_trace(GREEDY, TEXTS, seed=5, plan=PLAN)
        seconds: list[float] = []
        first = generator.run_window(trace, seconds.append)
        load = LoadSpec(rate=10.0)
        generator.change_load(load)
        second = generator.run_window(draw_trace(load, TEXTS, seed=5, plan=PLAN), seconds.append)
        assert generator.close() is None
    assert sum(alone.frame_counts) == 5 * CHUNK
    assert {each.load.window for each in first.requests} == {0}
    assert {each.load.window for each in second.requests} == {1}
    assert len(second.requests) == len(second.trace.requests)
    assert second.begun_ns > first.begun_ns
    assert len(seconds) >= 4


def test_what_is_due_is_in_the_order_of_the_trace(engines: str) -> None:
    load = LoadSpec(rate=15.0, arrivals="constant")
    record = run(source_of(f"{engines}:Telling"), load)
    offered = [each.at_ns for each in record.trace.requests]
    due = [each.load.scheduled_ns - record.begun_ns for each in record.requests]
    assert due == offered
    assert record.health.sends == len(offered)
    assert record.health.lateness_max_ms is not None
    assert record.health.cpu_share is None


# Servers


def whole_frames(text: str) -> int:
    return RATE * len(text) // 15


@pytest.mark.parametrize("way", ["pcm", "wav", "mp3"])
def test_a_server_answers_all_listeners_with_their_own_text(
    moody: tuple[subprocess.Popen[str], str], way: str
) -> None:
    process, base = moody
    with LoadGenerator(source_of(f"{base}/{way}"), GREEDY, "stream") as generator:
        ready = generator.open()
        assert ready.pid == generator.target_pid == process.pid
        record = generator.run_window(draw_turns(GREEDY), lambda _: None)
    require_all_answered(record)
    for request in record.requests:
        assert request.recording is not None
        frames = sum(request.recording.frame_counts)
        assert frames == pytest.approx(whole_frames(request.request.text), rel=0.05)
        assert request.recording.request_ns == request.load.scheduled_ns
        assert "http.wait" in {span.stage for span in request.recording.spans}
    assert record.health.cpu_share is not None
    assert record.health.loop_lag_p99_ms is not None


@pytest.mark.parametrize("way", ["pcm", "wav", "mp3"])
def test_a_patient_listener_knows_how_long_an_answer_of_a_server_sounds(
    moody: tuple[subprocess.Popen[str], str], way: str
) -> None:
    """By its bytes, or of a compressed one by its decoder: as the player that judges has it."""
    _, base = moody
    record = run(source_of(f"{base}/{way}"), LoadSpec(listeners=2), ["Seven", "signs"], LONGER)
    require_all_answered(record, least=4)
    for listener in (0, 1):
        first, second = [each for each in record.requests if each.load.listener == listener][:2]
        assert first.recording is not None
        played = playback.play(first.recording)
        assert played.start_ns is not None
        assert played.stall_ms is not None
        sound_s = sum(first.recording.frame_counts) / first.recording.sample_rate
        waited_s = (second.load.scheduled_ns - played.start_ns) / 1e9
        assert waited_s == pytest.approx(sound_s + played.stall_ms / 1e3, rel=0.1)


@pytest.mark.parametrize("connection", ["keep", "fresh"])
def test_connections_are_as_the_target_says(
    fresh_moody: tuple[subprocess.Popen[str], str], connection: str
) -> None:
    _, base = fresh_moody
    record = run(source_of(base, connection=connection), GREEDY)
    require_all_answered(record)
    with urlopen(f"{base}/told") as answer:
        connections = json.load(answer)["connections"]
    if connection == "keep":
        assert connections <= 3 + 3  # two of the opening, and that of this question
    else:
        assert connections > len(record.requests)


def test_refusals_breaks_and_hangs_end_one_request_each(
    moody: tuple[subprocess.Popen[str], str],
) -> None:
    _, base = moody
    texts = ["refuse this text", "break this text off", "hang over this text", "speak this text"]
    load = LoadSpec(rate=25.0)
    with opened_to_be_timed(source_of(base), load, 1.0) as generator:
        trace = draw_trace(load, texts, seed=5, plan=PLAN)
        record = generator.run_window(trace, lambda _: None)
    assert set(ends(record)) == {
        ("answered", None),
        ("refused", "HTTP 503"),
        ("failed", "IncompleteRead"),
        ("failed", "TargetTimeout"),
    }
    for request in record.requests:
        mood = request.request.text.split()[0]
        assert (request.load.ended == "answered") == (mood == "speak")
        assert (request.error is None) == (mood == "speak")
        assert request.load.sent_ns is not None


def test_a_server_that_is_gone_is_an_error(
    fresh_moody: tuple[subprocess.Popen[str], str],
) -> None:
    process, base = fresh_moody
    texts = ["die of this text", "speak this text", "and this one", "and this"]
    with pytest.raises(TargetCrashed, match=f"process {process.pid} before, none to be found now"):
        run(source_of(base), LoadSpec(rate=20.0), texts)


MOODY_PROGRAM = f"{shlex.quote(sys.executable)} -m tests.unit.load.generator.moody_server {{port}}"


def test_a_server_is_started_for_its_target_and_ends_with_it() -> None:
    source = source_of("http://127.0.0.1:{port}", start=MOODY_PROGRAM)
    pids = []
    for _ in range(2):
        with LoadGenerator(source, GREEDY, "stream") as generator:
            ready = generator.open()
            require_all_answered(generator.run_window(draw_turns(GREEDY), lambda _: None))
            assert generator.target_pid == ready.pid
            assert psutil.Process(ready.pid).cmdline()[-1].isdecimal()
        assert not psutil.pid_exists(ready.pid or 0)
        pids.append(ready.pid)
    assert len(set(pids)) == 2


def test_a_server_that_was_started_and_ends_under_load_says_how() -> None:
    source = source_of("http://127.0.0.1:{port}", start=MOODY_PROGRAM)
    texts = ["die of this text", "speak this text", "and this one", "and this"]
    with pytest.raises(TargetCrashed, match=r"was started for it has ended \(exit code 1\)"):
        run(source, LoadSpec(rate=20.0), texts)


def test_a_server_is_hung_up(moody: tuple[subprocess.Popen[str], str]) -> None:
    _, base = moody
    record = run(source_of(f"{base}/wav"), LoadSpec(rate=20.0, hangs_up=True))
    assert set(ends(record)) == {("answered", None), ("hung_up", None)}
    for request in record.requests:
        assert request.recording is not None
        if request.load.ended == "hung_up":
            assert len(request.recording.arrivals_ns) == request.load.hang_up_after
            assert sum(request.recording.frame_counts) < whole_frames(request.request.text)


def test_too_many_under_way_are_capped(moody: tuple[subprocess.Popen[str], str]) -> None:
    _, base = moody
    record = run(source_of(base), LoadSpec(rate=60.0, most_in_flight=1))
    assert set(ends(record)) == {("answered", None), ("capped", None)}
    assert record.health.sends == ends(record)["answered", None]
    assert len(record.requests) == len(record.trace.requests)


def test_a_server_that_stands_still_hides_nothing(
    fresh_moody: tuple[subprocess.Popen[str], str],
) -> None:
    """It is stopped for 0.7 s: whoever is due in it is sent, and waits for its end.

    A generator that waits for answers would send one request in that time ("coordinated omission").
    """
    process, base = fresh_moody
    load = LoadSpec(rate=20.0, arrivals="constant")
    stopped: list[int] = []

    def stop() -> None:
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)  # on a busy machine a thread may go on for a moment
        stopped.append(time.perf_counter_ns())
        time.sleep(0.7)
        stopped.append(time.perf_counter_ns())
        process.send_signal(signal.SIGCONT)

    with LoadGenerator(source_of(base), load, "stream") as generator:
        generator.open()
        stopper = threading.Timer(0.5, stop)
        stopper.start()
        trace = draw_trace(load, TEXTS, seed=5, plan=LONGER)
        record = generator.run_window(trace, lambda _: None)
        stopper.join()
    begin_ns, end_ns = stopped
    # Who is due at its very end may be sent after it, where the machine is busy.
    late_ns = end_ns - 200_000_000
    within = [each for each in record.requests if begin_ns < each.load.scheduled_ns < late_ns]
    assert len(within) >= 8
    for request in within:
        assert request.recording is not None
        assert request.recording.request_ns == request.load.scheduled_ns
        assert request.recording.arrivals_ns[0] >= end_ns
        assert request.load.sent_ns is not None
        assert request.load.sent_ns < end_ns


def test_a_wyoming_server_answers_all_listeners() -> None:
    server = Server(spoken)
    try:
        record = run(source_of(server.url, quiet=0.05), GREEDY)
        cut = run(source_of(server.url, quiet=0.05), LoadSpec(rate=15.0, hangs_up=True))
    finally:
        server.shutdown()
        server.server_close()
    require_all_answered(record)
    for request in record.requests:
        assert request.recording is not None
        samples = to_samples(request.recording)
        np.testing.assert_array_equal(samples, SOUND.astype(np.float32) / 32768)
    assert set(ends(cut)) == {("answered", None), ("hung_up", None)}


# Programs


def test_each_listener_starts_a_program_of_its_own(tmp_path: Path) -> None:
    sound = tmp_path / "sound.pcm"
    sound.write_bytes(speech_server.tone("twenty letters or so"))
    source = source_of(f"cmd:cat {shlex.quote(str(sound))}", rate=RATE)
    with LoadGenerator(source, GREEDY, "stream") as generator:
        ready = generator.open()
        assert ready.pid is None
        assert ready.pid_missing_because is not None
        assert generator.target_pid is None
        record = generator.run_window(draw_turns(GREEDY), lambda _: None)
        assert generator.inspect().placement is None
    require_all_answered(record)
    for request in record.requests:
        assert request.recording is not None
        assert sum(request.recording.frame_counts) == whole_frames("twenty letters or so")


def test_a_program_is_ended_where_its_listener_hangs_up() -> None:
    """One that writes more than any listener waits for who hangs up."""
    source = source_of("cmd:head -c 600000 /dev/zero", rate=RATE)
    record = run(source, LoadSpec(rate=12.0, hangs_up=True))
    assert ends(record)["hung_up", None] >= 2
    for request in record.requests:
        if request.load.ended == "hung_up":
            assert request.recording is not None
            assert len(request.recording.arrivals_ns) == request.load.hang_up_after


LINES = """
import struct, sys, time
for line in sys.stdin:
    text = line.rstrip("\\n")
    data = struct.pack("<h", len(text)) * 2400
    for _ in range(3):
        time.sleep(0.005)  # else thousands of answers, each of which is decoded
        sys.stdout.buffer.write(struct.pack("<I", len(data)) + data)
        sys.stdout.buffer.flush()
    sys.stdout.buffer.write(struct.pack("<I", 0))
    sys.stdout.buffer.flush()
"""


@pytest.mark.parametrize("hangs_up", [False, True])
def test_each_listener_keeps_a_program_that_lives_on(tmp_path: Path, hangs_up: bool) -> None:
    script = tmp_path / "speak.py"
    script.write_text(LINES)
    command = f"cmd:{shlex.quote(sys.executable)} -S -E {shlex.quote(str(script))}"
    source = source_of(command, protocol="lines", end="length", rate=RATE)
    record = run(source, LoadSpec(listeners=2, pace="greedy", hangs_up=hangs_up))
    expected = {"answered", "hung_up"} if hangs_up else {"answered"}
    assert {each.load.ended for each in record.requests} <= expected
    assert len(record.requests) >= 4
    for request in record.requests:
        assert request.recording is not None
        level = len(request.request.text) / 32768
        np.testing.assert_allclose(to_samples(request.recording), level, rtol=1e-4)


# The generator itself


@pytest.mark.parametrize("spec", ["http://127.0.0.1:1", "nowhere:Engine", "cmd:cat"])
def test_what_the_generator_can_do_is_measured_with_a_target_of_no_work(spec: str) -> None:
    rate = measure_null_rate(LoadSpec(listeners=2), 0.5, source=source_of(spec))
    assert rate > 2


def test_a_callable_of_no_work_costs_less_than_sockets() -> None:
    load = LoadSpec(listeners=2)
    # A callable is measured for a tenth of that: too short, and a busy machine sleeps through it.
    called = measure_null_rate(load, 1.5, source=source_of("nowhere:Engine"))
    assert called > measure_null_rate(load, 0.3)


def test_nothing_is_left_of_a_generator_that_was_interrupted(engines: str) -> None:
    class Stop(BaseException):
        pass

    def interrupt(_: float) -> None:
        raise Stop

    with LoadGenerator(source_of(f"{engines}:Telling"), GREEDY, "stream") as generator:
        pid = generator.open().pid
        assert pid is not None
        trace = draw_trace(GREEDY, TEXTS, seed=5, plan=PLAN)
        with pytest.raises(Stop):
            generator.run_window(trace, interrupt)
        assert not psutil.pid_exists(pid)
    assert os.getpid() != pid


# Our own engine


def test_our_engine_says_the_same_to_a_crowd_as_to_one() -> None:
    """The same text and seed give the same bits, whoever else listens."""
    with LoadGenerator(source_of("engine:Engine"), GREEDY, "stream") as generator:
        generator.open()
        record = generator.run_window(draw_turns(GREEDY), lambda _: None)
        request = record.requests[len(record.requests) // 2]
        alone = generator.record(request.request.text)
    require_all_answered(record)
    assert request.recording is not None
    assert request.recording.pcm == alone.pcm
    stages = {span.stage for span in request.recording.spans}
    assert stages == {span.stage for span in alone.spans}
    assert min(span.start_ns for span in request.recording.spans) >= request.load.scheduled_ns
