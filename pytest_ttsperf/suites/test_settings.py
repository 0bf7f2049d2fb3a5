"""Settings of the runtime, one at a time against the default: arena, threads, spinning, ..."""

from __future__ import annotations

from pytest_ttsperf import Alternatives


def test_settings(alternatives: Alternatives) -> None:
    """Those of --ttsperf-setting, or the usual ones; only what is proven is reported."""
    alternatives.settings("short")
