from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.metrics.playback import (
    Hole,
    Playback,
    find_hole,
    play,
    prebuffer_needed_ms,
    start_delay_needed_ms,
)
from tests.unit.metrics.factories import MS, RATE, T0, recording

waits_and_durations = st.lists(
    st.tuples(st.integers(0, 400_000), st.integers(0, 12_000)), min_size=1, max_size=12
)


def scripted(steps, tail_us=0):
    """Steps are (wait in microseconds, frames)."""
    at, chunks = 0, []
    for wait_us, frames in steps:
        at += wait_us
        chunks.append((at / 1000, frames / RATE * 1000))
    return recording(chunks, end_ms=(at + tail_us) / 1000)


def reference_player(rec, prebuffer_frames):
    """The player again, event by event, in exact integers (unit: 1/rate of a nanosecond)."""
    rate = rec.sample_rate
    chunks = [(a * rate, n) for a, n in zip(rec.arrivals_ns, rec.frame_counts, strict=True) if n]
    if not chunks:
        return None, []
    buffered, start = 0, max(rec.end_ns * rate, chunks[-1][0])
    for arrival, frames in chunks:
        buffered += frames
        if buffered >= prebuffer_frames:
            start = arrival
            break
    cursor, stalls = start, []
    for arrival, frames in chunks:
        if arrival > cursor:
            stalls.append(arrival - cursor)
            cursor = arrival
        cursor += frames * 10**9
    return start // rate, [stall / rate for stall in stalls if stall >= MS * rate]


def test_steady_stream_plays_without_a_stall():
    assert play(recording([(100, 80), (150, 80), (200, 80)]), 0) == Playback(
        start_ns=T0 + 100 * MS, underruns=0, stall_ms=0.0, longest_stall_ms=0.0, stall_ratio=0.0
    )


def test_tiny_early_burst_then_nothing():
    played = play(recording([(10, 20), (2010, 980)]))
    assert played.start_ns == T0 + 10 * MS
    assert (played.underruns, played.stall_ms) == (1, 1980.0)
    assert played.longest_stall_ms == 1980.0
    assert played.stall_ratio == pytest.approx(1.98 / 2.98)


def test_play_resumes_at_the_late_arrival():
    # 20 ms late, then on time measured from there, then 5 ms late
    played = play(recording([(0, 100), (120, 100), (220, 100), (325, 100)]))
    assert (played.underruns, played.stall_ms, played.longest_stall_ms) == (2, 25.0, 20.0)


def test_stall_below_a_millisecond_is_not_counted_and_one_of_a_millisecond_is():
    assert play(recording([(0, 100), (100.999, 100)])).underruns == 0
    assert play(recording([(0, 100), (101, 100)])).underruns == 1


def test_prebuffer_holds_playback_back():
    late = recording([(0, 50), (60, 50), (120, 50)])
    assert play(late, 0).underruns == 2
    assert play(late, 50).start_ns == T0
    assert play(late, 51).start_ns == T0 + 60 * MS
    assert play(late, 51).underruns == 0
    assert play(late, 101).start_ns == T0 + 120 * MS


def test_prebuffer_never_filled_starts_at_the_end_of_the_stream():
    assert play(recording([(10, 50), (30, 50)], end_ms=75), 250).start_ns == T0 + 75 * MS


def test_chunks_without_frames_are_ignored():
    with_header = recording([(1, 0), (100, 80), (150, 0), (170, 80)])
    assert play(with_header, 0) == play(recording([(100, 80), (170, 80)]), 0)


@pytest.mark.parametrize("chunks", [[], [(3, 0)]])
def test_no_audio_is_none_not_zero(chunks):
    silent = recording(chunks)
    assert play(silent, 100) == Playback()
    assert prebuffer_needed_ms(silent) is None
    assert start_delay_needed_ms(silent) is None


def test_prebuffer_and_delay_needed():
    late = recording([(0, 50), (60, 50), (120, 50)])
    assert start_delay_needed_ms(late) == 20.0
    # one frame more than the first chunk: only then does play wait for the second
    assert prebuffer_needed_ms(late) == pytest.approx(50 + 1000 / RATE)
    assert prebuffer_needed_ms(recording([(0, 50), (50, 50)])) == 0.0
    assert prebuffer_needed_ms(recording([(700, 50)])) == 0.0


