from __future__ import annotations

import numpy as np
import pytest

from pytest_ttsperf.metrics.audio import measure_level
from pytest_ttsperf.records import Level

RATE = 24_000


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_level_of_ordinary_samples():
    found = measure_level(floats(0.5, -0.75, 0.0, 0.1), RATE)
    assert (found.peak, found.clipped_share, found.non_finite) == (0.75, 0.0, 0)


def test_clipped_share_counts_both_signs_and_full_scale_of_16_bits():
    found = measure_level(floats(1.0, -1.0, 32767 / 32768, 0.998), RATE)
    assert found.clipped_share == 0.75
    assert found.peak == 1.0


def test_samples_that_are_no_numbers_are_counted_apart():
    found = measure_level(floats(np.nan, np.inf, -np.inf, 0.5), RATE)
    assert (found.peak, found.clipped_share, found.non_finite) == (0.5, 0.0, 3)


@pytest.mark.parametrize(("samples", "non_finite"), [(floats(), 0), (floats(np.nan), 1)])
def test_nothing_finite_has_no_level(samples, non_finite):
    wanted = Level(peak=None, clipped_share=None, non_finite=non_finite)
    assert measure_level(samples, RATE) == wanted


@pytest.mark.parametrize("rate", [8000, 24_000, 48_000])
def test_bandwidth_is_where_the_power_ends(rate):
    """White noise has all of it; without its upper half it has half."""
    noise = np.random.default_rng(1).normal(0, 0.1, 5 * rate)
    whole = measure_level(noise.astype(np.float32), rate).bandwidth_hz
    assert whole == pytest.approx(rate / 2, rel=0.01)
    spectrum = np.fft.rfft(noise)
    spectrum[spectrum.size // 2 :] = 0
    halved = np.fft.irfft(spectrum).astype(np.float32)
    assert measure_level(halved, rate).bandwidth_hz == pytest.approx(rate / 4, rel=0.01)
    assert measure_level(halved * 0.1, rate).bandwidth_hz == pytest.approx(rate / 4, rel=0.01)


def test_silence_has_no_bandwidth_and_a_short_sound_has_one():
    assert measure_level(np.zeros(5000, np.float32), RATE).bandwidth_hz is None
    assert measure_level(floats(0.5, -0.5, 0.5), RATE).bandwidth_hz is not None
