"""`--ttsperf-against`, `@regression` and their kin: slower, faster, new, and what is told."""

from __future__ import annotations

import msgspec
import pytest

from pytest_ttsperf.records import ComparedMetric
from tests.plugin.conftest import Project
from tests.plugin.repository import TEST, changes, commit, commit_all, git

MARK = "from pytest_ttsperf import regression\n@regression(ttfa='400%', rtf='400%')"


@pytest.mark.usefixtures("one_block")
def test_a_mark_says_what_changes_count(repository: Project) -> None:
    repository.test(MARK + TEST)
    git(repository, "commit", "-qam", "marked")
    repository.run("--ttsperf-against=HEAD~1").assert_outcomes(passed=1)
    (cell,) = repository.cells()
    gates = msgspec.convert(cell["comparison"]["gates"], list[ComparedMetric])
    margins = {gate.label: gate.margin for gate in gates if not gate.is_work}
    assert margins == {"ttfa p50": 4.0, "ttfa p95": 4.0, "rtf p50": 4.0}


def test_a_slow_commit_is_red_with_its_stage_and_its_revert_is_not(repository: Project) -> None:
    slow = commit(repository, "first_s=0.012", "first_s=0.036")
    repository.test(MARK + TEST)
    # What the command line says comes before the mark, which allows that much.
    result = repository.run("--ttsperf-against=HEAD~1", "--ttsperf-compare-fail=ttfa_p50:5%")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*compared with HEAD~1*at most 60 s a test*",
            "*FAIL*ttfa p50 against HEAD~1*of which vocode*",
        ]
    )
    assert changes(repository)["ttfa p50"] == "FAIL"
    (cell,) = repository.cells()
    assert cell["comparison"]["revision"] == git(repository, "rev-parse", "HEAD~1")
    assert len(cell["comparison"]["measured"]["ttfa_sound_ms"]) == cell["comparison"]["blocks"]

    repository.test(TEST)
    commit(repository, "first_s=0.036", "first_s=0.012")
    repository.run(f"--ttsperf-against={slow}~1").assert_outcomes(passed=1)
    assert changes(repository)["ttfa p50"] != "FAIL"


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        ("regression(tfta='5%')", "did you mean 'ttfa'"),
        ("regression(ttfa=5)", "wanted a change such as '5%' or 0.05"),
        ("regression(underruns='5%')", "wanted a number above 0"),
        ("regression('5%')", "takes keywords only"),
    ],
)
def test_a_mark_that_cannot_be_understood_is_told_at_collection(
    project: Project, mark: str, told: str
) -> None:
    project.test(f"from pytest_ttsperf import regression\n@{mark}{TEST}")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert told in "\n".join(result.errlines + result.outlines)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--ttsperf-against=no-such", "is no revision of the repository"),
        ("--ttsperf-budget=soon", "wanted a time above 0"),
        ("--ttsperf-compare-fail=ttfa_p95", "wanted FIGURE:CHANGE"),
    ],
)
def test_an_option_that_cannot_be_understood_ends_the_run(
    repository: Project, option: str, told: str
) -> None:
    result = repository.run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert told in "\n".join(result.errlines + result.outlines)
    assert not repository.artifact_paths()


def test_what_the_old_version_has_not_is_new(repository: Project) -> None:
    git(repository, "mv", "engines.py", "voices.py")
    commit_all(repository, "renamed")
    repository.ini(ttsperf_target="voices:Telling")
    result = repository.run("--ttsperf-against=HEAD~1")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["note: *new: HEAD~1*cannot be opened as it is now*"])
    assert set(changes(repository).values()) == {"INCONCLUSIVE"}
