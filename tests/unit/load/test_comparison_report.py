"""The windows of a comparison under load as a table."""

from __future__ import annotations

from pytest_ttsperf.load import comparison_report
from pytest_ttsperf.load.window_blocks import ARMS
from pytest_ttsperf.records import Comparison
from tests.unit.load.factories import window


def test_a_row_for_each_block_and_a_column_for_each_arm() -> None:
    windows = {}
    for arm, p95 in zip(ARMS, (100.0, 121.0, 121.0, 100.0), strict=True):
        found = window(ttfa_sound_p95_ms=p95, stalled=2, refused=1)
        windows[arm] = (found, window())
    table = comparison_report.text(
        {"short": Comparison(against="a", windows=windows)}, "8 listeners"
    )
    title, _, first, second, stalled, unserved = table.splitlines()
    assert title == "short, 8 listeners: ttfa p95 of each window, in ms"
    assert first.split() == ["1", "100.0", "121.0", "121.0", "100.0", "+0.0", "%"]
    assert second.split() == ["2", "-", "-", "-", "-", "-"]
    assert stalled.split() == ["stalled", *["2/60"] * 4]
    assert unserved.split() == ["unserved", *["1/120"] * 4]


def test_without_windows_there_is_no_table() -> None:
    assert comparison_report.text({"short": Comparison(against="a")}, "8 listeners") == ""
