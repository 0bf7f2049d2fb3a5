"""What follows a hang-up: judged on records, and measured of targets that stop, and that do not."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment.plan import Plan, Progress, TargetFactory
from pytest_ttsperf.judge.limits import Looks
from pytest_ttsperf.load import barge_in, hang_ups
from pytest_ttsperf.load import cell as load_cell
from pytest_ttsperf.load.cell import LoadPlan
from pytest_ttsperf.load.generator.parent import LoadGenerator
from pytest_ttsperf.records import (
    BargeIn,
    CellResult,
    LoadSpec,
    Mode,
    Outcome,
    RequestEnd,
    TargetSpec,
    Threshold,
    Trace,
)
from tests.unit.load import factories

STOP = Threshold(
    marker="barge_in", keyword="stop_p95_ms", metric="barge_in_stop_ms", statistic="p95", limit=50
)
NEXT = Threshold(
    marker="barge_in",
    keyword="next_ttfa",
    metric="barge_in_next_ttfa",
    statistic="value",
    limit=0.1,
)
IDLE_MS = tuple(20.0 + index % 3 for index in range(20))


def stopping(*stops_ms: float | None) -> BargeIn:
    return barge_in.summarise(BargeIn(hang_ups=len(stops_ms), stops_ms=stops_ms))


def following(factor: float, spread: float = 0.05, failed: int = 0) -> BargeIn:
    """First sounds that come so many times as late as those of an idle target."""
    next_ms = []
    for index, idle_ms in enumerate(IDLE_MS):
        next_ms.append(idle_ms * factor * math.exp(spread * (-1) ** index))
    return barge_in.summarise(
        BargeIn(hang_ups=40, failed=failed, next_ttfas_ms=tuple(next_ms), idle_ttfas_ms=IDLE_MS)
    )


@pytest.mark.parametrize(
    ("stops_ms", "outcome"),
    [
        ((8.0,) * 60, Outcome.PASS),
        ((8.0,) * 12, Outcome.INCONCLUSIVE),
        ((80.0,) * 60, Outcome.FAIL),
        ((8.0, 8.0, None) * 20, Outcome.FAIL),
    ],
)
def test_stops_are_judged_by_their_p95(
    stops_ms: tuple[float | None, ...], outcome: Outcome
) -> None:
    assert barge_in.judge(stopping(*stops_ms), STOP).outcome is outcome


@pytest.mark.parametrize(
    ("factor", "spread", "outcome"),
    [
        (1.0, 0.05, Outcome.PASS),
        (0.7, 0.05, Outcome.PASS),
        (1.5, 0.05, Outcome.FAIL),
        (1.1, 0.05, Outcome.INCONCLUSIVE),
        (1.0, 0.6, Outcome.INCONCLUSIVE),
    ],
)
def test_the_next_first_sound_is_judged_by_pairs(
    factor: float, spread: float, outcome: Outcome
) -> None:
    assert barge_in.judge(following(factor, spread), NEXT).outcome is outcome


def test_a_failure_says_both_times_and_the_limit() -> None:
    verdict = barge_in.judge(following(1.5), NEXT)
    assert "that of an idle target after 21 ms (+50 %, surely at least" in verdict.reason
    assert "limit +10 %" in verdict.reason
    assert verdict.value == pytest.approx(0.5, abs=0.01)


def test_requests_that_fail_after_a_hang_up_fail_the_limit() -> None:
    verdict = barge_in.judge(following(1.0, failed=2), NEXT)
    assert verdict.outcome is Outcome.FAIL
    assert "2 requests failed" in verdict.reason


@pytest.mark.parametrize("limit", [STOP, NEXT])
@pytest.mark.parametrize("found", [None, BargeIn(hang_ups=0, reason="no tree to be read")])
def test_what_was_not_measured_fails(found: BargeIn | None, limit: Threshold) -> None:
    verdict = barge_in.judge(found, limit)
    assert verdict.outcome is Outcome.FAIL
    assert "not measured" in verdict.reason


def test_announced_reruns_share_the_error_and_are_watched_for_longer() -> None:
    stops = stopping(*[8.0] * 60)
    twice = Looks(announced=2)
    assert barge_in.judge(stops, STOP, twice).outcome is Outcome.INCONCLUSIVE
    enough = barge_in._hang_ups_to_watch(2)
    assert enough > barge_in._hang_ups_to_watch(1) == barge_in.WATCHED
    assert barge_in.judge(stopping(*[8.0] * enough), STOP, twice).outcome is Outcome.PASS
    spent = barge_in.judge(following(1.0), NEXT, Looks(announced=1, earlier=1))
    assert spent.outcome is Outcome.INCONCLUSIVE
    assert "rerun was announced" in spent.reason
    assert spent.bound is None
    late = barge_in.judge(following(1.5), NEXT, Looks(announced=1, earlier=1))
    assert late.outcome is Outcome.FAIL


def test_percentiles_that_rest_on_work_without_an_end_are_none() -> None:
    found = stopping(*[8.0] * 9, None)
    assert found.stop_p50_ms == 8.0
    assert found.stop_p95_ms is None


def plan_of(mode: Mode = "stream") -> LoadPlan:
    load = LoadSpec(listeners=1, hangs_up=True)
    return LoadPlan(Plan("test", "short", mode, "warm", 59), load)


class ScriptedGenerator:
    """In the place of a `LoadGenerator` of a target whose processes cannot be read.

    Of each window the answer to its first request ends as it is scripted, and the others whole.
    """

    target_pids = ()

    def __init__(self, *ends: RequestEnd) -> None:
        self._ends = list(ends)
        self.traces: list[Trace] = []

    def run_window(self, trace: Trace, tell: Any) -> Any:
        self.traces.append(trace)
        requests = []
        for offered in trace.requests:
            ended: RequestEnd = "answered"
            if offered.hang_up_after is not None:
                ended = self._ends.pop(0)
            requests.append(
                factories.request(
                    float(offered.index), index=offered.index, text=offered.text, ended=ended
                )
            )
        return factories.window_record(requests, lead_s=0.0, counted_s=0.0)


def pairs_of(*ends: RequestEnd) -> tuple[barge_in._BargeInRun, ScriptedGenerator]:
    """One pair is measured; so do the answers end that are to be hung up."""
    generator = ScriptedGenerator(*ends)
    run = barge_in._BargeInRun(cast("LoadGenerator", generator), plan_of(), lambda _: None, 1)
    run.run_steps()
    return run, generator


def test_all_requests_of_a_pair_are_sent_however_long_the_first_takes() -> None:
    run, generator = pairs_of("hung_up")
    assert len(run._next_ttfas_ms) == len(run._idle_ttfas_ms) == 1
    assert sorted(len(trace.requests) for trace in generator.traces) == [1, 2]
    assert not any(trace.is_repeated for trace in generator.traces)


def test_a_hang_up_that_came_too_late_is_tried_again_with_another_text() -> None:
    run, generator = pairs_of("answered", "hung_up")
    assert len(run._next_ttfas_ms) == len(run._idle_ttfas_ms) == 1
    first, second = [trace for trace in generator.traces if len(trace.requests) == 2]
    assert first.requests[0].text != second.requests[0].text
    assert first.requests[1].text == second.requests[1].text


def test_a_hang_up_that_always_comes_too_late_is_tried_a_few_times() -> None:
    too_late: list[RequestEnd] = ["answered"] * barge_in.MOST_TRIES
    run, generator = pairs_of(*too_late)
    assert run._next_ttfas_ms == run._idle_ttfas_ms == []
    assert len(generator.traces) == 1 + barge_in.MOST_TRIES


def test_a_request_that_fails_is_not_tried_again() -> None:
    run, generator = pairs_of("failed")
    assert run._failed == 1
    assert len(generator.traces) == 2


# Measured

ENGINE = '''
import threading
import time

import numpy as np

sample_rate = 16_000
CHUNKS = 30
CHUNK = 1600


def work(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def tone(index):
    at = np.arange(index * CHUNK, (index + 1) * CHUNK)
    return (0.3 * np.sin(at * 0.2)).astype(np.float32)


class Pulled:
    """Makes a chunk when it is wanted."""

    sample_rate = sample_rate

    def stream(self, text):
        for index in range(CHUNKS):
            work(0.002)
            yield tone(index)


class Eager(Pulled):
    """Makes all in a thread that nobody can stop, and the next text waits for it."""

    def __init__(self):
        self._lock = threading.Lock()

    def stream(self, text):
        import queue

        chunks = queue.SimpleQueue()

        def make():
            with self._lock:
                for index in range(CHUNKS):
                    work(0.002)
                    chunks.put(tone(index))

        threading.Thread(target=make, daemon=True).start()
        for _ in range(CHUNKS):
            yield chunks.get()
'''


QUIET_NS = 125_000_000
"""Sixty times as long as these engines take for a chunk, and they pause for nothing."""
COUNT = 8
"""Hang-ups and pairs: five are judged, and eight decide on a busy machine as well."""


class Interrupted(NamedTuple):
    """The cell of an engine that was interrupted, and what was shown meanwhile."""

    cell: CellResult
    shown: list[Progress]

    @property
    def barge_in(self) -> BargeIn:
        assert self.cell.load is not None
        assert self.cell.load.barge_in is not None
        return self.cell.load.barge_in


def measure(name: str) -> Interrupted:
    shown: list[Progress] = []
    source = TargetFactory(TargetSpec(spec=f"interrupted:{name}"))
    return Interrupted(barge_in.measure_single_listener(source, plan_of(), shown.append), shown)


@pytest.fixture
def briefly_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few hang-ups, of engines that do nothing where nobody listens."""
    (tmp_path / "interrupted.py").write_text(ENGINE, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("WATCHED", "PAIRS"):
        monkeypatch.setattr(barge_in, name, COUNT)
    monkeypatch.setattr(barge_in, "SETTLE_S", 0.1)
    monkeypatch.setattr(barge_in, "IDLE_S", 0.3)
    monkeypatch.setattr(barge_in, "LOOK_S", 0.02)
    monkeypatch.setattr(barge_in, "WHOLE_ANSWERS", 2)
    for module in (barge_in, hang_ups):
        monkeypatch.setattr(module, "QUIET_NS", QUIET_NS)


@pytest.mark.starts
@pytest.mark.usefixtures("briefly_watched")
def test_an_engine_that_stops_and_one_that_does_not() -> None:
    """Each in a process of its own, at the same time: most of it is waiting until all is quiet."""
    with ThreadPoolExecutor(2) as both:
        stops, goes_on = both.map(measure, ("Pulled", "Eager"))
    require_neither_windows_nor_trials(stops)
    pulled, eager = stops.barge_in, goes_on.barge_in
    assert pulled.hang_ups >= COUNT
    assert pulled.reason is None
    assert pulled.wasted_s is not None
    assert eager.wasted_s is not None
    assert eager.wasted_s > 10 * pulled.wasted_s
    assert eager.stop_p50_ms is not None
    assert pulled.stop_p50_ms is not None
    assert eager.stop_p50_ms > 10 * pulled.stop_p50_ms
    assert barge_in.judge(eager, NEXT).outcome is Outcome.FAIL
    assert eager.next_ttfa_ms is not None
    assert eager.idle_ttfa_ms is not None
    assert eager.next_ttfa_ms > 3 * eager.idle_ttfa_ms
    assert barge_in.judge(pulled, NEXT).outcome is not Outcome.FAIL


def require_neither_windows_nor_trials(interrupted: Interrupted) -> None:
    """The cell of a single listener who hangs up has what was watched, and nothing else."""
    result, shown = interrupted
    assert result.trials == ()
    assert result.cell.load == "1 listener, hanging up"
    assert result.load is not None
    assert result.load.windows == ()
    assert len(interrupted.barge_in.stops_ms) == COUNT
    assert result.ready is not None
    assert load_cell.derive(result) == result
    beforehand = next(each for each in shown if each.remaining_s is not None)
    assert (beforehand.done, beforehand.of) == (0, COUNT)


def test_answers_that_come_whole_cannot_be_interrupted() -> None:
    source = TargetFactory(TargetSpec(spec="interrupted:Pulled"))
    with pytest.raises(MeasurementError, match=r"measure perf\.stream"):
        barge_in.watch_hang_ups(source, plan_of("nonstream"), lambda _: None)
