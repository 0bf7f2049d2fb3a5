"""How large a run's page is, and how soon it shows something in a headless Chromium.

    python benchmarks/page_size.py [--opens 10] [--cells 200] [--run RUN.json ...]

Two pages of scripted runs (tests/browser/runs.py) are held to the limits: one of 200 cells, each of
60 trials with instants of their own and without sound, and one of a run that fails, with the sound
of its failing and its median trials. `--run` adds the pages of stored runs, which have no limit.

A page is opened from its file, each time in a window that has nothing from before; the first paint
is the browser's first-contentful-paint, since navigation began. Exits with 1 where a page is over a
limit: at most 1.5 MB for 200 cells, 400 kB for the failing one, and 300 ms to the first paint, by
the quickest of `--opens` visits, as the others tell what else the machine did.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from tables import to_table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pytest_ttsperf import files  # noqa: E402 - found only now
from pytest_ttsperf.records import Run  # noqa: E402
from tests.browser import chromium, pages, runs  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MOST_LONG_BYTES = 1_500_000
"""Of a page of 200 cells without sound."""
MOST_FAILING_BYTES = 400_000
"""Of a page of a run that fails, with sound."""
MOST_PAINT_MS = 300.0
FIRST_PAINT = """() => new Promise(resolve => {
  const observer = new PerformanceObserver(list => {
    for (const entry of list.getEntriesByName("first-contentful-paint")) {
      observer.disconnect();
      resolve(entry.startTime);
    }
  });
  observer.observe({type: "paint", buffered: true});
})"""


class PageFigures(NamedTuple):
    """A page in figures."""

    name: str
    size_bytes: int
    most_bytes: int | None
    """None for a page that has no limit."""
    paints_ms: tuple[float, ...]

    @property
    def objections(self) -> Iterator[str]:
        """A sentence for each limit that it is over."""
        if self.most_bytes is None:
            return
        if self.size_bytes > self.most_bytes:
            yield (
                f"{self.name}: found {self.size_bytes:,} bytes, wanted at most {self.most_bytes:,}"
            )
        quickest_ms = min(self.paints_ms)
        if quickest_ms > MOST_PAINT_MS:
            yield (
                f"{self.name}: found a first paint after {quickest_ms:.0f} ms at best, wanted it "
                f"within {MOST_PAINT_MS:.0f} ms"
            )

    @property
    def row(self) -> tuple[str, ...]:
        """As the table has it."""
        limit = "-" if self.most_bytes is None else f"{self.most_bytes:,}"
        return (
            self.name,
            f"{self.size_bytes:,}",
            limit,
            f"{min(self.paints_ms):.0f}",
            f"{median(self.paints_ms):.0f}",
            f"{max(self.paints_ms):.0f}",
        )


HEADS = ("page", "bytes", "at most", "first paint, ms: quickest", "median", "slowest")


def measure_paints(browser: Browser, page: Path, opens: int) -> tuple[float, ...]:
    """Milliseconds from navigation to the first paint of content, of so many visits."""
    paints = []
    for _ in range(opens):
        with chromium.open_page(browser, page) as visit:
            paints.append(float(visit.page.evaluate(FIRST_PAINT)))
    return tuple(paints)


def measure(
    browser: Browser, name: str, page: Path, most_bytes: int | None, opens: int
) -> PageFigures:
    """The figures of a page, after one visit that does not count: it starts processes."""
    measure_paints(browser, page, 1)
    paints = measure_paints(browser, page, opens)
    return PageFigures(name, page.stat().st_size, most_bytes, paints)


def write_pages(
    folder: Path, cells: int, stored: Sequence[Path]
) -> Iterator[tuple[str, Path, int | None]]:
    """Name, file and limit of each page."""
    long = pages.write(runs.long_run(cells).without_sound(), folder / "long")
    yield f"{cells} cells, no sound", long, MOST_LONG_BYTES
    failing = pages.write(runs.failing_run(), folder / "failing")
    yield "failing run, with sound", failing, MOST_FAILING_BYTES
    for number, path in enumerate(stored):
        run = files.read_json(path, Run)
        page = pages.write(runs.ScriptedRun(run), folder / f"stored-{number}")
        yield f"{path.name}, {len(run.cells)} cells", page, None


def main() -> int:
    """Print the table; 1 if a page is over a limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--opens", type=int, default=10)
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--run", type=Path, action="append", default=[])
    options = parser.parse_args()
    missing = chromium.find_missing()
    if missing is not None:
        parser.error(missing)
    figures = []
    with tempfile.TemporaryDirectory() as folder, chromium.launch() as browser:
        for name, page, most_bytes in write_pages(Path(folder), options.cells, options.run):
            figures.append(measure(browser, name, page, most_bytes, options.opens))
        version = str(browser.version)
    print(f"Chromium {version}, {options.opens} visits\n")
    print("\n".join(to_table(HEADS, [each.row for each in figures])))
    objections = [sentence for each in figures for sentence in each.objections]
    for sentence in objections:
        print(sentence, file=sys.stderr)
    return int(bool(objections))


if __name__ == "__main__":
    raise SystemExit(main())
