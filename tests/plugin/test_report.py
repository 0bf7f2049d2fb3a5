"""The pages that a run leaves beside its artifact."""

from __future__ import annotations

import pytest

from pytest_ttsperf.report import page_build
from tests.plugin.conftest import Project

SLOW = """
@trials(3)
@ttfa(max_ms=0.001)
def test_a(perf): perf.stream("short")
"""
GOOD = SLOW.replace("0.001", "60_000")
YES = "--ttsperf-report=yes"


def pages_of(project: Project) -> list[str]:
    """The suffixes of the pages, each of the one run."""
    (run_path,) = project.artifact_paths()
    stamp = run_path.stem.removeprefix("run_")
    return sorted(path.suffix for path in run_path.parent.glob(f"report_{stamp}.*"))


@pytest.fixture
def inline(project: Project) -> Project:
    project.measure_inline()
    return project


def test_a_run_leaves_its_pages_and_says_where(inline: Project) -> None:
    inline.test(SLOW)
    ran = inline.run(YES)
    ran.assert_outcomes(failed=1)
    assert pages_of(inline) == [".html", ".md"]
    (run_path,) = inline.artifact_paths()
    text = run_path.with_name(run_path.name.replace("run_", "report_")).with_suffix(".md")
    assert "FAIL" in text.read_text(encoding="utf-8")
    ran.stdout.fnmatch_lines(["*report_*.html*"])


def test_they_can_be_left_out(inline: Project) -> None:
    inline.test(GOOD)
    inline.run("--ttsperf-report=no").assert_outcomes(passed=1)
    assert pages_of(inline) == []


def test_ini_may_leave_them_out_and_the_command_line_wins(
    inline: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS")
    inline.ini(
        ttsperf_target="engines:Telling", ttsperf_provider="cpu", ttsperf_report="no",
        addopts="--ttsperf-inline -p no:randomly",
    )  # fmt: skip
    inline.test(GOOD)
    inline.run().assert_outcomes(passed=1)
    assert pages_of(inline) == []


def test_another_word_is_an_error(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS")
    project.ini(ttsperf_target="engines:Telling", ttsperf_report="maybe")
    project.test(GOOD)
    ran = project.run()
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*ttsperf_report='maybe'; wanted yes or no*"])


def test_a_page_that_cannot_be_drawn_fails_no_run(
    inline: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run: object, path: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(page_build, "build", fail)
    inline.test(GOOD)
    ran = inline.run(YES)
    ran.assert_outcomes(passed=1)
    assert ran.ret == pytest.ExitCode.OK
    ran.stdout.fnmatch_lines(["*a page of this run is missing: *ZeroDivisionError: by zero"])


def test_a_run_that_measures_nothing_leaves_none(inline: Project) -> None:
    inline.test("def test_a(): pass")
    inline.run(YES).assert_outcomes(passed=1)
    assert inline.artifact_paths() == []


def test_a_run_that_is_broken_off_leaves_its_page(inline: Project) -> None:
    inline.test(GOOD + "\ndef test_b(): raise KeyboardInterrupt\n")
    ran = inline.run(YES)
    assert ran.ret == pytest.ExitCode.INTERRUPTED
    assert ".md" in pages_of(inline)
