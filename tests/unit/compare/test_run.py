"""Blocks of three arms over scripted engines in this process: order, texts, numbers, verdicts."""

from __future__ import annotations

import math
import random
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec import structs
from numpy.typing import NDArray

from pytest_ttsperf.compare import blocks, budget, looks, metrics, run
from pytest_ttsperf.compare.blocks import (
    ARMS,
    FEWEST_TEXTS,
    MOST_TEXTS,
    PER_PROCESS,
    BlockRunner,
    BlockTrials,
    ComparedCell,
    ComparisonSpec,
    summarise_block,
    texts_affordable,
    texts_worth,
)
from pytest_ttsperf.errors import TargetError
from pytest_ttsperf.experiment.plan import Plan, TargetFactory, warmup_texts
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.machine.cpu_idle import can_inhibit_cpu_idle
from pytest_ttsperf.measure import corpus, schedule
from pytest_ttsperf.measure.schedule import MAX_WARMUPS
from pytest_ttsperf.records import (
    Block,
    ChangeVerdict,
    ComparedMetric,
    Comparison,
    Outcome,
    Span,
    TargetSpec,
    Trial,
)
from tests.unit.experiment.test_cell import trial

MINUTE_S = 60.0
SPOKEN: list[tuple[str, str]] = []
PLAN = Plan(test="t", text="short", mode="stream", phase="warm", trials=3)


class Hum:
    """As long as its text, 8 ms to the first chunk; notes what it was given."""

    sample_rate = 24_000
    name = "old"
    first_s = 0.008

    def stream(self, text: str) -> Iterator[NDArray[np.float32]]:
        SPOKEN.append((self.name, text))
        count = self.sample_rate * len(text) // 15
        time.sleep(self.first_s)
        yield np.sin(np.arange(count, dtype=np.float32) / 20) * np.float32(0.3)


class Slow(Hum):
    name = "new"
    first_s = 0.028


class Broken(Hum):
    def __init__(self) -> None:
        raise RuntimeError("no model file")


class Refusing(Hum):
    """Does not speak at all."""

    def stream(self, text: str) -> Iterator[NDArray[np.float32]]:
        raise RuntimeError("no voice in it")


class Mute(Hum):
    """Speaks its warm-ups and no other text."""

    def stream(self, text: str) -> Iterator[NDArray[np.float32]]:
        if text not in warmup_texts(PLAN, MAX_WARMUPS):
            raise RuntimeError("no voice in it")
        return super().stream(text)


SPOKEN_BLOCK = BlockTrials({"candidate": ()}, {})
"""What the cells share here, where nobody looks into it."""


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("scripted_engines")
    for kind in (Hum, Slow, Broken, Refusing, Mute):
        setattr(module, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "scripted_engines", module)
    monkeypatch.setattr(blocks, "TEXTS", 4)
    monkeypatch.setattr(blocks, "texts_worth", lambda *_: 4)
    # A hum is no faster the fifth time, however long a busy machine makes it look unsteady.
    monkeypatch.setattr(schedule, "MAX_WARMUPS", 1)
    SPOKEN.clear()


def source(name: str) -> TargetFactory:
    return TargetFactory(spec=TargetSpec(spec=f"scripted_engines:{name}"), inline=True)


def contest(old: str, new: str, budget_s: float = MINUTE_S) -> ComparisonSpec:
    # A control over so few trials must not fire by chance.
    gates = metrics.choose_metrics("warm", {"ttfa_p50": 0.1, "ttfa_p95": 0.6, "rtf_p50": 0.1})
    return ComparisonSpec(
        baseline=source(old), candidate=source(new), cells={"cell": ComparedCell(PLAN, gates)},
        against="main", budget_s=budget_s,
    )  # fmt: skip


def compared(old: str, new: str, budget_s: float = MINUTE_S) -> Comparison:
    return run.compare(contest(old, new, budget_s), lambda _: None)["cell"]


