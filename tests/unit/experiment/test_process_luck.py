"""Two servers of the same code differ, and neither more blocks nor the control can tell."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.compare import decision, metrics
from pytest_ttsperf.experiment import process_luck
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.judge.statistics.t_rule import END
from pytest_ttsperf.records import ChangeVerdict, Outcome, TargetSpec
from tests.unit.compare.test_decision import compared, steady

OLD = TargetFactory(spec=TargetSpec(spec="http://127.0.0.1:8001"))
NEW = TargetFactory(spec=TargetSpec(spec="http://127.0.0.1:8002"))
PYTHON = TargetFactory(spec=TargetSpec(spec="module:Engine"))


def started(program: str) -> TargetFactory:
    """A server of its own in each block."""
    options = {"start": f"{program} --port {{port}}"}
    return TargetFactory(spec=TargetSpec(spec="http://127.0.0.1:{port}", options=options))


def judge(slower: float, *, luck: float | None = process_luck.APART) -> ChangeVerdict:
    """Twelve blocks in which the candidate takes so many times as long, and its control as well."""
    return decision.decide(steady(12, candidate=slower), compared(process_luck=luck), END)


@pytest.mark.parametrize("slower", [1.07, 1.1, 1.14])
def test_a_difference_as_two_processes_have_it_is_no_fail(slower: float) -> None:
    assert judge(slower, luck=None).outcome is Outcome.FAIL
    verdict = judge(slower)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.blocks_needed is None
    assert "each version is one server process" in verdict.reason
    assert "have each block start new ones (the target option start=COMMAND)" in verdict.reason
    assert verdict.reason.endswith("or start both anew and compare again")


def test_a_larger_one_is() -> None:
    verdict = judge(1.3)
    assert verdict.outcome is Outcome.FAIL
    assert "one server process" not in verdict.reason


def test_unchanged_code_passes_as_before() -> None:
    assert judge(1.0).outcome is Outcome.PASS
    assert judge(1.0).reason == judge(1.0, luck=None).reason


def test_an_improvement_by_luck_is_none() -> None:
    assert judge(0.9, luck=None).improved
    verdict = judge(0.9)
    assert verdict.outcome is Outcome.PASS
    assert not verdict.improved
    assert "no proof of an improvement" in verdict.reason
    assert judge(0.7).improved


@pytest.mark.parametrize(
    ("baseline", "candidate"),
    [(OLD, NEW), (OLD, PYTHON), (PYTHON, NEW), (OLD, started("new")), (started("old"), NEW)],
)
def test_it_is_allowed_where_a_server_is_compared(
    baseline: TargetFactory, candidate: TargetFactory
) -> None:
    found = process_luck.allow_for(metrics.choose_metrics("warm"), baseline, candidate)
    assert {metric.process_luck for metric in found} == {process_luck.APART}


def test_processes_that_are_started_for_each_block_need_none() -> None:
    chosen = metrics.choose_metrics("warm")
    other = structs.replace(PYTHON.spec, spec="module:Other")
    assert process_luck.allow_for(chosen, PYTHON, TargetFactory(spec=other)) == chosen
    assert process_luck.allow_for(chosen, started("old"), started("new")) == chosen
    assert process_luck.allow_for(chosen, started("old"), PYTHON) == chosen


def test_one_server_against_itself_needs_none() -> None:
    chosen = metrics.choose_metrics("warm")
    assert process_luck.allow_for(chosen, OLD, OLD) == chosen


def test_nor_does_what_is_said_or_counted() -> None:
    """What a server says is no matter of luck, nor are counts a share of anything."""
    chosen = metrics.with_work(metrics.choose_metrics("warm", {"underruns": 0.01}), "warm")
    for metric in process_luck.allow_for(chosen, OLD, NEW):
        is_time = not metric.is_work and metric.scale == "ratio" and metric.statistic != "late"
        assert (metric.process_luck is not None) is is_time
