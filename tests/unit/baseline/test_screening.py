from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock
from msgspec import UNSET, structs

from pytest_ttsperf.baseline import screening, store
from pytest_ttsperf.baseline.screening import screen
from pytest_ttsperf.baseline.store import append, fingerprints_with, load, path_for
from pytest_ttsperf.errors import BaselineUnreadable
from pytest_ttsperf.records import Outcome
from tests.unit.baseline.factories import at, run_of
from tests.unit.judge.factories import CELL, figures, result, run

PASS, FAIL, OPEN = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
EARLIER = [figures(ttfa, ttfa * 1.2, ttfa / 400) for ttfa in (78, 81, 80, 79, 82, 80)]


def stored(tmp_path, summaries=EARLIER, *, stages=None, revision="abc1234", fingerprint="linux-1"):
    for i, summary in enumerate(summaries):
        one = result(summary, stages=stages, fingerprint=fingerprint)
        path, _ = append(tmp_path, one, run(f"run{i}", summary, revision))
    return path


def outcomes(tmp_path, **more):
    return [verdict.outcome for verdict in screen(tmp_path, result(**more))]


# Files


def test_path_names_machine_and_cell(tmp_path):
    assert path_for(tmp_path, "linux-1", CELL) == tmp_path / "linux-1" / f"{CELL.slug}.json"


def test_what_was_appended_is_loaded(tmp_path):
    path = stored(tmp_path, EARLIER[:2], stages={"vocode": 30.0, "decode": 20.0})
    found = load(path)
    assert found.cell == CELL
    assert found.fingerprint == "linux-1"
    assert [one.run for one in found.runs] == ["run0", "run1"]
    assert found.runs[1] == run("run1", EARLIER[1])
    assert found.stages == {"vocode": 30.0, "decode": 20.0}


def test_newest_holds_the_counted_trials_without_sound_and_spans(tmp_path):
    found = load(stored(tmp_path, EARLIER[:1]))
    assert [trial.index for trial in found.newest] == [1, 2, 3]
    assert found.newest[0].recording.arrivals_ns == (2000, 3000)
    assert found.newest[0].recording.pcm is UNSET
    assert found.newest[0].recording.spans == ()
    assert found.newest[2].error == "gone"


def test_thirty_runs_are_kept(tmp_path):
    found = load(stored(tmp_path, [figures()] * 33))
    numbers = [*range(5), *range(8, 33)]
    assert [one.run for one in found.runs] == [f"run{i}" for i in numbers]


def test_file_is_stable_indented_and_leaves_nothing_beside(tmp_path):
    path = stored(tmp_path, EARLIER[:1], stages={"b": 1.0, "a": 2.0})
    other = stored(tmp_path / "other", EARLIER[:1], stages={"a": 2.0, "b": 1.0})
    text = path.read_text()
    assert text == other.read_text()
    assert text.endswith("}\n")
    assert text.count("\n") > 20
    assert json.loads(text)["schema"] == "ttsperf-baseline/1"
    assert {entry.name for entry in path.parent.iterdir()} <= {path.name, ".lock"}


def test_missing_file_is_none(tmp_path):
    assert load(tmp_path / "none.json") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: b"",
        lambda text: b"{}",
        lambda text: b"null",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace(b"ttsperf-baseline/1", b"ttsperf-baseline/2"),
        lambda text: text.replace(b'"runs"', b'"rums"'),
        lambda text: b"<<<<<<< HEAD\n" + text,
        lambda text: b"\xff\xfe" + text,
        lambda text: text.replace(b"reply", b"\xff\xff"),
    ],
)
def test_damaged_file_is_unreadable_and_left_as_it_is(tmp_path, damage):
    path = stored(tmp_path)
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with pytest.raises(BaselineUnreadable, match="--ttsperf-save"):
        load(path)
    with pytest.raises(BaselineUnreadable):
        screen(tmp_path, result())
    with pytest.raises(BaselineUnreadable):
        append(tmp_path, result(), run())
    assert path.read_bytes() == damaged


def test_a_file_of_another_version_names_the_remedy(tmp_path):
    path = stored(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"ttsperf-baseline/1", b"ttsperf-baseline/2"))
    with pytest.raises(BaselineUnreadable, match=r"ttsperf-baseline/2 is of another version"):
        load(path)


