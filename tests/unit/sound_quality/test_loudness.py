"""Loudness and true peak, on sound of which both are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import resample_poly

from pytest_ttsperf.sound_quality import loudness
from pytest_ttsperf.sound_quality.loudness import integrated_lufs, true_peak_dbtp
from tests.examples import examples

RATES = [16_000, 22_050, 24_000, 48_000]


def sine(hertz, rate, seconds=5.0, *, amplitude=1.0, phase=0.0):
    seconds_at = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * seconds_at + phase)).astype(np.float32)


def decibels(ratio):
    return 20 * np.log10(ratio)


def faded(samples):
    """Without an abrupt beginning and end, whose overshoot would be the peak."""
    return samples * np.hanning(samples.size).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
def test_a_full_scale_sine_of_997_hz_is_at_minus_3_01_lufs(rate):
    """As BS.1770-4 states it; pyloudnorm designs the filter anew for each rate."""
    assert integrated_lufs(sine(997, rate), rate) == pytest.approx(-3.01, abs=0.1)


@given(gain_db=st.floats(-40, 0))
def test_loudness_follows_the_level(gain_db):
    rate = 24_000
    quieter = sine(997, rate, 1.0, amplitude=10 ** (gain_db / 20))
    difference = integrated_lufs(quieter, rate) - integrated_lufs(sine(997, rate, 1.0), rate)
    assert difference == pytest.approx(gain_db, abs=0.01)


def test_pauses_are_gated_out():
    rate = 24_000
    speech = sine(997, rate, 2.0, amplitude=0.1)
    pause = np.zeros(20 * rate, np.float32)
    with_pause = np.concatenate([speech, pause])
    assert integrated_lufs(with_pause, rate) == pytest.approx(
        integrated_lufs(speech, rate), abs=0.7
    )


def test_without_a_block_above_the_gate_there_is_no_loudness():
    rate = 24_000
    assert integrated_lufs(sine(997, rate, 0.399), rate) is None
    assert integrated_lufs(sine(997, rate, 0.4), rate) is not None
    assert integrated_lufs(np.zeros(rate, np.float32), rate) is None
    assert integrated_lufs(sine(997, rate, 1.0, amplitude=1e-4), rate) is None
    assert integrated_lufs(np.empty(0, np.float32), rate) is None


def test_samples_that_are_not_finite_are_silence():
    rate = 24_000
    damaged = sine(997, rate, amplitude=0.1)
    damaged[100:103] = np.nan, np.inf, -np.inf
    silenced = np.where(np.isfinite(damaged), damaged, np.float32(0))
    assert integrated_lufs(damaged, rate) == integrated_lufs(silenced, rate)
    assert true_peak_dbtp(damaged) == true_peak_dbtp(silenced)


def test_the_peak_of_a_quarter_rate_sine_lies_between_its_samples():
    """All of its samples are at 0.707 of its amplitude, 3 dB below."""
    rate = 24_000
    samples = faded(sine(rate / 4, rate, amplitude=0.5, phase=np.pi / 4))
    sample_peak = decibels(np.abs(samples).max())
    assert true_peak_dbtp(samples) - sample_peak == pytest.approx(3.01, abs=0.05)
    assert true_peak_dbtp(samples) == pytest.approx(decibels(0.5), abs=0.05)


def test_silence_has_no_peak():
    assert true_peak_dbtp(np.zeros(100, np.float32)) is None
    assert true_peak_dbtp(np.empty(0, np.float32)) is None
    assert true_peak_dbtp(np.full(3, np.nan, np.float32)) is None


def peak_of_all(samples):
    """The same by its definition: all samples at four times the rate."""
    finer = resample_poly(samples.astype(np.float64), 4, 1)
    return decibels(np.abs(finer).max())


LEVELS = st.floats(-1, 1, width=32)


@settings(max_examples=examples(200))
@given(arrays(np.float32, st.integers(1, 300), elements=LEVELS, fill=st.just(0.0)))
def test_only_what_is_near_the_peak_is_interpolated_and_it_is_the_same_peak(samples):
    if not samples.any():
        return
    samples = samples / np.abs(samples).max()
    assert true_peak_dbtp(samples) == pytest.approx(peak_of_all(samples), abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_the_same_peak_where_most_is_left_out(seed):
    """Bursts of the worst signs just below what is looked at, far from a lonely largest sample."""
    random = np.random.default_rng(seed)
    samples = random.uniform(-0.44, 0.44, 20_000).astype(np.float32)
    samples *= np.repeat(random.uniform(0, 1, 200), 100).astype(np.float32)
    for at in random.integers(500, 19_500, 5):
        alternating = np.where(np.arange(-20, 20) % 2, 1, -1) * np.sign(np.arange(-20, 20) + 0.5)
        samples[at - 20 : at + 20] = random.uniform(0.3, 0.5) * alternating
    samples[random.integers(0, 20_000)] = 1.0
    assert true_peak_dbtp(samples) == pytest.approx(peak_of_all(samples), abs=1e-6)


def test_most_of_what_is_quiet_is_left_out(monkeypatch):
    sizes = []
    interpolate = loudness._interpolate

    def count(samples):
        sizes.append(samples.size)
        return interpolate(samples)

    monkeypatch.setattr(loudness, "_interpolate", count)
    samples = np.full(10_000, 0.1, np.float32)
    samples[5_000] = 1.0
    true_peak_dbtp(samples)
    assert sizes == [4 * loudness.REACH + 1]
