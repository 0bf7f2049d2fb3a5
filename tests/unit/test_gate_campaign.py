"""What benchmarks/gate_quality.py and its tables make of a log; nothing is measured here."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_ttsperf.compare import metrics
from pytest_ttsperf.records import Block

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SAME, SLOWED, FASTER = (
    "same code, heart, 60 s",
    "ttfa p50 +5 %",
    "ttfa p50 -10 %",
)


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("block_packing", "campaign", "gate_cases", "gate_quality", "gate_table")
    return {name: importlib.import_module(name) for name in names}


def gate(outcome: str, decided_s: float | None = None, **more: Any) -> dict[str, Any]:
    return {"outcome": outcome, "decided_s": decided_s, "stage": None, "is_work": False, **more}


def line_of(case: str, **gates: dict[str, Any]) -> dict[str, Any]:
    """A comparison as the log has it; its gates by label with an underscore for the space."""
    named = {label.replace("_", " "): each for label, each in gates.items()}
    return {
        "case": case, "engine": "heart", "red": False, "reason": None, "seconds": 40.0,
        "blocks": 8, "compared_s": 40.0, "gates": named, "measured": None,
    }  # fmt: skip


def write(folder: Path, *lines: dict[str, Any]) -> Path:
    log = folder / "gate.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return log


def row(table: str, name: str) -> list[str]:
    (found,) = [line for line in table.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


@pytest.mark.parametrize("name", ["gate.jsonl", "gate.jsonl.xz"])
def test_a_log_grows_line_by_line_compressed_or_not(
    modules: dict[str, Any], tmp_path: Path, name: str
) -> None:
    log = tmp_path / name
    lines = [line_of(SAME, ttfa_p50=gate("PASS", 20.0)), line_of(SLOWED, ttfa_p50=gate("FAIL"))]
    for line in lines:
        modules["campaign"].append_line(log, line)
    assert modules["campaign"].read_log(log) == lines
    is_readable = log.read_bytes().startswith(b"{")
    assert is_readable == (log.suffix == ".jsonl")


def test_a_row_says_how_far_its_case_is_and_what_it_is_short_of(
    modules: dict[str, Any], tmp_path: Path
) -> None:
    passed = line_of(SAME, ttfa_p50=gate("PASS", 20.0), ttfa_p95=gate("PASS", 30.0))
    left_open = line_of(SAME, ttfa_p50=gate("PASS", 22.0), ttfa_p95=gate("INCONCLUSIVE"))
    lost = {"case": SAME, "engine": "heart", "error": "killed"}
    log = write(tmp_path, passed, passed, left_open, lost)
    cells = row(modules["gate_table"].table(log), SAME)
    assert cells[1] == "3 of 100"
    assert cells[2].startswith("0/3")
    assert cells[4].startswith("2/3")
    assert cells[5] == "ttfa p95 1"
    assert cells[6] == "20 s (3 of 3 decided); 30 s (2 of 3 decided)"
    assert cells[-1] == "SHORT by 97"


def test_one_that_stays_open_is_the_longest(modules: dict[str, Any], tmp_path: Path) -> None:
    found = line_of(SLOWED, ttfa_p50=gate("FAIL", 25.0, stage="vocode"))
    missed = line_of(SLOWED, ttfa_p50=gate("PASS", 10.0))
    log = write(tmp_path, found, missed)
    cells = row(modules["gate_table"].table(log), SLOWED)
    assert cells[2].startswith("1/2")
    assert cells[4].startswith("1/1")
    assert cells[5] == "25 s (1 of 1 decided)"


def test_what_got_faster_is_found_where_it_is_called_an_improvement(
    modules: dict[str, Any], tmp_path: Path
) -> None:
    better = line_of(FASTER, ttfa_p50=gate("PASS", 12.0, improved=True))
    same = line_of(FASTER, ttfa_p50=gate("PASS", 12.0, improved=False))
    cells = row(modules["gate_table"].table(write(tmp_path, better, same)), FASTER)
    assert cells[2].startswith("1/2")


def test_a_run_is_red_when_one_of_its_tests_is_and_counts_when_it_is_whole(
    modules: dict[str, Any], tmp_path: Path
) -> None:
    tests = [line_of(SAME, ttfa_p50=gate("PASS", 20.0)) for _ in range(60)]
    tests[7]["red"] = True
    tests[55]["red"] = True
    cells = row(modules["gate_table"].table(write(tmp_path, *tests)), f"runs of 50 tests: {SAME}")
    assert cells[1] == "1 of 2"
    assert cells[2].startswith("1/1")
    assert cells[3].startswith("2/60")
    assert cells[-1] == "SHORT by 40"


def test_a_busy_core_is_a_row_of_its_own(modules: dict[str, Any], tmp_path: Path) -> None:
    busy = f"{SAME}, one core busy"
    lines = [line_of(name, ttfa_p50=gate("PASS", 20.0)) for name in (SAME, busy)]
    table = modules["gate_table"].table(write(tmp_path, *lines))
    assert row(table, SAME)[1] == row(table, busy)[1] == "1 of 100"


def test_unchanged_blocks_are_replayed_with_all_four_arms_in_all_roles(
    modules: dict[str, Any], tmp_path: Path
) -> None:
    random = np.random.default_rng(5)
    measured: dict[str, list[Block]] = {"ttfa_sound_ms": [], "rtf": []}
    for blocks in measured.values():
        for _ in range(18):
            arms = 70 * random.normal(1, 0.01, (4, 12))
            blocks.append(Block(metric=modules["block_packing"].arms_of(arms)))
    line = line_of(SAME, ttfa_p50=gate("PASS", 20.0))
    line |= {"blocks": 18, "compared_s": 108.0, "measured": modules["block_packing"].pack(measured)}
    table = "\n".join(modules["gate_table"].log_replay(write(tmp_path, line)))
    cells = row(table, "heart, 60 s")
    assert cells[1:4] == ["10", "1", "6"]
    assert cells[4].startswith("0/6")
    assert cells[5].startswith("6/6")


def test_packed_blocks_are_what_was_measured_to_seven_digits(modules: dict[str, Any]) -> None:
    packing = modules["block_packing"]
    numbers = np.array([[71.234567, 2.0], [np.nan, 3.0], [4.0, 5.0]])
    block = Block(metric=packing.arms_of(numbers))
    unpacked = packing.unpack(packing.pack({"rtf": [block]}))["rtf"][0].metric
    np.testing.assert_allclose(unpacked.array(), numbers, rtol=1e-6)
    assert unpacked.control[0] is None
    assert unpacked.candidate_control is None


def test_a_case_that_watches_one_gate_releases_the_others(modules: dict[str, Any]) -> None:
    cases = {case.name: case for case in modules["gate_cases"].CASES}
    released = modules["gate_cases"].released_figures
    assert released(cases[SAME]) == []
    assert {"ttfa_p95", "rtf_p50"} <= set(released(cases[SLOWED]))
    assert "ttfa_p50" not in released(cases[SLOWED])
    for name in released(cases[SLOWED]):
        assert metrics.margins_of_lines([f"{name}:99%"], "")[name] == 0.99


def test_a_slow_engine_is_given_the_budget_that_it_names(modules: dict[str, Any]) -> None:
    budget_named = modules["gate_quality"].budget_named
    assert budget_named("too short; give 528 s or more (--ttsperf-budget)") == 528
    assert budget_named("the baseline does not run") is None


def test_ten_percent_faster_is_an_old_tree_that_is_slower(modules: dict[str, Any]) -> None:
    cases = {case.name: case for case in modules["gate_cases"].CASES}
    now = {"ttfa": 9.0, "rtf": 0.02}
    instruction_for = modules["gate_quality"].instruction_for
    assert instruction_for(cases[FASTER], now)["first_ms"] == pytest.approx(1.0)
    assert instruction_for(cases["rtf p50 +5 %"], now)["per_audio_s"] == pytest.approx(0.001)
