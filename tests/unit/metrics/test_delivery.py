"""Streamed or sent all at once: scripted arrivals, with and without stages that tell more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pytest_ttsperf.metrics import definitions as d
from tests.unit.metrics.factories import recording, trial

Chunks = list[tuple[float, float]]

EVEN: Chunks = [(100 * (number + 1), 1000) for number in range(10)]
"""Ten seconds of audio within a second, as it is made."""
SLICED: Chunks = [(1000 + 0.1 * number, 1000) for number in range(10)]
"""The same, made as a whole and sent in one go."""
SLOW_LINE: Chunks = [(3000 + 40 * number, 1000) for number in range(10)]
"""The same over a line that needs 0.4 s to carry it, after 3 s of synthesis."""


# When audio came


def test_what_comes_evenly_came_after_half_of_the_time() -> None:
    assert d.arrival_share(recording(EVEN)) == pytest.approx(0.55)


def test_one_chunk_came_at_the_end() -> None:
    assert d.arrival_share(recording([(300, 2000)])) == 1.0


def test_chunks_count_by_their_audio() -> None:
    assert d.arrival_share(recording([(100, 1000), (400, 3000)])) == pytest.approx(0.8125)


def test_a_header_is_no_audio() -> None:
    assert d.arrival_share(recording([(1, 0), (300, 2000)])) == 1.0


def test_a_cold_start_counts_from_when_its_target_was_open() -> None:
    opened_ms = 5000.0
    later = [(opened_ms + at, duration) for at, duration in EVEN]
    assert d.arrival_share(recording(later), opened_ms) == pytest.approx(0.55)


@pytest.mark.parametrize("chunks", [[], [(5, 0)], [(0.5, 80), (1.9, 80)]])
def test_no_audio_and_answers_within_one_delivery_show_nothing(chunks: Chunks) -> None:
    rec = recording(chunks)
    assert d.arrival_share(rec) is None
    assert d.sends_all_at_once(rec) is None
    assert d.all_at_once(trial(rec)) is None


@given(
    st.lists(
        st.tuples(st.floats(2, 1000), st.floats(1, 500)),
        min_size=1,
        max_size=20,
    )
)
def test_audio_never_comes_after_its_end(steps: Chunks) -> None:
    at_ms = 0.0
    chunks = []
    for wait_ms, duration_ms in steps:
        at_ms += wait_ms
        chunks.append((at_ms, duration_ms))
    share = d.arrival_share(recording(chunks))
    assert share is not None
    assert 0 < share <= 1 + 1e-9


# All at once, by arrivals


@pytest.mark.parametrize(
    "chunks",
    [
        SLICED,
        SLOW_LINE,
        [(300, 2000)],
        [(1, 0), (300, 2000)],
        # A scrap is sent early, so that the first sample seems to come soon.
        [(5, 20), *SLICED],
    ],
    ids=["sliced", "over a slow line", "one chunk", "a header early", "a scrap early"],
)
def test_what_was_made_as_a_whole_is_sent_all_at_once(chunks: Chunks) -> None:
    assert d.sends_all_at_once(recording(chunks)) is True


@pytest.mark.parametrize(
    "chunks",
    [
        EVEN,
        [(500, 5000), (1000, 5000)],
        [(400, 4000), (1000, 6000)],
        [(800, 8000), (1000, 2000)],
        # The first chunk takes long, the others follow as they are made.
        [(300, 500), (400, 500), (500, 500), (600, 500)],
    ],
    ids=["evenly", "two sentences", "the second longer", "the first longer", "a late first"],
)
def test_what_comes_in_parts_is_streamed(chunks: Chunks) -> None:
    assert d.sends_all_at_once(recording(chunks)) is False


@pytest.mark.parametrize("pieces", [1, 2, 10, 500])
def test_the_number_of_pieces_does_not_matter(pieces: int) -> None:
    """Slicing finished audio finer makes it no stream."""
    sliced = [(1000 + 2.0 * number / pieces, 10_000 / pieces) for number in range(pieces)]
    assert d.sends_all_at_once(recording(sliced)) is True


# All at once, by stages


def test_a_stage_that_begins_later_shows_a_stream_though_all_came_late() -> None:
    """A vocoder so fast that its chunks come together."""
    spans = [("decode", 0, 990), ("vocode", 990, 999), ("vocode", 1000.3, 1000.4)]
    assert d.sends_all_at_once(recording(SLICED, spans=spans)) is False


def test_stages_that_were_over_show_that_finished_audio_was_sent_slowly() -> None:
    """A slicer that waits between its slices: arrivals alone would not show it."""
    assert d.sends_all_at_once(recording(EVEN)) is False
    assert d.sends_all_at_once(recording(EVEN, spans=[("decode", 0, 90)])) is True


def test_a_scrap_before_the_synthesis_is_no_stream() -> None:
    chunks = [(5, 20), *SLICED]
    spans = [("decode", 6, 600), ("vocode", 600, 999)]
    assert d.is_streamed(recording(chunks, spans=spans)) is True
    assert d.sends_all_at_once(recording(chunks, spans=spans)) is True


def test_a_stage_under_way_leaves_it_to_the_arrivals() -> None:
    around_all = [("generate", 0, 1002)]
    assert d.sends_all_at_once(recording(EVEN, spans=around_all)) is False
    assert d.sends_all_at_once(recording(SLICED, spans=around_all)) is True


def test_what_a_client_does_is_no_synthesis() -> None:
    spans = [("http.wait", 0, 1000), ("http.body", 1000, 1001)]
    assert d.sends_all_at_once(recording(SLICED, spans=spans)) is True
    assert d.sends_all_at_once(recording(EVEN, spans=[("http.wait", 0, 90)])) is False


# The metrics of a trial


def test_metrics_of_a_trial() -> None:
    sliced = trial(recording(SLICED))
    even = trial(recording(EVEN))
    failed = trial(None, error="gone")
    trials = [sliced, even, failed]
    assert d.sample("all_at_once", trials).values == (1.0, 0.0, None)
    shares = d.sample("arrival_share", trials).values
    assert shares[0] == pytest.approx(1.0, abs=0.001)
    assert shares[1:] == (pytest.approx(0.55), None)


def test_the_opening_of_a_cold_trial_is_not_counted() -> None:
    later = recording([(5000 + at, duration) for at, duration in EVEN])
    started = structs.replace(trial(later), phases_ms={"ready": 5000.0})
    assert d.all_at_once(trial(later)) == 1.0
    assert d.all_at_once(started) == 0.0
