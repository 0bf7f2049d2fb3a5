"""Performance tests of this repository run only when they are asked for.

Not by addopts, so that `pytest -m perf` and a test's own name need nothing else.
"""

from __future__ import annotations

import os
import re

import pytest

# Some tests import onnxruntime themselves, which would look up a host of its makers.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

pytest_plugins = ["pytester", "tests.quick"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect perf tests unless -m names `perf` or a test was named by its node id."""
    if re.search(r"\bperf\b", config.option.markexpr):
        return
    named = [argument for argument in config.args if "::" in argument]
    kept: list[pytest.Item] = []
    deselected: list[pytest.Item] = []
    for item in items:
        asked_for = any(_names(argument, item.nodeid) for argument in named)
        is_perf = item.get_closest_marker("perf") is not None
        (deselected if is_perf and not asked_for else kept).append(item)
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = kept


def _names(argument: str, nodeid: str) -> bool:
    """Whether a command line argument `path::test` names the test (or its class or function)."""
    _, _, wanted = argument.partition("::")
    _, _, own = nodeid.partition("::")
    return own == wanted or own.startswith((f"{wanted}::", f"{wanted}["))
