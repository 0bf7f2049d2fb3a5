"""One time axis: what stands where, in units of the chart, and what is said of it."""

from __future__ import annotations

import re

import pytest

from pytest_ttsperf.report.html import time_axis
from pytest_ttsperf.report.html.sounds import EmbeddedSound, Outline
from pytest_ttsperf.report.html.time_axis import Lane, PlayedPiece, TimeAxis, TrackView
from pytest_ttsperf.report.page_model import Timeline
from tests.unit.report.html.factories import timeline

SILENT = EmbeddedSound(missing_because="not saved")
BOX = re.compile(r"M([\d.]+),[\d.]+h([\d.]+)")
LINE = re.compile(r"M([\d.]+),")


def axis_of(*timelines: Timeline, limit_ms: float | None = None) -> TimeAxis:
    axis = time_axis.draw_axis(timelines, [SILENT] * len(timelines), limit_ms)
    assert axis is not None
    return axis


def view_of(drawn: Timeline, **more: float) -> TrackView:
    """The only view of a single trial."""
    [track] = axis_of(drawn, **more).tracks
    [view] = track.views
    return view


def lane_of(view: TrackView, label: str) -> Lane:
    [lane] = [lane for lane in view.lanes if lane.label == label]
    return lane


def boxes_of(lane: Lane, part: str) -> list[tuple[float, float]]:
    """From where to where each rectangle of a part reaches."""
    found = []
    for shape in lane.shapes:
        if shape.part == part:
            [(left, width)] = BOX.findall(shape.path)
            found.append((float(left), float(left) + float(width)))
    return found


def lines_of(lane: Lane, part: str, look: str | None = None) -> list[float]:
    """Where the lines of a part stand."""
    found = []
    for shape in lane.shapes:
        if shape.part == part and look in (None, shape.look):
            found += [float(place) for place in LINE.findall(shape.path)]
    return found


def test_there_is_no_axis_without_trials() -> None:
    assert time_axis.draw_axis([], []) is None


def test_lanes_stand_in_the_order_of_the_flow() -> None:
    view = view_of(timeline())
    labels = [lane.label for lane in view.lanes]
    assert labels == ["text", "decode", "chunks", "buffer", "audio"]


def test_stages_chunks_and_holes_stand_at_their_instants() -> None:
    """The axis ends at 1100 ms, and is 1000 units wide."""
    view = view_of(timeline())
    assert boxes_of(lane_of(view, "decode"), "stage") == [pytest.approx((9.1, 81.8), abs=0.11)]
    chunks = lines_of(lane_of(view, "chunks"), "chunk")
    assert chunks == pytest.approx([90.9, 636.4], abs=0.11)
    holes = boxes_of(lane_of(view, "buffer"), "hole")
    assert holes == [pytest.approx((454.5, 636.4), abs=0.21)]


def test_without_a_hole_nothing_looks_like_one() -> None:
    smooth = timeline([(400.0, 700.0)], holes=())
    lane = lane_of(view_of(smooth), "buffer")
    assert boxes_of(lane, "hole") == []
    assert "never stops" in lane.description


def test_a_hole_is_said_in_words_as_well() -> None:
    lane = lane_of(view_of(timeline()), "buffer")
    assert "stops once, for 200.0 ms" in lane.description


def test_old_and_new_version_stand_on_one_scale() -> None:
    old = timeline(arm="baseline", end_ms=800.0)
    new = timeline(end_ms=1100.0)
    first, second = axis_of(old, new).tracks
    assert first.arm == "baseline"
    assert [view.end_ms for view in first.views] == [view.end_ms for view in second.views]
    places = [boxes_of(lane_of(track.views[0], "decode"), "stage") for track in (first, second)]
    assert places[0] == places[1]


def test_what_plays_much_longer_than_it_arrives_has_a_view_of_its_beginning_first() -> None:
    quick = timeline([(20.0, 2000.0), (40.0, 3000.0)], holes=(), end_ms=5020.0, stages=())
    axis = axis_of(quick)
    assert axis.view_names == ("until the last chunk", "the whole answer")
    beginning, whole = axis.tracks[0].views
    assert beginning.end_ms == pytest.approx(46.0)
    assert whole.end_ms == 5020.0
    assert max(lines_of(lane_of(beginning, "chunks"), "chunk")) > 800
    assert max(lines_of(lane_of(whole, "chunks"), "chunk")) < 10


def test_what_lies_beyond_a_view_is_not_drawn_in_it() -> None:
    """A stage of the player's time, and a joint that is played late."""
    quick = timeline(
        [(20.0, 2000.0), (40.0, 3000.0)], holes=(), end_ms=5020.0,
        stages=(("decode", 5.0, 20.0), ("close", 3000.0, 3100.0)),
    )  # fmt: skip
    beginning, whole = axis_of(quick).tracks[0].views
    assert boxes_of(lane_of(beginning, "close"), "stage") == []
    assert len(boxes_of(lane_of(whole, "close"), "stage")) == 1
    assert lines_of(lane_of(beginning, "audio"), "joint") == []
    assert len(lines_of(lane_of(whole, "audio"), "joint")) == 1


def test_many_stages_share_the_last_lane() -> None:
    stages = [(f"stage {number}", float(number), number + 0.5) for number in range(12)]
    labels = [lane.label for lane in view_of(timeline(stages=stages)).lanes[:-3]]
    assert len(labels) == time_axis.MOST_STAGES
    assert labels[0] == "stage 0"
    assert labels[-1] == time_axis.OTHERS