def test_files_of_before_runs_could_be_accepted_are_read(tmp_path):
    path = stored(tmp_path)
    data = json.loads(path.read_text())
    del data["stands_for"]
    for one in data["runs"]:
        del one["accepted"], one["weather"]
    path.write_text(json.dumps(data))
    assert len(load(path).counted_runs) == 6
    assert outcomes(tmp_path) == [PASS] * 3


def test_a_run_that_is_stored_twice_is_there_once(tmp_path):
    append(tmp_path, result(), run("a", figures(80)))
    path, _ = append(tmp_path, result(), run("a", figures(90)))
    assert [one.summary["ttfa_sound_ms"].p50 for one in load(path).runs] == [90]


def test_runs_before_the_accepted_one_are_kept_and_not_compared_with(tmp_path):
    stored(tmp_path)
    path, _ = append(tmp_path, result(), run("new"), accepted="2025-11-01T00:00:00+00:00")
    found = load(path)
    assert len(found.runs) == 7
    assert [one.run for one in found.counted_runs] == ["new"]
    assert outcomes(tmp_path) == [OPEN] * 3
    append(tmp_path, result(), run("newer"))
    assert [one.run for one in load(path).counted_runs] == ["new", "newer"]


def test_a_time_that_cannot_be_understood_is_unreadable(tmp_path):
    path = stored(tmp_path)
    path.write_text(path.read_text().replace("2025-10-30T10:19:59", "yesterday", 1))
    with pytest.raises(BaselineUnreadable, match="ISO 8601"):
        append(tmp_path, result(), run("new"))


def test_a_file_that_changed_meanwhile_is_not_removed(tmp_path):
    path = stored(tmp_path)
    seen = load(path)
    append(tmp_path, result(), run("new"))
    assert not store.remove(path, seen)
    assert path.exists()
    assert store.remove(path, load(path))
    assert not path.exists()
    assert not store.remove(path, seen)


def test_folder_in_the_files_place_is_unreadable(tmp_path):
    with pytest.raises(BaselineUnreadable, match=str(tmp_path)):
        load(tmp_path)


def test_a_crash_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = stored(tmp_path)
    before = path.read_bytes()

    def full(fd):
        raise OSError("no space left on device")

    monkeypatch.setattr("pytest_ttsperf.files.os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        append(tmp_path, result(), run("lost"))
    monkeypatch.undo()
    assert path.read_bytes() == before
    append(tmp_path, result(), run("next"))
    assert load(path).runs[-1].run == "next"


def test_a_tail_of_few_trials_is_not_compared(tmp_path):
    def of(n, p95):
        return {name: structs.replace(each, n=n) for name, each in figures(ttfa_p95=p95).items()}

    for name in "abcdef":
        append(tmp_path, result(), run(name, of(3, 20.0)))
    tail = screen(tmp_path, result(of(60, 200.0)))[1]
    assert tail.outcome is Outcome.INCONCLUSIVE  # the stored tails are maxima of three
    few = screen(tmp_path, result(of(3, 200.0)))[1]
    assert few.outcome is Outcome.INCONCLUSIVE
    assert "59 make one that can be compared" in few.reason


def test_cold_cells_are_compared_by_their_median(tmp_path):
    cold = structs.replace(CELL, phase="cold")
    append(tmp_path, result(cell=cold), run("a"))
    assert [v.statistic for v in screen(tmp_path, result(cell=cold))] == ["p50", "p50"]


@pytest.mark.starts
def test_two_processes_appending_at_once_lose_nothing(tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from tests.unit.judge.factories import result, run\n"
        "from pytest_ttsperf.baseline.store import append\n"
        "for i in range(12): append(Path(sys.argv[1]), result(), run(f'{sys.argv[2]}{i}'))\n"
    )
    (tmp_path / "append.py").write_text(script)
    root = Path(screening.__file__).parents[2]
    started = [
        subprocess.Popen(
            [sys.executable, tmp_path / "append.py", tmp_path / "store", name],
            env={"PYTHONPATH": str(root), "PATH": ""},
        )
        for name in "ab"
    ]
    assert [process.wait(timeout=60) for process in started] == [0, 0]
    runs = [one.run for one in load(path_for(tmp_path / "store", "linux-1", CELL)).runs]
    for name in "ab":
        assert [r for r in runs if r.startswith(name)] == [f"{name}{i}" for i in range(12)]


def test_a_lock_that_is_never_released_is_told(tmp_path, monkeypatch):
    path = stored(tmp_path)
    monkeypatch.setattr(store, "LOCK_TIMEOUT_S", 0.0)
    with (
        FileLock(path.parent / ".lock"),
        pytest.raises(BaselineUnreadable, match="another process"),
    ):
        append(tmp_path, result(), run())


def test_append_refuses_a_file_carried_over_from_another_machine(tmp_path):
    path = stored(tmp_path)
    carried = path_for(tmp_path, "mac-2", CELL)
    carried.parent.mkdir()
    carried.write_bytes(path.read_bytes())
    with pytest.raises(BaselineUnreadable, match="belongs to"):
        append(tmp_path, result(fingerprint="mac-2"), run())


def test_fingerprints_that_have_a_cell(tmp_path):
    stored(tmp_path, EARLIER[:1], fingerprint="mac-2")
    stored(tmp_path, EARLIER[:1])
    assert fingerprints_with(tmp_path, CELL) == ["linux-1", "mac-2"]
    assert fingerprints_with(tmp_path, structs.replace(CELL, preset="long")) == []
    assert fingerprints_with(tmp_path / "nowhere", CELL) == []


# Screening: nothing to compare with is never a PASS


def test_no_baseline_is_inconclusive(tmp_path):
    (verdict,) = screen(tmp_path, result())
    assert verdict.outcome is OPEN
    assert verdict.gate == "baseline"
    assert "there is no baseline" in verdict.reason
    assert "--ttsperf-save" in verdict.reason


def test_baseline_without_runs_is_inconclusive(tmp_path):
    path = stored(tmp_path)
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "runs": []}))
    (verdict,) = screen(tmp_path, result())
    assert verdict.outcome is OPEN
    assert "holds no runs" in verdict.reason


