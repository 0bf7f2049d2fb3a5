"""The page asks nobody for anything, prints no error, and runs no script but its own.

That holds in every test here, as `open_page` looks at it when it closes; these go everywhere first.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium, looking, parts
from tests.browser.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OUTSIDE = """() => {
  const all = [...document.querySelectorAll("[src], link[href], [srcset], [poster], [data]")];
  const addresses = all.map(each => each.getAttribute("src") ?? each.getAttribute("href") ?? "?");
  return addresses.filter(address => !address.startsWith("data:"));
}"""
"""Addresses that a browser would fetch."""
NOBODY = "http://127.0.0.1:65500/x.png"
"""Where nobody listens."""


@pytest.mark.parametrize(
    "name",
    ["failing_page", "silent_page", "passing_page", "crowd_page", "hostile_page", "long_page"],
)
def test_everything_can_be_opened_in_silence(
    request: pytest.FixtureRequest, open_page: OpenPage, name: str
) -> None:
    page = open_page(request.getfixturevalue(name))
    looking.open_everything(page)
    for button in page.locator(parts.VIEW_BUTTONS).all():
        button.click()
    zooms = page.locator(parts.ZOOM)
    for _ in range(min(3, zooms.count())):
        zooms.first.click()  # which goes when it was clicked
    page.locator(parts.THEME).click()
    assert page.evaluate(OUTSIDE) == []


@pytest.mark.parametrize("name", ["failing_page", "empty_page"])
def test_its_own_policy_forbids_what_is_not_in_the_file(
    request: pytest.FixtureRequest, open_page: OpenPage, name: str
) -> None:
    page = open_page(request.getfixturevalue(name))
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert policy is not None
    rules = [rule.strip() for rule in policy.split(";")]
    assert "default-src 'none'" in rules
    [scripts] = [rule for rule in rules if rule.startswith("script-src")]
    assert "unsafe" not in scripts


def test_names_and_texts_that_are_markup_are_shown_and_not_run(
    open_page: OpenPage, hostile_page: Path
) -> None:
    page = open_page(hostile_page)
    looking.open_everything(page)
    page.wait_for_timeout(200)
    assert page.evaluate("() => window.hacked") is None
    label = page.locator(parts.CELL).locator(parts.LABEL).inner_text()
    assert '<img src="x" onerror="window.hacked=1">' in label
    assert page.locator("img").count() == 0
    assert "</script><script>window.hacked = 1</script>" in page.locator("main").inner_text()


def test_what_a_page_must_not_do_would_be_noticed(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        f"<img src='{NOBODY}'><script>console.error('printed'); throw new Error('raised')</script>"
    )
    with chromium.open_page(browser, path) as visit:
        problems = visit.problems
    assert f"the page has requested {NOBODY}" in problems
    assert "console error: printed" in problems
    assert any("raised" in problem for problem in problems)


def test_the_page_itself_and_what_stands_in_it_are_no_requests(
    browser: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text("<img alt='' src='data:image/gif;base64,R0lGODlhAQABAAAAACw='><p id='x'>x")
    with chromium.open_page(browser, path, fragment="x") as visit:
        assert visit.problems == []
