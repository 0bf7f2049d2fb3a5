"""The tests that the documentation shows are tests: each runs, and its marks are understood.

All of them are run once, without measuring, by two runs of pytest, as one for each page would take
minutes: in pytest's own process, and those of many listeners with a process for each listener. What
pages of commands print is looked at in test_stories.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import Block
from tests.docs.scratch import Finished, Scratch

pytestmark = pytest.mark.starts

IMPORTS = """\
import pytest
from pytest_ttsperf import (
    TargetSpec, barge_in, cadence, capacity, listeners, memory, quality, regression, rtf, seams,
    soak, trials, ttfa, voice,
)
"""
"""What a page has said before, or leaves to the reader."""
UNMEASURED = "pytest -m perf -q --ttsperf-disable --ttsperf-provider=cpu"
INLINE = f"{UNMEASURED} --ttsperf-inline"
CROWDS = ("@listeners", "@barge_in", "@capacity", ", rate=")
"""Who cannot listen to a target in pytest's own process."""
TESTS = [block for block in pages.all_blocks() if pages.is_test(block)]


def file_of(block: Block) -> str:
    """`test_howto_soak_line_12.py`, so that a failure names the page."""
    name = block.page.relative_to(pages.ROOT).with_suffix("").as_posix()
    words = name.removeprefix("docs/").replace("/", "_").replace("-", "_")
    return f"test_{words.lower()}_line_{block.line}.py"


def is_of_many(block: Block) -> bool:
    """Whether several listen, or one hangs up."""
    return any(word in block.body for word in CROWDS)


def run_once(folder: Path, blocks: list[Block], command: str) -> Finished:
    """Run the tests of blocks once each."""
    scratch = Scratch(folder)
    for block in blocks:
        scratch.write(file_of(block), IMPORTS + block.body)
    return scratch.run(command)


def test_tests_of_a_single_listener_run(tmp_path: Path) -> None:
    finished = run_once(tmp_path, [block for block in TESTS if not is_of_many(block)], INLINE)
    assert finished.code == 0, finished.text
    assert "passed" in finished.text


def test_tests_of_many_listeners_run(tmp_path: Path) -> None:
    finished = run_once(tmp_path, [block for block in TESTS if is_of_many(block)], UNMEASURED)
    assert finished.code == 0, finished.text
    assert "passed" in finished.text


def test_a_mark_that_there_is_not_is_found_with_its_page(tmp_path: Path) -> None:
    body = "@ttfa(p96_ms=500)\ndef test_short_reply(perf):\n    perf.stream('short')\n"
    block = Block(pages.DOCS / "howto" / "soak.md", 7, "python", None, body)
    finished = run_once(tmp_path, [block], INLINE)
    assert finished.code != 0
    assert "test_howto_soak_line_7.py" in finished.text


def test_the_tests_are_found() -> None:
    found = {pages.name_of(block.page) for block in TESTS}
    assert {"README.md", "docs/tutorial.md", "docs/usage.md"} < found
    assert len({file_of(block) for block in TESTS}) == len(TESTS)
