"""A comparison under load from its first window to its verdicts, over scripted targets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from pytest_ttsperf.errors import TargetError
from pytest_ttsperf.experiment import process_luck
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.load import comparison, generator_guard, pairs, window_blocks
from pytest_ttsperf.load.cell import LoadPlan
from pytest_ttsperf.load.comparison import LoadComparisonRun, LoadComparisonSpec
from pytest_ttsperf.load.traces import WindowPlan
from pytest_ttsperf.records import (
    GeneratorHealth,
    LoadSpec,
    Outcome,
    TargetInfo,
    TargetSpec,
    Trace,
)
from tests.unit.load.factories import HEALTH, babble, request, window_record

PLAN = LoadPlan(
    plan=Plan(test="t", text="short", mode="stream", phase="warm", trials=0),
    load=LoadSpec(rate=4.0),
    window=WindowPlan(lead_s=1.0, counted_s=8.0, least_requests=8),
    seed=5,
)
TTFA_MS = {"old": 100.0, "new": 100.0, "slow": 180.0}
SOUND = babble("some text")


class ScriptedGenerator:
    """Answers each trace as the version that it was opened for; notes what was loaded."""

    loaded: ClassVar[list[tuple[str, Trace]]] = []
    failing: str | None = None
    """The version that does not open."""
    silent: str | None = None
    """The version that refuses most of what is offered."""
    cached = False
    """Whether a version answers at once what it has answered before."""
    health: GeneratorHealth = HEALTH
    tracers: tuple[str, ...] = ()
    target_pids: tuple[int, ...] = ()

    def __init__(self, source: TargetFactory, load: LoadSpec, mode: str) -> None:
        self.name = source.spec.spec.rpartition(":")[2]

    def __enter__(self) -> ScriptedGenerator:
        return self

    def __exit__(self, *_: object) -> None:
        if self.loaded:
            self.loaded.append((f"{self.name} closed", self.loaded[-1][1]))

    def open(self) -> TargetInfo:
        if self.name == self.failing:
            raise TargetError("no model file")
        return TargetInfo(pid=None, sample_rate=16_000)

    def inspect(self) -> Any:
        return SimpleNamespace(placement=None, tracers=self.tracers)

    def run_window(self, trace: Trace, tell: Callable[[float], None]) -> Any:
        tell(3.0)
        again = [name for name, _ in self.loaded].count(self.name) % 2
        self.loaded.append((self.name, trace))
        jitter = 1 + 0.01 * math.sin(7 * len(self.loaded))
        ttfa_ms = TTFA_MS.get(self.name, 100.0) * jitter
        requests = []
        for offered in trace.requests:
            at_s = (offered.at_ns or 0) / 1e9
            more: dict[str, Any] = {"sound": SOUND, "ttfa_ms": ttfa_ms}
            if self.cached and again:
                more["ttfa_ms"] = 0.01
                more["chunks"] = 1
            if self.name == self.silent and offered.index % 4:
                more = {"ended": "refused", "failure": "HTTP 503"}
            requests.append(request(at_s, index=offered.index, text=offered.text, **more))
        return window_record(
            requests, lead_s=trace.lead_s, counted_s=trace.counted_s, health=self.health
        )


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[ScriptedGenerator]:
    monkeypatch.setattr(comparison, "LoadGenerator", ScriptedGenerator)
    monkeypatch.setattr(ScriptedGenerator, "loaded", [])
    return ScriptedGenerator


def source(name: str) -> TargetFactory:
    return TargetFactory(spec=TargetSpec(spec=f"scripted_engines:{name}"))


def contest(old: str, new: str, **more: Any) -> LoadComparisonSpec:
    return LoadComparisonSpec(
        baseline=source(old),
        candidate=source(new),
        plan=PLAN,
        metrics=window_blocks.choose_metrics(),
        against="main",
        **{"budget_s": 900.0, **more},
    )


def compare(spec: LoadComparisonSpec) -> tuple[Any, list[str]]:
    lines: list[str] = []
    return comparison.compare_under_load(spec, lines.append), lines


def by_label(found: Any) -> dict[str, Outcome]:
    outcomes = {}
    for metric, change in zip(found.gates, found.changes, strict=True):
        outcomes[metric.label] = change.outcome
    return outcomes


def test_a_version_that_is_slower_under_load_fails() -> None:
    found, lines = compare(contest("old", "slow"))
    assert by_label(found)["ttfa geometric mean"] is Outcome.FAIL
    assert by_label(found)["ttfa p95"] is Outcome.FAIL
    assert found.blocks == 3
    assert "against main, 4 a second: block 1, window 1 of 4, 3 of 9 s" in lines
    assert any(": block 2 of " in line for line in lines)
    assert lines[-1] == ""
    counts = {arm: len(windows) for arm, windows in found.windows.items()}
    assert counts == dict.fromkeys(window_blocks.ARMS, 3)
    assert len(found.measured["ttfa_sound_p95_ms"]) == 3
    assert any("two windows of the same code differs by" in note for note in found.notes)


def test_the_same_code_passes() -> None:
    found, _ = compare(contest("old", "new"))
    assert set(by_label(found).values()) == {Outcome.PASS}


def test_what_neither_version_has_is_not_judged_and_said() -> None:
    found, _ = compare(contest("old", "new"))
    label = "threads and descriptors left behind by a request"
    assert label not in by_label(found)
    assert f"not compared, as it was not measured: {label}" in found.notes


def test_each_window_of_a_block_replays_its_trace_in_a_fresh_process(
    scripted: type[ScriptedGenerator],
) -> None:
    compare(contest("old", "new"))
    traces = [trace for name, trace in scripted.loaded if not name.endswith("closed")]
    assert len(traces) == 12
    for first in range(0, 12, 4):
        assert len(set(map(id, traces[first : first + 4]))) == 1
    assert traces[0].requests != traces[4].requests
    names = [name for name, _ in scripted.loaded]
    for opened, closed in zip(names[::2], names[1::2], strict=True):
        assert closed == f"{opened} closed", "one at a time is open"
    blocks = ["".join(name[0] for name in names[first : first + 8 : 2]) for first in (0, 8, 16)]
    assert set(blocks) <= {"onno", "noon"}


def test_a_baseline_that_does_not_run_is_explained_and_a_candidate_raises(
    scripted: type[ScriptedGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripted, "failing", "old")
    found, _ = compare(contest("old", "new"))
    assert found.outcome is Outcome.INVALID
    assert "no model file" in found.reason
    new = contest("old", "new", explain_baseline=lambda _: ("it is new", Outcome.INCONCLUSIVE))
    found, _ = compare(new)
    assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "it is new")
    monkeypatch.setattr(scripted, "failing", "new")
    with pytest.raises(TargetError, match="no model file"):
        compare(contest("old", "new"))


def test_a_baseline_that_refuses_this_load_is_nothing_to_compare_with(
    scripted: type[ScriptedGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripted, "silent", "old")
    found, _ = compare(contest("old", "new"))
    assert found.outcome is Outcome.INVALID
    assert "HTTP 503" in found.reason
    assert "choose a smaller load" in found.reason


def test_a_candidate_that_refuses_this_load_fails(
    scripted: type[ScriptedGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripted, "silent", "new")
    found, _ = compare(contest("old", "new"))
    assert by_label(found)["time per good answer"] is Outcome.FAIL


def test_a_generator_that_was_the_bottleneck_voids_it(
    scripted: type[ScriptedGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = GeneratorHealth(sends=8, lateness_p99_ms=900.0, cpu_share=0.1)
    monkeypatch.setattr(scripted, "health", late)
    found, _ = compare(contest("old", "new"))
    assert found.outcome is Outcome.INVALID
    assert "the generator was the bottleneck" in found.reason
    assert generator_guard.REMEDY in found.reason


def test_a_generator_that_is_late_beside_the_candidate_alone_is_part_of_its_change(
    scripted: type[ScriptedGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = GeneratorHealth(sends=8, lateness_p99_ms=900.0, cpu_share=0.1)
    run_window = scripted.run_window

    def run_late(self: ScriptedGenerator, trace: Trace, tell: Callable[[float], None]) -> Any:
        record = run_window(self, trace, tell)
        if self.name == "slow":
            record.health = late
        return record

    monkeypatch.setattr(scripted, "run_window", run_late)
    found, _ = compare(contest("old", "slow"))
    assert by_label(found)["ttfa geometric mean"] is Outcome.FAIL
    assert any("beside the new code the generator was late" in note for note in found.notes)


def test_a_traced_target_is_not_compared(
    scripted: type[ScriptedGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripted, "tracers", ("cProfile",))
    found, _ = compare(contest("old", "new"))
    assert found.outcome is Outcome.INVALID
    assert "traced by cProfile" in found.reason


def test_a_budget_that_holds_no_three_blocks_is_refused_before_anything_runs(
    scripted: type[ScriptedGenerator],
) -> None:
    found, _ = compare(contest("old", "new", budget_s=60.0, budget_option="--budget"))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "(--budget)" in found.reason
    assert not scripted.loaded


def test_a_rerun_goes_on_from_the_blocks_before_and_settles_what_was_open() -> None:
    lines: list[str] = []
    spec = contest("old", "slow")
    run = LoadComparisonRun(spec, lines.append)
    first = run.run(spec)
    again = run.run(spec)
    assert again.blocks == first.blocks, "settled is settled"
    assert by_label(again) == by_label(first)
    assert again.attempts == 1


# Servers


def server(port: int) -> TargetFactory:
    return TargetFactory(spec=TargetSpec(spec=f"http://localhost:{port}"))


def servers(monkeypatch: pytest.MonkeyPatch, idle_cpu_s: float) -> LoadComparisonSpec:
    """Two servers, of which the one that is to be idle uses so much CPU time in each window."""

    class Meter:
        def __init__(self, pids: list[int], *, started_here: bool) -> None:
            self.readings = iter((0.0, idle_cpu_s))

        def cpu_s(self) -> float:
            return next(self.readings)

    def find_server(spec: TargetSpec) -> Any:
        return SimpleNamespace(pid=int(spec.spec.rpartition(":")[2]), reason=None)

    monkeypatch.setattr(comparison, "TargetMeter", Meter)
    monkeypatch.setattr(comparison.server_target, "find_server", find_server)
    return replace(contest("old", "new"), baseline=server(8001), candidate=server(8002))


def test_servers_are_loaded_in_turns_and_one_start_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, _ = compare(servers(monkeypatch, 0.0))
    assert found.reason is None
    assert any("a server was loaded that runs already" in note for note in found.notes)


@pytest.fixture
def six_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest of a comparison that does not settle: scripted windows take no time."""
    plan_blocks = pairs.plan_blocks

    def plan_six(budget_s: float, block_s: float, longest_s: float) -> Any:
        return plan_blocks(budget_s, budget_s / 6, longest_s)

    monkeypatch.setattr(pairs, "plan_blocks", plan_six)


