"""Timbre: the mean mel spectrum of speech, comparable where the timing of two voices differs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.metrics.audio import BELOW_ACTIVE_DB, FLOOR_DBFS, measure_sound

Profile = NDArray[np.float64]
"""Shape (40,), in dB."""
BANDS = 40
HIGHEST_HZ = 12_000.0
FRAME_S = 0.04
HOP_S = 0.01
RANGE_DB = 80.0
"""How far below the loudest band of the sound a band counts; what is below is as loud as that."""


def mel_profile(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64] | None:
    """Mean log-mel spectrum of the active frames, shape (40,), in dB about its own mean.

    `samples` has shape (frames,), full scale 1.0, `sample_rate` is in Hz. Frames of 40 ms, each
    10 ms, in a Hann window; active are those above -60 dBFS and above 35 dB below the active level,
    the threshold of the onset (`metrics.audio.measure_sound`). The bands are triangles, equally
    wide in mel = 2595 log10(1 + Hz / 700) (HTK), from 0 to 12 kHz at each sample rate, so that
    profiles of different rates can be compared: bands above half the rate hold nothing, and
    nothing counts as 80 dB below the loudest band of all frames. The mean over the bands is
    subtracted: a louder voice is the same voice.

    None where no frame is active. It does not see in which order sounds come, nor how long each is.
    """
    clean = np.nan_to_num(samples.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    frames = split_frames(clean, round(FRAME_S * sample_rate), round(HOP_S * sample_rate))
    level = measure_sound(samples, sample_rate).active_level_dbfs
    if level is None or not frames.size:
        return None
    power = np.mean((frames - frames.mean(axis=1, keepdims=True)) ** 2, axis=1)
    active = frames[power > 10 ** (max(FLOOR_DBFS, level - BELOW_ACTIVE_DB) / 10)]
    if not active.size:
        return None
    bands = mel_powers(active, sample_rate, bands=BANDS, highest_hz=HIGHEST_HZ)
    profile = log_powers(bands, RANGE_DB).mean(axis=0)
    centred: NDArray[np.float64] = profile - profile.mean()
    return centred


def profile_distance_db(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Root mean square over the bands of what two profiles differ by, in dB."""
    return float(np.sqrt(np.mean((one - other) ** 2)))


def split_frames(samples: NDArray[np.floating], length: int, hop: int) -> NDArray[np.floating]:
    """Overlapping frames, shape (frames, length), one each `hop` samples; none of less audio."""
    if samples.size < length:
        return np.empty((0, length))
    return np.lib.stride_tricks.sliding_window_view(samples, length)[::hop]


def mel_powers(
    frames: NDArray[np.floating], sample_rate: int, *, bands: int, highest_hz: float
) -> NDArray[np.float64]:
    """Power of each frame in each mel band, shape (frames, bands).

    `frames` has shape (frames, samples). See `mel_profile` for the bands.
    """
    length = frames.shape[1]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(length))) ** 2
    powers: NDArray[np.float64] = spectrum @ _mel_bank(length, sample_rate, bands, highest_hz).T
    return powers


def log_powers(powers: NDArray[np.float64], range_db: float) -> NDArray[np.float64]:
    """Powers in dB; what is further below the loudest than `range_db` is raised to that."""
    floor = powers.max() * 10 ** (-range_db / 10)
    decibels: NDArray[np.float64] = 10 * np.log10(np.maximum(powers, floor))
    return decibels


def _mel_bank(length: int, sample_rate: int, bands: int, highest_hz: float) -> NDArray[np.float64]:
    """Weights of the bins of a spectrum in each band, shape (bands, bins)."""
    edges_mel = np.linspace(0, 2595 * np.log10(1 + highest_hz / 700), bands + 2)
    edges = 700 * (10 ** (edges_mel / 2595) - 1)
    hertz = np.fft.rfftfreq(length, 1 / sample_rate)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (hertz - low) / (middle - low)
    falling = (high - hertz) / (high - middle)
    bank: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    return bank
