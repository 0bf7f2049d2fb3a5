"""Which suites are collected, which texts they speak, and what they say below the run's table.

A file that is named itself, `.../suites/test_load.py`, is collected whatever was chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.suites import limits, table

FOLDER = Path(__file__).parent
LINES = pytest.StashKey[list[str]]()
"""What tests have said, in the order of the tests."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files of suites that were not chosen."""
    if collection_path.parent != FOLDER or collection_path.suffix != ".py":
        return None
    try:
        chosen = table.choose_suites(config.getoption("--ttsperf-suite"))
        limits.limits_of(chosen[0].name)
    except LimitError as error:
        raise pytest.Collector.CollectError(str(error)) from None
    is_chosen = collection_path.stem in {suite.module for suite in chosen}
    return None if is_chosen else True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a preset once for each that was chosen."""
    if "preset" not in metafunc.fixturenames:
        return
    if metafunc.definition.get_closest_marker("parametrize"):
        return
    try:
        presets = table.choose_presets(metafunc.config.getoption("--ttsperf-preset"))
    except LimitError as error:
        raise pytest.Collector.CollectError(str(error)) from None
    metafunc.parametrize("preset", presets)


@pytest.fixture
def describe(request: pytest.FixtureRequest) -> Callable[[str | None], None]:
    """Puts a line of text below the table of the run, with the name of the test."""
    lines = request.config.stash.setdefault(LINES, [])
    name = request.node.name

    def add_line(text: str | None) -> None:
        if text is not None:
            lines.append(f"{name}: {text}")

    return add_line


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what the tests have said, below the table."""
    lines = config.stash.get(LINES, [])
    if lines and config.get_verbosity() >= 0:
        terminalreporter.section("ttsperf suites")
        for line in lines:
            terminalreporter.write_line(line)
