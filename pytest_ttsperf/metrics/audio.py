"""What is in the sound: where it starts, how loud it is."""

from __future__ import annotations

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.metrics.playback import chunks_of
from pytest_ttsperf.records import (
    Level,
    Recording,
    Sound,
)

WINDOW_MS = 10
FLOOR_DBFS = -60.0
BELOW_ACTIVE_DB = 35.0
LOOK_AHEAD_MS = 50
NEEDED_MS = 30
SPECTRUM_FRAMES = 1024
BEYOND_BANDWIDTH = 0.001
"""Of the power; what an engine loses above shows, and no single hiss does."""


# Sound


def to_samples(recording: Recording) -> NDArray[np.float32]:
    """Give the samples of a recording, shape (frames,), full scale 1.0, read-only.

    Raises MeasurementError when the recording was stored without its sound, or when its sound is
    not as long as its chunks say.
    """
    if recording.pcm is UNSET:
        raise MeasurementError(
            "this recording has no samples: sound is left out of artifacts and baselines, so "
            "onset and level can only be computed in the run that measured"
        )
    wanted = 4 * sum(recording.frame_counts)
    if len(recording.pcm) != wanted:
        raise MeasurementError(
            f"the recording holds {len(recording.pcm)} bytes of sound, its chunks add up to "
            f"{wanted} (4 a frame): the recorder and the target disagree on what a frame is"
        )
    return np.frombuffer(recording.pcm, dtype="<f4")


def measure_sound(samples: NDArray[np.float32], sample_rate: int) -> Sound:
    """Find where the sound starts, how loud it is where it is active, and how much is silent.

    `samples` has shape (frames,), `sample_rate` is in Hz (1000 or more), 0 dBFS is an RMS of 1.0.
    Levels are those of windows of 10 ms, one ending at each millisecond, each with its own mean
    removed (an offset is no sound); the first nine windows reach back to the start only.

    - active level: RMS over the windows above -60 dBFS, None when there are none.
    - threshold: -60 dBFS or 35 dB below the active level, whichever is higher.
    - onset: the first window above the threshold that has 30 of the 50 following it above as well.
      The sound is in the millisecond that lifted the window over the threshold, its last one:
      `onset_frame` is that millisecond's first frame, so that silence sent ahead as a chunk of
      its own does not pass as the chunk that holds the onset.
    - last frame: the end of the last window above the threshold.
    - silence share: windows that are not above the threshold, 0..1; None below 1 ms of audio.

    Samples that are not finite count as silence (`measure_level` counts them).
    """
    edges = np.arange(samples.size * 1000 // sample_rate + 1) * sample_rate // 1000
    power = _window_power(samples, edges)
    if not power.size:
        return Sound(onset_frame=None, last_frame=None, silence_share=None, active_level_dbfs=None)
    floor = 10 ** (FLOOR_DBFS / 10)
    active = power[power > floor]
    if not active.size:
        return Sound(onset_frame=None, last_frame=None, silence_share=1.0, active_level_dbfs=None)
    active_power = float(active.mean())
    above = power > max(floor, active_power * 10 ** (-BELOW_ACTIVE_DB / 10))
    onset = _first_sustained(above)
    onset_frame = last_frame = None
    if onset is not None:
        last = np.flatnonzero(above)[-1]
        onset_frame = int(edges[onset])
        last_frame = int(edges[last + 1])
    return Sound(
        onset_frame=onset_frame,
        last_frame=last_frame,
        silence_share=float(1 - above.mean()),
        active_level_dbfs=float(10 * np.log10(active_power)),
    )


def _window_power(samples: NDArray[np.float32], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Variance of the window that ends at each edge but the first; running sums in float64."""
    if edges.size < 2:
        return np.empty(0)
    clean = samples[: edges[-1]].astype(np.float64)
    clean[~np.isfinite(clean)] = 0.0
    ends = np.arange(1, edges.size)
    starts = np.maximum(ends - WINDOW_MS, 0)

    lengths = edges[ends] - edges[starts]

    def window_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        per_millisecond = np.add.reduceat(values, edges[:-1])
        sums = np.concatenate(([0.0], np.cumsum(per_millisecond)))
        mean: NDArray[np.float64] = (sums[ends] - sums[starts]) / lengths
        return mean

    return np.maximum(window_mean(clean * clean) - window_mean(clean) ** 2, 0.0)


def _first_sustained(above: NDArray[np.bool_]) -> int | None:
    """Index of the first window above that is followed by enough others above."""
    count = np.concatenate(([0], np.cumsum(above)))
    here = np.arange(above.size) + 1
    following = count[np.minimum(here + LOOK_AHEAD_MS, above.size)] - count[here]
    onsets = np.flatnonzero(above & (following >= NEEDED_MS))
    return int(onsets[0]) if onsets.size else None


def first_sound_ns(recording: Recording, sound: Sound) -> int | None:
    """When the chunk that holds the onset arrived, on the recording's clock."""
    arrivals, frames = chunks_of(recording)
    if sound.onset_frame is None or sound.onset_frame >= frames.sum():
        return None
    chunk = np.searchsorted(np.cumsum(frames), sound.onset_frame, side="right")
    return int(arrivals[chunk])


CLIPPED_AT = 0.999
"""Of full scale 1.0; 16-bit PCM that clips reaches 32767/32768 = 0.99997."""


def measure_level(samples: NDArray[np.float32], sample_rate: int) -> Level:
    """Peak, share of clipped samples, count of samples that are NaN or infinite, and bandwidth.

    `samples` has shape (frames,), full scale is 1.0. All but the count are those of the finite
    samples, None where there are none.
    """
    finite = np.isfinite(samples)
    size = np.abs(samples[finite])
    peak = clipped_share = None
    if size.size:
        peak = float(size.max())
        clipped_share = float(np.mean(size >= CLIPPED_AT))
    return Level(
        peak=peak,
        clipped_share=clipped_share,
        non_finite=int(samples.size - size.size),
        bandwidth_hz=_bandwidth_hz(samples[finite], sample_rate),
    )


def _bandwidth_hz(samples: NDArray[np.float32], sample_rate: int) -> float | None:
    """The frequency below which all but a thousandth of the power lies, by the mean spectrum.

    None for sound that is silent.
    """
    if not samples.size:
        return None
    padded = np.pad(samples, (0, -samples.size % SPECTRUM_FRAMES))
    windows = padded.reshape(-1, SPECTRUM_FRAMES)
    taper = np.hanning(SPECTRUM_FRAMES).astype(np.float32)
    power = (np.abs(np.fft.rfft(windows * taper, axis=1)) ** 2).mean(axis=0)
    below = np.cumsum(power)
    if not below[-1] > 0:
        return None
    bins = np.arange(below.size)
    bin_hz = sample_rate / SPECTRUM_FRAMES
    return float(np.interp((1 - BEYOND_BANDWIDTH) * below[-1], below, bins) * bin_hz)
