"""Pictures of a run's page for the documentation: its first screen at three widths, and its cells.

    python tools/screenshots.py PAGE [--to docs/images]

PAGE is the report.html of a run; tools/failing_run.py measures one that is worth looking at. A
picture is what somebody sees who opens the page, without scrolling; those of its cells have all of
them closed, so that the ones that pass are seen beside the one that fails. All are in both themes.
Exits with 1 where one is larger than MOST_BYTES, as git stores every version of it, where the page
has printed an error, or where a picture lacks the filter or a cell that passes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser import chromium, looking, parts  # noqa: E402 - found only now

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = ROOT / "docs" / "images"
MOST_BYTES = 300_000
"""Of one picture."""


CLOSE = "found => found.forEach(each => { each.open = false; })"
View = Literal["first", "cells"]


class Shot(NamedTuple):
    """A picture to be taken."""

    viewport: chromium.Viewport
    theme: chromium.Theme
    view: View = "first"
    """The first screen as it opens, or with all cells closed."""

    @property
    def file_name(self) -> str:
        """`report-narrow-dark.png`, `report-cells-medium-dark.png`."""
        view = "" if self.view == "first" else f"{self.view}-"
        return f"report-{view}{self.viewport.name}-{self.theme}.png"


FIRST_SHOTS = [
    Shot(viewport, theme) for viewport in chromium.VIEWPORTS for theme in chromium.THEMES
]
CELL_SHOTS = [Shot(chromium.MEDIUM, theme, "cells") for theme in chromium.THEMES]
SHOTS = (*FIRST_SHOTS, *CELL_SHOTS)


def take(browser: Browser, page: Path, shot: Shot, folder: Path) -> list[str]:
    """Write a picture; gives what the page has printed or requested meanwhile."""
    with chromium.open_page(
        browser, page, viewport=shot.viewport, theme=shot.theme, has_motion=False
    ) as visit:
        problems = []
        if shot.view == "cells":
            visit.page.eval_on_selector_all(f"{parts.CELL} > details", CLOSE)
            problems += find_lacking(visit.page, shot.viewport)
        # What is drawn at first sight, and no caret that blinks.
        visit.page.screenshot(path=folder / shot.file_name, animations="disabled")
        return [*problems, *visit.problems]


def find_lacking(page: Page, viewport: chromium.Viewport) -> list[str]:
    """A sentence for each part that a picture of the cells is for, and that is not in view."""
    shown = {
        "the filter": parts.FILTER,
        "a cell that fails": parts.FAILING_CELL,
        "a cell that passes": parts.PASSING_CELL,
    }
    lacking = []
    for name, selector in shown.items():
        found = page.locator(selector)
        if not found.count() or not looking.is_in_view(found.first, viewport):
            lacking.append(f"found no {name.partition(' ')[2]} in view, wanted {name}")
    return lacking


def too_large(paths: Iterable[Path], most_bytes: int = MOST_BYTES) -> Iterator[str]:
    """A sentence for each picture that git is not to store."""
    for path in paths:
        size = path.stat().st_size
        if size > most_bytes:
            yield (
                f"found {size:,} bytes in {path.name}, wanted at most {most_bytes:,}; show less, "
                "or plainer shapes"
            )


def main() -> int:
    """Take all pictures; 1 if something is wrong with one of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--to", type=Path, default=FOLDER)
    options = parser.parse_args()
    missing = chromium.find_missing()
    if missing is not None:
        parser.error(missing)
    options.to.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []
    with chromium.launch() as browser:
        for shot in SHOTS:
            found = take(browser, options.page, shot, options.to)
            problems += [f"{shot.file_name}: {problem}" for problem in found]
    paths = [options.to / shot.file_name for shot in SHOTS]
    for path in paths:
        print(f"{path.stat().st_size:>9,} bytes  {path}")
    problems += too_large(paths)
    for problem in problems:
        print(problem, file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    raise SystemExit(main())
