"""`--ttsperf-save` and `--ttsperf-compare`."""

from __future__ import annotations

import json

import pytest

from pytest_ttsperf.cli import main
from tests.plugin.conftest import Project

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
    result.stdout.fnmatch_lines(["note: 1 cell has no baseline*"])
    (cell,) = project.cells()
    (verdict,) = cell["verdicts"]
    assert "another-machine-0123abcd" in verdict["reason"]


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


def change_engine(project: Project, before: str, after: str) -> None:
    engines = project.path / "engines.py"
    engines.write_text(engines.read_text().replace(before, after))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("len(text) / 15", "len(text) / 11.5", "length of its speech is"),
        ("level=0.3", "level=0.1", "level of its speech is"),
    ],
)
def test_another_work_is_not_saved_until_it_is_accepted(
    project: Project, before: str, after: str, words: str
) -> None:
    saved(project, 2)
    change_engine(project, before, after)
    result = project.run("--ttsperf-save")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [f"note: *not saved*{words}*by the first 2 stored runs*baseline accept*"]
    )
    (path,) = project.path.glob("baselines/*/*.json")
    assert len(json.loads(path.read_text())["runs"]) == 2
    folders = ("--storage", str(path.parents[1]), "--artifacts", str(project.path / "artifacts"))
    assert main(["baseline", "accept", path.stem, *folders]) == 0
    result = project.run("--ttsperf-save")
    result.stdout.no_fnmatch_line("*not saved*")
    runs = json.loads(path.read_text())["runs"]
    assert [bool(run["accepted"]) for run in runs] == [False, False, True, False]
    assert runs[2]["accepted_by"]


@pytest.mark.usefixtures("usual_warm_ups")
def test_a_year_later_the_age_is_told_and_nothing_fails(project: Project) -> None:
    saved(project, 1)
    (path,) = project.path.glob("baselines/*/*.json")
    baseline = json.loads(path.read_text())
    baseline["runs"][0]["saved"] = "2020-02-03T04:05:06+00:00"
    path.write_text(json.dumps(baseline))
    result = project.run("--ttsperf-compare", "--ttsperf-save")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["note: *is of 2020-02-03, more than a year ago*"])
    assert json.loads(path.read_text())["runs"][1]["notes"] == []
    result = project.run("--ttsperf-compare")
    result.stdout.no_fnmatch_line("*more than a year*")


def test_a_baseline_of_other_texts_is_not_judged_by(project: Project) -> None:
    saved(project, 5)
    (path,) = project.path.glob("baselines/*/*.json")
    baseline = json.loads(path.read_text())
    assert len(baseline["runs"][0]["corpus"]) == 8
    for run in baseline["runs"]:
        run["corpus"] = "01234567"
    path.write_text(json.dumps(baseline))
    result = project.run("--ttsperf-compare")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["note: *another version of the texts of this preset*"])
    assert set(project.verdicts().values()) == {"INCONCLUSIVE"}


def test_an_invalid_run_is_not_saved_and_says_so(project: Project) -> None:
    """Over-long answers: each chunk is followed by four times as much silence."""
    saved(project, 1)
    padded = "yield np.concatenate([piece, np.zeros(4 * len(piece), np.float32)])"
    change_engine(project, "yield piece", padded)
    result = project.run("--ttsperf-save")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["note: *INVALID, not saved*"])
    (path,) = project.path.glob("baselines/*/*.json")
    assert len(json.loads(path.read_text())["runs"]) == 1
