"""Finding a cell among many: by words, by its outcome, and by its address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import looking, parts
from tests.browser.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Page


def write_words(page: Page, words: str) -> None:
    page.get_by_role("searchbox", name="Filter").fill(words)


def shown(page: Page) -> str:
    """What is said of how many are shown, also to those who do not see it."""
    return page.get_by_role("status").inner_text()


def test_all_cells_are_shown_at_first_the_worst_one_first(
    open_page: OpenPage, failing_page: Path
) -> None:
    page = open_page(failing_page)
    labels = looking.visible_labels(page)
    assert len(labels) == 4
    assert "test_long_reply" in labels[0]
    assert shown(page) == "4 of 4 cells"


@pytest.mark.parametrize("words", ["greeting", "GREETING", "cpu greet", "  test_greeting  "])
def test_words_leave_the_cells_that_have_all_of_them(
    open_page: OpenPage, failing_page: Path, words: str
) -> None:
    page = open_page(failing_page)
    write_words(page, words)
    [label] = looking.visible_labels(page)
    assert "test_greeting" in label
    assert shown(page) == "1 of 4 cells"


def test_words_that_no_cell_has_leave_none_and_clearing_them_brings_all_back(
    open_page: OpenPage, failing_page: Path
) -> None:
    page = open_page(failing_page)
    write_words(page, "reply elephant")
    assert looking.visible_labels(page) == []
    assert shown(page) == "0 of 4 cells"
    write_words(page, "")
    assert len(looking.visible_labels(page)) == 4


def test_an_outcome_can_be_hidden_and_shown(open_page: OpenPage, failing_page: Path) -> None:
    page = open_page(failing_page)
    good = page.get_by_role("button", name="PASS 2")
    assert looking.attribute(good, "aria-pressed") == "true"
    good.click()
    assert looking.attribute(good, "aria-pressed") == "false"
    assert page.locator(f"{parts.CELL}[data-outcome=PASS]:not([hidden])").count() == 0
    assert shown(page) == "2 of 4 cells"
    good.click()
    assert shown(page) == "4 of 4 cells"


def test_words_and_outcomes_hold_together(open_page: OpenPage, failing_page: Path) -> None:
    page = open_page(failing_page)
    write_words(page, "reply")
    page.get_by_role("button", name="FAIL 1").click()
    labels = looking.visible_labels(page)
    assert len(labels) == 2
    assert not any("test_long_reply" in label for label in labels)


def test_there_is_a_button_for_each_outcome_that_some_cell_has(
    open_page: OpenPage, failing_page: Path
) -> None:
    page = open_page(failing_page)
    buttons = page.locator(parts.OUTCOME_BUTTONS)
    outcomes = [looking.attribute(each, "data-filter-outcome") for each in buttons.all()]
    assert outcomes == ["FAIL", "INCONCLUSIVE", "PASS"]


def test_the_address_of_a_cell_opens_it(open_page: OpenPage, long_page: Path) -> None:
    page = open_page(long_page)
    last = page.locator(parts.CELL).last
    anchor = looking.attribute(last, "id")
    page = open_page(long_page, fragment=anchor)
    cell = page.locator(f"#{anchor}")
    page.wait_for_function(looking.IS_UNPACKED)
    assert cell.locator(parts.ROWS).first.is_visible()
    assert cell.locator(parts.HEAD).is_visible()
    top = page.evaluate("id => document.getElementById(id).getBoundingClientRect().top", anchor)
    assert 0 <= top < 1080


def test_a_packed_cell_has_all_its_parts_once_it_is_opened(
    open_page: OpenPage, long_page: Path
) -> None:
    page = open_page(long_page)
    last = page.locator(parts.CELL).last
    assert last.locator(parts.ROWS).count() == 0
    last.locator(parts.HEAD).click()
    page.wait_for_function(looking.IS_UNPACKED)
    assert last.locator(parts.ROWS).count() >= 3
    assert last.locator(parts.STRIP).first.is_visible()
    assert last.locator(parts.TIMELINE).first.is_visible()
    last.locator(parts.TRIALS).locator("summary").click()
    page.wait_for_function(looking.IS_UNPACKED)
    assert last.locator(parts.TRIALS).locator("tbody tr").count() == 60
