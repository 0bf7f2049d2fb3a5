"""What benchmarks/page_size.py makes of its figures; no browser is opened here."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def page_size(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("page_size")


def test_a_page_within_its_limits_meets_no_objection(page_size: Any) -> None:
    figures = page_size.PageFigures("a run", 400_000, 400_000, (300.0, 400.0, 900.0))
    assert list(figures.objections) == []
    assert figures.row == ("a run", "400,000", "400,000", "300", "400", "900")


@pytest.mark.parametrize(
    ("size_bytes", "paints_ms", "words"),
    [
        (400_001, (100.0,), "found 400,001 bytes, wanted at most 400,000"),
        (1000, (302.0, 301.0, 999.0), "found a first paint after 301 ms at best, wanted it within"),
    ],
)
def test_what_is_over_a_limit_is_said(
    page_size: Any, size_bytes: int, paints_ms: tuple[float, ...], words: str
) -> None:
    [sentence] = page_size.PageFigures("a run", size_bytes, 400_000, paints_ms).objections
    assert words in sentence


def test_a_stored_run_has_no_limit(page_size: Any) -> None:
    figures = page_size.PageFigures("a run", 10**9, None, (10_000.0,))
    assert list(figures.objections) == []
    assert figures.row[2] == "-"