def test_a_stage_says_how_often_and_how_long() -> None:
    stages = [("decode", 0.0, 10.0), ("decode", 20.0, 25.0)]
    lane = lane_of(view_of(timeline(stages=stages)), "decode")
    assert lane.description.startswith("decode: 2 times, 15.0 ms in all")
    assert len(boxes_of(lane, "stage")) == 2


def test_thousands_of_chunks_are_few_shapes() -> None:
    chunks = [(float(index), 20.0) for index in range(3000)]
    lane = lane_of(view_of(timeline(chunks, holes=(), end_ms=3000.0)), "chunks")
    assert len(lane.shapes) == time_axis.MOST_SHAPES + 1
    assert len(lines_of(lane, "chunk")) == 3000


# What plays when


def test_pieces_are_what_plays_between_holes() -> None:
    assert time_axis.find_pieces(timeline()) == (
        PlayedPiece(100.0, 0.0, 400.0),
        PlayedPiece(700.0, 400.0, 400.0),
    )


def test_without_audio_nothing_plays() -> None:
    silent = timeline([], holes=(), playback_start_ms=None, heard_ms=None, buffer=())
    assert time_axis.find_pieces(silent) == ()
    view = view_of(silent)
    assert lane_of(view, "chunks").description == "no chunk arrived"
    assert "nothing to play" in lane_of(view, "buffer").description


@pytest.mark.parametrize(
    ("audio_ms", "at_ms"), [(0.0, 100.0), (399.0, 499.0), (400.0, 700.0), (800.0, 1100.0)]
)
def test_a_place_in_the_audio_is_played_after_the_holes_before_it(
    audio_ms: float, at_ms: float
) -> None:
    pieces = time_axis.find_pieces(timeline())
    assert time_axis.played_at_ms(audio_ms, pieces) == at_ms


def test_what_is_beyond_the_audio_is_never_played() -> None:
    assert time_axis.played_at_ms(801.0, time_axis.find_pieces(timeline())) is None


def test_a_joint_stands_where_the_next_chunk_is_heard() -> None:
    """Chunk 1 begins at 400 ms of the audio, which plays after the hole, at 700 ms."""
    broken = timeline(flagged_joints_ms=(400.0,))
    lane = lane_of(view_of(broken), "audio")
    assert lines_of(lane, "joint", "joint") == pytest.approx([636.4], abs=0.1)
    assert lines_of(lane, "joint", "joint broken") == pytest.approx([636.4], abs=0.1)
    assert "broken at 1 of them" in lane.description


def test_the_outline_leaves_the_hole_free() -> None:
    """Eight columns of 100 ms: four before the hole and four after it."""
    outline = Outline((0.5,) * 8, 100.0)
    axis = time_axis.draw_axis([timeline()], [EmbeddedSound(outline, "data:x")])
    assert axis is not None
    lane = lane_of(axis.tracks[0].views[0], "audio")
    [wave] = [shape for shape in lane.shapes if shape.part == "waveform"]
    places = [float(x) for x in re.findall(r"[ML]([\d.]+),", wave.path)]
    hole = [x for x in places if 460 < x < 630]
    assert hole == []
    assert min(places) == pytest.approx(90.9, abs=0.1)
    assert max(places) > 900


def test_without_its_sound_boxes_show_what_plays() -> None:
    lane = lane_of(view_of(timeline()), "audio")
    [body] = [shape for shape in lane.shapes if shape.part == "audio"]
    assert body.look == "unsaved"
    assert len(BOX.findall(body.path)) == 2


# Marks, and lines that are cut


def test_the_limit_stands_beside_the_first_sound() -> None:
    view = view_of(timeline(), limit_ms=1000.0)
    texts = [(mark.look, mark.text, mark.is_left) for mark in view.marks]
    assert texts == [
        ("heard", "heard 130 ms", False),
        ("limit", "limit 1,000 ms", True),
    ]


@pytest.mark.parametrize(
    ("limit_ms", "rows"),
    [
        (140.0, 2),  # beside the other one, on the same side
        (500.0, 2),  # too near for both labels
        (540.0, 1),
        (1000.0, 1),  # on the left of its line, and far away
        (600.0, 2),  # on the left of its line, up to the other label
        (5000.0, 1),  # not drawn
    ],
)
def test_a_label_that_would_cover_the_other_stands_in_a_second_row(
    limit_ms: float, rows: int
) -> None:
    """The first sound is heard at 11.8 percent of the axis, its label reaches to 47.8."""
    assert view_of(timeline(), limit_ms=limit_ms).label_rows == rows


def test_without_marks_there_is_no_row_for_their_labels() -> None:
    silent = timeline([], holes=(), playback_start_ms=None, heard_ms=None, buffer=())
    assert view_of(silent).label_rows == 0


def test_a_limit_beyond_the_axis_is_not_drawn_at_its_end() -> None:
    view = view_of(timeline(), limit_ms=5000.0)
    assert [mark.look for mark in view.marks] == ["heard"]


def test_a_line_is_cut_between_two_points() -> None:
    assert time_axis.cut_line([(0, 0), (10, 100)], 5) == [(0, 0), (5, 50)]
    assert time_axis.cut_line([(0, 0), (10, 100)], 20) == [(0, 0), (10, 100)]
    assert time_axis.cut_line([(10, 1), (20, 2)], 5) == []


def test_a_thin_line_has_both_of_its_ends() -> None:
    points = [(float(x), 0.0) for x in range(1000)]
    thinned = time_axis.thin(points, 50)
    assert len(thinned) == 50
    assert (thinned[0], thinned[-1]) == (points[0], points[-1])
    assert time_axis.thin(points[:20], 50) == points[:20]
