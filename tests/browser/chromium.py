"""A headless Chromium: for the tests of a run's page, its screenshots and its first paint.

Playwright's Python package drives the Chromium of the system (Debian's package `chromium`), so no
browser is downloaded; axe-core, from npm, judges accessibility. `make pages` gets both.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
AXE = ROOT / ".browser" / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = ("--disable-gpu", "--disable-quic")
"""Beside those that Playwright gives, which keep Chromium from looking for updates and the like."""

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")


class Viewport(NamedTuple):
    """The size of a window, in CSS pixels."""

    name: str
    width: int
    height: int


NARROW = Viewport("narrow", 390, 844)
"""A phone, upright."""
MEDIUM = Viewport("medium", 1024, 768)
WIDE = Viewport("wide", 1920, 1080)
VIEWPORTS = (NARROW, MEDIUM, WIDE)


@dataclass(slots=True)
class Visit:
    """A page that is open, and what has happened on it that must not."""

    page: Page
    messages: list[str] = field(default_factory=list)
    """Errors and warnings in the console, and errors that no script has caught."""
    requests: list[str] = field(default_factory=list)
    """Addresses, other than its file's, that it has asked for."""

    @property
    def problems(self) -> list[str]:
        """All of them, in sentences."""
        requested = [f"the page has requested {address}" for address in self.requests]
        return [*self.messages, *requested]


def find_program() -> str | None:
    """Where the system's Chromium is; None where there is none."""
    for name in PROGRAMS:
        path = shutil.which(name)
        if path is not None:
            return path
    return None


def find_missing() -> str | None:
    """What is missing for a page to be opened, with the remedy; None where nothing is."""
    if find_spec("playwright") is None:
        return "found no module playwright, wanted Playwright's Python package; run `make pages`"
    if find_program() is None:
        names = ", ".join(PROGRAMS)
        return f"found none of {names} on PATH, wanted one; on Debian: apt-get install chromium"
    return None


def find_missing_axe() -> str | None:
    """Where axe-core is missing, the remedy; None where it is there."""
    if AXE.is_file():
        return None
    return f"found no {AXE.relative_to(ROOT)}, wanted axe-core from npm; run `make pages`"


@contextmanager
def launch() -> Iterator[Browser]:
    """A browser, until the block ends. RuntimeError where something is missing."""
    missing = find_missing()
    if missing is not None:
        raise RuntimeError(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_program(),
            args=list(ARGUMENTS),
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(
    browser: Browser,
    path: Path,
    *,
    fragment: str = "",
    viewport: Viewport = WIDE,
    theme: Theme = "light",
    has_scripts: bool = True,
    has_motion: bool = True,
    is_under_test: bool = False,
) -> Iterator[Visit]:
    """A file in a window of its own, until the block ends; nothing is shared between two of them.

    `is_under_test` lets a script in that the page's own policy would keep out.
    """
    context = browser.new_context(
        viewport={"width": viewport.width, "height": viewport.height},
        color_scheme=theme,
        reduced_motion="no-preference" if has_motion else "reduce",
        java_script_enabled=has_scripts,
        bypass_csp=is_under_test,
    )
    try:
        visit = Visit(context.new_page())
        address = path.resolve().as_uri()
        _watch(visit, address)
        suffix = f"#{fragment}" if fragment else ""
        visit.page.goto(f"{address}{suffix}")
        yield visit
    finally:
        context.close()


def _watch(visit: Visit, address: str) -> None:
    """Note what is printed, raised and requested from now on."""

    def note_message(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.messages.append(f"console {message.type}: {message.text}")

    def note_error(error: Exception) -> None:
        visit.messages.append(f"an error that no script has caught: {error}")

    def note_request(request: Request) -> None:
        wanted = str(request.url).partition("#")[0]
        is_itself = unquote(wanted) == unquote(address)
        if not is_itself and not wanted.startswith(("data:", "blob:")):
            visit.requests.append(wanted)

    visit.page.on("console", note_message)
    visit.page.on("pageerror", note_error)
    visit.page.on("request", note_request)


def find_violations(page: Page) -> list[str]:
    """What axe-core objects to, a line each: rule, weight, place and reason.

    The page is to be open with `is_under_test`. RuntimeError where axe-core is missing.
    """
    missing = find_missing_axe()
    if missing is not None:
        raise RuntimeError(missing)
    page.add_script_tag(path=AXE)
    found: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    if not found["passes"]:
        raise RuntimeError("axe-core has looked at nothing; is the page empty?")
    lines = []
    for rule in found["violations"]:
        for node in rule["nodes"]:
            place = " ".join(str(part) for part in node["target"])
            reason = " ".join(str(node.get("failureSummary", "")).split())
            lines.append(f"{rule['id']} ({rule['impact']}) at {place}: {reason}")
    return lines
