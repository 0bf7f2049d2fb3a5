"""pytest-rerunfailures beside `--ttsperf-against`: a rerun goes on with the comparison."""

from __future__ import annotations

import pytest

from pytest_ttsperf.judge.statistics import always_valid
from tests.plugin.conftest import Project
from tests.plugin.repository import changes, commit, commit_all

pytestmark = pytest.mark.uncovered

AGAINST = ("--ttsperf-against=HEAD~1", "--ttsperf-inconclusive=fail")
FORGETS = """
from pytest_ttsperf.plugin import run_state

def pytest_sessionfinish(session):
    (item,) = session.items
    state = run_state.state_of(item)
    assert state.results and not state.comparisons
"""
"""The trials of all blocks are large, and a run may have many tests."""


def notes(project: Project) -> str:
    (cell,) = project.cells()
    return "\n".join(note["text"] for note in cell["notes"])


@pytest.mark.usefixtures("one_block")
def test_a_rerun_of_what_is_open_pools_the_blocks(repository: Project) -> None:
    repository.pytester.makeconftest(FORGETS)
    commit_all(repository, "nothing")
    result = repository.run(*AGAINST, "--reruns=1")
    assert result.parseoutcomes()["rerun"] == 1
    (cell,) = repository.cells()
    comparison = cell["comparison"]
    assert (comparison["blocks"], comparison["attempts"]) == (2, 2)
    assert {len(blocks) for blocks in comparison["measured"].values()} == {2}
    assert notes(repository).count("pooled over 2 attempts of the test") == 1
    result.stdout.fnmatch_lines(["note: *pooled over 2 attempts of the test*"])


def test_a_rerun_does_not_make_a_fail_good(repository: Project) -> None:
    commit(repository, "first_s=0.012", "first_s=0.036")
    result = repository.run(*AGAINST, "--reruns=1", "--ttsperf-compare-fail=ttfa_p50:5%")
    assert result.parseoutcomes()["rerun"] == 1
    assert result.parseoutcomes()["failed"] == 1
    assert changes(repository)["ttfa p50"] == "FAIL"
    result.stdout.fnmatch_lines(["*ttfa p50 against HEAD~1*in * s*FAIL"])


def test_an_open_budget_says_so_and_has_a_ceiling(
    repository: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(always_valid, "MOST_BLOCKS", 2)
    commit_all(repository, "nothing")
    result = repository.run("--ttsperf-against=HEAD~1", "--ttsperf-budget=open")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "*compared with HEAD~1*until all is decided: usually minutes a test, and at most 8 h",
            "*ttfa p50 against HEAD~1*2 blocks*not in * s*INCONCLUSIVE",
        ]
    )
    (cell,) = repository.cells()
    assert cell["comparison"]["blocks"] == 2
