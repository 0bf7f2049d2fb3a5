"""The table of suites: which are chosen, and that each has its file, its limits and its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pytest_ttsperf.suites
from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.suites import limits, table

FOLDER = Path(pytest_ttsperf.suites.__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "suites.md"


def names(chosen: tuple[table.Suite, ...]) -> list[str]:
    return [suite.name for suite in chosen]


def test_without_a_name_the_usual_suites_run() -> None:
    usual = ["ttfa", "streaming", "nonstream", "cold", "memory"]
    assert names(table.choose_suites(None)) == usual


def test_named_suites_run_once_in_the_order_of_the_table() -> None:
    assert names(table.choose_suites("cold, ttfa,cold")) == ["ttfa", "cold"]


def test_an_unknown_suite_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(LimitError, match=r"no suite 'streeming'.*'streaming'.*wanted one or more"):
        table.choose_suites("ttfa,streeming")


@pytest.mark.parametrize("text", ["", " , "])
def test_no_name_at_all_is_an_error(text: str) -> None:
    with pytest.raises(LimitError, match="found no suite"):
        table.choose_suites(text)


def test_presets_are_spoken_in_the_order_in_which_they_are_named() -> None:
    assert table.choose_presets("long,short") == ("long", "short")
    assert table.choose_presets(None) == ("short", "medium", "long")


def test_an_unknown_preset_is_an_error() -> None:
    with pytest.raises(LimitError, match="no preset 'shrot'"):
        table.choose_presets("shrot")


def test_each_suite_has_a_file_and_each_file_a_suite() -> None:
    files = {path.stem for path in FOLDER.glob("test_*.py")}
    assert files == {suite.module for suite in table.SUITES}


def test_limits_are_of_suites_that_there_are() -> None:
    assert set(limits.DEFAULTS) <= set(table.NAMES)


def test_the_usual_suites_take_ten_minutes_at_most() -> None:
    usual = table.choose_suites(None)
    assert sum(suite.minutes for suite in usual) <= 10
    [quick] = table.choose_suites("quick")
    assert quick.minutes <= 1
    assert not quick.is_default


def test_a_duration_is_said_as_people_say_it() -> None:
    suite = table.SUITES[0]
    assert table.duration_text(suite._replace(minutes=0.5)) == "30 s"
    assert table.duration_text(suite._replace(minutes=2.5)) == "2.5 min"
    assert table.duration_text(suite._replace(minutes=35)) == "35 min"


@pytest.mark.parametrize(
    ("minutes", "text"),
    [((0.5,), "30 s"), ((0.25, 0.5), "45 s"), ((0.5, 0.5), "1 min"), ((0.25, 35), "35 min")],
)
def test_a_total_is_said_alike(minutes: tuple[float, ...], text: str) -> None:
    """`quick (30 s): about 1 min` would be two answers to one question."""
    suites = [table.SUITES[0]._replace(minutes=each) for each in minutes]
    assert table.total_text(suites) == text


def says_how_long(text: str) -> bool:
    return re.search(r"\b(minute|hour)s?\b", text) is not None


def test_how_long_a_suite_takes_is_said_in_one_place() -> None:
    assert [suite.name for suite in table.SUITES if says_how_long(suite.about)] == []
    assert says_how_long("a minute: short text")


def test_the_page_has_a_row_for_each_suite() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for suite in table.SUITES:
        row = f"| `{suite.name}` | {table.duration_text(suite)} | {suite.about} |"
        assert row in page, f"docs/suites.md lacks: {row}"
