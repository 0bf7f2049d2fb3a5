"""The streamed vocoder: the package's waveform, and the same one however the frames are cut."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hibari import dsp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.chunk_lengths import chunk_s
from engine.errors import ModelError
from engine.models.hibari.model import chunk_sizes
from engine.models.hibari.vocoder import (
    BINS,
    HOP,
    LOOKAHEAD,
    MIN_FRAMES,
    Spectra,
    Vocoder,
    gaussian,
    skip_gaussian,
)
from tests.examples import examples

EXACT_DB = 120.0


def spectra(frames: int, seed: int = 0) -> Spectra:
    """Spectra as loud and as pitched as speech, with unvoiced stretches."""
    rng = np.random.default_rng(seed)
    logs = (rng.normal(mean, 2, (BINS, frames)).astype(np.float32) for mean in (-2, -6, -6))
    harmonic_log, noise_log, free_log = logs
    turn, phase = rng.normal(0, 2, (2, BINS, frames)).astype(np.float32)
    pitch = np.where(rng.random(frames) < 0.3, 0, rng.uniform(80, 300, frames))
    return Spectra(harmonic_log, turn, noise_log, free_log, phase, pitch.astype(np.float32))


def vocode(source: Spectra, cuts: Iterable[int], seed: int = 0) -> list[np.ndarray]:
    vocoder = Vocoder(np.random.default_rng(seed))
    edges = [0, *sorted(cuts), source.frame_count]
    out = [vocoder.push(source.between(start, stop)) for start, stop in itertools.pairwise(edges)]
    return [*out, vocoder.finish()]


def snr_db(found: np.ndarray, wanted: np.ndarray) -> float:
    error = np.sum((found.astype(np.float64) - wanted) ** 2)
    return 10 * np.log10(np.sum(wanted.astype(np.float64) ** 2) / max(error, 1e-30))


class SameNoise:
    """Hands the package the vocoder's noise: drawn frame by frame, laid out bin by bin."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def standard_normal(self, shape: tuple[int, int], dtype: type) -> np.ndarray:
        doubled = shape[1]
        radius, angle = gaussian(self._rng, doubled // 2)
        draws = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
        return np.ascontiguousarray(draws.transpose(1, 0, 2)).reshape(shape)


@pytest.mark.parametrize("frames", [MIN_FRAMES, 4, 5, 17, 200])
def test_the_waveform_is_the_packages_own(frames: int) -> None:
    source = spectra(frames)
    ours = np.concatenate(vocode(source, []))
    theirs = dsp.synth(*source, SameNoise(0))
    assert len(ours) == len(theirs) == frames * HOP
    assert snr_db(ours, theirs) >= EXACT_DB


@settings(max_examples=examples(60))
@given(st.integers(MIN_FRAMES, 60), st.sets(st.integers(0, 60)), st.integers(0, 3))
@example(40, set(range(40)), 0)
@example(MIN_FRAMES, {1, 2}, 0)
def test_no_cut_changes_the_waveform(frames: int, cuts: set[int], seed: int) -> None:
    source = spectra(frames, seed)
    whole = np.concatenate(vocode(source, []))
    cut = np.concatenate(vocode(source, (at for at in cuts if at < frames)))
    assert len(cut) == frames * HOP
    assert snr_db(cut, whole) >= EXACT_DB


def test_output_trails_input_by_exactly_the_lookahead() -> None:
    source = spectra(30)
    vocoder = Vocoder(np.random.default_rng(0))
    given_out = 0
    for frame in range(30):
        given_out += len(vocoder.push(source.between(frame, frame + 1)))
        assert given_out == HOP * max(0, frame + 1 - LOOKAHEAD)
    assert len(vocoder.finish()) == HOP * LOOKAHEAD


def test_the_first_piece_depends_on_no_frame_behind_its_lookahead() -> None:
    source = spectra(40)
    changed = Spectra(*(part.copy() for part in source))
    for part in changed:
        part[..., 12:] = 3
    first, first_changed = (vocode(s, [12])[0] for s in (source, changed))
    np.testing.assert_array_equal(first, first_changed)
    assert len(first) == HOP * (12 - LOOKAHEAD)


def test_the_noise_is_gaussian_and_its_parts_independent() -> None:
    radius, angle = gaussian(np.random.default_rng(3), 400)
    noise = np.stack([radius * np.cos(angle), radius * np.sin(angle)]).reshape(2, -1)
    covariance = np.cov(noise)
    np.testing.assert_allclose(covariance, np.eye(2), atol=0.01)
    np.testing.assert_allclose((noise**4).mean(axis=1), 3, atol=0.05)
    np.testing.assert_allclose(noise.mean(axis=1), 0, atol=0.01)
    assert np.isfinite(noise).all()


def test_noise_that_is_skipped_is_noise_that_was_drawn() -> None:
    drawn, skipped = np.random.default_rng(4), np.random.default_rng(4)
    gaussian(drawn, 7)
    skip_gaussian(skipped, 7)
    np.testing.assert_array_equal(gaussian(drawn, 3), gaussian(skipped, 3))


@pytest.mark.parametrize("start", [0, 1, 4, 5, 6, 20])
@pytest.mark.parametrize("cut", [25, 40])
def test_a_later_start_is_a_slice_of_the_whole(start: int, cut: int) -> None:
    source = spectra(60)
    whole = np.concatenate(vocode(source, []))
    vocoder = Vocoder(np.random.default_rng(0), start)
    first = vocoder.first_frame
    head, tail = source.between(0, cut), source.between(cut, 60)
    head = Spectra(*(part[:, first:] for part in head[:5]), head.pitch)
    late = np.concatenate([vocoder.push(head), vocoder.push(tail), vocoder.finish()])
    np.testing.assert_array_equal(late, whole[start * HOP :])


def test_the_seed_decides_the_noise() -> None:
    source = spectra(20)
    one, again, other = (np.concatenate(vocode(source, [], seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert snr_db(other, one) < 60


@pytest.mark.parametrize("frames", range(MIN_FRAMES))
def test_too_few_frames_are_an_error(frames: int) -> None:
    with pytest.raises(ModelError, match=f"found {frames} frames, wanted at least 3"):
        vocode(spectra(frames), [])


@given(st.integers(1, 3000), st.integers(0, 50), st.floats(0.001, 2))
def test_pieces_add_up_and_leave_enough_to_look_ahead(
    frames: int, first: int, seconds: float
) -> None:
    sizes = chunk_sizes(frames, first, lambda _: seconds)
    assert sum(sizes) == frames
    assert min(sizes) > 0
    assert len(sizes) == 1 or sizes[-1] >= LOOKAHEAD


def test_chunks_start_at_a_tenth_of_a_second_and_double() -> None:
    assert [chunk_s(index) for index in range(5)] == [0.1, 0.2, 0.4, 0.8, 0.8]
    assert chunk_s(10**9) == 0.8
    assert chunk_sizes(200, 0, chunk_s) == [8, 16, 32, 64, 80]
