"""`--ttsperf-against` of a test in which many listen: windows in turns, and the verdicts."""

from __future__ import annotations

import pytest

from pytest_ttsperf.load import cell, generator_guard
from pytest_ttsperf.load.generator import parent
from tests.plugin.conftest import Project
from tests.plugin.repository import changes, commit

pytestmark = pytest.mark.usefixtures("untraced_children")

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


def test_a_budget_that_holds_no_three_blocks_says_what_would(repository: Project) -> None:
    repository.test(CROWD)
    result = repository.run(*BRIEF, "--ttsperf-against=HEAD", "--ttsperf-budget=5s")
    result.assert_outcomes(passed=1)
    assert "INCONCLUSIVE" in set(changes(repository).values())
    (stored,) = repository.cells()
    assert "are the fewest that can decide" in stored["comparison"]["reason"]
