"""Execution providers side by side: which of them pays, warm, cold, in memory and in CPU time."""

from __future__ import annotations

from pytest_ttsperf import Alternatives


def test_providers(alternatives: Alternatives) -> None:
    """Each provider of this environment, and of those of --ttsperf-python, against the CPU."""
    alternatives.providers("short")
