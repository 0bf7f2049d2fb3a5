"""A short run of benchmarks/fuzz_reader.py: nothing is found, and what is there would be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz_reader.py"


def fuzz(way: str, count: int, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--way", way, "--texts", str(count), "--out", str(out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("way", ["espeak", "rules"])
def test_no_odd_text_makes_a_reader_die_hang_or_raise(way: str, tmp_path: Path) -> None:
    if way == "espeak":
        pytest.importorskip("piper")
    out = tmp_path / "lines.jsonl"
    for count in (120, 240):  # the second run goes on behind the first
        done = fuzz(way, count, out)
        assert done.returncode == 0, done.stdout + done.stderr
    assert [json.loads(line)["n"] for line in out.read_text().splitlines()] == list(range(240))


def test_a_reader_that_is_given_too_much_is_found_to_die(tmp_path: Path) -> None:
    pytest.importorskip("piper")
    done = fuzz("uncut", 240, tmp_path / "lines.jsonl")
    assert done.returncode == 1
    assert "dotted: its process ended by SIGSEGV" in done.stdout