def test_another_machines_baseline_never_gates(tmp_path):
    stored(tmp_path, fingerprint="mac-2")
    (verdict,) = screen(tmp_path, result(figures(9999, 9999, 99)))
    assert verdict.outcome is OPEN
    assert "other machines (mac-2)" in verdict.reason
    assert verdict.lacks_baseline
    assert verdict.revision == "abc1234"
    assert "--ttsperf-compare=measure" in verdict.reason


def test_the_newest_clean_revision_of_any_machine_is_named(tmp_path):
    saved = [("mac-2", False), ("arm-3", False), ("mac-2", True)]
    for number, (fingerprint, dirty) in enumerate(saved):
        entry = run(f"run{number}", revision=f"rev{number}")
        entry = structs.replace(entry, dirty=dirty, saved=at(number))
        append(tmp_path, result(fingerprint=fingerprint), entry)
    (verdict,) = screen(tmp_path, result())
    assert verdict.revision == "rev1"
    assert "(arm-3, mac-2)" in verdict.reason


def test_a_revision_of_history_is_not_named(tmp_path):
    stored(tmp_path, EARLIER[:2], fingerprint="mac-2", revision="old")
    entry = run("new", revision=None)
    append(tmp_path, result(fingerprint="mac-2"), entry, accepted="2025-11-01T00:00:00+00:00")
    (verdict,) = screen(tmp_path, result())
    assert verdict.revision is None
    assert "=measure" not in verdict.reason


def test_a_damaged_file_of_another_machine_is_told_and_the_others_are_read(tmp_path):
    stored(tmp_path, fingerprint="mac-2").write_text("{")
    stored(tmp_path, fingerprint="arm-3", revision="def5678")
    (verdict,) = screen(tmp_path, result())
    assert verdict.revision == "def5678"
    (note,) = screening.add_notes(tmp_path, result()).notes
    assert "cannot read the baseline" in note.text
    assert "mac-2" in note.text
    assert not note.invalid


def test_a_file_carried_over_from_another_machine_never_gates(tmp_path):
    path = stored(tmp_path, fingerprint="mac-2")
    own = path_for(tmp_path, "linux-1", CELL)
    own.parent.mkdir()
    own.write_bytes(path.read_bytes())
    (verdict,) = screen(tmp_path, result(figures(9999, 9999, 99)))
    assert verdict.outcome is OPEN
    assert "other machines (mac-2)" in verdict.reason


def test_a_file_of_another_cell_never_gates(tmp_path):
    path = stored(tmp_path)
    long = structs.replace(CELL, preset="long")
    path_for(tmp_path, "linux-1", long).write_bytes(path.read_bytes())
    (verdict,) = screen(tmp_path, result(cell=long))
    assert verdict.outcome is OPEN
    assert "another cell" in verdict.reason


