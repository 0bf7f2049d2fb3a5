"""Marks that fit the tests there are, by runs that are stored."""

from __future__ import annotations

import os

import pytest
from msgspec import structs

from pytest_ttsperf.init.suggest import COME_AT_ONCE, STALLS, suggest_marks
from pytest_ttsperf.records import LoadResult, LoadSpec, Memory, TrustNote
from tests.unit.baseline.factories import artifact
from tests.unit.judge.factories import CELL, result, threshold
from tests.unit.metrics.factories import recording, sound, trial

TEST = "tests/perf/test_short.py::test_reply"
CROWD = LoadResult(spec=LoadSpec(listeners=4), seed=0, windows=())


def answer(first_ms):
    """Half a second of sound in ten chunks, the last a while after the first."""
    return [(first_ms + 4 * chunk, 50.0) for chunk in range(10)]


def measured(first_ms=50.0, *, timeline=None, count=20, rss_peak_mb=200.0, thresholds=(), **cell):
    """A result of which each trial was as fast, up to a millisecond."""
    trials = []
    for index in range(count):
        chunks = timeline or answer(first_ms + 0.01 * index)
        trials.append(trial(recording(chunks), index=index, heard=sound()))
    return structs.replace(
        result(),
        cell=structs.replace(CELL, **cell),
        trials=tuple(trials),
        memory=Memory(rss_peak_mb=rss_peak_mb),
        thresholds=tuple(thresholds),
    )


def suggested(folder, *results, runs=5, name=""):
    artifact(folder, *results)
    return suggest_marks(folder, runs, name)


def only(found):
    (test,) = found.tests
    return test


def test_the_marks_of_a_test_are_those_of_its_run(tmp_path):
    test = only(suggested(tmp_path, measured()))
    assert test.test == TEST
    assert test.marks == (
        "@ttfa(p95_ms=75)",
        "@rtf(p95=0.24)",
        "@cadence(underruns=0, prebuffer_ms=100, streamed=True)",
        "@memory(rss_peak_mb=260)",
    )
    (line,) = test.measured
    assert line.startswith("test_reply short stream warm [cpu]: ttfa p95 54.2 ms, ")
    assert line.endswith("(20 trials), 1 run on linux-1")


def write_run(folder, minute, *results):
    """A run that is newer the greater its minute is."""
    path = artifact(folder, *results, minute=minute)
    os.utime(path, (1000 + minute, 1000 + minute))


def test_the_newest_runs_count_together(tmp_path):
    for minute, first_ms in enumerate((500.0, 60.0, 40.0)):
        write_run(tmp_path, minute, measured(first_ms))
    newest = only(suggest_marks(tmp_path, 1))
    assert newest.marks[0] == "@ttfa(p95_ms=60)"
    two = only(suggest_marks(tmp_path, 2))
    assert two.marks[0] == "@ttfa(p95_ms=85)"
    assert "(40 trials), 2 runs" in two.measured[0]


@pytest.mark.parametrize("changed", [{"fingerprint": "linux-2"}, {"cell": "another target"}])
def test_runs_of_another_machine_or_target_do_not_count(tmp_path, changed):
    old = measured(500.0)
    if "cell" in changed:
        changed = {"cell": structs.replace(CELL, target="b:B")}
    write_run(tmp_path, 0, structs.replace(old, **changed))
    write_run(tmp_path, 1, measured())
    test = only(suggest_marks(tmp_path, 5))
    assert test.marks[0] == "@ttfa(p95_ms=75)"
    assert "1 run on linux-1" in test.measured[0]


def test_a_server_on_another_port_is_the_same_server(tmp_path):
    write_run(tmp_path, 0, measured(target="http://127.0.0.1:8000"))
    write_run(tmp_path, 1, measured(target="http://127.0.0.1:9000"))
    assert "2 runs" in only(suggest_marks(tmp_path, 5)).measured[0]


def test_several_providers_get_limits_of_their_own(tmp_path):
    test = only(
        suggested(
            tmp_path,
            measured(50.0, test=f"{TEST}[cpu]", provider="cpu"),
            measured(5.0, test=f"{TEST}[coreml]", provider="coreml", rss_peak_mb=400.0),
        )
    )
    assert test.test == TEST
    assert test.marks[0] == '@ttfa(p95_ms={"cpu": 75, "coreml": 12})'
    assert test.marks[-1] == '@memory(rss_peak_mb={"cpu": 260, "coreml": 550})'


