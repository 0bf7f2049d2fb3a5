"""The run of docs/worked-example.md: how it is measured and stored; here nothing is measured."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest
from msgspec import structs

from pytest_ttsperf import files
from pytest_ttsperf.records import CellResult, Run, TrustNote
from tests.unit.report.factories import cell, result, run_of, trials
from tools import worked_example

worked_example_run = worked_example.worked_example_run
WARM = result(declared_trials=3, trials=trials(3))
COLD = result(cell=cell(phase="cold"))
FIT = run_of(WARM, COLD)


def noted(guard: str, *, invalid: bool) -> CellResult:
    note = TrustNote(guard=guard, text="of which nobody knows", invalid=invalid)
    return structs.replace(WARM, notes=(note,))


def test_a_run_that_is_to_be_believed_is_fit() -> None:
    worked_example_run.refuse_unfit(FIT)
    worked_example_run.refuse_unfit(run_of(noted("trend", invalid=False), COLD))


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (run_of(WARM), "cells warm"),
        (run_of(), "cells none"),
        (run_of(WARM, COLD, finished=False), "a run that is not finished"),
        (run_of(structs.replace(WARM, declared_trials=4), COLD), "3 of 4 warm trials"),
        (run_of(noted("cache", invalid=True), COLD), "warm: cache: of which nobody knows"),
        (run_of(noted("provider", invalid=False), COLD), "warm: provider: of which nobody knows"),
    ],
    ids=["no cold cell", "no cell", "not finished", "stopped early", "invalid", "unverified"],
)
def test_any_other_is_refused(run: Run, words: str) -> None:
    with pytest.raises(
        ValueError, match=r"wanted a run with a cold and a whole warm cell"
    ) as caught:
        worked_example_run.refuse_unfit(run)
    assert words in str(caught.value)
    assert worked_example_run.COMMAND in str(caught.value)


def test_what_is_stored_is_read_again(tmp_path: Path) -> None:
    stored = tmp_path / "run.json.xz"
    with pytest.raises(FileNotFoundError, match=r"found no run\.json\.xz .*--measure"):
        worked_example_run.read_stored(stored)
    stored.write_bytes(lzma.compress(files.encode_json(FIT)))
    assert worked_example_run.read_stored(stored) == FIT


def test_the_project_names_a_target_that_there_is(tmp_path: Path) -> None:
    worked_example_run.write_project(tmp_path)
    compile((tmp_path / "test_page.py").read_text("utf-8"), "test_page.py", "exec")
    configuration = (tmp_path / "pytest.ini").read_text("utf-8")
    module, _, name = configuration.split()[-1].partition(":")
    source = (worked_example_run.BENCHMARKS / f"{module}.py").read_text("utf-8")
    assert f"class {name}(" in source


def test_the_newest_artifact_is_the_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="found no run below"):
        worked_example_run.find_artifact(tmp_path)
    folder = tmp_path / "artifacts" / "bench" / "2026-11-30"
    folder.mkdir(parents=True)
    for name in ("run_101959.json", "run_102107.json", "bench_stream_short_102200.json"):
        (folder / name).write_text("")
    assert worked_example_run.find_artifact(tmp_path).name == "run_102107.json"
