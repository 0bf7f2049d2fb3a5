"""`ttsperf report` as it is typed: which run it takes, what it writes, what it prints."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path

import msgspec
import pytest

from pytest_ttsperf.cli import main
from pytest_ttsperf.records import CellResult, Run
from pytest_ttsperf.report import artifact, page_build, pages
from pytest_ttsperf.report.artifact import Loss
from pytest_ttsperf.report.pages import WrittenPages
from tests.unit.report.factories import FAILED, result, run_of


def store(folder: Path, stamp: str, *cells: CellResult, age_s: int = 0) -> Path:
    """Write a run's artifact as it would be so many seconds ago."""
    path = folder / "bench" / "2026-11-30" / f"run_{stamp}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    run = run_of(*cells, id=f"2026-11-30_{stamp}")
    path.write_bytes(msgspec.json.encode(run))
    changed = path.stat().st_mtime - age_s
    os.utime(path, (changed, changed))
    return path


@pytest.fixture
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "artifacts"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The artifacts whose pages were written, without writing any."""
    found: list[Path] = []

    def write(run: Run, run_path: Path) -> WrittenPages:
        found.append(run_path)
        page = pages.page_path(run_path, ".html")
        summary = page_build.build(run, run_path).summary
        return WrittenPages(paths=(page,), losses=(), summary=summary)

    monkeypatch.setattr(pages, "write_pages", write)
    return found


def test_without_a_name_it_is_the_newest_that_has_measured(
    artifacts: Path, drawn: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    store(artifacts, "101500", result(), age_s=60)
    newest = store(artifacts, "101959", result(verdicts=(FAILED,)), age_s=30)
    store(artifacts, "102500")
    assert main(["report"]) == 0
    assert main(["report", "latest"]) == 0
    assert [path.resolve() for path in drawn] == [newest.resolve()] * 2
    printed = capsys.readouterr().out
    assert "1 cell FAIL" in printed
    assert "report_101959.html" in printed


def test_a_run_is_named_by_its_file_or_its_id(artifacts: Path, drawn: list[Path]) -> None:
    older = store(artifacts, "101500", result(), age_s=60)
    store(artifacts, "101959", result())
    assert main(["report", str(older)]) == 0
    assert main(["report", "2026-11-30_101500"]) == 0
    assert [path.resolve() for path in drawn] == [older.resolve()] * 2


def test_the_markdown_is_written_beside_the_artifact(artifacts: Path) -> None:
    path = store(artifacts, "101959", result(verdicts=(FAILED,)))
    main(["report"])
    text = path.with_name("report_101959.md").read_text(encoding="utf-8")
    assert "FAIL" in text
    assert len(list(artifact.recent_runs(artifacts))) == 1, "a page is no run"


@pytest.mark.parametrize("which", ["latest", "2026-11-30_999999", "nonsense", "gone.json"])
def test_a_run_that_is_not_there(
    artifacts: Path, which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", which]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert "artifacts" in printed.err or "gone.json" in printed.err


def test_a_damaged_run_is_named(artifacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = store(artifacts, "101959", result())
    path.write_text("{")
    assert main(["report", str(path)]) == 2
    assert "run_101959.json" in capsys.readouterr().err


def test_a_newer_run_that_cannot_be_read_is_named(
    artifacts: Path, drawn: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    readable = store(artifacts, "101500", result(), age_s=60)
    store(artifacts, "101959", result(), age_s=30).write_text("{")
    assert main(["report"]) == 0
    assert [path.resolve() for path in drawn] == [readable.resolve()]
    printed = capsys.readouterr().err
    assert "left aside" in printed
    assert "run_101959.json" in printed


def test_a_run_that_no_page_can_be_drawn_of_is_exit_code_1(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(run: Run, run_path: Path) -> None:
        raise ZeroDivisionError("float division by zero")

    monkeypatch.setattr(page_build, "build", fail)
    store(artifacts, "101959", result())
    assert main(["report"]) == 1
    printed = capsys.readouterr()
    assert "ZeroDivisionError" in printed.err
    assert "Traceback" not in printed.err


def test_a_page_that_cannot_be_written_is_exit_code_1(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lose(run: Run, run_path: Path) -> WrittenPages:
        page = pages.page_path(run_path, ".md")
        return WrittenPages(paths=(), losses=(Loss(page, "Read-only file system"),))

    monkeypatch.setattr(pages, "write_pages", lose)
    store(artifacts, "101959", result())
    assert main(["report"]) == 1
    assert "Read-only file system" in capsys.readouterr().err


@pytest.mark.parametrize("has_browser", [True, False])
def test_open_shows_the_page(
    artifacts: Path,
    drawn: list[Path],
    has_browser: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened: list[str] = []

    def show(address: str) -> bool:
        opened.append(address)
        return has_browser

    monkeypatch.setattr(webbrowser, "open", show)
    store(artifacts, "101959", result())
    assert main(["report"]) == 0
    assert opened == [], "only on request"
    assert main(["report", "--open"]) == 0
    (address,) = opened
    assert address.startswith("file://")
    assert address.endswith("report_101959.html")
    assert ("found no browser" in capsys.readouterr().err) is not has_browser


def test_another_folder_of_artifacts(tmp_path: Path, drawn: list[Path]) -> None:
    store(tmp_path / "elsewhere", "101959", result())
    assert main(["report", "--artifacts", str(tmp_path / "elsewhere")]) == 0
    assert len(drawn) == 1