TYPICAL = "ttfa geometric mean"


def reason_of(found: Any, label: str) -> str:
    (place,) = [place for place, metric in enumerate(found.gates) if metric.label == label]
    return str(found.changes[place].reason)


@pytest.mark.usefixtures("six_blocks")
def test_servers_that_run_already_differ_by_luck_and_that_is_no_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(TTFA_MS, "8002", 110.0)
    monkeypatch.setitem(TTFA_MS, "new", 110.0)
    found, _ = compare(servers(monkeypatch, 0.0))
    assert by_label(found)[TYPICAL] is Outcome.INCONCLUSIVE
    assert Outcome.FAIL not in by_label(found).values()
    reason = reason_of(found, TYPICAL)
    assert "each version is one server process" in reason
    assert process_luck.REMEDY in reason
    # Of processes that are started anew the same figures are a FAIL.
    found, _ = compare(contest("old", "new"))
    assert by_label(found)[TYPICAL] is Outcome.FAIL


@pytest.mark.usefixtures("six_blocks")
def test_a_server_that_is_much_slower_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TTFA_MS, "8002", 180.0)
    found, _ = compare(servers(monkeypatch, 0.0))
    assert by_label(found)[TYPICAL] is Outcome.FAIL


def luck_of(found: Any) -> set[float | None]:
    return {metric.process_luck for metric in found.gates}


