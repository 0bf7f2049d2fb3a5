"""`--ttsperf-compare` where this machine has no baselines: a line, or a comparison."""

from __future__ import annotations

import json

import pytest

from tests.plugin.conftest import Project
from tests.plugin.repository import TEST, changes, commit, git

LINE = "cells? ha(s|ve) no baseline of this machine"
MEASURE = "--ttsperf-compare=measure"


def save_elsewhere(project: Project, *arguments: str) -> str:
    """Save baselines as another machine would have; gives their revision."""
    project.run("--ttsperf-save", *arguments).assert_outcomes(passed=1)
    (folder,) = (project.path / "baselines").iterdir()
    folder.rename(folder.with_name("another-machine-0123abcd"))
    return git(project, "rev-parse", "HEAD")


@pytest.mark.uncovered
def test_a_slow_commit_is_red_by_what_another_machine_saved(repository: Project) -> None:
    revision = save_elsewhere(repository)
    commit(repository, "first_s=0.012", "first_s=0.045")
    result = repository.run(MEASURE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*without baselines of this machine are compared with the revision that others*",
            f"*ttfa p50 against {revision[:12]} * FAIL",
        ]
    )
    result.stdout.no_re_match_line(LINE)
    assert changes(repository)["ttfa p50"] == "FAIL"
    (cell,) = repository.cells()
    assert cell["comparison"]["revision"] == revision
    assert not [verdict for verdict in cell["verdicts"] if verdict["gate"] == "baseline"]


def test_without_it_one_line_stands_for_all_cells(repository: Project) -> None:
    repository.test(TEST + TEST.replace("test_x", "test_y"))
    git(repository, "commit", "-qam", "two tests")
    repository.run("--ttsperf-save", "--ttsperf-inline").assert_outcomes(passed=2)
    (folder,) = (repository.path / "baselines").iterdir()
    folder.rename(folder.with_name("another-machine-0123abcd"))
    revision = git(repository, "rev-parse", "HEAD")
    result = repository.run("--ttsperf-compare", "--ttsperf-inline", "test_it.py")
    result.assert_outcomes(passed=2)
    lines = [line for line in result.outlines if "baseline" in line]
    assert lines == [
        "note: 2 cells have no baseline of this machine; --ttsperf-compare=measure compares with "
        f"the revision that others were saved from: {revision[:12]}"
    ]
    assert set(repository.verdicts().values()) == {"INCONCLUSIVE"}
    strict = repository.run("--ttsperf-compare", "--ttsperf-inline", "--ttsperf-inconclusive=fail")
    strict.assert_outcomes(failed=2)
    strict.stdout.fnmatch_lines(["*another-machine-0123abcd*--ttsperf-compare=measure*"])


@pytest.mark.parametrize("option", ["--ttsperf-compare", MEASURE])
def test_where_no_machine_has_a_revision_the_line_says_what_to_save(
    project: Project, option: str
) -> None:
    project.measure_inline()
    project.test(TEST)
    result = project.run(option)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["note: 1 cell has no baseline, and no revision to compare with*--ttsperf-save*"]
    )


def test_a_revision_that_is_not_here_is_inconclusive_with_the_remedy(repository: Project) -> None:
    save_elsewhere(repository)
    (path,) = repository.path.glob("baselines/*/*.json")
    baseline = json.loads(path.read_text())
    baseline["runs"][0]["revision"] = "0" * 40
    path.write_text(json.dumps(baseline))
    result = repository.run(MEASURE)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["note: *against 000000000000: *is no revision*git fetch*"])


@pytest.mark.uncovered
def test_a_baseline_of_too_few_runs_is_measured_beside_as_well(repository: Project) -> None:
    """Who saves a first run on a new machine must not lose the gate that there was without it."""
    repository.run("--ttsperf-save").assert_outcomes(passed=1)
    commit(repository, "first_s=0.012", "first_s=0.045")
    repository.run(MEASURE).assert_outcomes(failed=1)
    (verdict,) = (v for v in repository.cells()[0]["verdicts"] if v["subject"] == "ttfa_sound p50")
    assert verdict["outcome"] == "FAIL"
    assert "1 of 1 stored run can be compared with" in verdict["reason"]
    assert "Measured beside it: p50 changed by" in verdict["reason"]


def test_another_value_is_refused(project: Project) -> None:
    project.test(TEST)
    result = project.run("--ttsperf-compare=mesure")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
