"""The mean spectrum of sounds of which it is known how they differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import firwin, lfilter

from pytest_ttsperf.sound_quality.timbre import BANDS, mel_profile, profile_distance_db

RATE = 24_000


def noise(seconds=1.0, *, seed=0, rate=RATE, dbfs=-20.0):
    random = np.random.default_rng(seed)
    samples = random.normal(size=round(seconds * rate)) * 10 ** (dbfs / 20)
    return samples.astype(np.float32)


def low_passed(samples, hertz, rate=RATE):
    taps = firwin(255, hertz, fs=rate, window=("kaiser", 10.0))  # 100 dB down
    return lfilter(taps, 1.0, samples).astype(np.float32)


def distance(one, other):
    return profile_distance_db(mel_profile(one, RATE), mel_profile(other, RATE))


def test_a_profile_has_a_level_for_each_band_about_a_mean_of_zero():
    profile = mel_profile(noise(), RATE)
    assert profile.shape == (BANDS,)
    assert profile.mean() == pytest.approx(0.0, abs=1e-9)


@given(gain_db=st.floats(-25, 25))
def test_a_louder_voice_is_the_same_voice(gain_db):
    louder = noise() * np.float32(10 ** (gain_db / 20))
    assert distance(noise(), louder) < 0.01


def test_another_sound_of_the_same_spectrum_is_near_and_another_spectrum_is_far():
    same = distance(noise(seed=0), noise(seed=1))
    assert distance(noise(), low_passed(noise(), 4_000)) > 10 * same


def test_the_band_of_a_tone_is_where_the_formula_has_it():
    """1000 Hz is 1000 mel, within some thousandths, by the formula of HTK."""
    at = np.arange(RATE) / RATE
    profile = mel_profile((0.1 * np.sin(2 * np.pi * 1000 * at)).astype(np.float32), RATE)
    band_mel = 2595 * np.log10(1 + 12_000 / 700) / (BANDS + 1)
    assert abs((np.argmax(profile) + 1) * band_mel - 1000) <= band_mel


def test_pauses_count_for_nothing():
    voice = noise()
    pause = np.zeros(RATE, np.float32)
    assert distance(voice, np.concatenate([voice, pause, voice])) < 0.5


def test_the_order_of_sounds_is_not_seen():
    """What the docstring says of it, and why words are judged as well."""
    one = noise(1.0)
    other = low_passed(noise(1.0, seed=1), 4_000)
    there = np.concatenate([one, other])
    back = np.concatenate([other, one])
    assert distance(there, back) < 0.2


def test_profiles_of_two_sample_rates_are_comparable():
    slow = low_passed(noise(rate=48_000), 7_000, 48_000)[::3]
    fast = low_passed(noise(rate=48_000), 7_000, 48_000)[::2]
    one = mel_profile(slow, 16_000)
    other = mel_profile(fast, 24_000)
    assert profile_distance_db(one, other) < 1.0
    assert profile_distance_db(one, mel_profile(noise(), RATE)) > 5.0


def test_what_the_other_cannot_have_is_a_distance():
    """8 kHz inside 24 kHz."""
    narrow = low_passed(noise(), 4_000)
    assert distance(narrow, noise()) > 5.0


def test_silence_and_scraps_have_no_profile():
    assert mel_profile(np.zeros(RATE, np.float32), RATE) is None
    assert mel_profile(np.empty(0, np.float32), RATE) is None
    assert mel_profile(noise(0.03), RATE) is None
    assert mel_profile(noise(dbfs=-90), RATE) is None


def test_samples_that_are_not_finite_are_silence():
    damaged = noise()
    damaged[100] = np.nan
    assert np.isfinite(mel_profile(damaged, RATE)).all()