def test_fewer_than_five_runs_are_inconclusive(tmp_path):
    stored(tmp_path, EARLIER[:4])
    found = screen(tmp_path, result(figures(9999, 9999, 99)))
    assert [verdict.outcome for verdict in found] == [OPEN] * 3
    assert "4 of 4 stored runs can be compared with, 5 are needed" in found[0].reason
    assert found[0].n == 4
    assert {verdict.revision for verdict in found} == {"abc1234"}
    assert not any(verdict.lacks_baseline for verdict in found)


def test_runs_that_lack_a_figure_or_have_a_zero_do_not_count(tmp_path):
    stored(tmp_path, [*EARLIER[:4], figures(ttfa=0.0), {}])
    found = screen(tmp_path, result())
    assert [verdict.outcome for verdict in found] == [OPEN, PASS, PASS]
    assert "4 of 6 stored runs" in found[0].reason


# Screening: comparing


def test_five_runs_are_enough(tmp_path):
    stored(tmp_path, EARLIER[:5])
    found = screen(tmp_path, result())
    assert [verdict.outcome for verdict in found] == [PASS] * 3
    assert [(v.metric, v.statistic) for v in found] == [
        ("ttfa_sound_ms", "p50"),
        ("ttfa_sound_ms", "p95"),
        ("rtf", "p50"),
    ]
    assert all(v.gate == "baseline" and v.limit > v.value for v in found)


@pytest.mark.parametrize(
    ("factor", "outcome"),
    [(0.3, PASS), (1.0, PASS), (1.2, PASS), (1.3, OPEN), (1.6, OPEN), (2.1, FAIL)],
)
def test_prediction_limits_allow_for_a_drifting_machine(tmp_path, factor, outcome):
    # six runs, the spread at its floor: 1.25 times in 95 % of runs, twice in 99.9 %
    stored(tmp_path)
    now = figures(80 * factor, 96 * factor, 0.2 * factor)
    assert outcomes(tmp_path, summary=now) == [outcome] * 3


def test_gates_are_judged_apart(tmp_path):
    stored(tmp_path)
    assert outcomes(tmp_path, summary=figures(80, 300, 0.2)) == [PASS, FAIL, PASS]


def test_doubt_names_the_revision_to_compare_with(tmp_path):
    stored(tmp_path)
    verdict = screen(tmp_path, result(figures(112)))[0]
    assert "interleaved with the baseline's revision abc1234" in verdict.reason
    assert "abc1234" in verdict.reason


def test_doubt_without_a_revision_stays_doubt(tmp_path):
    stored(tmp_path, revision=None)
    verdict = screen(tmp_path, result(figures(112)))[0]
    assert verdict.outcome is OPEN
    assert "no revision is stored" in verdict.reason


def test_failure_names_the_stage_that_grew(tmp_path):
    stored(tmp_path, stages={"text": 5.0, "decode": 30.0, "vocode": 40.0, "gone": 3.0})
    stages = {"vocode": 130.0, "decode": 35.0, "text": 5.0, "new": 1.0}
    found = screen(tmp_path, result(figures(180, 210, 0.9), stages=stages))
    assert "+100.0 ms on the newest of them, of which vocode +90.0 ms" in found[0].reason
    assert "180 ms, +125% on the median of 6 earlier runs (80 ms)" in found[0].reason
    assert "vocode grew most (+90.0 ms)" in found[2].reason


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (None, {"vocode": 1.0}, "not known"),
        ({"vocode": 1.0}, None, "not known"),
        ({"vocode": 9.0}, {"vocode": 8.0}, "no stage grew"),
    ],
)
def test_failure_without_a_stage_to_blame(tmp_path, before, now, words):
    stored(tmp_path, stages=before)
    assert words in screen(tmp_path, result(figures(300), stages=now))[0].reason


def test_a_figure_that_was_there_before_and_is_missing_now_fails(tmp_path):
    stored(tmp_path)
    found = screen(tmp_path, result({"rtf": figures()["rtf"]}))
    assert [verdict.outcome for verdict in found] == [FAIL, FAIL, PASS]
    assert "not measured, and 6 earlier runs have it" in found[0].reason


