"""Finding stored cells by a part of their name, and telling what the screen makes of them."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.baseline import listing
from pytest_ttsperf.errors import BaselineUnreadable, CellUnknown
from pytest_ttsperf.machine import fingerprint
from tests.unit.baseline.factories import artifact, store
from tests.unit.judge.factories import CELL, figures, result

LONG = structs.replace(CELL, preset="long")


@pytest.fixture
def folder(tmp_path):
    store(tmp_path / "b")
    store(tmp_path / "b", 2, cell=LONG)
    return tmp_path


def kept(folder):
    return listing.list_baselines(folder / "b", folder / "a")


def test_every_baseline_is_listed_with_its_figures(folder):
    long, short = kept(folder).cells
    assert (long.cell, short.cell) == (LONG, CELL)
    assert [run.run for run in short.runs] == [f"run{i}" for i in range(6)]
    assert short.runs[0].figures == {
        "ttfa_sound p50": 80,
        "ttfa_sound p95": 96,
        "rtf p50": 0.2,
    }
    assert all(run.counts for run in short.runs)
    assert short.units["ttfa_sound p50"] == "ms"


def test_an_unreadable_file_is_told_beside_the_others(folder):
    (folder / "b" / "linux-1" / "broken.json").write_text("{")
    found = kept(folder)
    assert len(found.cells) == 2
    assert len(found.unreadable) == 1
    assert "broken.json" in found.unreadable[0]


def test_no_folder_is_told_with_the_remedy(tmp_path):
    with pytest.raises(CellUnknown, match="--storage"):
        listing.list_baselines(tmp_path / "none", tmp_path)


@pytest.mark.parametrize("asked", ["short-stream", "test_reply short", "| SHORT |", CELL.slug])
def test_a_unique_part_of_a_name_finds_the_cell(folder, asked):
    assert listing.find(kept(folder), asked).cell == CELL


def test_a_whole_name_wins_over_parts_of_others(folder):
    store(folder / "b", 1, cell=structs.replace(CELL, test=f"{CELL.test}_again"))
    assert listing.find(kept(folder), "test_reply short stream warm").cell == CELL


def test_an_ambiguous_name_lists_those_it_fits(folder):
    with pytest.raises(CellUnknown, match="found 2 cells with 'reply'") as error:
        listing.find(kept(folder), "reply")
    assert CELL.slug in str(error.value)
    assert LONG.slug in str(error.value)


def test_an_unknown_name_lists_near_ones(folder):
    with pytest.raises(CellUnknown, match="found no cell with 'tset-reply-long'") as error:
        listing.find(kept(folder), "tset-reply-long")
    assert LONG.slug in str(error.value)


def test_the_fingerprint_tells_the_same_cell_of_two_machines_apart(folder):
    store(folder / "b", 1, fingerprint="mac-2")
    with pytest.raises(CellUnknown, match="found 2 cells"):
        listing.find(kept(folder), CELL.slug)
    assert listing.find(kept(folder), f"mac-2/{CELL.slug}").fingerprint == "mac-2"


def test_this_machine_is_known_by_what_the_file_says(tmp_path):
    here = fingerprint.local_parts(fingerprint.machine())
    store(tmp_path / "b", 1, fingerprint="f-own", fingerprint_parts={**here, "threads": 2})
    store(tmp_path / "b", 1, fingerprint="f-other", fingerprint_parts={**here, "cores": 999})
    store(tmp_path / "b", 1, fingerprint="f-boxed", fingerprint_parts={**here, "cpu_quota": 0.25})
    told = {cell.fingerprint: cell.this_machine for cell in kept(tmp_path).cells}
    assert told == {"f-boxed": False, "f-other": False, "f-own": True}


def test_this_machine_is_known_by_its_artifacts_where_the_file_is_silent(tmp_path):
    common = fingerprint.fingerprint(fingerprint.machine(), None)
    common = common.rpartition("-unknown-")[0]
    store(tmp_path / "b", 1, fingerprint=f"{common}-cpu-1")
    store(tmp_path / "b", 1, fingerprint="plan9-riscv-1")
    told = [cell.this_machine for cell in kept(tmp_path).cells]
    assert told == [None, False]
    artifact(tmp_path / "a", result(fingerprint=f"{common}-cpu-1"))
    assert [cell.this_machine for cell in kept(tmp_path).cells] == [True, False]


def test_why_tells_the_limits_and_what_the_last_run_does_to_them(folder):
    artifact(folder / "a", result(figures(300, 96, 0.2)))
    told = listing.why(folder / "b", folder / "a", "short-stream")
    median, tail, rtf = told.gates
    assert median.earlier == (80, 81, 82, 80, 81, 82)
    assert median.middle == pytest.approx(81)
    assert median.spread < median.floor
    assert median.middle < median.doubt < median.limit < 300
    assert [gate.outcome for gate in told.gates] == ["FAIL", "PASS", "PASS"]
    assert (median.value, tail.value, rtf.value) == (300, 96, 0.2)
    assert not told.last_is_stored


def test_why_without_an_artifact_of_the_cell(folder):
    told = listing.why(folder / "b", folder / "a", "short-stream")
    assert told.last_run is None
    assert all(gate.outcome is None for gate in told.gates)
    assert all(gate.limit is not None for gate in told.gates)


def test_why_with_too_few_runs_has_no_limits(folder):
    told = listing.why(folder / "b", folder / "a", "long-stream")
    assert [gate.limit for gate in told.gates] == [None] * 3
    assert told.runs_wanted == 5


def test_a_stored_run_is_not_compared_with_itself(folder):
    artifact(folder / "a", result(figures(80, 96, 0.2)), name="run0")
    told = listing.why(folder / "b", folder / "a", "short-stream")
    assert told.last_is_stored
    assert len(told.gates[0].earlier) == 5


def test_a_damaged_file_is_told_by_its_name(folder):
    path = folder / "b" / "linux-1" / f"{CELL.slug}.json"
    path.write_text("{")
    with pytest.raises(BaselineUnreadable, match="cannot read the baseline"):
        listing.why(folder / "b", folder / "a", CELL.slug)
