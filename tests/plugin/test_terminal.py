"""The end of a run as the terminal shows it: how wide, in which colours, and how much under -v."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tests.plugin.conftest import Project

WIDTH = 60
TWO = """
@trials(5)
@ttfa(p50_ms=1)
def test_bad(perf): perf.stream("short")

@trials(5)
@ttfa(p50_ms=5000)
def test_good(perf): perf.stream("short")
"""
ESCAPE = "\x1b["


@pytest.fixture
def two(project: Project) -> Project:
    """A project with a test that fails and one that passes."""
    project.measure_inline()
    project.test(TWO)
    return project


def between(result: pytest.RunResult, first: str, last: str) -> list[str]:
    """The lines from that with one title on, to that with another."""
    (begin,) = [number for number, line in enumerate(result.outlines) if f" {first} " in line]
    (end,) = [number for number, line in enumerate(result.outlines) if f" {last} " in line]
    return result.outlines[begin:end]


def test_no_line_of_ours_is_wider_than_the_terminal(
    two: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    result = two.run("--junitxml=junit.xml")
    result.assert_outcomes(passed=1, failed=1)
    lines = between(result, "FAILURES", "short test summary info")
    ours = [line for line in lines if "generated xml file" not in line]
    # A word that is wider by itself, as a path, stays whole.
    assert [line for line in ours if len(line) > WIDTH and " " in line.strip()] == []
    text = " ".join("\n".join(ours).split())
    assert "FAIL ttfa p50: " in text
    assert "exceed it" in text
    assert "test_good" in text
    (failure,) = ET.parse(two.path / "junit.xml").iter("failure")
    whole = f"{failure.get('message')}\n{failure.text}".splitlines()
    assert [line for line in whole if "FAIL  ttfa p50" in line and "exceed it" in line], "unfolded"


def test_in_a_file_a_note_is_one_line(two: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    two.run().stdout.fnmatch_lines(["  FAIL  ttfa p50: *limit 1 ms: *exceed it*"])


def test_what_concerns_every_cell_is_said_once(two: Project) -> None:
    result = two.run()
    lines = between(result, "ttsperf", "short test summary info")
    assert [line for line in lines if line.startswith("Both cells: engines:Telling, ")]
    labels = [line.split()[0] for line in lines if line.startswith("test_")]
    assert labels == ["test_bad[cpu]", "test_good[cpu]"], "the worst first, each once"
    (good,) = [line for line in lines if line.startswith("test_good")]
    assert good.endswith("PASS"), "its only line"


def test_under_v_every_row_is_there(two: Project) -> None:
    result = two.run("-v")
    lines = between(result, "ttsperf", "short test summary info")
    assert len([line for line in lines if line.startswith("  ttfa p50")]) == 2
    assert len([line for line in lines if line.startswith("  longest stall")]) == 2
    assert "test_good[cpu] short stream warm" in lines


def test_colour_is_for_terminals_and_not_where_it_is_unwanted(
    two: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PY_COLORS", raising=False)  # pytester sets it
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert ESCAPE not in two.run().stdout.str(), "a pipe is no terminal"
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert f"{ESCAPE}31mFAIL{ESCAPE}0m" in two.run().stdout.str()
    monkeypatch.setenv("NO_COLOR", "1")
    assert ESCAPE not in two.run().stdout.str()