def test_a_figure_that_was_never_there_is_inconclusive(tmp_path):
    stored(tmp_path, [{}] * 6)
    assert outcomes(tmp_path, summary={}) == [OPEN] * 3


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_figure_that_is_not_positive_is_inconclusive(tmp_path, value):
    stored(tmp_path)
    verdict = screen(tmp_path, result(figures(ttfa=value)))[0]
    assert verdict.outcome is OPEN
    assert "only positive figures" in verdict.reason


def test_a_server_on_another_port_of_this_machine_is_the_same_cell(tmp_path):
    here, there = (
        structs.replace(CELL, target=f"http://127.0.0.1:{port}(connection='keep')")
        for port in (40001, 40002)
    )
    assert (here.id, here.slug) == (there.id, there.slug)
    assert here != there, "what a reader is shown keeps the port"
    for number, cell in enumerate((here, there)):
        measured = result(cell=cell)
        path, _ = append(tmp_path, measured, run(f"run {number}"))
    stored = load(path)
    assert stored is not None
    assert stored.cell.target == "http://127.0.0.1(connection='keep')"
    assert len(stored.runs) == 2
    reasons = [verdict.reason for verdict in screen(tmp_path, measured)]
    assert not [reason for reason in reasons if "no baseline" in reason or "another cell" in reason]


def test_cells_of_other_targets_have_the_files_they_had():
    assert CELL.slug == "test-reply-short-stream-warm-888fdf14"


def test_runs_of_an_older_definition_are_not_compared_with_and_the_reason_says_so(tmp_path):
    for number, summary in enumerate(EARLIER):
        older = run(f"run{number}", summary, definitions={})
        append(tmp_path, result(summary), older)
    ttfa, _, rtf = screen(tmp_path, result())
    assert ttfa.outcome is PASS
    assert rtf.outcome is OPEN
    assert "0 of 6 stored runs can be compared with" in rtf.reason
    assert "6 of them have it by an older definition of rtf" in rtf.reason
    stored(tmp_path)
    assert screen(tmp_path, result())[2].outcome is PASS


# Other texts, and old age


def of_corpus(corpus):
    return structs.replace(result(), corpus=corpus)


def store_of_corpus(tmp_path, corpus, name="run"):
    for number, summary in enumerate(EARLIER):
        entry = structs.replace(run(f"{name}{number}", summary), corpus=corpus)
        append(tmp_path, result(summary), entry)


def test_runs_of_other_texts_are_not_compared_with_and_the_reason_says_so(tmp_path):
    store_of_corpus(tmp_path, "0ld")
    for verdict in screen(tmp_path, of_corpus("new")):
        assert verdict.outcome is OPEN
        assert "6 of them spoke another version of the texts" in verdict.reason
        assert "(0ld, and now new)" in verdict.reason
        assert "--ttsperf-save" in verdict.reason
    store_of_corpus(tmp_path, "new", "later")
    assert [verdict.outcome for verdict in screen(tmp_path, of_corpus("new"))] == [PASS] * 3


@pytest.mark.parametrize(("before", "now"), [(None, "new"), ("0ld", None), ("new", "new")])
def test_unknown_texts_are_no_alarm(tmp_path, before, now):
    store_of_corpus(tmp_path, before)
    assert [verdict.outcome for verdict in screen(tmp_path, of_corpus(now))] == [PASS] * 3


@pytest.mark.parametrize(("days", "is_told"), [(1, False), (365, False), (367, True)])
def test_a_baseline_older_than_a_year_is_told_and_fails_nothing(tmp_path, days, is_told):
    stored(tmp_path)
    now = datetime.fromisoformat("2025-10-30T10:19:59+00:00") + timedelta(days=days)
    notes = screening.add_notes(tmp_path, result(), now).notes
    assert [note.guard for note in notes] == ["baseline"] * is_told
    for note in notes:
        assert not note.invalid
        assert "is of 2025-10-30, more than a year ago" in note.text


def test_no_baseline_is_not_old(tmp_path):
    assert screening.add_notes(tmp_path, result()).notes == ()


def test_its_age_is_told_once_and_is_not_stored_with_a_run(tmp_path):
    path = stored(tmp_path)
    now = datetime.fromisoformat("2027-10-30T10:19:59+00:00")
    once = screening.add_notes(tmp_path, result(), now)
    assert screening.add_notes(tmp_path, once, now) == once
    store.save(tmp_path, once, run_of(once))
    assert load(path).runs[-1].notes == ()
    assert screening.add_notes(tmp_path, once, now).notes == once.notes