def test_slower_code_fails_and_faster_code_is_an_improvement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = t_rule.BlockPlan(blocks=6, seconds=MINUTE_S)  # however busy the machine
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: plan)
    slower = compared("Hum", "Slow", budget_s=MINUTE_S)
    assert slower.changes[0].outcome is Outcome.FAIL
    assert slower.changes[0].effect is not None
    assert slower.changes[0].effect > 0.5
    assert len(slower.measured["ttfa_sound_ms"]) == slower.blocks == 9, "three to confirm it"
    assert slower.changes[0].raw == ()
    assert slower.cpu_idle_inhibited is (can_inhibit_cpu_idle() is True)
    assert compared("Slow", "Hum", budget_s=MINUTE_S).changes[0].improved


def test_what_the_budget_is_too_short_for_is_shown_and_no_verdict_rests_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = t_rule.BlockPlan(blocks=5, seconds=MINUTE_S)
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: plan)
    both = contest("Hum", "Slow", budget_s=MINUTE_S)
    gates = both.cells["cell"].metrics
    cell = ComparedCell(PLAN, gates, metrics.choose_ungated(gates, "warm"))
    found = run.compare(replace(both, cells={"cell": cell}), lambda _: None)["cell"]
    (shown,) = found.ungated
    assert shown.metric.label == "ttfa late"
    assert shown.change.outcome is Outcome.INCONCLUSIVE
    assert shown.change.effect is not None
    assert shown.change.effect > 0.5, "each of its trials is late"
    assert "shown, and not judged" in shown.change.reason
    assert len(found.changes) == len(found.gates) == 3
    assert not any("late" in verdict.subject for verdict in run.verdicts(found))


