"""`--ttsperf-against` of a test in which many listen: windows in turns, and the verdicts."""

from __future__ import annotations

import msgspec
import pytest

from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.load import cell, generator_guard
from pytest_ttsperf.load.generator import parent
from pytest_ttsperf.records import ComparedMetric
from tests.plugin.conftest import Project
from tests.plugin.repository import changes, commit

pytestmark = pytest.mark.uncovered

CROWD = """
def test_x(perf): perf.stream("short", listeners=2, pace="greedy")
"""
BRIEF = ("--ttsperf-window=0.2s", "--ttsperf-windows=1", "--ttsperf-against=HEAD~1")


@pytest.fixture(autouse=True)
def _lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No null target, and no generator is accused: other tests run beside."""
    monkeypatch.setattr(cell, "measure_null_rate", lambda *_, **__: 1e6)
    monkeypatch.setattr(parent, "WARM_TEXTS", 1)
    monkeypatch.setattr(generator_guard, "LATENESS_MS", 1e4)
    monkeypatch.setattr(generator_guard, "CPU_SHARE", 1e3)


def test_a_commit_that_is_slower_under_load_is_red(repository: Project) -> None:
    repository.test(CROWD)
    commit(repository, "first_s=0.012", "first_s=0.048")
    result = repository.run(*BRIEF)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FAIL*ttfa geometric mean against HEAD~1*worse by more than*"])
    found = changes(repository)
    assert found["ttfa geometric mean"] == "FAIL"
    (stored,) = repository.cells()
    comparison = stored["comparison"]
    assert comparison["blocks"] >= 3
    for windows in comparison["windows"].values():
        assert [window["session"] for window in windows] == list(range(comparison["blocks"]))


def test_a_budget_that_holds_no_three_blocks_says_what_would_and_what_changes_would_count(
    repository: Project,
) -> None:
    """The smallest change of every figure is named by mark and option."""
    repository.test(
        """
        from pytest_ttsperf import regression

        @regression(ttfa="40%", stalled="30%", left_behind=2, rtf="9%")
        def test_x(perf): perf.stream("short", listeners=2, pace="greedy")
        """
    )
    margins = ("--ttsperf-compare-fail=goodput:25%", "--ttsperf-compare-fail=stalled:20%")
    result = repository.run(*BRIEF, "--ttsperf-against=HEAD", "--ttsperf-budget=5s", *margins)
    result.assert_outcomes(passed=1)
    assert "INCONCLUSIVE" in set(changes(repository).values())
    (stored,) = repository.cells()
    assert "are the fewest that can decide" in stored["comparison"]["reason"]
    gates = msgspec.convert(stored["comparison"]["gates"], list[ComparedMetric])
    found = {gate.metric: gate.margin for gate in gates}
    assert found == {
        "ttfa_sound_typical_ms": 0.4, "ttfa_sound_p95_ms": 0.4, "stalled_share": 0.2,
        "good_answer_s": 0.25, "left_behind": 2.0, "speech_s": 0.02,
    }  # fmt: skip
    result.stdout.fnmatch_lines(
        ["*test_x*@regression names rtf, which is not compared where many listen; there are *"]
    )


def test_a_figure_of_a_crowd_in_a_test_without_one_is_remarked(
    repository: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever the comparison finds: that it could not say, after its first block.
    few = t_rule.BlockPlan(blocks=2, seconds=60.0, shortfall="blocks take 30 s")
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: few)
    repository.test(
        """
        from pytest_ttsperf import regression

        @trials(3)
        @regression(stalled="3%")
        def test_x(perf): perf.stream("short")
        """
    )
    result = repository.run("--ttsperf-against=HEAD", "--ttsperf-budget=5s")
    result.stdout.fnmatch_lines(
        ["*test_x*@regression names stalled, which is not compared where one listens; there are*"]
    )


def test_a_figure_that_there_is_not_is_an_error_with_those_there_are(repository: Project) -> None:
    repository.test(
        """
        from pytest_ttsperf import regression

        @regression(stall="3%")
        def test_x(perf): perf.stream("short", listeners=2)
        """
    )
    result = repository.run("--collect-only")
    error = result.stderr.str()
    assert "'stall' cannot be compared (did you mean 'stalled'?)" in error
    assert "ttfa_typical, stalled, goodput, left_behind" in error
