"""Pages of scripted runs, and a browser to open them in.

Where Playwright, Chromium or axe-core is missing the tests are skipped, with the remedy; with
TTSPERF_BROWSER=required, as `make pages` sets it, they fail instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pytest

from tests.browser import chromium, pages, runs

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

REQUIRED = "TTSPERF_BROWSER"
FOLDER = Path(__file__).resolve().parent


class OpenPage(Protocol):
    """Opens a file in a window of its own; takes what `chromium.open_page` takes."""

    def __call__(self, path: Path, **options: Any) -> Page: ...


def skip_without(missing: str | None) -> None:
    """Skip the test where something is missing, or fail it where nothing may be."""
    if missing is None:
        return
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@pytest.fixture(scope="session")
def has_browser() -> None:
    """Nothing is drawn where nobody could open it."""
    skip_without(chromium.find_missing())
    skip_without(pages.find_missing())


def scope_of_browser(fixture_name: str, config: pytest.Config) -> Literal["module", "session"]:
    """One for all where only tests of pages run, as in `make pages`; else one for each module.

    While Playwright is started, a loop of asyncio runs in this thread, and other tests could start
    none of their own.
    """
    places = [config.invocation_params.dir / name.partition("::")[0] for name in config.args]
    others = [place for place in places if not place.resolve().is_relative_to(FOLDER)]
    return "session" if places and not others else "module"


@pytest.fixture(scope=scope_of_browser)
def browser(has_browser: None) -> Iterator[Browser]:
    with chromium.launch() as browser:
        yield browser


@pytest.fixture
def axe() -> None:
    """For tests that axe-core judges."""
    skip_without(chromium.find_missing_axe())


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens pages, which stay open until the test ends.

    Whatever the test looks at: an error in the console, or a request, ends it with an error.
    """
    visits: list[chromium.Visit] = []
    with ExitStack() as stack:

        def open_one(path: Path, **options: Any) -> Page:
            visit = stack.enter_context(chromium.open_page(browser, path, **options))
            visits.append(visit)
            return visit.page

        yield open_one
        problems = [problem for visit in visits for problem in visit.problems]
    assert problems == []


@pytest.fixture(scope="session")
def failing_page(has_browser: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cell that fails, with sound; one in doubt; and passing ones."""
    return pages.write(runs.failing_run(), tmp_path_factory.mktemp("failing"))


@pytest.fixture(scope="session")
def silent_page(has_browser: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, of which no sound was saved."""
    run = runs.failing_run().without_sound()
    return pages.write(run, tmp_path_factory.mktemp("silent"))


@pytest.fixture(scope="session")
def passing_page(has_browser: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All is well."""
    return pages.write(runs.passing_run(), tmp_path_factory.mktemp("passing"))


@pytest.fixture(scope="session")
def crowd_page(has_browser: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many listeners, and how many there may be."""
    return pages.write(runs.crowd_run(), tmp_path_factory.mktemp("crowd"))


@pytest.fixture(scope="session")
def hostile_page(has_browser: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names and texts that are markup."""
    return pages.write(runs.hostile_run(), tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def empty_page(has_browser: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was ended before anything was measured."""
    return pages.write(runs.empty_run(), tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="session")
def long_page(has_browser: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty cells, of which the one that fails was measured last."""
    return pages.write(runs.long_run(40), tmp_path_factory.mktemp("long"))
