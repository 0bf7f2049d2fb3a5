"""The pages of a run as files: beside its artifact, and no run fails by them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_ttsperf import files
from pytest_ttsperf.report import markdown_page, page_build, pages
from tests.unit.report.factories import FAILED, result, run_of

RUN = run_of(result(verdicts=(FAILED,)))


@pytest.fixture
def run_path(tmp_path: Path) -> Path:
    return tmp_path / "run_101959.json"


def test_both_stand_beside_the_artifact(run_path: Path) -> None:
    written = pages.write_pages(RUN, run_path)
    assert written.losses == ()
    assert [path.name for path in written.paths] == ["report_101959.html", "report_101959.md"]
    assert written.summary == page_build.build(RUN, run_path).summary
    html, markdown = written.paths
    assert html.parent == run_path.parent
    assert html.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    assert markdown.read_text(encoding="utf-8").startswith("# Performance of engine")


def test_a_second_run_of_a_second_has_pages_of_its_own() -> None:
    path = pages.page_path(Path("bench/run_101959-2.json"), ".md")
    assert path == Path("bench/report_101959-2.md")


def test_without_jinja2_the_markdown_is_written(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lack(model: object) -> str:
        raise ModuleNotFoundError("No module named 'jinja2'", name="jinja2")

    monkeypatch.setattr(pages, "_render_html", lack)
    written = pages.write_pages(RUN, run_path)
    assert [path.suffix for path in written.paths] == [".md"]
    (loss,) = written.losses
    assert loss.path.suffix == ".html"
    assert "pip install" in loss.reason


def test_a_page_that_cannot_be_drawn_is_a_loss(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run: object, path: object) -> None:
        raise ZeroDivisionError("float division\nby zero")

    monkeypatch.setattr(page_build, "build", fail)
    written = pages.write_pages(RUN, run_path)
    assert written.paths == ()
    (loss,) = written.losses
    assert loss.reason == "ZeroDivisionError: float division by zero"


def test_one_page_that_fails_does_not_take_the_other_along(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(model: object) -> str:
        raise KeyError("spread")

    monkeypatch.setattr(markdown_page, "render", fail)
    written = pages.write_pages(RUN, run_path)
    assert [path.suffix for path in written.paths] == [".html"]
    assert written.losses[0].reason == "KeyError: 'spread'"


def test_a_full_disk_is_a_loss(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, body: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_file", refuse)
    written = pages.write_pages(RUN, run_path)
    assert written.paths == ()
    assert {loss.reason for loss in written.losses} == {"No space left on device"}


def test_an_interrupt_is_no_loss(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(model: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(markdown_page, "render", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pages.write_pages(RUN, run_path)