def test_cells_are_confirmed_in_their_order_whatever_the_hash_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A set of them would come in another order in each process."""
    one = contest("Hum", "Slow")
    cells = {f"cell {number}": one.cells["cell"] for number in range(12)}
    measured: list[tuple[str, ...]] = []
    plan = t_rule.BlockPlan(blocks=5, seconds=MINUTE_S)

    def run_next(again: ComparisonSpec) -> dict[str, BlockTrials]:
        measured.append(tuple(again.cells))
        return dict.fromkeys(again.cells, SPOKEN_BLOCK)

    comparison = run.ComparisonRun(replace(one, cells=cells), lambda _: None)
    comparison.runner = types.SimpleNamespace(run_next=run_next, durations_s=[1.0])  # type: ignore[assignment]
    for cell_id, blocks_of_cell in comparison.blocks.items():
        doubtful = 0 if cell_id == "cell 3" else 2
        comparison.blocks[cell_id] = ScriptedBlocks(blocks_of_cell, doubtful)  # type: ignore[assignment]
    comparison._confirm(plan)
    wanted = tuple(cell for cell in cells if cell != "cell 3")
    assert measured == [wanted, wanted]


class ScriptedBlocks:
    """Those of a cell that want so many fresh ones."""

    def __init__(self, blocks_of_cell: run.CellBlocks, fresh_blocks_wanted: int) -> None:
        self.trials = blocks_of_cell.trials
        self.fresh_blocks_wanted = fresh_blocks_wanted

    def add(self, trials: BlockTrials, attempt: int = 1) -> None:
        self.trials.append(trials)

    def confirm(self, end: t_rule.Levels, elapsed_s: float) -> None:
        assert len(self.trials) == self.fresh_blocks_wanted == 2


def test_a_settled_cell_leaves_its_time_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = t_rule.BlockPlan(blocks=14, seconds=MINUTE_S)
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: plan)
    decide = looks.decision.decide

    def decide_but_one(some: Sequence[Block], metric: ComparedMetric, *how: Any) -> ChangeVerdict:
        verdict = decide(some, metric, *how)
        outcome = Outcome.INCONCLUSIVE if metric.label == "unsure" else Outcome.PASS
        return structs.replace(verdict, outcome=outcome, control_fired=False)

    monkeypatch.setattr(looks.decision, "decide", decide_but_one)
    one = contest("Hum", "Hum", budget_s=MINUTE_S)
    sure, *_ = one.cells["cell"].metrics
    cells = {
        "sure": ComparedCell(PLAN, (sure,)),
        "unsure": ComparedCell(PLAN, (structs.replace(sure, label="unsure"),)),
    }
    found = run.compare(replace(one, cells=cells), lambda _: None)
    assert (found["sure"].blocks, found["unsure"].blocks) == (3, 14)
    assert found["sure"].changes[0].decided_s is not None
    assert found["unsure"].changes[0].decided_s is None


def test_blocks_go_on_behind_the_trials_wherever_the_run_has_started() -> None:
    pool = corpus.texts("short", corpus.trial_count("short"))
    plan = replace(PLAN, texts_from=590)
    wanted = [pool[(590 + PLAN.trials + position) % len(pool)] for position in range(4, 12)]
    assert blocks._texts(plan, range(4, 12)) == wanted


def test_each_text_is_spoken_by_all_four_and_in_changing_order() -> None:
    both = contest("Hum", "Slow")
    made = BlockRunner(both).run_next(both)["cell"]
    texts = [[one.text for one in made.by_arm[arm]] for arm in ARMS]
    assert texts[0] == texts[1] == texts[2] == texts[3]
    turns = [name for name, text in SPOKEN if text in texts[0]]
    assert len(turns) == 16
    assert len({tuple(turns[at : at + 4]) for at in range(0, 16, 4)}) > 1


class PoolOfOne:
    """Does at once what it is given, so that the order is seen."""

    def __init__(self, workers: int) -> None:
        assert workers == len(ARMS)

    def __enter__(self) -> PoolOfOne:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(
        self, call: Callable[..., object], *values: object, **more: object
    ) -> Future[object]:
        future: Future[object] = Future()
        future.set_result(call(*values, **more))
        return future


def test_the_arms_are_opened_and_warmed_in_an_order_drawn_in_each_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    open_target = blocks.open_target

    def note_and_open(source: TargetFactory, *, warm: bool) -> blocks.OpenTarget:
        opened.append(source.spec.spec.partition(":")[2])
        return open_target(source, warm=warm)

    monkeypatch.setattr(blocks, "open_target", note_and_open)
    monkeypatch.setattr(blocks, "ThreadPoolExecutor", PoolOfOne)
    both = contest("Hum", "Slow")
    runner = BlockRunner(both)
    warmups = warmup_texts(PLAN, MAX_WARMUPS)
    orders_opened = set()
    orders_warmed = set()
    for _ in range(8):
        opened.clear()
        SPOKEN.clear()
        runner.run_next(both)
        orders_opened.add(tuple(opened))
        orders_warmed.add(tuple(name for name, text in SPOKEN if text == warmups[0]))
    assert len(orders_opened) > 2
    assert len(orders_warmed) > 2


def test_all_arms_are_closed_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, the first would wait in vain for the others to begin."""
    all_began = threading.Barrier(len(ARMS), timeout=10)
    close = blocks.OpenTarget.close

    def wait_and_close(arm: blocks.OpenTarget) -> str | None:
        all_began.wait()
        return close(arm)

    monkeypatch.setattr(blocks.OpenTarget, "close", wait_and_close)
    both = contest("Hum", "Hum")
    BlockRunner(both).run_next(both)
    assert not all_began.broken


