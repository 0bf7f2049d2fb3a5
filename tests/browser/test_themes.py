"""Light and dark, by the system's choice or by hand; and no motion for who wants none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import looking, parts
from tests.browser.chromium import THEMES, Theme
from tests.browser.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Page

BRIGHTNESS = """() => {
  const colour = getComputedStyle(document.body).backgroundColor;
  const [red, green, blue] = colour.match(/[0-9.]+/g).map(Number);
  return (red + green + blue) / 3 / 255;
}"""


def brightness(page: Page) -> float:
    """Of the page's background: 0 is black, 1 is white."""
    return float(page.evaluate(BRIGHTNESS))


def is_dark(page: Page) -> bool:
    return brightness(page) < 0.5


@pytest.mark.parametrize("theme", THEMES)
def test_the_page_is_as_the_system_is(
    open_page: OpenPage, failing_page: Path, theme: Theme
) -> None:
    page = open_page(failing_page, theme=theme)
    assert is_dark(page) == (theme == "dark")
    pressed = looking.attribute(page.locator(parts.THEME), "aria-pressed")
    assert pressed == ("true" if theme == "dark" else "false")


@pytest.mark.parametrize("theme", THEMES)
def test_the_button_changes_it_and_changes_it_back(
    open_page: OpenPage, failing_page: Path, theme: Theme
) -> None:
    page = open_page(failing_page, theme=theme)
    before = brightness(page)
    button = page.locator(parts.THEME)
    button.click()
    assert is_dark(page) != (theme == "dark")
    button.click()
    assert brightness(page) == before


def test_a_figure_that_zooms_takes_the_new_colours(open_page: OpenPage, passing_page: Path) -> None:
    page = open_page(passing_page)
    memory = page.locator(parts.CELL).first.locator(parts.MEMORY)
    memory.locator(parts.ZOOM).click()
    canvas = memory.locator("canvas")
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    page.locator(parts.THEME).click()
    page.wait_for_timeout(100)
    assert memory.locator("canvas").evaluate("canvas => canvas.toDataURL()") != before


def test_nothing_moves_for_who_wants_no_motion(open_page: OpenPage, failing_page: Path) -> None:
    page = open_page(failing_page, has_motion=False)
    looking.open_everything(page)
    assert page.evaluate("() => document.getAnimations().length") == 0
