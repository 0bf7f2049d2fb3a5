"""Which suites are collected, and which texts they speak.

A file that is named itself, `.../suites/test_load.py`, is collected whatever was chosen.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.suites import limits, table

FOLDER = Path(__file__).parent


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
