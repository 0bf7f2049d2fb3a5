"""pytest-ttsperf: a performance-regression suite for text-to-speech engines.

    from pytest_ttsperf import rtf, ttfa

    @ttfa(p95_ms=500)
    @rtf(p95=0.6)
    def test_short_reply(perf):
        perf.stream("short")

The marks are ordinary pytest marks (`pytest.mark.ttfa` is the same thing); docs/usage.md and
`pytest --markers` list their keywords. Everything is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_ttsperf.plugin.alternatives import Alternatives as Alternatives
    from pytest_ttsperf.plugin.fixtures import ColdEngine as ColdEngine
    from pytest_ttsperf.plugin.fixtures import Measurement as Measurement
    from pytest_ttsperf.plugin.fixtures import Perf as Perf
    from pytest_ttsperf.plugin.fixtures import WarmEngine as WarmEngine
    from pytest_ttsperf.plugin.typed_marks import barge_in as barge_in
    from pytest_ttsperf.plugin.typed_marks import cadence as cadence
    from pytest_ttsperf.plugin.typed_marks import capacity as capacity
    from pytest_ttsperf.plugin.typed_marks import listeners as listeners
    from pytest_ttsperf.plugin.typed_marks import memory as memory
    from pytest_ttsperf.plugin.typed_marks import quality as quality
    from pytest_ttsperf.plugin.typed_marks import regression as regression
    from pytest_ttsperf.plugin.typed_marks import rtf as rtf
    from pytest_ttsperf.plugin.typed_marks import seams as seams
    from pytest_ttsperf.plugin.typed_marks import soak as soak
    from pytest_ttsperf.plugin.typed_marks import trials as trials
    from pytest_ttsperf.plugin.typed_marks import ttfa as ttfa
    from pytest_ttsperf.plugin.typed_marks import voice as voice
    from pytest_ttsperf.records import TargetSpec as TargetSpec

MARKS = (
    "barge_in", "cadence", "capacity", "listeners", "memory", "quality", "regression", "rtf",
    "seams", "soak", "trials", "ttfa", "voice",
)  # fmt: skip
_LAZY = {
    "Alternatives": "pytest_ttsperf.plugin.alternatives",
    "ColdEngine": "pytest_ttsperf.plugin.fixtures",
    "Measurement": "pytest_ttsperf.plugin.fixtures",
    "Perf": "pytest_ttsperf.plugin.fixtures",
    "TargetSpec": "pytest_ttsperf.records",
    "WarmEngine": "pytest_ttsperf.plugin.fixtures",
}
__all__ = [*MARKS, *_LAZY]


def __getattr__(name: str) -> Any:
    if name in MARKS:
        import pytest

        return getattr(pytest.mark, name)
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