@given(waits_and_durations, st.integers(0, 40_000), st.integers(0, 5_000))
def test_same_as_the_event_by_event_player(steps, prebuffer_frames, tail_us):
    rec = scripted(steps, tail_us)
    start_ns, stalls = reference_player(rec, prebuffer_frames)
    played = play(rec, prebuffer_frames / RATE * 1000)
    assert played.start_ns == start_ns
    if start_ns is not None:
        assert played.underruns == len(stalls)
        assert played.stall_ms == pytest.approx(sum(stalls) / MS)
        assert played.longest_stall_ms == pytest.approx(max(stalls, default=0) / MS)


@given(waits_and_durations, st.floats(0, 500))
def test_conservation(steps, prebuffer_ms):
    """From the start to the last arrival there is either play or stall, nothing else."""
    rec = scripted(steps)
    played = play(rec, prebuffer_ms)
    if played.start_ns is None:
        return
    frames = [n for n in rec.frame_counts if n]
    audio_ms = sum(frames) / RATE * 1000
    last_ms = max(a for a, n in zip(rec.arrivals_ns, rec.frame_counts, strict=True) if n) / MS
    ends_ms = played.start_ns / MS + audio_ms + played.stall_ms
    uncounted_ms = len(frames)  # each stall under 1 ms is not counted
    assert ends_ms + uncounted_ms >= last_ms + frames[-1] / RATE * 1000 - 1e-3
    assert played.stall_ratio == pytest.approx(played.stall_ms / (audio_ms + played.stall_ms))
    assert played.longest_stall_ms <= played.stall_ms + 1e-9


@given(waits_and_durations, st.integers(0, 60_000), st.integers(0, 60_000))
def test_a_larger_prebuffer_never_starts_earlier_nor_stalls_more(steps, one, other):
    rec = scripted(steps)
    small, large = (play(rec, n / RATE * 1000) for n in sorted((one, other)))
    if small.start_ns is not None:
        assert small.start_ns <= large.start_ns
        assert small.stall_ms >= large.stall_ms - 1e-9
        assert small.longest_stall_ms >= large.longest_stall_ms - 1e-9


@given(waits_and_durations, st.sampled_from([8_000, 22_050, 24_000, 44_100]))
def test_prebuffer_needed_is_minimal(steps, rate):
    at, chunks = 0, []
    for wait_us, frames in steps:
        at += wait_us
        chunks.append((at / 1000, frames / rate * 1000))
    rec = recording(chunks, rate=rate)
    needed_ms = prebuffer_needed_ms(rec)
    if needed_ms is None:
        assert not sum(rec.frame_counts)
        return
    assert play(rec, needed_ms).underruns == 0
    frames = round(needed_ms * rate / 1000)
    assert needed_ms == pytest.approx(frames / rate * 1000)
    if frames:
        assert play(rec, (frames - 1) / rate * 1000).underruns > 0


@given(waits_and_durations)
def test_start_delay_needed_is_enough_and_no_less_is(steps):
    rec = scripted(steps)
    delay_ms = start_delay_needed_ms(rec)
    if delay_ms is None:
        return
    sounding = [(a, n) for a, n in zip(rec.arrivals_ns, rec.frame_counts, strict=True) if n]
    cursor_ms, slack = sounding[0][0] / MS + delay_ms, []
    for arrival, frames in sounding:
        slack.append(cursor_ms - arrival / MS)
        cursor_ms += frames / RATE * 1000
    assert min(slack) == pytest.approx(0, abs=1e-5)


def test_a_stall_longer_than_all_before_it_with_what_came_before_and_after():
    rec = recording([(100, 40), (140, 100), (1640, 400), (1700, 400), (1800, 800)])
    hole = find_hole(rec)
    assert hole == Hole(frames_before=140 * RATE // 1000, stall_ms=1400.0, speed_after=160 / 1200)


def test_the_chunk_that_ends_a_stall_and_a_recording_tells_the_speed_itself():
    hole = find_hole(recording([(100, 40), (1140, 500)]))
    assert hole == Hole(frames_before=40 * RATE // 1000, stall_ms=1000.0, speed_after=1040 / 500)


@pytest.mark.parametrize(
    "chunks", [[], [(50, 500)], [(50, 500), (200, 500)], [(50, 40), (90.5, 9)]]
)
def test_no_hole_where_a_player_never_stalls(chunks):
    assert find_hole(recording(chunks)) is None


@given(waits_and_durations)
def test_a_hole_is_one_of_the_players_stalls(steps):
    rec = scripted(steps)
    hole = find_hole(rec)
    longest_ms = play(rec).longest_stall_ms or 0.0
    if hole is not None:
        assert 1.0 <= hole.stall_ms <= longest_ms
        assert hole.stall_ms > hole.frames_before / RATE * 1000
    elif longest_ms:
        assert longest_ms <= sum(rec.frame_counts) / RATE * 1000