@pytest.mark.parametrize(("old", "new"), [("Hum", "Slow"), ("Slow", "Hum")])
def test_a_server_and_what_it_is_compared_with_are_asked_equally_often(
    monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    """What was used a moment ago is faster."""
    monkeypatch.setattr(
        TargetFactory,
        "lifecycle",
        property(lambda self: "external" if self.spec.spec.endswith("Hum") else "kept"),
    )
    both = contest(old, new)
    trials = BlockRunner(both).run_next(both)["cell"]
    assert set(trials.by_arm) == set(ARMS)
    # But for the first text, which the probes for caches speak again.
    for text in (one.text for one in trials.by_arm["candidate"][1:]):
        speakers = [name for name, spoken_text in SPOKEN if spoken_text == text]
        assert {name: speakers.count(name) for name in speakers} == {"old": 2, "new": 2}


def test_no_text_comes_twice_before_all_were_spoken() -> None:
    both = contest("Hum", "Hum")
    series = BlockRunner(both)
    told = [series.run_next(both)["cell"].by_arm["candidate"] for _ in range(5)]
    assert [len(each) for each in told] == [4] * 5
    assert len({one.text for each in told for one in each}) == 20


def test_a_block_has_as_many_texts_as_its_opening_is_worth() -> None:
    """Three seconds to open: one text more or less changes little, twice or half as many do."""

    def deviation(texts: int, opening_s: float, round_s: float) -> float:
        """Of the mean of a minute's blocks, with a trial's 6 and a process's 1 percent."""
        return (0.06**2 / texts + 0.01**2) * (opening_s + texts * round_s)

    for opening_s, round_s in [(2.0, 0.06), (1.0, 0.3), (3.0, 0.2)]:
        best = texts_worth(opening_s, round_s)
        around = [deviation(round(best * by), opening_s, round_s) for by in (0.5, 1.0, 2.0)]
        assert min(around) == around[1]
    assert texts_worth(60.0, 0.001) == MOST_TEXTS
    assert texts_worth(0.1, 9.0) == FEWEST_TEXTS
    assert texts_worth(1.0, 0.0) == blocks.TEXTS, "nothing was spoken"


def test_blocks_have_fewer_texts_where_the_budget_holds_too_few_of_them_otherwise() -> None:
    """20 s to open and 1 s a text: four of 27 texts are too many for three minutes."""
    left_s, opening_s, round_s = 144.0, 20.0, 1.0
    texts = texts_affordable(left_s, opening_s, round_s)
    assert FEWEST_TEXTS <= texts < texts_worth(opening_s, round_s)
    block_s = opening_s + texts * round_s
    assert (t_rule.MIN_BLOCKS - 1) * block_s <= left_s
    plan = budget.plan_after_first(180.0, 180.0 - left_s, block_s)
    assert plan.shortfall is None


@pytest.mark.parametrize("left_s", [10.0, 1e4, math.inf])
def test_texts_are_as_many_as_they_are_worth_where_fewer_would_not_help(left_s: float) -> None:
    assert texts_affordable(left_s, opening_s=20.0, round_s=1.0) == MOST_TEXTS
    assert texts_affordable(left_s, opening_s=20.0, round_s=0.0) == MOST_TEXTS


def test_old_code_that_does_not_open_is_no_pass() -> None:
    found = compared("Broken", "Hum")
    (verdict,) = run.verdicts(found)
    assert verdict.outcome is Outcome.INVALID
    assert "main does not run, so nothing was compared with it" in verdict.reason
    assert "no model file" in verdict.reason
    assert found.changes == ()


@pytest.mark.parametrize("old", ["Mute", "Refusing"])
def test_old_code_that_opens_and_does_not_speak_is_no_pass(old: str) -> None:
    """One speaks its warm-ups, and then no text of a block; one not even these."""
    (verdict,) = run.verdicts(compared(old, "Hum"))
    assert verdict.outcome is Outcome.INVALID
    assert "main does not run, so nothing was compared with it" in verdict.reason
    assert "no voice in it" in verdict.reason


def test_new_code_that_opens_and_does_not_speak_is_the_new_code_s_fault() -> None:
    with pytest.raises(TargetError, match="no voice in it"):
        compared("Hum", "Refusing")


def test_a_budget_that_is_too_short_says_what_it_takes() -> None:
    (verdict,) = run.verdicts(compared("Hum", "Hum", budget_s=0.2))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "5 are the fewest that can decide" in verdict.reason


def test_the_first_block_does_not_tell_how_long_one_takes() -> None:
    assert budget.plan_blocks(60.0, [3.0]) is None
    planned = budget.plan_blocks(60.0, [3.0, 1.0])
    assert planned is not None
    assert planned.blocks == 58
    assert planned.has_many
    hopeless = budget.plan_blocks(60.0, [40.0])
    assert hopeless is not None
    assert hopeless.shortfall


def spoken(**arms: Trial) -> BlockTrials:
    trials = {arm: (arms.get(arm, trial(0, 50.0)),) for arm in ARMS}
    return BlockTrials(trials, dict.fromkeys(ARMS, 100.0))


def test_what_was_not_measured_is_none_and_never_0() -> None:
    lost = Trial(index=0, kind="trial", process=0, text="x", recording=None, error="it hung")
    block = summarise_block(spoken(candidate=lost), "ttfa_sound_ms")
    assert block.metric.candidate == (None,)
    assert block.metric.baseline == (50.0,)
    assert block.elapsed_ms is None, "no stages were told"


def test_stages_are_those_of_the_window_that_the_metric_is_about() -> None:
    first = trial(0, 50.0)
    assert first.recording is not None
    spans = (
        Span(stage="decode", start_ns=0, end_ns=40_000_000),
        Span(stage="vocode", start_ns=40_000_000, end_ns=100_000_000),
    )
    told = structs.replace(first, recording=structs.replace(first.recording, spans=spans))
    block = summarise_block(spoken(baseline=told, control=told, candidate=told), "ttfa_sound_ms")
    assert block.elapsed_ms is not None
    assert block.elapsed_ms.candidate == (50.0,)
    assert {name: arms.candidate for name, arms in block.stages_ms.items()} == {
        "decode": (40.0,), "vocode": (10.0,)
    }  # fmt: skip
    whole = summarise_block(spoken(baseline=told, control=told, candidate=told), "rtf")
    assert whole.stages_ms["vocode"].candidate == (60.0,)


def test_rtf_is_the_time_for_what_the_baseline_says() -> None:
    """A version that says 10 % more in 11.5 % more time does not hide behind its own audio."""
    usual = trial(0, 50.0)
    assert usual.recording is not None
    assert usual.sound is not None
    elapsed_ns = usual.recording.arrivals_ns[-1] - usual.recording.request_ns
    longer = structs.replace(
        usual,
        recording=structs.replace(
            usual.recording,
            arrivals_ns=(usual.recording.request_ns + round(1.115 * elapsed_ns),),
            frame_counts=(round(1.1 * sum(usual.recording.frame_counts)),),
        ),
    )
    trials = spoken(baseline=usual, control=usual, candidate=longer)
    versions = summarise_block(trials, "rtf", is_same_work=True).metric
    assert versions.candidate[0] == pytest.approx(1.115 * (versions.baseline[0] or 0))
    others = summarise_block(trials, "rtf").metric
    assert others.candidate[0] == pytest.approx(1.115 / 1.1 * (others.baseline[0] or 0), rel=1e-3)
    silent = structs.replace(usual, sound=structs.replace(usual.sound, onset_frame=None))
    trials = spoken(baseline=silent, control=usual, candidate=usual)
    unknown = summarise_block(trials, "rtf", is_same_work=True)
    assert unknown.metric.candidate == (None,)


def test_memory_is_one_number_for_each_process() -> None:
    assert summarise_block(spoken(), PER_PROCESS).metric.candidate == (100.0,)


def test_the_order_is_the_same_for_the_same_seed() -> None:
    orders = [random.Random("0/1").sample(ARMS, 3) for _ in range(2)]
    assert orders[0] == orders[1]
