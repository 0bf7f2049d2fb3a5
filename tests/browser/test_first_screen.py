"""What is seen as soon as the page is open: the verdict, the failing cell, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import looking, parts
from tests.browser.chromium import MEDIUM, VIEWPORTS, WIDE, Viewport
from tests.browser.conftest import OpenPage

widths = pytest.mark.parametrize("viewport", VIEWPORTS, ids=lambda viewport: viewport.name)


@widths
def test_the_verdict_and_the_failing_cell_are_seen_without_scrolling(
    open_page: OpenPage, failing_page: Path, viewport: Viewport
) -> None:
    page = open_page(failing_page, viewport=viewport)
    verdict = page.locator(parts.VERDICT)
    assert verdict.inner_text() == "FAIL"
    assert looking.is_in_view(verdict, viewport)
    assert looking.is_in_view(page.locator(parts.FAILING_CELL).locator(parts.HEAD), viewport)


@widths
def test_a_cell_that_failed_last_of_forty_is_seen_without_scrolling(
    open_page: OpenPage, long_page: Path, viewport: Viewport
) -> None:
    page = open_page(long_page, viewport=viewport)
    assert page.locator(parts.CELL).count() == 40
    assert looking.is_in_view(page.locator(parts.FAILING_CELL).locator(parts.HEAD), viewport)


@pytest.mark.parametrize("viewport", [MEDIUM, WIDE], ids=lambda viewport: viewport.name)
def test_the_stages_of_the_failing_cell_are_seen_without_scrolling(
    open_page: OpenPage, failing_page: Path, viewport: Viewport
) -> None:
    page = open_page(failing_page, viewport=viewport)
    timeline = page.locator(parts.FAILING_CELL).locator(parts.TIMELINE).first
    assert looking.is_in_view(timeline.locator(parts.STAGE).last, viewport)
    assert looking.is_in_view(timeline.get_by_text("synthesize", exact=True), viewport)


def test_the_summary_says_what_is_worst_and_what_to_do(
    open_page: OpenPage, failing_page: Path
) -> None:
    page = open_page(failing_page)
    lines = page.locator(parts.SUMMARY).locator("li").all_inner_texts()
    assert "FAIL" in lines[0]
    assert "test_long_reply" in lines[1]
    assert len(lines) >= 3


@widths
@pytest.mark.parametrize("name", ["failing_page", "crowd_page", "empty_page"])
def test_nothing_is_wider_than_the_window(
    request: pytest.FixtureRequest, open_page: OpenPage, name: str, viewport: Viewport
) -> None:
    page = open_page(request.getfixturevalue(name), viewport=viewport)
    looking.open_everything(page)
    width = page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= viewport.width


def test_a_good_run_says_so_and_how_many_cells_there_are(
    open_page: OpenPage, passing_page: Path
) -> None:
    page = open_page(passing_page)
    assert page.locator(parts.VERDICT).inner_text() == "PASS"
    assert "PASS" in page.title()
    assert page.locator(parts.FAILING_CELL).count() == 0
    assert page.locator(parts.CELL).count() == 2


def test_a_run_that_measured_nothing_says_that(open_page: OpenPage, empty_page: Path) -> None:
    page = open_page(empty_page)
    assert looking.attribute(page.locator(parts.VERDICT), "data-outcome") == "none"
    assert "Nothing was measured" in page.locator("main").inner_text()
    assert "not finished" in page.locator("header").inner_text()


def test_the_verdict_is_there_without_scripts(open_page: OpenPage, failing_page: Path) -> None:
    page = open_page(failing_page, has_scripts=False)
    assert page.locator(parts.VERDICT).inner_text() == "FAIL"
    cell = page.locator(parts.FAILING_CELL)
    assert cell.locator(parts.ROWS).first.is_visible()
    assert "Without JavaScript" in page.locator("header").inner_text()
