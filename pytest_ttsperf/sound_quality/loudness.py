"""Loudness and true peak, as ITU-R BS.1770-4 defines them."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.sound_quality.packages import import_package

BLOCK_S = 0.4
OVERSAMPLING = 4
REACH = 10
"""Of the interpolation filter: samples to either side that a value between two rests on."""


def integrated_lufs(samples: NDArray[np.float32], sample_rate: int) -> float | None:
    """Integrated loudness in LUFS, by ITU-R BS.1770-4 (K weighting, both gates).

    `samples` has shape (frames,), full scale 1.0, `sample_rate` is in Hz. None for audio shorter
    than one block of 400 ms, and where no block is above the absolute gate of -70 LUFS. Samples
    that are not finite count as silence. QualityError where pyloudnorm is not installed.
    """
    if samples.size < BLOCK_S * sample_rate:
        return None
    meter = import_package("pyloudnorm").Meter(sample_rate, block_size=BLOCK_S)
    lufs = float(meter.integrated_loudness(_clean(samples)))
    return lufs if np.isfinite(lufs) else None


def true_peak_dbtp(samples: NDArray[np.float32]) -> float | None:
    """Peak between the samples in dBTP, by ITU-R BS.1770-4, annex 2: at four times the rate.

    `samples` has shape (frames,), full scale 1.0. None where all are zero, or there are none.
    Samples that are not finite count as silence.

    Only what can hold the peak is interpolated. A value between samples is at most as many times
    the largest sample it rests on as the absolute coefficients of the filter add up to, so that it
    cannot be the peak unless one of them is within that factor of the largest sample of all.
    """
    clean = _clean(samples)
    size = np.abs(clean)
    sample_peak = size.max(initial=0.0)
    if sample_peak == 0.0:
        return None
    near_peak = size >= sample_peak / _largest_gain()
    peak = float(np.abs(_interpolate(_with_neighbours(clean, near_peak))).max())
    return float(20 * np.log10(max(peak, sample_peak)))


def _with_neighbours(
    samples: NDArray[np.float64], is_needed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The needed samples and twice the filter's reach around them, joined.

    Once the reach, and what is between samples there is as it was; twice, and what the joints
    spoil rests on no needed sample.
    """
    from scipy.ndimage import binary_dilation

    around = np.ones(4 * REACH + 1, dtype=bool)
    joined: NDArray[np.float64] = samples[binary_dilation(is_needed, around)]
    return joined


def _interpolate(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The samples at four times their rate."""
    from scipy.signal import resample_poly

    finer: NDArray[np.float64] = resample_poly(samples, OVERSAMPLING, 1, window=_filter())
    return finer


@functools.cache
def _filter() -> NDArray[np.float64]:
    """Coefficients of the low pass, as scipy.signal.resample_poly designs them by default."""
    from scipy.signal import firwin

    taps = 2 * REACH * OVERSAMPLING + 1
    coefficients: NDArray[np.float64] = firwin(taps, 1 / OVERSAMPLING, window=("kaiser", 5.0))
    return coefficients


@functools.cache
def _largest_gain() -> float:
    """How many times the largest sample a value between samples can be."""
    phases = [np.abs(_filter()[phase::OVERSAMPLING]).sum() for phase in range(OVERSAMPLING)]
    return float(OVERSAMPLING * max(phases))


def _clean(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """The samples in double precision, those that are not finite as zero."""
    return np.nan_to_num(samples.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