def test_luck_is_allowed_for_where_a_version_is_one_process_in_all_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = servers(monkeypatch, 0.0)
    assert luck_of(compare(spec)[0]) == {None, process_luck.APART}
    assert luck_of(compare(replace(spec, candidate=source("new")))[0]) == {
        None, process_luck.APART,
    }  # fmt: skip
    assert luck_of(compare(replace(spec, candidate=spec.baseline))[0]) == {None}
    assert luck_of(compare(contest("old", "new"))[0]) == {None}


def test_a_server_that_is_not_idle_voids_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = compare(servers(monkeypatch, 1e6))
    assert found.outcome is Outcome.INVALID
    assert "which was to be idle" in found.reason


def test_a_server_that_answers_the_second_time_from_a_cache_is_refused(
    scripted: type[ScriptedGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripted, "cached", True)
    found, _ = compare(servers(monkeypatch, 0.0))
    assert found.outcome is Outcome.INVALID
    assert "from a cache" in found.reason


def test_servers_that_are_started_for_each_block_are_those_that_are_loaded(
    scripted: type[ScriptedGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []

    @contextmanager
    def start(number: int) -> Iterator[tuple[TargetFactory, TargetFactory]]:
        begun.append(number)
        yield server(9000 + 2 * number), server(9001 + 2 * number)
        begun.append(-1)

    spec = replace(servers(monkeypatch, 0.0), start_servers=start)
    found, _ = compare(spec)
    assert begun == [0, -1, 1, -1, 2, -1]
    names = {name for name, _ in scripted.loaded if not name.endswith("closed")}
    assert names == {"9000", "9001", "9002", "9003", "9004", "9005"}
    assert not any("one start in all blocks" in note for note in found.notes)
    assert luck_of(found) == {None}
