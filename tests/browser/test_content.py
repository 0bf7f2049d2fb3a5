"""What the page says is what the model says, and the raw trials are one click away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from pytest_ttsperf import files
from pytest_ttsperf.records import Run
from pytest_ttsperf.report import page_build
from tests.browser import looking, pages, parts, runs
from tests.browser.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Page


def plain(text: str) -> str:
    """Text without what a browser makes of spaces."""
    return " ".join(text.split())


def text_of(page: Page, anchor: str) -> str:
    return plain(page.locator(f"#{anchor}").inner_text())


def run_path_of(page: Page, path: Path) -> Path:
    """Where the page's link to its artifact leads."""
    address = looking.attribute(page.locator(parts.ARTIFACT), "href")
    return path.parent / unquote(address)


@pytest.mark.parametrize("name", ["failing_page", "passing_page", "crowd_page"])
def test_each_row_of_each_cell_is_there_with_its_number_n_bound_and_limit(
    request: pytest.FixtureRequest, open_page: OpenPage, name: str
) -> None:
    path = request.getfixturevalue(name)
    page = open_page(path)
    looking.open_everything(page)
    run_path = run_path_of(page, path)
    model = page_build.build(files.read_json(run_path, Run), run_path)
    for cell in model.cells:
        rows = page.locator(f"#{cell.anchor}").locator(parts.ROWS).all_inner_texts()
        shown = [plain(row) for row in rows]
        assert len(shown) == len(cell.rows)
        for row, text in zip(cell.rows, shown, strict=True):
            wanted = (
                row.subject, row.count_text, row.value_text, row.spread_text, row.bound_text,
                row.limit_text, row.verdict_text, row.reason,
            )  # fmt: skip
            for part in wanted:
                assert plain(part) in text


def test_likely_causes_stand_with_their_evidence_and_what_to_do(
    open_page: OpenPage, failing_page: Path
) -> None:
    page = open_page(failing_page)
    looking.open_everything(page)
    run_path = run_path_of(page, failing_page)
    model = page_build.build(files.read_json(run_path, Run), run_path)
    found = [(cell.anchor, cause) for cell in model.cells for cause in cell.findings]
    assert found
    for anchor, cause in found:
        text = text_of(page, anchor).lower()
        for part in (cause.cause, *cause.evidence, cause.next_step):
            assert plain(part).lower() in text


def test_the_link_leads_to_the_raw_trials(open_page: OpenPage, failing_page: Path) -> None:
    page = open_page(failing_page)
    run = files.read_json(run_path_of(page, failing_page), Run)
    assert [len(result.counted) for result in run.cells] == [60, 8, 60, 20]


def test_the_link_leads_there_from_a_folder_of_any_name(
    open_page: OpenPage, tmp_path: Path
) -> None:
    path = pages.write(runs.passing_run(), tmp_path / "run #1, 50 % späť")
    page = open_page(path)
    address = urlsplit(page.locator(parts.ARTIFACT).evaluate("link => link.href"))
    assert address.scheme == "file"
    assert Path(unquote(address.path)).is_file()


def test_the_figures_of_each_trial_are_one_click_away(
    open_page: OpenPage, failing_page: Path
) -> None:
    page = open_page(failing_page)
    cell = page.locator(parts.FAILING_CELL)
    trials = cell.locator(parts.TRIALS)
    trials.locator("summary").click()
    page.wait_for_function(looking.IS_UNPACKED)
    rows = trials.locator("tbody tr")
    assert rows.count() == 20
    headings = trials.locator("thead th").all_inner_texts()
    figures = rows.first.locator("td").all_inner_texts()
    assert headings[:2] == ["trial", "process"]
    assert figures[:2] == ["1", "0"]
    assert len(figures) == len(headings) > 3


def test_each_figure_is_where_there_is_something_to_be_shown(
    open_page: OpenPage, failing_page: Path, crowd_page: Path
) -> None:
    page = open_page(failing_page)
    looking.open_everything(page)
    slow = page.locator(parts.FAILING_CELL)
    for part in (parts.STRIP, parts.ECDF, parts.MEMORY, parts.DIFFERENCES):
        assert slow.locator(part).first.is_visible()
    assert page.locator(parts.CAPACITY).count() == 0
    assert page.locator(parts.DIFFERENCES).count() == 1
    page = open_page(crowd_page)
    looking.open_everything(page)
    assert page.locator(parts.CAPACITY).count() == 1
    assert page.locator(parts.WINDOWS).count() == 1
    assert page.locator(parts.TIMELINE).count() == 0


def test_every_strip_says_its_n_and_its_spread(open_page: OpenPage, failing_page: Path) -> None:
    page = open_page(failing_page)
    looking.open_everything(page)
    captions = page.locator(parts.FAILING_CELL).locator(f"{parts.STRIP} figcaption")
    texts = captions.all_inner_texts()
    assert texts
    for text in texts:
        assert "20 trials" in text
        assert " to " in text
        assert "median" in text
