"""When the simulated player waits, plays and stalls, and what it has in hand meanwhile."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ttsperf.metrics import playback
from pytest_ttsperf.records import BufferLevel, PlayerStretch
from tests.examples import examples
from tests.unit.metrics.factories import MS, T0, recording

SMOOTH = [(10.0, 100.0), (40.0, 100.0)]
LATE = [(10.0, 20.0), (50.0, 40.0)]
"""The second chunk is 20 ms behind the end of the first."""


def stretches_ms(stretches: tuple[PlayerStretch, ...]) -> list[tuple[str, float, float]]:
    """In milliseconds since the request."""
    found = []
    for stretch in stretches:
        start_ms = (stretch.start_ns - T0) / MS
        found.append((stretch.state, start_ms, (stretch.end_ns - T0) / MS))
    return found


def level_at(levels: tuple[BufferLevel, ...], at_ms: float) -> float:
    [found] = [level.audio_ms for level in levels if level.at_ns == T0 + round(at_ms * MS)]
    return found


def test_a_smooth_answer_is_waited_for_and_then_played() -> None:
    assert stretches_ms(playback.find_stretches(recording(SMOOTH))) == [
        ("waiting", 0.0, 10.0),
        ("playing", 10.0, 210.0),
    ]


def test_a_late_chunk_leaves_a_hole_until_it_is_there() -> None:
    assert stretches_ms(playback.find_stretches(recording(LATE))) == [
        ("waiting", 0.0, 10.0),
        ("playing", 10.0, 30.0),
        ("stalled", 30.0, 50.0),
        ("playing", 50.0, 90.0),
    ]


def test_a_prebuffer_is_waited_for_and_fills_the_hole() -> None:
    found = stretches_ms(playback.find_stretches(recording(LATE), prebuffer_ms=60.0))
    assert found == [("waiting", 0.0, 50.0), ("playing", 50.0, 110.0)]


def test_without_audio_nothing_is_played() -> None:
    silent = recording([(10.0, 0.0)])
    assert playback.find_stretches(silent) == ()
    assert playback.find_buffer_levels(silent, ()) == ()


def test_the_buffer_rises_as_audio_comes_and_falls_as_it_is_played() -> None:
    answer = recording(LATE)
    levels = playback.find_buffer_levels(answer, playback.find_stretches(answer), step_ms=5.0)
    assert level_at(levels, 0.0) == 0.0
    assert level_at(levels, 10.0) == pytest.approx(20.0)
    assert level_at(levels, 15.0) == pytest.approx(15.0)
    assert level_at(levels, 30.0) == pytest.approx(0.0)
    assert level_at(levels, 50.0) == pytest.approx(40.0), "what has just come counts"
    assert level_at(levels, 90.0) == pytest.approx(0.0)


@settings(max_examples=examples(30))
@given(
    waits=st.lists(st.tuples(st.integers(0, 80), st.integers(1, 60)), min_size=1, max_size=12),
    prebuffer_ms=st.sampled_from([0.0, 50.0]),
)
def test_it_is_the_player_of_the_metrics(waits: list[tuple[int, int]], prebuffer_ms: float) -> None:
    at_ms = 0
    chunks = []
    for wait_ms, audio_ms in waits:
        at_ms += wait_ms
        chunks.append((float(at_ms), float(audio_ms)))
    answer = recording(chunks)
    played = playback.play(answer, prebuffer_ms)
    stretches = playback.find_stretches(answer, prebuffer_ms)
    stalls = [each for each in stretches if each.state == "stalled"]
    playing = [each for each in stretches if each.state == "playing"]
    assert len(stalls) == played.underruns
    stalled_ms = sum(each.end_ns - each.start_ns for each in stalls) / MS
    assert stalled_ms == pytest.approx(played.stall_ms, abs=0.001)
    assert playing[0].start_ns == played.start_ns
    audio_ms = sum(audio for _, audio in chunks)
    assert sum(each.end_ns - each.start_ns for each in playing) / MS == pytest.approx(
        audio_ms, abs=1.0 * len(chunks)
    )
    for before, after in pairwise(stretches):
        assert before.end_ns == after.start_ns, "there is no gap between two of them"
    levels = playback.find_buffer_levels(answer, stretches)
    assert max(level.audio_ms for level in levels) <= audio_ms + 0.001
    assert levels[-1].audio_ms == pytest.approx(0.0, abs=0.001)
