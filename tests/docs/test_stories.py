"""Pages of commands do what they show: each is typed from top to bottom in a folder of its own.

Files are written, commands typed, and what they print is compared. Versions are measured for real,
which takes minutes: `make check` leaves this file out, `make test` and `make examples` run it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import CONSOLE
from tests.docs.scratch import Finished, Scratch

pytestmark = pytest.mark.starts

STORIES = [page for page in pages.all_pages() if pages.has_commands(page)]


def check_command(finished: Finished, command: pages.Command) -> None:
    """It printed what the page shows, and ended as that says."""
    missing = pages.missing_lines(command.shown, finished.lines)
    assert missing == [], f"$ {command.line}\n{finished.text}"
    assert (finished.code != 0) is command.is_to_fail, f"$ {command.line}\n{finished.text}"


@pytest.mark.parametrize("page", STORIES, ids=pages.name_of)
def test_a_page_of_commands_does_what_it_shows(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    scratch = Scratch(folder)
    for block in pages.blocks_of(page):
        if block.language == CONSOLE:
            for command in pages.commands_of(block):
                check_command(scratch.run(command.line), command)
        elif block.title is not None:
            scratch.write(block.title, block.body)


def test_the_pages_are_found() -> None:
    assert pages.DOCS / "tutorial.md" in STORIES


def test_a_command_that_prints_something_else_is_found(tmp_path: Path) -> None:
    finished = Scratch(tmp_path).run("python -c 'print(1)'")
    check_command(finished, pages.Command("python", ("2",)))
    with pytest.raises(AssertionError, match="two"):
        check_command(finished, pages.Command("python", ("two",)))
    with pytest.raises(AssertionError):
        check_command(finished, pages.Command("python", ("FAIL",)))


def test_files_stay_below_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="below the folder"):
        Scratch(tmp_path).write("../elsewhere.py", "")


def test_only_what_a_reader_has_is_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wanted a command"):
        Scratch(tmp_path).run("rm -r .")
