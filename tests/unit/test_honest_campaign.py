"""What benchmarks/honest_table.py makes of a log; nothing is measured here."""

from __future__ import annotations

import ast
import importlib
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from pytest_ttsperf.compare import metrics
from pytest_ttsperf.metrics.definitions import METRICS
from pytest_ttsperf.records import Arms, Block

ROOT = Path(__file__).resolve().parents[2]

PASSED = {"subject": "rtf p50", "outcome": "PASS", "gate": "limit"}
BROKEN = {"subject": "rtf p50", "outcome": "FAIL", "gate": "limit"}
ACCUSED = {"subject": "padding", "outcome": "INVALID", "gate": "trust"}
DOUBTED = {"subject": "provider", "outcome": "INCONCLUSIVE", "gate": "trust"}


@pytest.fixture
def honest_table(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("honest_table")


def run_line(engine: str, *verdicts: dict[str, str]) -> dict[str, Any]:
    return {"kind": "run", "engine": engine, "verdicts": list(verdicts)}


def comparison_line(factor: float, outcome: str, count: int) -> dict[str, Any]:
    """Of blocks of 8 texts, in which the candidate says so many times as much."""
    chance = np.random.default_rng(7)
    gates = metrics.with_work(metrics.choose_metrics("warm"), "warm")
    (speech,) = [gate for gate in gates if gate.label == "speech"]
    blocks = []
    for _ in range(count):
        arms = 1 + 0.001 * chance.standard_normal((3, 8))
        arms[2] *= factor
        baseline, control, candidate = map(tuple, arms.tolist())
        arms_of_block = Arms(baseline=baseline, control=control, candidate=candidate)
        blocks.append(msgspec.to_builtins(Block(metric=arms_of_block)))
    return {
        "kind": "comparison",
        "engine": "heart",
        "verdicts": [],
        "reason": None,
        "blocks": len(blocks),
        "gates": [msgspec.to_builtins(speech)],
        "changes": [{"outcome": outcome}],
        "measured": {"speech_s": blocks},
    }


def write(path: Path, *lines: dict[str, Any]) -> Path:
    log = path / "log.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return log


def row(table: list[str], name: str) -> list[str]:
    (found,) = [line for line in table if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_each_light_engine_is_in_the_campaign(honest_table: Any) -> None:
    tree = ast.parse((ROOT / "tests/honest_engines/engines.py").read_text())
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)} - {"Speaker"}
    targets = {engine.target.partition(":")[2] for engine in honest_table.ENGINES}
    assert classes <= targets


@pytest.mark.parametrize(
    ("verdict", "is_accused"),
    [(PASSED, False), (BROKEN, False), (ACCUSED, True), (DOUBTED, True)],
)
def test_an_accusation_is_about_trust_and_no_broken_limit(
    honest_table: Any, verdict: dict[str, str], is_accused: bool
) -> None:
    line = run_line("heart", PASSED, verdict)
    assert honest_table.is_accused(line) is is_accused
    assert honest_table.has_failed_limit(line) is (verdict is BROKEN)


def test_the_table_counts_runs_by_engine_and_says_what_is_short(
    honest_table: Any, tmp_path: Path
) -> None:
    lost = {"kind": "run", "engine": "heart", "error": "killed"}
    lines = [run_line("heart", PASSED), run_line("heart", ACCUSED, PASSED), lost]
    table = honest_table.run_table(write(tmp_path, *lines), 2)
    cells = row(table, "heart")
    assert cells[2] == "2"
    assert cells[3].startswith("1/2, 50.0 %")
    assert cells[4] == "padding 1"
    assert cells[6:] == ["1", ""]
    assert row(table, "joe")[-1] == "SHORT by 2"
    assert row(table, "all")[-1] == "SHORT by 198"


def test_a_comparison_that_fails_by_work_is_an_accusation(
    honest_table: Any, tmp_path: Path
) -> None:
    lines = [comparison_line(1.0, outcome, 5) for outcome in ("PASS", "FAIL")]
    table = honest_table.comparison_table(write(tmp_path, *lines), 15)
    cells = row(table, "heart")
    assert cells[1] == "2"
    assert cells[2].startswith("1/2")
    assert cells[3] == "speech 1"
    assert cells[4].startswith("0/2")
    assert cells[-1] == "SHORT by 13"


@pytest.mark.parametrize(("factor", "failed"), [(1.0, "0/6"), (1.1, "2/6")])
def test_a_replay_judges_stored_blocks_with_each_arm_as_the_candidate(
    honest_table: Any, tmp_path: Path, factor: float, failed: str
) -> None:
    """Where one arm says more it is told as the candidate; as the control it voids the answer."""
    line = comparison_line(factor, "PASS", 11)
    line["measured"] = honest_table.pack(line["measured"])
    table = honest_table.replay_table(write(tmp_path, line))
    cells = row(table, "heart")
    assert cells[1:3] == ["2", "6"]
    assert cells[3].startswith(failed)


def test_prices_are_metrics_that_there_are(honest_table: Any) -> None:
    assert honest_table.PRICES - set(METRICS) == {"rss_peak_mb"}
    prices = {figure.metric for figure in metrics.FIGURES.values()}
    assert prices <= honest_table.PRICES
    assert not {figure.metric for figure in metrics.WORK.values()} & honest_table.PRICES
