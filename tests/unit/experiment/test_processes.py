"""Over how many processes trials are spread, and what is said of them together."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment import processes
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.records import (
    RecorderCost,
    TargetInfo,
    TargetProcess,
    TargetSpec,
    TrustNote,
)

WORKER = TargetFactory(spec=TargetSpec(spec="module:Engine"))
INLINE = TargetFactory(spec=TargetSpec(spec="module:Engine"), inline=True)
SERVER = TargetFactory(spec=TargetSpec(spec="http://127.0.0.1:9"))
PROGRAM = TargetFactory(spec=TargetSpec(spec="cmd:say", options={"rate": 24_000}))


def plan(trials: int = 59, count: int | None = None) -> Plan:
    return Plan(
        test="t", text="short", mode="stream", phase="warm", trials=trials, processes=count
    )  # fmt: skip


def process(number: int, **ready: Any) -> TargetProcess:
    return TargetProcess(
        process=number, fingerprint="f", ready=TargetInfo(pid=number, **ready), start_s=1.0
    )


@pytest.mark.parametrize(
    ("start_s", "trials_s", "count"),
    [
        (1.0, 5.0, 1),
        (1.0, 9.9, 1),
        (1.0, 10.0, 2),
        (1.0, 25.0, 3),
        (1.0, 1000.0, processes.MOST_PROCESSES),
        (0.0, 1.0, processes.MOST_PROCESSES),
    ],
)
def test_further_starts_take_at_most_a_tenth(start_s: float, trials_s: float, count: int) -> None:
    assert processes.affordable(start_s, trials_s) == count
    assert (count - 1) * start_s <= processes.START_SHARE * trials_s


@pytest.mark.parametrize(
    ("trials", "count", "last"),
    [(59, 1, [59]), (59, 4, [15, 30, 45, 59]), (3, 3, [1, 2, 3]), (5, 2, [3, 5])],
)
def test_shares_are_of_one_size(trials: int, count: int, last: list[int]) -> None:
    assert processes.last_trials(trials, count) == last


@pytest.mark.parametrize("trials", range(1, 100))
def test_the_first_process_has_the_smallest_share_in_any_case(trials: int) -> None:
    for count in range(1, min(trials, processes.MOST_PROCESSES) + 1):
        assert processes.smallest_share(trials) <= processes.last_trials(trials, count)[0]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (INLINE, "runs in pytest's own process"),
        (SERVER, "runs already"),
        (PROGRAM, "starts a process for each text anyway"),
    ],
)
def test_what_has_one_process_is_not_spread(source: TargetFactory, reason: str) -> None:
    assert processes.has_one(source)
    with pytest.raises(MeasurementError, match=f"{reason}.* over 2 processes; leave out"):
        processes.refuse_too_many(source, plan(count=2))
    processes.refuse_too_many(source, plan(count=1))
    processes.refuse_too_many(source, plan())


def test_each_process_has_a_trial() -> None:
    assert not processes.has_one(WORKER)
    processes.refuse_too_many(WORKER, plan(3, count=3))
    with pytest.raises(MeasurementError, match="3 trials cannot be spread over 4 processes"):
        processes.refuse_too_many(WORKER, plan(3, count=4))


def test_a_note_of_all_processes_stands_once_and_one_of_some_names_them() -> None:
    of_all, of_some = TrustNote(guard="steady", text="a"), TrustNote(guard="quiet", text="b")
    merged = processes.merge_notes([[of_all], [of_all, of_some, of_some], [of_some, of_all]])
    assert [note.text for note in merged] == ["a", "b (process 2, 3 of 3)"]
    assert processes.merge_notes([[of_some]]) == [of_some]


def test_tracers_and_unread_memory_of_any_process_are_those_of_all() -> None:
    merged = processes.merge_ready(
        [
            process(0, sample_rate=8000),
            process(1, tracers=("pdb",)),
            process(2, tracers=("pdb", "strace"), pid_missing_because="closed"),
        ]
    )
    assert (merged.pid, merged.sample_rate) == (0, 8000)
    assert merged.tracers == ("pdb", "strace")
    assert merged.pid_missing_because == "closed"


def test_the_recorders_cost_is_that_of_the_worst_process() -> None:
    costs = [RecorderCost(ttfa_us=us, per_chunk_us=us, trials=9) for us in (1.0, 3.0, 2.0)]
    assert processes.worst_cost(costs) == costs[1]
    assert processes.worst_cost([]) is None
