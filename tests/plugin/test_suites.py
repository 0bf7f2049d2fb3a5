"""The ready-made tests, run by pytest as `ttsperf run` does: which run, and what they judge."""

from __future__ import annotations

import re

import pytest

from pytest_ttsperf.cli.run import PYTEST
from tests.plugin.conftest import Project

# What a suite asks for runs in these runs alone.
pytestmark = pytest.mark.usefixtures("traced_children")

FEW = ("--ttsperf-trials=5", "--ttsperf-cold-trials=2")
COLLECT = ("--collect-only", "-q")


def collected(project: Project, *arguments: str) -> list[str]:
    """The tests that are collected, in their order."""
    result = project.run(*PYTEST, *COLLECT, *arguments)
    return [line for line in result.outlines if "::" in line]


def test_without_a_name_the_usual_suites_are_collected(project: Project) -> None:
    files = {line.partition("::")[0] for line in collected(project)}
    usual = ("ttfa", "streaming", "nonstream", "cold", "memory")
    assert files == {f"test_{name}.py" for name in usual}


def test_named_suites_are_collected_alone(project: Project) -> None:
    tests = collected(project, "--ttsperf-suite=cold,quick")
    assert {line.partition("::")[0] for line in tests} == {"test_cold.py", "test_quick.py"}


def test_each_preset_is_a_test(project: Project) -> None:
    tests = collected(project, "--ttsperf-suite=nonstream", "--ttsperf-preset=long,short")
    assert len(tests) == 2
    assert re.search(r"test_whole\[.*long.*\]", tests[0])
    assert re.search(r"test_whole\[.*short.*\]", tests[1])


def test_listeners_and_providers_are_tests_as_in_any_other_file(project: Project) -> None:
    tests = collected(project, "--ttsperf-suite=load", "--ttsperf-provider=cpu,coreml")
    crowds = [line for line in tests if "test_crowd" in line]
    assert len(crowds) == 6
    assert len(tests) == 8


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--ttsperf-suite=cald", "no suite 'cald' (did you mean 'cold'?)"),
        ("--ttsperf-preset=shrot", "no preset 'shrot' (did you mean 'short'?)"),
    ],
)
def test_what_there_is_not_is_an_error(project: Project, option: str, message: str) -> None:
    result = project.run(*PYTEST, option)
    assert result.ret != 0
    assert message in result.stdout.str()


def test_names_of_a_project_for_its_tests_are_not_those_of_suites(project: Project) -> None:
    project.ini(
        ttsperf_target="engines:Telling",
        python_files="check_*.py",
        python_functions="check_*",
    )
    assert len(collected(project, "--ttsperf-suite=cold")) == 1


def test_tests_of_a_project_do_not_see_the_suites(project: Project) -> None:
    project.test("""
        def test_theirs(perf):
            perf.stream("short")
    """)
    result = project.run(*COLLECT)
    assert [line for line in result.outlines if "::" in line] == ["test_it.py::test_theirs[cpu]"]


def test_a_project_changes_limits_in_its_table(project: Project) -> None:
    (project.path / "pyproject.toml").write_text("[tool.ttsperf.nonstream]\nrtf_p95 = 0\n")
    result = project.run_apart(*PYTEST, "--ttsperf-suite=nonstream", "--ttsperf-preset=short", *FEW)
    assert result.ret == 1
    [cell] = project.cells()
    [verdict] = [each for each in cell["verdicts"] if each["subject"] == "rtf p95"]
    assert verdict["outcome"] == "FAIL"


def test_an_unknown_key_is_an_error_that_names_those_there_are(project: Project) -> None:
    (project.path / "pyproject.toml").write_text("[tool.ttsperf]\nttfa = 300\n")
    result = project.run(*PYTEST, *COLLECT)
    assert result.ret != 0
    assert "[tool.ttsperf.ttfa]: found 300; wanted a table" in result.stdout.str()


def test_the_minute_measures_a_stream_and_a_start(project: Project) -> None:
    result = project.run_apart(*PYTEST, "--ttsperf-suite=quick", *FEW)
    assert result.ret == 0
    measured = {(cell["cell"]["mode"], cell["cell"]["phase"]) for cell in project.cells()}
    assert measured == {("stream", "warm"), ("stream", "cold")}
    outcomes = project.verdicts()
    marks = {subject.split()[0] for subject in outcomes}
    assert marks == {"ttfa", "rtf", "cadence", "memory"}
    assert "FAIL" not in outcomes.values()


def test_a_fixture_of_the_project_says_what_is_measured(project: Project) -> None:
    project.pytester.makeconftest("""
        import pytest
        from pytest_ttsperf import TargetSpec

        @pytest.fixture
        def ttsperf_target():
            return TargetSpec(spec="engines:Telling", options={"voice": "hiss"})
    """)
    arguments = ("--ttsperf-suite=nonstream", "--ttsperf-preset=short")
    result = project.run_apart(*PYTEST, *arguments, *FEW)
    assert result.ret == 0
    [cell] = project.cells()
    assert cell["cell"]["voice"] == "hiss"


def test_a_server_has_no_cold_start_and_its_test_says_so(project: Project) -> None:
    result = project.run(
        *PYTEST, "--ttsperf-suite=cold", "--ttsperf-target=http://127.0.0.1:9", "-rs"
    )
    result.assert_outcomes(skipped=1)
    assert "runs already, so it has no cold start" in result.stdout.str()


def test_what_has_no_limit_is_said_below_the_table(project: Project) -> None:
    arguments = ("--ttsperf-suite=cold,memory", "--ttsperf-preset=short")
    result = project.run_apart(*PYTEST, *arguments, *FEW)
    assert result.ret == 0
    printed = result.stdout.str()
    assert printed.index(" ttsperf =") < printed.index("ttsperf suites")
    assert re.search(
        r"test_first_answer.*: phases of a start, median of 2: process \d+ ms", printed
    )
    assert re.search(r"test_range.*: memory when ready \d+\.\d MB, at its peak \d+", printed)


def test_a_soak_of_seconds_by_the_table_of_the_project(project: Project) -> None:
    (project.path / "pyproject.toml").write_text(
        "[tool.ttsperf.soak]\nsoak_minutes = 0.02\nsoak_drift = 1\nsoak_underruns_per_10min = 1e6\n"
    )
    result = project.run_apart(*PYTEST, "--ttsperf-suite=soak")
    [cell] = project.cells()
    assert len(cell["soak"]["slices"]) == 32
    assert {each["subject"] for each in cell["verdicts"]} >= {"soak drift (ttfa)", "soak leak"}
    assert "32 slices in" in result.stdout.str()
