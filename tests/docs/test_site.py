"""The site has every page, and its links lead where they lead on GitHub.

`make docs` builds it, strictly. What that does not look at is held here, without the tool: pages
that no menu leads to, links into the repository, and headings whose anchors differ between the two.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs import pages
from tests.docs.pages import DOCS, ROOT

SETTINGS = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]
REPOSITORY = SETTINGS["extra"]["social"][0]["link"]
LISTS = ("adr/index.md", "measurements/index.md")
"""Pages of the menu that list others."""
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)")
IN_REPOSITORY = re.compile(re.escape(REPOSITORY) + r"/blob/main/([^)\s#]+)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def prose_of(page: Path) -> str:
    """A page without its blocks of code."""
    return BLOCK.sub("", page.read_text("utf-8"))


def pages_of_menu(entries: list[Any]) -> Iterator[str]:
    """The pages of a menu and of the menus in it, in their order."""
    for entry in entries:
        if isinstance(entry, str):
            yield entry
            continue
        for value in entry.values():
            yield from pages_of_menu(value if isinstance(value, list) else [value])


MENU = list(pages_of_menu(SETTINGS["nav"]))


def listed_pages() -> set[str]:
    """The pages that the lists of the menu lead to."""
    listed = set()
    for name in LISTS:
        folder = (DOCS / name).parent
        for target, _ in LINK.findall(prose_of(DOCS / name)):
            listed.add((folder / target).relative_to(DOCS).as_posix())
    return listed


def github_anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def site_anchor(heading: str) -> str:
    """As Python-Markdown makes it of a heading, and so the site."""
    plain = unicodedata.normalize("NFKD", heading.replace("`", "")).encode("ascii", "ignore")
    words = re.sub(r"[^\w\s-]", "", plain.decode("ascii")).strip().lower()
    return re.sub(r"[-\s]+", "-", words)


def anchors_that_differ(page: Path) -> list[str]:
    """The headings of a page, linked to from somewhere, that the two give other anchors."""
    headings = HEADING.findall(prose_of(page))
    linked = LINKED_ANCHORS.get(page.resolve(), set())
    return [
        heading
        for heading in headings
        if github_anchor(heading) in linked and github_anchor(heading) != site_anchor(heading)
    ]


def find_linked_anchors() -> dict[Path, set[str]]:
    """Page -> the anchors that links of any page lead to."""
    linked: dict[Path, set[str]] = {}
    for page in DOCS.rglob("*.md"):
        for target, anchor in LINK.findall(prose_of(page)):
            path = page.parent / target if target else page
            if anchor:
                linked.setdefault(path.resolve(), set()).add(anchor)
    return linked


LINKED_ANCHORS = find_linked_anchors()


def links_out_of_docs(page: Path) -> list[str]:
    """Links that lead out of docs/, where the site has no page."""
    return [
        target
        for target, _ in LINK.findall(prose_of(page))
        if target and not (page.parent / target).resolve().is_relative_to(DOCS)
    ]


SITE_PAGES = sorted(DOCS.rglob("*.md"))


def test_the_menu_has_pages_that_exist_each_once() -> None:
    assert [name for name in MENU if not (DOCS / name).is_file()] == []
    assert sorted(set(MENU)) == sorted(MENU)


def test_every_page_is_in_the_menu_or_in_a_list_of_it() -> None:
    there = {page.relative_to(DOCS).as_posix() for page in SITE_PAGES}
    assert there - set(MENU) - listed_pages() == set()
    assert set(LISTS) <= set(MENU)


@pytest.mark.parametrize("page", SITE_PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_links_of_a_page_work_on_the_site_as_on_github(page: Path) -> None:
    assert links_out_of_docs(page) == [], f"write {REPOSITORY}/blob/main/..."
    assert anchors_that_differ(page) == []
    for path in IN_REPOSITORY.findall(page.read_text("utf-8")):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", SITE_PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_a_page_has_one_title(page: Path) -> None:
    assert len(re.findall(r"^# ", prose_of(page), re.MULTILINE)) == 1


def test_nothing_is_fetched_from_elsewhere() -> None:
    assert SETTINGS["theme"]["font"] is False
    assert "analytics" not in SETTINGS["extra"]
    assert "repo_url" not in SETTINGS, "pages would ask GitHub for the number of stars"


def test_anchors_of_plain_headings_are_the_same() -> None:
    for heading in ("Streamed, or sent all at once", "What is it, and does it stream?", "`rtf`"):
        assert github_anchor(heading) == site_anchor(heading)
    assert github_anchor("Here & there") != site_anchor("Here & there")


def test_a_menu_in_a_menu_is_read() -> None:
    menu = ["a.md", {"B": "b.md"}, {"C": [{"D": "d.md"}, "e.md"]}]
    assert list(pages_of_menu(menu)) == ["a.md", "b.md", "d.md", "e.md"]


def test_pages_are_short() -> None:
    """A how-to or an explanation answers one question."""
    long = {}
    for folder in ("howto", "explanations"):
        for page in (DOCS / folder).glob("*.md"):
            count = len(page.read_text("utf-8").splitlines())
            if count > 80:
                long[page.name] = count
    assert long == {}


@pytest.mark.parametrize("page", pages.all_pages(), ids=lambda page: page.name)
def test_blocks_of_a_page_are_closed(page: Path) -> None:
    marks = re.findall(r"^```", page.read_text("utf-8"), re.MULTILINE)
    assert len(marks) == 2 * len(pages.blocks_of(page))