def test_presets_that_are_parameters_get_limits_of_their_own(tmp_path):
    cells = [
        measured(50.0, test=f"{TEST}[cpu-short]", preset="short"),
        measured(100.0, test=f"{TEST}[cpu-long]", preset="long"),
    ]
    test = only(suggested(tmp_path, *cells))
    assert test.marks[0] == '@ttfa(p95_ms={"short": 75, "long": 140})'


def test_presets_within_one_test_share_a_limit(tmp_path):
    cells = [measured(50.0, preset="short"), measured(100.0, preset="long")]
    assert only(suggested(tmp_path, *cells)).marks[0] == "@ttfa(p95_ms=140)"


def test_whole_answers_are_limited_by_their_speed(tmp_path):
    whole = measured(timeline=[(300.0, 1000.0)], mode="nonstream")
    marks = only(suggested(tmp_path, whole)).marks
    assert marks == ("@rtf(p95=0.4)", "@memory(rss_peak_mb=260)")


def test_of_cold_starts_the_median_is_limited(tmp_path):
    cold = measured(1000.0, count=5, phase="cold")
    assert only(suggested(tmp_path, cold)).marks[0] == "@ttfa(p50_ms=1400)"


def test_a_remark_says_why_no_mark_limits_underruns(tmp_path):
    whole = only(suggested(tmp_path, measured(timeline=[(300.0, 1000.0)])))
    assert whole.remarks == (COME_AT_ONCE,)
    assert not any("cadence" in mark for mark in whole.marks)


def test_a_player_that_runs_dry_is_said(tmp_path):
    test = only(suggested(tmp_path, measured(timeline=[(50.0, 1500.0), (5000.0, 500.0)])))
    assert test.remarks == (STALLS,)


def test_memory_that_was_not_measured_each_time_is_not_limited(tmp_path):
    write_run(tmp_path, 0, measured(rss_peak_mb=None))
    write_run(tmp_path, 1, measured())
    assert not any("memory" in mark for mark in only(suggest_marks(tmp_path, 5)).marks)


def test_limits_that_a_test_has_are_shown(tmp_path):
    test = only(suggested(tmp_path, measured(thresholds=[threshold()])))
    assert test.present == ("ttfa p95 500 ms",)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"notes": (TrustNote(guard="x", text="cached", invalid=True),)}, "INVALID (cached)"),
        ({"trials": ()}, "no trial was recorded"),
        ({"load": CROWD}, "many listeners"),
    ],
)
def test_what_suggests_nothing_is_left_aside_with_the_reason(tmp_path, changed, reason):
    found = suggested(tmp_path, structs.replace(measured(), **changed))
    assert found.tests == ()
    (line,) = found.left_aside
    assert reason in line
    assert line.startswith("test_reply short stream warm")


def test_tests_may_be_named(tmp_path):
    results = [measured(), measured(test="tests/perf/test_long.py::test_story")]
    assert [test.test for test in suggested(tmp_path, *results, name="story").tests] == [
        "tests/perf/test_long.py::test_story"
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    path = artifact(tmp_path, measured())
    path.write_text("{")
    found = suggest_marks(tmp_path, 5)
    assert found.runs == 0
    assert str(path) in found.left_aside[0]


def test_without_artifacts_there_is_nothing(tmp_path):
    found = suggest_marks(tmp_path / "nowhere", 5)
    assert (found.tests, found.runs, found.left_aside) == ((), 0, ())


def test_limits_that_are_the_same_for_all_are_written_once(tmp_path):
    cells = [
        measured(50.0, test=f"{TEST}[cpu]", provider="cpu"),
        measured(50.0, test=f"{TEST}[coreml]", provider="coreml"),
    ]
    assert only(suggested(tmp_path, *cells)).marks[0] == "@ttfa(p95_ms=75)"


def test_providers_and_presets_are_nested(tmp_path):
    cells = [
        measured(50.0, test=f"{TEST}[cpu-short]", provider="cpu", preset="short"),
        measured(100.0, test=f"{TEST}[cpu-long]", provider="cpu", preset="long"),
        measured(5.0, test=f"{TEST}[coreml-short]", provider="coreml", preset="short"),
        measured(5.0, test=f"{TEST}[coreml-long]", provider="coreml", preset="long"),
    ]
    assert only(suggested(tmp_path, *cells)).marks[0] == (
        '@ttfa(p95_ms={"cpu": {"short": 75, "long": 140}, "coreml": 12})'
    )
