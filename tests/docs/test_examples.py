"""The examples of the documentation do what the pages say.

A page with a ```console block is run from top to bottom in a folder of its own: files are written,
commands typed, and what they print is compared. Tests on all other pages are run once each, without
measuring, which checks their marks as well.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import CONSOLE, Block
from tests.docs.scratch import Finished, Scratch

pytestmark = pytest.mark.starts

STORIES = [
    page
    for page in pages.all_pages()
    if any(block.language == CONSOLE for block in pages.blocks_of(page))
]
IMPORTS = """\
import pytest
from pytest_ttsperf import (
    TargetSpec, barge_in, cadence, capacity, listeners, memory, quality, regression, rtf, seams,
    soak, trials, ttfa, voice,
)
"""
"""What a page has said before, or leaves to the reader."""
UNMEASURED = "pytest -m perf -q --ttsperf-disable --ttsperf-provider=cpu"


def name_of(page: Path) -> str:
    """A page as a test's id has it."""
    return page.relative_to(pages.ROOT).as_posix()


def is_test(block: Block) -> bool:
    """Whether a block is a test of somebody's engine."""
    if block.language != "python":
        return False
    tree = ast.parse(block.body)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return any(_measures(function) for function in functions)


def _measures(function: ast.FunctionDef) -> bool:
    arguments = {argument.arg for argument in function.args.args}
    return function.name.startswith("test_") and "perf" in arguments


TESTS = [
    page
    for page in pages.all_pages()
    if page not in STORIES and any(map(is_test, pages.blocks_of(page)))
]


def check_command(finished: Finished, command: pages.Command) -> None:
    """It printed what the page shows, and ended as that says."""
    missing = pages.missing_lines(command.shown, finished.lines)
    assert missing == [], f"$ {command.line}\n{finished.text}"
    assert (finished.code != 0) is command.is_to_fail, f"$ {command.line}\n{finished.text}"


@pytest.mark.parametrize("page", STORIES, ids=name_of)
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


@pytest.mark.parametrize("page", TESTS, ids=name_of)
def test_the_tests_of_a_page_run(page: Path, tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    for block in pages.blocks_of(page):
        if is_test(block):
            scratch.write(f"test_line_{block.line}.py", IMPORTS + block.body)
    finished = scratch.run(UNMEASURED)
    assert finished.code == 0, finished.text
    assert "passed" in finished.text


def test_the_pages_are_found() -> None:
    assert pages.DOCS / "tutorial.md" in STORIES
    assert pages.DOCS / "usage.md" in TESTS


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
