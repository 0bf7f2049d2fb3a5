"""How often a test may be run again: its trials are judged anew each time, all of them together."""

from __future__ import annotations

import pytest

PLUGIN = "rerunfailures"
"""As pytest-rerunfailures registers itself."""


def announced_looks(item: pytest.Item) -> int:
    """1, and one more for each rerun that pytest-rerunfailures may make of this test.

    By `--reruns`, its ini line, or the mark `flaky`, as that plugin itself weighs them.
    """
    plugin = item.config.pluginmanager.get_plugin(PLUGIN)
    count_reruns = getattr(plugin, "get_reruns_count", None)
    if count_reruns is None:
        return 1
    return 1 + max(0, int(count_reruns(item) or 0))
