"""What benchmarks/soak.py and nightly.py make of their logs; neither speaks here."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import theilslopes

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def soak(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("soak")


@pytest.fixture
def nightly(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("nightly")


def session_lines(session: int, megabytes: list[float], **changes: Any) -> list[dict[str, Any]]:
    """A minute each, of one process."""
    return [
        {
            "session": session, "s": 60.0, "requests": 300, "interrupted": 0, "silent": 0,
            "ttfa_ms": {"p50": 10.0, "p99": 20.0}, "rss_bytes": 1e6 * mb, "error": None, **changes,
        }
        for mb in megabytes
    ]  # fmt: skip


def test_memory_that_grows_by_a_megabyte_a_minute_has_that_slope(soak: Any) -> None:
    slope = soak.memory_slope(session_lines(0, [100.0 + minute for minute in range(30)]))
    assert (slope.value, slope.low, slope.high) == pytest.approx((60.0, 60.0, 60.0))


def test_minutes_in_which_caches_fill_do_not_count(soak: Any) -> None:
    slope = soak.memory_slope(session_lines(0, [20.0, 40.0, 60.0, 80.0, 90.0] + [100.0] * 20))
    assert slope.value == 0.0


def test_a_process_that_is_larger_than_the_one_before_has_not_grown(soak: Any) -> None:
    lines = session_lines(0, [100.0] * 20) + session_lines(1, [150.0] * 20)
    assert soak.memory_slope(lines) == soak.Slope(0.0, 0.0, 0.0, 2)


def test_of_one_process_the_interval_is_that_of_theil_and_sen(soak: Any) -> None:
    megabytes = np.random.default_rng(0).normal(100.0, 2.0, 40) + np.arange(40) / 10
    slope = soak.memory_slope(session_lines(0, megabytes.tolist()))
    hours = np.arange(1, 41)[soak.FILLING :] / 60
    theirs = theilslopes(megabytes[soak.FILLING :], hours, 0.95)
    assert slope[:3] == pytest.approx((theirs.slope, theirs.low_slope, theirs.high_slope))


def test_too_few_slices_have_no_slope(soak: Any) -> None:
    lines = session_lines(0, [100.0] * (soak.FILLING + 2))
    assert soak.memory_slope(lines) is None
    assert "no slope yet" in soak.describe_slope(None)


def test_the_report_adds_up_all_slices(soak: Any, tmp_path: Path) -> None:
    log = tmp_path / "soak.jsonl"
    for line in session_lines(0, [100.0] * 2) + session_lines(1, [100.0], interrupted=3):
        soak.append(log, line)
    text = soak.report(log)
    assert "3 slices, 3.0 minutes, in 2 process(es), 900 requests" in text
    assert "3 of 900, 3333 in a million (95 %: 688 to 9710)" in text


def test_a_night_says_how_many_slices_are_missing_and_counts_those_that_failed(
    nightly: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = session_lines(0, [100.0] * 9) + session_lines(0, [100.0], error="TargetCrashed")
    log = tmp_path / "soak.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert nightly.count_faults(["soak"], tmp_path) == 1
    printed = capsys.readouterr().out
    assert "soak: 10 of 480 slices of a minute, SHORT by 470, 1 at fault: 1/10" in printed
    assert "10 slices, 10.0 minutes" in printed
