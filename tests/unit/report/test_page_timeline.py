"""Trials on a time axis: what is drawn has the same holes as the figures have stalls."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pytest_ttsperf.metrics import playback
from pytest_ttsperf.records import FlaggedSeam, Outcome, Quality, SeamCheck, Sound
from pytest_ttsperf.report import page_timeline
from pytest_ttsperf.report.artifact import cell_folder
from tests.unit.report.factories import (
    CELL,
    EVEN,
    FAILED,
    PASSED,
    RATE,
    TTFA,
    UNDERRUNS,
    crowd_result,
    recording,
    result,
    trial,
    trials,
    verdict,
    window,
)

HOLED = recording([(50.0, 200.0), (400.0, 1000.0)], spans=[("decode", 60.0, 390.0)])
chunk_lists = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 400)), min_size=1, max_size=12)


def holes_of(recorded, prebuffer_ms=0.0):
    stretches = playback.find_stretches(recorded, prebuffer_ms)
    return page_timeline.find_holes(recorded, stretches)


def buffer_of(recorded, prebuffer_ms=0.0):
    stretches = playback.find_stretches(recorded, prebuffer_ms)
    return page_timeline.trace_buffer(recorded, stretches)


def test_a_hole_is_where_the_buffer_is_empty() -> None:
    (hole,) = holes_of(HOLED)
    assert (hole.start_ms, hole.end_ms, hole.audio_ms) == pytest.approx((250.0, 400.0, 200.0))
    points = buffer_of(HOLED)
    assert [point.at_ms for point in points] == pytest.approx([0, 50, 50, 250, 400, 400, 1400])
    assert [point.buffered_ms for point in points] == pytest.approx([0, 0, 200, 0, 0, 1000, 0])


def test_a_prebuffer_closes_the_hole() -> None:
    assert holes_of(HOLED, 300.0) == ()
    points = buffer_of(HOLED, 300.0)
    assert points[-1].at_ms == pytest.approx(1600.0)


def test_nothing_is_drawn_of_no_audio() -> None:
    silent = recording([(50.0, 0.0)])
    assert buffer_of(silent) == ()
    assert page_timeline.mark_chunks(silent) == ()


@given(chunk_lists, st.sampled_from([0.0, 100.0]))
def test_holes_are_the_stalls_of_the_figures(steps, prebuffer_ms) -> None:
    arrivals = []
    at_ms = 0.0
    for wait_ms, audio_ms in steps:
        at_ms += wait_ms
        arrivals.append((at_ms, float(audio_ms)))
    recorded = recording(arrivals)
    played = playback.play(recorded, prebuffer_ms)
    holes = holes_of(recorded, prebuffer_ms)
    assert len(holes) == played.underruns
    assert sum(hole.end_ms - hole.start_ms for hole in holes) == pytest.approx(
        played.stall_ms, abs=0.01
    )
    points = buffer_of(recorded, prebuffer_ms)
    assert all(point.buffered_ms >= 0 for point in points)
    assert points[-1].buffered_ms == pytest.approx(0, abs=0.01), "all of it is played"


def test_chunks_stand_where_they_arrived_and_where_they_are_in_the_audio() -> None:
    with_header = recording([(1.0, 0.0), *EVEN])
    chunks = page_timeline.mark_chunks(with_header)
    assert [chunk.index for chunk in chunks] == [1, 2, 3, 4]
    assert [chunk.arrival_ms for chunk in chunks] == pytest.approx([40, 80, 120, 160])
    assert [chunk.audio_start_ms for chunk in chunks] == pytest.approx([0, 500, 1000, 1500])


def test_a_trial_has_its_stages_joints_and_first_sound() -> None:
    seams = SeamCheck(joints=1, flagged=(FlaggedSeam(second=0.2, kind="step", score=9.0),))
    late = Sound(onset_frame=RATE // 100, last_frame=RATE, silence_share=0.1, active_level_dbfs=-20)
    spoken = trial(7, HOLED, sound=late, quality=Quality(seams=seams), process=2)
    (timeline,) = page_timeline.list_timelines(result(trials=(spoken,)), None)
    assert (timeline.trial, timeline.process, timeline.role) == (7, 2, "median")
    (stage,) = timeline.stages
    assert (stage.stage, stage.start_ms, stage.end_ms) == ("decode", 60.0, 390.0)
    assert timeline.joints_ms == pytest.approx((200.0,))
    assert timeline.flagged_joints_ms == pytest.approx((200.0,))
    assert timeline.onset_ms == pytest.approx(10.0)
    assert timeline.heard_ms == pytest.approx(60.0)
    assert timeline.playback_start_ms == pytest.approx(50.0)
    assert timeline.end_ms == pytest.approx(1400.0), "it is played for longer than it is made"


def spread_trials(*arrivals_ms: float):
    return tuple(
        trial(index, recording([(at_ms, 500.0)])) for index, at_ms in enumerate(arrivals_ms)
    )


def test_the_failing_trial_stands_before_the_median() -> None:
    slow = result(trials=spread_trials(40, 900, 30, 600, 50), verdicts=(FAILED,))
    failing, median = page_timeline.list_timelines(slow, None)
    assert (failing.trial, failing.role) == (1, "failing")
    assert "900 ms" in failing.caption
    assert "500 ms" in failing.caption
    assert (median.trial, median.role) == (4, "median")


def test_the_worst_is_so_by_its_share_of_the_limit() -> None:
    holed = trial(0, HOLED)
    late = trial(1, recording([(600.0, 500.0)]))
    both = (FAILED, verdict(Outcome.FAIL, 1.0, UNDERRUNS))
    failing, _ = page_timeline.list_timelines(result(trials=(holed, late), verdicts=both), None)
    assert failing.trial == 1, "600 of 500 ms is worse than 1 over no limit's share"


def test_a_cell_that_passes_has_no_failing_trial() -> None:
    (timeline,) = page_timeline.list_timelines(
        result(trials=spread_trials(40, 900, 30), verdicts=(PASSED,)), None
    )
    assert timeline.role == "median"


def test_a_trial_is_drawn_once() -> None:
    only = result(trials=spread_trials(900), verdicts=(FAILED,))
    (timeline,) = page_timeline.list_timelines(only, None)
    assert timeline.role == "failing"


def test_limits_around_a_value_name_no_trial() -> None:
    around = structs.replace(TTFA, target=20.0)
    odd = result(trials=spread_trials(900), verdicts=(verdict(Outcome.FAIL, 880.0, around),))
    (timeline,) = page_timeline.list_timelines(odd, None)
    assert timeline.role == "median"


def test_warm_ups_and_failed_trials_are_not_drawn() -> None:
    none = result(trials=(trial(0, kind="warmup"), trial(1, None, error="gone")))
    none = structs.replace(
        none, trials=(none.trials[0], structs.replace(none.trials[1], recording=None))
    )
    assert page_timeline.list_timelines(none, None) == ()


def test_the_other_version_stands_above() -> None:
    from tests.unit.report.analysis.cases_of_the_rest import changed, compared

    pair = {"baseline": trial(3), "candidate": trial(3, HOLED)}
    both = compared(changed(Outcome.FAIL), typical=pair)
    old, new = page_timeline.list_timelines(both, None)
    assert (old.arm, new.arm) == ("baseline", "candidate")
    assert "main" in old.caption
    assert old.no_sound_because is not None
    assert "comparison" in old.no_sound_because


def test_sound_is_found_beside_the_artifact(tmp_path: Path) -> None:
    run_path = tmp_path / "run_101959.json"
    measured = result(trials=trials(1))
    (without,) = page_timeline.list_timelines(measured, run_path)
    assert without.sound_file is None
    assert "--ttsperf-save-audio" in (without.no_sound_because or "")
    folder = cell_folder(run_path, "sound", CELL.test, CELL.preset, CELL.mode, CELL.phase)
    folder.mkdir(parents=True)
    (folder / "trial_0000.wav").write_bytes(b"RIFF")
    (with_sound,) = page_timeline.list_timelines(measured, run_path)
    assert with_sound.sound_file == folder / "trial_0000.wav"
    assert with_sound.no_sound_because is None


def test_the_sound_of_crowds_is_not_saved() -> None:
    crowd = crowd_result(window(), trials=trials(1))
    (timeline,) = page_timeline.list_timelines(crowd, Path("run_101959.json"))
    assert timeline.no_sound_because == page_timeline.NO_SOUND_OF_CROWDS
