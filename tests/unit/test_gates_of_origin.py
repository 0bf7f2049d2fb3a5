"""The gates of origin say what their page says: the marks of the file, read without running it."""

from __future__ import annotations

import pytest

from tests.perf import gates_of_origin


def marks(name: str) -> dict[str, dict[str, object]]:
    """Mark -> its keywords, of a test of the file."""
    function = getattr(gates_of_origin, name)
    return {mark.name: mark.kwargs for mark in function.pytestmark}


@pytest.mark.parametrize(
    ("name", "mark", "keywords"),
    [
        ("test_ttfa_of_short_text", "ttfa", {"p95_ms": 500}),
        ("test_rtf", "rtf", {"p95": 1.0}),
        ("test_rtf_of_streaming", "rtf", {"p95": 0.6}),
        ("test_range_of_memory", "memory", {"rss_range_mb": 300}),
        ("test_loudness", "quality", {"lufs": -16, "tolerance_lu": 1, "true_peak_dbtp": -1}),
        ("test_ttfa_on_an_m_series_mac", "ttfa", {"p95_ms": 10}),
        ("test_soak", "soak", {"minutes": 20, "drift": "5%", "underruns_per_10min": 1}),
        ("test_regression", "regression", {"ttfa": "10%", "rtf": "10%"}),
    ],
)
def test_a_gate_has_the_words_of_the_page(
    name: str, mark: str, keywords: dict[str, object]
) -> None:
    assert marks(name)[mark] == keywords


def test_the_file_holds_no_other_gate() -> None:
    tests = {name for name in dir(gates_of_origin) if name.startswith("test_")}
    assert len(tests) == 8
