"""The course of speech: its mel spectrum over time, by which two answers say the same or not.

`timbre` forgets the order of sounds, and so tells voices apart; this keeps the order, and so tells
texts apart, at whatever pace they are spoken.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.metrics.audio import measure_sound
from pytest_ttsperf.sound_quality.timbre import log_powers, mel_powers, split_frames

Course = NDArray[np.float32]
"""Shape (frames, 20), in dB about its own mean."""
BANDS = 20
HIGHEST_HZ = 8000.0
FRAME_S = 0.04
HOP_S = 0.02
RANGE_DB = 40.0
"""How far below the loudest a band counts: pauses and noise are as loud as that."""
LEAST_MOTION_DB = 3.0
"""Deviation over time of a band, on average: speech has twice as much."""


def mel_course(samples: NDArray[np.float32], sample_rate: int) -> Course | None:
    """Log-mel spectra from the onset to the last sound, shape (frames, 20), about their mean.

    `samples` has shape (frames,), full scale 1.0, `sample_rate` is in Hz. Frames of 40 ms each
    20 ms in a Hann window; bands as those of `timbre.mel_profile`, up to 8 kHz. None for what is
    silent or shorter than a frame, or hardly changes, as a tone does: that says nothing of a text.
    """
    sound = measure_sound(samples, sample_rate)
    if sound.onset_frame is None or sound.last_frame is None:
        return None
    speech = samples[sound.onset_frame : sound.last_frame].astype(np.float64)
    clean = np.nan_to_num(speech, nan=0.0, posinf=0.0, neginf=0.0)
    frames = split_frames(clean, round(FRAME_S * sample_rate), round(HOP_S * sample_rate))
    if not frames.size:
        return None
    powers = mel_powers(frames, sample_rate, bands=BANDS, highest_hz=HIGHEST_HZ)
    course = log_powers(powers, RANGE_DB)
    if course.std(axis=0).mean() < LEAST_MOTION_DB:
        return None
    centred: Course = (course - course.mean()).astype(np.float32)
    return centred


def course_distance_db(one: Course, other: Course) -> float:
    """Root mean square of what two courses differ by, in dB, once their paces are aligned.

    Dynamic time warping in its symmetric form (Sakoe and Chiba 1978): a step in both counts twice,
    and the sum is divided by the frames of both. One piper voice with its own chance in timing and
    sound is 2 dB from itself and 5 to 7 dB from its other texts.
    """
    costs = _frame_costs(one, other)
    rows, columns = costs.shape
    flat = costs.ravel()
    # Cell (row, column) depends on its neighbours of the two diagonals before: a diagonal at once.
    # What was left of an earlier diagonal beside the cells of this one is not read any more.
    before = np.full(rows + 1, np.inf)
    before[0] = 0.0
    last = np.full(rows + 1, np.inf)
    for diagonal in range(rows + columns - 1):
        low = max(0, diagonal - columns + 1)
        high = min(rows, diagonal + 1)
        first = low * columns + diagonal - low
        cost = flat[first :: max(1, columns - 1)][: high - low]
        straight = before[low:high] + 2 * cost
        sideways = np.minimum(last[low:high], last[low + 1 : high + 1]) + cost
        before[0] = np.inf
        before[low + 1 : high + 1] = np.minimum(straight, sideways)
        before, last = last, before
    return float(np.sqrt(last[rows] / (rows + columns)))


def _frame_costs(one: Course, other: Course) -> NDArray[np.float64]:
    """Mean squared difference of each frame of one and each of the other, shape (frames, frames).

    By the squares and the product, as the differences themselves would not fit into memory.
    """
    row, column = one.astype(np.float64), other.astype(np.float64)
    squares = (row**2).sum(axis=1)[:, None] + (column**2).sum(axis=1)[None, :]
    costs: NDArray[np.float64] = np.maximum(squares - 2 * row @ column.T, 0.0) / one.shape[1]
    return costs


def course_outline(course: Course, parts: int = 8) -> NDArray[np.float32]:
    """A course in a few numbers, shape (parts, 20), for looking up which others may be like it.

    Each is the mean over so much of its time. Outlines compare in no time, and less surely.
    """
    edges = np.linspace(0, len(course), parts + 1).astype(int)
    means = []
    for start, end in pairwise(edges.tolist()):
        means.append(course[start : max(end, start + 1)].mean(axis=0))
    return np.array(means)
