"""axe-core, with all its rules, objects to nothing: on any page, in both themes, at any width."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium, looking, parts
from tests.browser.chromium import NARROW, THEMES, WIDE, Theme, Viewport
from tests.browser.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.usefixtures("axe")

both_themes = pytest.mark.parametrize("theme", THEMES)


@both_themes
@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=lambda viewport: viewport.name)
@pytest.mark.parametrize(
    "name", ["failing_page", "silent_page", "passing_page", "crowd_page", "empty_page"]
)
def test_a_page_as_it_is_opened(
    request: pytest.FixtureRequest,
    open_page: OpenPage,
    name: str,
    viewport: Viewport,
    theme: Theme,
) -> None:
    page = open_page(
        request.getfixturevalue(name), viewport=viewport, theme=theme, is_under_test=True
    )
    assert chromium.find_violations(page) == []


@both_themes
@pytest.mark.parametrize("name", ["failing_page", "crowd_page"])
def test_a_page_with_all_of_it_open(
    request: pytest.FixtureRequest, open_page: OpenPage, name: str, theme: Theme
) -> None:
    page = open_page(request.getfixturevalue(name), theme=theme, is_under_test=True)
    looking.open_everything(page)
    assert chromium.find_violations(page) == []


@both_themes
def test_a_page_on_which_something_is_done(
    open_page: OpenPage, failing_page: Path, theme: Theme
) -> None:
    page = open_page(failing_page, theme=theme, is_under_test=True)
    looking.open_everything(page)
    page.locator(parts.ZOOM).first.click()
    page.locator(parts.PLAY).first.click()
    page.get_by_role("searchbox", name="Filter").fill("reply")
    page.locator(parts.OUTCOME_BUTTONS).last.click()
    assert chromium.find_violations(page) == []


def test_the_theme_that_was_chosen_by_hand(open_page: OpenPage, failing_page: Path) -> None:
    page = open_page(failing_page, is_under_test=True)
    page.locator(parts.THEME).click()
    assert chromium.find_violations(page) == []


def test_what_is_wrong_would_be_found(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<html><title>x</title><body><main><h1>x</h1><img src='data:,'></main>")
    with chromium.open_page(browser, path, is_under_test=True) as visit:
        found = chromium.find_violations(visit.page)
    assert any(line.startswith("image-alt (critical) at img") for line in found)
    assert any(line.startswith("html-has-lang") for line in found)
