"""What somebody sees of an open page, and does with all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser import parts
from tests.browser.chromium import Viewport

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

DEPTH = 2
"""A packed cell has a packed table in it."""
OPEN_ALL = "() => document.querySelectorAll('details').forEach(each => { each.open = true; })"
IS_UNPACKED = (
    f"() => [...document.querySelectorAll('{parts.PACKED}')]"
    ".every(box => box.dataset.state === 'unpacked')"
)


def is_in_view(locator: Locator, viewport: Viewport) -> bool:
    """Whether all of an element is in the window, as far as it is scrolled now."""
    box = locator.bounding_box()
    if box is None or not locator.is_visible():
        return False
    is_high_enough = box["y"] >= 0 and box["y"] + box["height"] <= viewport.height
    is_left_enough = box["x"] >= 0 and box["x"] + box["width"] <= viewport.width
    return is_high_enough and is_left_enough


def open_everything(page: Page) -> None:
    """Open all that can be opened, and wait until it is unpacked."""
    for _ in range(DEPTH):
        page.evaluate(OPEN_ALL)
        page.wait_for_function(IS_UNPACKED)


def visible_labels(page: Page) -> list[str]:
    """The labels of the cells that are shown, from the top."""
    cells = page.locator(f"{parts.CELL}:not([hidden])")
    return cells.locator(parts.LABEL).all_inner_texts()


def attribute(locator: Locator, name: str) -> str:
    """An attribute that the element has."""
    value = locator.get_attribute(name)
    assert value is not None, f"found no attribute {name}"
    return value
