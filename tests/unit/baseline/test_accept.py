"""A run becomes the ground of its cells: whole or not at all, and nobody's run is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import structs

from pytest_ttsperf.baseline import accept as baseline_accept
from pytest_ttsperf.baseline import listing
from pytest_ttsperf.baseline.screening import screen
from pytest_ttsperf.baseline.store import load, path_for
from pytest_ttsperf.errors import ArtifactUnreadable, BaselineUnreadable, CellUnknown
from pytest_ttsperf.records import Outcome, Verdict
from tests.unit.baseline.factories import artifact, store
from tests.unit.judge.factories import CELL, figures, result

LONG = structs.replace(CELL, preset="long")
ROOT = Path(baseline_accept.__file__).parents[2]


def accept(folder, *files, cells=(), newest=1):
    return baseline_accept.accept(folder / "b", folder / "a", list(files), list(cells), newest)


def stored(folder, cell=CELL):
    return load(path_for(folder / "b", "linux-1", cell))


def judged(outcome, gate):
    return Verdict(subject="s", outcome=outcome, reason="because", gate=gate)


def test_the_newest_run_is_the_ground_and_earlier_ones_are_history(tmp_path):
    store(tmp_path / "b")
    artifact(tmp_path / "a", result(figures(160, 190, 0.4)), minute=1)
    (done,) = accept(tmp_path).accepted
    assert (done.counted_runs, done.history, done.wanted) == (1, 6, 5)
    baseline = stored(tmp_path)
    assert len(baseline.runs) == 7
    assert [one.run for one in baseline.counted_runs] == ["2025-10-30_100100"]
    assert baseline.counted_runs[0].revision == "abc1234"
    assert baseline.newest[0].recording is not None


def test_history_no_longer_judges(tmp_path):
    store(tmp_path / "b")
    slow = result(figures(200, 240, 0.5))
    assert screen(tmp_path / "b", slow)[0].outcome is Outcome.FAIL
    for minute in range(5):
        artifact(tmp_path / "a", slow, minute=minute)
    (done,) = accept(tmp_path, newest=5).accepted
    assert done.counted_runs == 5
    assert [v.outcome for v in screen(tmp_path / "b", slow)] == [Outcome.PASS] * 3
    one = screen(tmp_path / "b", result(figures(600, 700, 1.5)))[0]
    assert one.outcome is Outcome.FAIL
    assert "5 earlier runs" in one.reason


def test_one_accepted_run_leaves_the_screen_undecided(tmp_path):
    store(tmp_path / "b")
    artifact(tmp_path / "a")
    accept(tmp_path)
    verdict = screen(tmp_path / "b", result())[0]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "1 of 1 stored run since one was accepted" in verdict.reason


def test_why_after_accepting_never_falls_back_to_history(tmp_path):
    store(tmp_path / "b")
    artifact(tmp_path / "a")
    accept(tmp_path)
    told = listing.why(tmp_path / "b", tmp_path / "a", "reply")
    assert told.last_is_stored
    assert [gate.earlier for gate in told.gates] == [()] * 3


def test_a_stored_run_is_accepted_in_its_place_and_not_twice(tmp_path):
    first, second = (artifact(tmp_path / "a", minute=minute) for minute in (1, 2))
    accept(tmp_path, first)
    accept(tmp_path, second)
    (done,) = accept(tmp_path, first).accepted
    assert [one.run[-4:] for one in stored(tmp_path).runs] == ["0100", "0200"]
    assert (done.counted_runs, done.history) == (2, 0)


def test_an_older_run_goes_before_newer_ones_whose_trials_stay(tmp_path):
    newer = result(figures(90), stages={"vocode": 9.0})
    older = result(figures(80), stages={"vocode": 1.0})
    files = artifact(tmp_path / "a", newer, minute=5), artifact(tmp_path / "a", older, minute=1)
    accept(tmp_path, files[0])
    accept(tmp_path, files[1])
    baseline = stored(tmp_path)
    assert [one.run[-4:] for one in baseline.runs] == ["0100", "0500"]
    assert baseline.stages == {"vocode": 9.0}
    assert [bool(one.accepted) for one in baseline.runs] == [True, False]


def test_a_cell_without_a_baseline_gets_one(tmp_path):
    artifact(tmp_path / "a", result(), result(cell=LONG))
    assert len(accept(tmp_path).accepted) == 2
    assert len(stored(tmp_path, LONG).runs) == 1


def test_named_cells_only(tmp_path):
    artifact(tmp_path / "a", result(), result(cell=LONG))
    accept(tmp_path, cells=["long"])
    assert stored(tmp_path) is None
    assert stored(tmp_path, LONG) is not None
    with pytest.raises(CellUnknown, match="found 2 cells with 'reply'"):
        accept(tmp_path, cells=["reply"])
    with pytest.raises(CellUnknown, match="found no cell with 'medium'"):
        accept(tmp_path, cells=["medium"])


@pytest.mark.parametrize(
    ("verdict", "taken"),
    [
        (judged(Outcome.FAIL, "baseline"), True),
        (judged(Outcome.INCONCLUSIVE, "limit"), True),
        (judged(Outcome.FAIL, "limit"), False),
        (judged(Outcome.INVALID, "trust"), False),
    ],
)
def test_a_breach_of_the_old_baseline_is_accepted_and_a_broken_limit_is_not(
    tmp_path, verdict, taken
):
    artifact(tmp_path / "a", structs.replace(result(), verdicts=(verdict,)))
    done = accept(tmp_path)
    assert (len(done.accepted), len(done.refused)) == ((1, 0) if taken else (0, 1))
    assert (stored(tmp_path) is not None) == taken
    assert taken or "because" in done.refused[0].reason


def test_a_result_without_recorded_trials_is_refused(tmp_path):
    artifact(tmp_path / "a", structs.replace(result(), trials=()))
    assert "no trial" in accept(tmp_path).refused[0].reason


def test_uncommitted_changes_are_told(tmp_path):
    artifact(tmp_path / "a", dirty=True)
    assert accept(tmp_path).accepted[0].dirty


def test_an_interrupted_run_is_no_ground(tmp_path):
    artifact(tmp_path / "a", finished=False)
    with pytest.raises(ArtifactUnreadable, match="interrupted or is still running"):
        accept(tmp_path)


@pytest.mark.parametrize("body", [None, "{}", "{"])
def test_an_artifact_that_cannot_be_read_changes_nothing(tmp_path, body):
    path = store(tmp_path / "b")
    before = path.read_bytes()
    file = tmp_path / "run_1.json"
    if body is not None:
        file.write_text(body)
    with pytest.raises(ArtifactUnreadable, match=r"run_1\.json"):
        accept(tmp_path, file)
    assert path.read_bytes() == before


def test_fewer_runs_than_asked_for_is_an_error(tmp_path):
    artifact(tmp_path / "a")
    with pytest.raises(ArtifactUnreadable, match="found 1 readable runs"):
        accept(tmp_path, newest=2)


def test_a_damaged_baseline_is_left_as_it_is(tmp_path):
    path = store(tmp_path / "b")
    path.write_text("{")
    artifact(tmp_path / "a")
    with pytest.raises(BaselineUnreadable):
        accept(tmp_path)
    assert path.read_text() == "{"


@pytest.mark.starts
def test_two_processes_accepting_at_once_lose_nothing(tmp_path):
    files = {
        who: [artifact(tmp_path / who, minute=10 * k + i) for i in range(5)]
        for k, who in enumerate("xy", start=1)
    }
    script = (
        "import sys\nfrom pytest_ttsperf.cli import main\n"
        "for file in sys.argv[2:]:\n"
        "    assert main(['baseline', 'accept', file, '--storage', sys.argv[1]]) == 0\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, tmp_path / "b", *files[who]],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        for who in files
    ]
    assert [process.wait(timeout=60) for process in started] == [0, 0]
    runs = [one.run for one in stored(tmp_path).runs]
    assert runs == sorted(f"2025-10-30_10{10 * k + i:02}00" for k in (1, 2) for i in range(5))
    assert [bool(one.accepted) for one in stored(tmp_path).runs].count(True) >= 1


@pytest.mark.starts
def test_a_kill_in_the_midst_of_writing_leaves_the_old_file(tmp_path):
    path = store(tmp_path / "b")
    before = path.read_bytes()
    file = artifact(tmp_path / "a")
    script = (
        "import os, signal, sys\nfrom pytest_ttsperf import files\nfrom pytest_ttsperf.cli import "
        "main\nfiles.os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL)\n"
        "main(['baseline', 'accept', sys.argv[2], '--storage', sys.argv[1]])\n"
    )
    command = [sys.executable, "-c", script, tmp_path / "b", file]
    assert subprocess.run(command, cwd=ROOT, timeout=60).returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    (done,) = accept(tmp_path, file).accepted  # neither the lock nor the torn file is in the way
    assert done.counted_runs == 1
    assert [cell.file for cell in listing.list_baselines(tmp_path / "b", tmp_path).cells] == [
        str(path)
    ]
