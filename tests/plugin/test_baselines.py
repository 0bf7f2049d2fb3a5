"""`--ttsperf-save` and `--ttsperf-compare`."""

from __future__ import annotations

import json

import pytest

from tests.plugin.conftest import Project

pytestmark = pytest.mark.usefixtures("untraced_children")

TEST = """
from pytest_ttsperf import TargetSpec
import os

@pytest.fixture
def ttsperf_target():
    return TargetSpec(spec="engines:Telling")

@trials(5)
def test_x(perf):
    perf.stream("short")
"""


@pytest.fixture(autouse=True)
def _inline(project: Project) -> None:
    project.measure_inline()


def saved(project: Project, times: int) -> None:
    project.test(TEST)
    for _ in range(times):
        project.run("--ttsperf-save").assert_outcomes(passed=1)


def test_missing_baseline_is_inconclusive_with_the_reason(project: Project) -> None:
    project.test(TEST)
    result = project.run("--ttsperf-compare")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["note: *no baseline*--ttsperf-save*"])
    project.run("--ttsperf-compare", "--ttsperf-inconclusive=fail").assert_outcomes(failed=1)


def test_too_few_runs_are_inconclusive(project: Project) -> None:
    saved(project, 2)
    result = project.run("--ttsperf-compare")
    result.assert_outcomes(passed=1)
    assert set(project.verdicts().values()) == {"INCONCLUSIVE"}


def test_five_runs_make_a_gate_that_a_slow_stage_turns_red(project: Project) -> None:
    saved(project, 5)
    project.run("--ttsperf-compare").assert_outcomes(passed=1)
    assert set(project.verdicts().values()) <= {"PASS", "INCONCLUSIVE"}
    engines = project.path / "engines.py"
    engines.write_text(engines.read_text().replace("first_s=0.012", "first_s=0.12"))
    result = project.run("--ttsperf-compare")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FAIL*ttfa_sound*vocode*"])


def test_foreign_baselines_are_inconclusive(project: Project) -> None:
    saved(project, 1)
    (folder,) = (project.path / "baselines").iterdir()
    folder.rename(folder.with_name("another-machine-0123abcd"))
    result = project.run("--ttsperf-compare")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["note: *another-machine-0123abcd*"])


def test_an_unreadable_baseline_fails_and_is_not_overwritten(project: Project) -> None:
    saved(project, 1)
    (path,) = (project.path / "baselines").glob("*/*.json")
    path.write_text('{"schema": "ttsperf-base')
    result = project.run("--ttsperf-compare", "--ttsperf-save")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{path.name}*"])
    assert path.read_text() == '{"schema": "ttsperf-base'


def test_saving_onto_an_unreadable_baseline_fails(project: Project) -> None:
    saved(project, 1)
    (path,) = (project.path / "baselines").glob("*/*.json")
    path.write_text("{}")
    project.run("--ttsperf-save").assert_outcomes(failed=1)
    assert path.read_text() == "{}"


def test_a_failing_run_is_not_saved_and_says_so(project: Project) -> None:
    project.test("@trials(5)\n@ttfa(p50_ms=1)\ndef test_x(perf): perf.stream('short')")
    result = project.run("--ttsperf-save")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["note: *FAIL, not saved*"])
    assert not list(project.path.glob("baselines/*/*.json"))


def test_the_run_of_a_failing_body_is_not_saved(project: Project) -> None:
    project.test("@trials(5)\ndef test_x(perf):\n    perf.stream('short')\n    assert 0")
    result = project.run("--ttsperf-save")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["note: *its body raised, nothing was saved*"])
    assert not list(project.path.glob("baselines/*/*.json"))


def test_a_baseline_keeps_medians_raw_trials_and_revision(project: Project) -> None:
    saved(project, 1)
    (path,) = (project.path / "baselines").glob("*/*.json")
    baseline = json.loads(path.read_text())
    assert baseline["fingerprint"] == path.parent.name
    assert baseline["runs"][0]["n"] == 5
    assert "revision" in baseline["runs"][0]
    assert baseline["runs"][0]["summary"]["rtf"]["p50"] > 0
    assert len(baseline["newest"]) == 5
