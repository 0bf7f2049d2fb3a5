"""A run as Markdown: what stands there, what is escaped, and what goes where room is short."""

from __future__ import annotations

import pytest

from pytest_ttsperf.records import Outcome, Run
from pytest_ttsperf.report import markdown
from tests.unit.baseline.factories import run_of
from tests.unit.report.test_terminal import result

ROOM = 100_000
TITLE = "ttsperf: over a limit"


def summary(run: Run | None, *lines: str, most_bytes: int = ROOM) -> str:
    return markdown.summary(TITLE, run, lines, most_bytes=most_bytes)


def visible(text: str) -> str:
    """What is there before anything is unfolded."""
    return text.partition("<details>")[0]


def test_what_is_not_pass_stands_first_and_the_rest_is_folded() -> None:
    run = run_of(result("test_good", Outcome.PASS), result("test_bad", Outcome.FAIL, Outcome.PASS))
    text = summary(run)
    assert text.startswith("### ttsperf&#58; over a limit\n")
    assert "| cell, metric | n | p50 |" in text
    table = [line for line in visible(text).splitlines() if line.startswith("|")]
    assert len(table) == 4, "headings, their rule, the cell and its one row that is not PASS"
    assert table[3].endswith("| **FAIL** |")
    assert "because of FAIL" in visible(text), "its reason"
    assert "test_good" in text, "folded"
    assert "test_good" not in visible(text)


def test_a_run_that_is_all_well_has_no_table_to_look_at() -> None:
    text = summary(run_of(result("test_good", Outcome.PASS)))
    assert "|" not in visible(text)
    assert "1 PASS" in visible(text)


def test_no_run_is_told_by_its_lines() -> None:
    assert summary(None, "It ended early.") == "### ttsperf&#58; over a limit\n\nIt ended early.\n"


@pytest.mark.parametrize("harm", ["a|b", "@team", "<img src=x>", "[x](y)", "`x`", "#1", "a\nb"])
def test_a_name_harms_nothing(harm: str) -> None:
    escaped = markdown.escape(harm)
    assert not set("|@<>[]()`\n") & set(escaped)
    text = summary(run_of(result(f"test_a[{harm}]", Outcome.FAIL)))
    rows = [line for line in visible(text).splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {8}
    assert all(harm not in row for row in rows)


def test_a_fence_is_longer_than_those_in_it() -> None:
    block = markdown.code_block("```\n````")
    assert block.splitlines()[0] == "`````text"
    assert block.splitlines()[-1] == "`````"


@pytest.mark.parametrize("most_bytes", [60, 400, 1200, 2500, 6000])
def test_it_never_takes_more_room_than_there_is(most_bytes: int) -> None:
    many = [result(f"test_{number}", Outcome.FAIL) for number in range(20)]
    text = summary(run_of(*many), most_bytes=most_bytes)
    assert len(text.encode()) <= most_bytes
    assert markdown.SHORTENED in text
    assert text.count("<details>") == text.count("</details>")


def test_what_is_folded_goes_before_the_table() -> None:
    run = run_of(*(result(f"test_{number}", Outcome.FAIL) for number in range(20)))
    whole = summary(run)
    text = summary(run, most_bytes=len(whole.encode()) - 1)
    assert markdown.SHORTENED not in whole
    assert "All that was measured" not in text
    assert text.count("**FAIL**") == 20


def test_an_unfinished_cell_is_shown() -> None:
    open_cell = result("test_open", Outcome.INCONCLUSIVE)
    assert "**INCONCLUSIVE**" in visible(summary(run_of(open_cell)))
