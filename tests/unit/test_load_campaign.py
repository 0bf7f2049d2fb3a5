"""What benchmarks/load_quality.py plants, and makes of a log; nothing is measured here."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAME, FAULT, SINGLE, SLOWER = (
    "same code, 8 listeners",
    "a lock around the model",
    "a lock around the model, one listener",
    "RTF +10 %",
)
CAPACITY = "capacity of our server"


@pytest.fixture
def load_table(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("load_table")


@pytest.fixture
def load_faults(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("load_faults")


@pytest.fixture
def load_target(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("load_target")


def gate(outcome: str, decided_s: float | None = None, **more: Any) -> dict[str, Any]:
    return {"outcome": outcome, "decided_s": decided_s, "is_work": False, **more}


def line_of(case: str, **more: Any) -> dict[str, Any]:
    return {
        "case": case, "seconds": 300.0, "blocks": 3, "reason": None, "red": False,
        "gates": {"ttfa p95": gate("PASS", 250.0)}, "windows": {}, **more,
    }  # fmt: skip


def found(seconds: float, effect: float, case: str = FAULT) -> dict[str, Any]:
    gates = {
        "ttfa p95": gate("FAIL", seconds, effect=effect, stages=["server.queue"]),
        "time per good answer": gate("FAIL", seconds + 50),
        "speech": gate("PASS", 200.0, is_work=True),
    }
    return line_of(case, gates=gates)


def write(folder: Path, *lines: dict[str, Any]) -> Path:
    log = folder / "load.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return log


def row(table: str, name: str) -> list[str]:
    first, *_ = [line for line in table.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in first.strip("|").split("|")]


def test_every_fault_fits_the_source_of_today(load_faults: Any) -> None:
    for fault in load_faults.FAULTS:
        for path, text in load_faults.edited_files(fault.edits, ROOT).items():
            compile(text, str(path), "exec")
            assert text != path.read_text("utf-8")


def test_an_edit_that_fits_nowhere_is_refused(load_faults: Any, tmp_path: Path) -> None:
    fault = load_faults.FAULTS[0]
    for edit in fault.edits:
        path = tmp_path / edit.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("nothing of the kind\n")
    with pytest.raises(SystemExit, match="found 0 times, wanted once"):
        load_faults.plant(fault, tmp_path)


def test_every_case_names_a_fault_that_there_is(
    load_table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    cases = importlib.import_module("load_cases")
    peers = importlib.import_module("load_peers").PEERS
    faults = {fault.name for fault in importlib.import_module("load_faults").FAULTS}
    for case in cases.CASES:
        assert case.fault is None or case.fault in peers.get(case.server, faults)


def test_a_fault_is_found_where_a_crowd_is_worse_off(load_table: Any, tmp_path: Path) -> None:
    missed = line_of(FAULT)
    lost = {"case": FAULT, "error": "killed"}
    table = load_table.table(write(tmp_path, found(200, 0.8), found(600, 0.9), missed, lost))
    cells = row(table, FAULT)
    assert cells[1] == "3 of 12"
    assert cells[2].startswith("2/3")
    assert cells[3] == "ttfa p95 2, time per good answer 2"
    assert cells[4] == "+85 % (+80 % to +90 %)"
    assert cells[5] == "400, 600"
    assert cells[6].startswith("1/3")  # the other took longer than eight minutes
    assert cells[7] == "server.queue 2"
    assert cells[-1] == "SHORT by 9"


def test_a_small_effect_may_take_longer(load_table: Any) -> None:
    assert load_table.is_in_time(found(600, 0.2, SLOWER))
    assert not load_table.is_in_time(found(600, 0.4, SLOWER))
    assert not load_table.is_in_time(found(1000, 0.2, SLOWER))


def test_work_that_changed_is_no_finding_of_a_crowd(load_table: Any) -> None:
    line = line_of(FAULT, gates={"speech": gate("FAIL", 100.0, is_work=True)})
    assert load_table.found_by(line) == []
    assert load_table.failed(line) == ["speech"]


def test_one_listener_stands_in_a_table_of_its_own(load_table: Any, tmp_path: Path) -> None:
    table = load_table.table(write(tmp_path, line_of(SINGLE), found(100, 0.1, SINGLE)))
    cells = row(table, SINGLE)
    assert cells[1] == "2 of 3"
    assert cells[2].startswith("1/2")


def test_the_band_is_what_pairs_of_the_same_code_differ_by(load_table: Any, tmp_path: Path) -> None:
    windows = {
        "baseline": [{"ttfa_sound_p95_ms": 100.0}, {"ttfa_sound_p95_ms": 100.0}],
        "candidate": [{"ttfa_sound_p95_ms": 108.0}, {"ttfa_sound_p95_ms": None}],
        "control": [{"ttfa_sound_p95_ms": 108.0}, {"ttfa_sound_p95_ms": 100.0}],
        "candidate_control": [{"ttfa_sound_p95_ms": 100.0}, {"ttfa_sound_p95_ms": 108.0}],
    }
    table = load_table.table(write(tmp_path, line_of(SAME, windows=windows)))
    band = [line for line in table.splitlines() if line.startswith(f"| {SAME} |")][1]
    cells = [cell.strip() for cell in band.strip("|").split("|")]
    assert cells[1:] == ["3", "8.0 %", "4"]


def test_searches_repeat_where_they_are_within_a_step(load_table: Any, tmp_path: Path) -> None:
    lines = []
    for proven in (20, 21, 22, 30, None):
        answer = {"proven": proven, "refuted": 33, "levels": [{"windows": 18}, {"windows": 3}]}
        lines.append({"case": CAPACITY, "seconds": 900.0, "capacity": answer})
    cells = row(load_table.table(write(tmp_path, *lines)), CAPACITY)
    assert cells[2] == "20, 21, 22, 30, none"
    assert cells[4].startswith("3/5")
    assert cells[6] == "21"


def test_server_timing_becomes_stages_behind_one_another(load_target: Any) -> None:
    stages = load_target.read_stages("queue;dur=2.50, encode;dur=1.00, total;dur=9.00", 1000)
    assert [stage.stage for stage in stages] == ["server.queue", "server.encode"]
    assert stages[0].start_ns == 1000
    assert stages[1].start_ns == stages[0].end_ns == 1000 + 2_500_000


class ScriptedResponse:
    """Reads as they come over a connection."""

    def __init__(self, *reads: bytes) -> None:
        self._reads = [*reads, b""]

    def read1(self, _: int) -> bytes:
        return self._reads.pop(0)


def test_sound_is_cut_between_samples_and_has_no_header(load_target: Any) -> None:
    response = ScriptedResponse(b"RI", b"FFab", b"cde", b"f")
    assert list(load_target.whole_samples(response, 4)) == [b"ab", b"cd", b"ef"]
    response = ScriptedResponse(b"abc", b"d")
    assert list(load_target.whole_samples(response, 0)) == [b"ab", b"cd"]


def test_a_planted_fault_is_in_the_source_or_beside_the_target(
    load_faults: Any, tmp_path: Path
) -> None:
    quality = importlib.import_module("load_quality")
    cases = importlib.import_module("load_cases")
    (tmp_path / "benchmarks").mkdir()
    for case in cases.CASES:
        if case.fault is None or case.is_http:
            continue
        touched = [tmp_path / "benchmarks" / "load_fault.json"]
        if case.server == cases.OURS:
            edits = load_faults.find_fault(case.fault).edits
            touched = [tmp_path / edit.path for edit in edits]
            for edit in edits:
                path = tmp_path / edit.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text((ROOT / edit.path).read_text("utf-8"), "utf-8")
        before = [path.read_text("utf-8") if path.exists() else None for path in touched]
        quality.planter(case)(tmp_path)
        after = [path.read_text("utf-8") for path in touched]
        assert all(old != new for old, new in zip(before, after, strict=True))
        for path in touched:
            path.unlink(missing_ok=True)


def test_a_line_holds_the_windows_of_each_version(
    load_faults: Any,
) -> None:
    quality = importlib.import_module("load_quality")
    window = {"offered": 60, "ttfa_sound_p95_ms": 80.0, "generator": {"sends": 60}}
    comparison = {
        "reason": None, "gates": [{"label": "ttfa p95"}], "blocks": 3, "seconds": 300.0,
        "changes": [{"outcome": "PASS", "effect": 0.01}], "measured": {},
        "windows": {"baseline": [window]}, "notes": ["calm"],
    }  # fmt: skip
    line = quality.fields_of(comparison)
    assert line["windows"]["baseline"][0]["ttfa_sound_p95_ms"] == 80.0
    assert "generator" not in line["windows"]["baseline"][0]
    assert line["gates"]["ttfa p95"]["outcome"] == "PASS"
    assert line["notes"] == ["calm"]
