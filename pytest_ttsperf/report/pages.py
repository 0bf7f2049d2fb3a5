"""The pages of a run, `report_<HHMMSS>.md` and `.html`, beside its artifact. They never fail a run.

A page is for people, and what it shows is in the artifact as well: so whatever goes wrong while it
is drawn or written is said, and nothing else happens.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf import files
from pytest_ttsperf.records import Run
from pytest_ttsperf.report import markdown_page, page_build
from pytest_ttsperf.report.artifact import Loss
from pytest_ttsperf.report.page_model import PageModel

MISSING_TEMPLATES = "Jinja2 is not installed (pip install jinja2)"


class WrittenPages(NamedTuple):
    """What was written, the page for browsers first, and what could not be."""

    paths: tuple[Path, ...]
    losses: tuple[Loss, ...]
    summary: tuple[str, ...] = ()
    """The three lines of the run that both begin with; empty where not even these can be said."""


class Page(NamedTuple):
    """A file of a run, and what draws it."""

    suffix: str
    render: Callable[[PageModel], str]


def page_path(run_path: Path, suffix: str) -> Path:
    """Where a page of a run is, by the run's artifact: `report_101959.html` beside its file."""
    stamp = run_path.stem.removeprefix("run_")
    return run_path.with_name(f"report_{stamp}{suffix}")


def write_pages(run: Run, run_path: Path) -> WrittenPages:
    """Write both pages of a run. Whatever goes wrong is a loss, of the page that it befell."""
    try:
        model = page_build.build(run, run_path)
    except Exception as error:
        loss = Loss(page_path(run_path, ".md"), _reason_of(error))
        return WrittenPages(paths=(), losses=(loss,))
    paths = []
    losses = []
    for page in (Page(".html", _render_html), Page(".md", markdown_page.render)):
        path = page_path(run_path, page.suffix)
        try:
            body = files.well_formed(page.render(model)).encode()
            files.write_file(path, body)
        except Exception as error:
            losses.append(Loss(path, _reason_of(error)))
        else:
            paths.append(path)
    return WrittenPages(tuple(paths), tuple(losses), model.summary)


def _render_html(model: PageModel) -> str:
    # Late, as only the end of a run with a performance test needs Jinja2.
    from pytest_ttsperf.report.html import page

    return page.render(model)


def _reason_of(error: Exception) -> str:
    """In a line; an error that nobody foresaw is named by its class."""
    if isinstance(error, ModuleNotFoundError) and error.name in ("jinja2", "markupsafe"):
        return MISSING_TEMPLATES
    if isinstance(error, OSError):
        return files.reason_of(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
