"""The end of playback is that of the player that judges."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.load.generator import player
from pytest_ttsperf.metrics import playback
from pytest_ttsperf.records import Recording

MS = 1_000_000
GAPS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=20)


@given(GAPS)
def test_it_ends_with_what_was_played_and_waited_for(gaps: list[tuple[int, int]]) -> None:
    """Whole milliseconds, as the player that judges hears no shorter stall."""
    arrivals_ns, durations_ms = [], []
    at_ns = 5 * MS
    for wait_ms, duration_ms in gaps:
        at_ns += wait_ms * MS
        arrivals_ns.append(at_ns)
        durations_ms.append(duration_ms)
    recording = Recording(
        request_ns=0,
        arrivals_ns=tuple(arrivals_ns),
        frame_counts=tuple(durations_ms),
        end_ns=at_ns,
        sample_rate=1000,
    )
    chunks = zip(arrivals_ns, [ms * MS for ms in durations_ms], strict=True)
    end_ns = player.play(chunks)
    played = playback.play(recording)
    if played.start_ns is None or played.stall_ms is None:
        assert end_ns is None
    else:
        played_ms = sum(durations_ms) + played.stall_ms
        assert end_ns == played.start_ns + round(played_ms * MS)


def test_without_sound_there_is_no_end() -> None:
    assert player.play([]) is None
    assert player.play([(5, 0), (9, 0)]) is None
