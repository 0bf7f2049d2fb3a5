"""All of it by keyboard: everything is reached, in the order in which it stands, and is seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import looking, parts
from tests.browser.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Page

NUMBER_ALL = """() => {
  const all = [...document.querySelectorAll("a[href], button, input, summary, [tabindex]")];
  const reachable = all.filter(each => each.checkVisibility() && each.tabIndex >= 0);
  reachable.forEach((each, number) => { each.dataset.testNumber = number; });
  return reachable.length;
}"""
"""Numbers what the Tab key is to reach, in the order of the document; gives how many there are."""
FOCUSED = """() => {
  const style = getComputedStyle(document.activeElement);
  const hasOutline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const box = document.activeElement.getBoundingClientRect();
  return {
    number: Number(document.activeElement.dataset.testNumber ?? -1),
    is_marked: hasOutline || style.boxShadow !== "none",
    is_in_view: box.bottom > 0 && box.top < innerHeight,
  };
}"""


def focused(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(FOCUSED)
    return found


@pytest.mark.parametrize("name", ["failing_page", "crowd_page", "passing_page"])
def test_tab_reaches_everything_in_its_order_and_shows_where_it_is(
    request: pytest.FixtureRequest, open_page: OpenPage, name: str
) -> None:
    page = open_page(request.getfixturevalue(name))
    count = page.evaluate(NUMBER_ALL)
    assert count >= 5
    visited = []
    for _ in range(count):
        page.keyboard.press("Tab")
        found = focused(page)
        visited.append(found["number"])
        assert found["is_marked"], f"the focus is not seen on number {found['number']}"
        assert found["is_in_view"], f"number {found['number']} is not scrolled into the window"
    assert visited == list(range(count))


def test_the_way_back_is_the_same(open_page: OpenPage, passing_page: Path) -> None:
    page = open_page(passing_page)
    count = page.evaluate(NUMBER_ALL)
    page.locator(f"[data-test-number='{count - 1}']").focus()
    for number in range(count - 2, -1, -1):
        page.keyboard.press("Shift+Tab")
        assert focused(page)["number"] == number


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_cell_is_opened_and_closed(open_page: OpenPage, failing_page: Path, key: str) -> None:
    page = open_page(failing_page)
    cell = page.locator(parts.CELL).last
    details = cell.locator(":scope > details")
    cell.locator(parts.HEAD).focus()
    rows = cell.locator(parts.ROWS).first
    assert details.get_attribute("open") is None
    page.keyboard.press(key)
    rows.wait_for(state="visible")
    page.keyboard.press(key)
    rows.wait_for(state="hidden")


def test_arrows_go_from_cell_to_cell_and_pass_over_hidden_ones(
    open_page: OpenPage, failing_page: Path
) -> None:
    page = open_page(failing_page)
    heads = page.locator(f"{parts.CELL} > details > summary")
    page.get_by_role("button", name="INCONCLUSIVE 1").click()
    heads.first.focus()

    def label() -> str:
        text: str = page.evaluate("() => document.activeElement.querySelector('h3').textContent")
        return text

    labels = looking.visible_labels(page)
    assert len(labels) == 3
    seen = [label()]
    for _ in range(2):
        page.keyboard.press("ArrowDown")
        seen.append(label())
    assert seen == labels
    page.keyboard.press("ArrowDown")
    assert label() == labels[-1]
    page.keyboard.press("ArrowUp")
    assert label() == labels[1]


def test_sound_is_played_and_stopped(open_page: OpenPage, failing_page: Path) -> None:
    page = open_page(failing_page)
    timeline = page.locator(parts.FAILING_CELL).locator(parts.FAILING_TIMELINE)
    button = timeline.locator(parts.PLAY)
    button.focus()
    page.keyboard.press("Space")
    assert looking.attribute(button, "aria-pressed") == "true"
    page.keyboard.press("Space")
    assert looking.attribute(button, "aria-pressed") == "false"


def test_an_outcome_is_hidden(open_page: OpenPage, failing_page: Path) -> None:
    page = open_page(failing_page)
    page.get_by_role("button", name="PASS 2").focus()
    page.keyboard.press("Space")
    assert len(looking.visible_labels(page)) == 2


def test_a_figure_is_zoomed_and_the_keys_stay_with_it(
    open_page: OpenPage, passing_page: Path
) -> None:
    page = open_page(passing_page)
    memory = page.locator(parts.CELL).first.locator(parts.MEMORY)
    memory.locator(parts.ZOOM).focus()
    page.keyboard.press("Enter")
    closer = memory.get_by_role("button", name="closer")
    assert closer.evaluate("button => button === document.activeElement")
    assert memory.locator("canvas").is_visible()
    page.keyboard.press("Enter")
    for name in ("wider", "to the left", "to the right", "all"):
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.textContent") == name
        page.keyboard.press("Enter")
