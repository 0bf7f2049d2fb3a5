"""Seams: joints of two chunks at which the sound is broken.

Each measure of a joint is a share: how much of what is at the joint nothing else explains, neither
the sound around it nor what speech can do. A joint is flagged at half or more.

- step: what the sound on one side predicts of the other (`sound_quality.continuity`). Two pieces
  that do not belong together, a jump in phase, a sample lost or repeated.
- offset: the mean jumps, for 80 ms or more. Speech has next to nothing below 50 Hz.
- gap, pause: the sound falls to near silence and comes back faster than a vocal tract can ring off;
  a fade does not. It is a pause from 150 ms on.

The measures and their bounds are this project's own (docs/adr/0034-seams.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.metrics.audio import measure_sound
from pytest_ttsperf.sound_quality.continuity import REACH_S, unexplained_share

FLAGGED_SHARE = 0.5
STEP, OFFSET, GAP, PAUSE = "step", "offset", "gap", "pause"

BELOW_ACTIVE_DB = 30.0
"""Quieter than that on one side, a joint is in silence, and no step in it is a seam."""
OFFSET_OF_ACTIVE = 0.1
"""Means of 20 ms of speech, of 40 and of 80 differ by no more, relative to the active level."""
OFFSET_WINDOWS_S = (0.02, 0.04, 0.08)
QUIET_DB = 45.0
"""Below the active level by that much is near silence."""
EDGE_S = 0.0005
FALL_DB = 20.0
"""The most that speech falls within EDGE_S, 40 dB/ms: formants of 50 to 200 Hz bandwidth lose 1.4
to 5.5 (27.3 dB/s for each hertz), and a straight fade of 20 ms ends from no more than that."""
SHORTEST_GAP_S = 0.002
"""A waveform that passes through zero is quiet for less."""
PAUSE_S = 0.15


class Seam(NamedTuple):
    """A joint, in seconds from the start, and what is most striking there: its share and kind."""

    second: float
    score: float
    kind: str


class Seams(NamedTuple):
    """How many joints there are, and those at which the sound is broken."""

    joints: int
    flagged: tuple[Seam, ...]


class _Audio(NamedTuple):
    """Finite samples of shape (frames,), their rate in Hz, and the RMS where they are active.

    `loud` has the frames that are not near silence, in order.
    """

    samples: NDArray[np.float64]
    sample_rate: int
    active: float
    loud: NDArray[np.int64]

    def frames(self, seconds: float) -> int:
        return max(int(seconds * self.sample_rate), 1)


def find_seams(
    samples: NDArray[np.float32], sample_rate: int, frame_counts: Sequence[int]
) -> Seams:
    """The joints at which the sound is broken.

    `samples` has shape (frames,), full scale is 1.0, `sample_rate` is in Hz (1000 or more),
    `frame_counts` are the frames of each chunk; those without any are no chunk. Samples that are
    not finite count as silence. Raises MeasurementError where chunks and samples do not add up.
    """
    scored = score_joints(samples, sample_rate, frame_counts)
    flagged = tuple(seam for seam in scored if seam.score >= FLAGGED_SHARE)
    return Seams(joints=len(scored), flagged=flagged)


def score_joints(
    samples: NDArray[np.float32], sample_rate: int, frame_counts: Sequence[int]
) -> list[Seam]:
    """Every joint with its most striking measure, flagged or not; arguments as of `find_seams`.

    A score is at most 1 and at least -1, which is nothing at all.
    """
    joints = _joints_of(samples, frame_counts)
    if not joints:
        return []
    level_dbfs = measure_sound(samples, sample_rate).active_level_dbfs
    if level_dbfs is None:
        return [Seam(joint / sample_rate, -1.0, STEP) for joint in joints]
    audio = _read(samples, sample_rate, active=10 ** (level_dbfs / 20))
    scored = []
    previous = 0
    for joint in joints:
        scored.append(_score(audio, previous, joint))
        previous = joint
    return scored


def _read(samples: NDArray[np.float32], sample_rate: int, active: float) -> _Audio:
    finite = np.where(np.isfinite(samples), samples, 0.0).astype(np.float64)
    loud = np.flatnonzero(np.abs(finite) > active * 10 ** (-QUIET_DB / 20))
    return _Audio(finite, sample_rate, active, loud)


def _joints_of(samples: NDArray[np.float32], frame_counts: Sequence[int]) -> list[int]:
    """The frames at which a chunk begins, but the first."""
    if sum(frame_counts) != samples.size:
        raise MeasurementError(
            f"the chunks add up to {sum(frame_counts)} frames, the sound has {samples.size}: "
            "joints cannot be placed; give the frames of every chunk of this very sound"
        )
    counts = [count for count in frame_counts if count]
    ends = np.cumsum(counts, dtype=np.int64).tolist()
    return [int(end) for end in ends[:-1]]


def _score(audio: _Audio, previous: int, joint: int) -> Seam:
    """The most striking measure of a joint; `previous` is the one before, or 0."""
    gap_share, gap_s = _measure_gap(audio, previous, joint)
    gap_kind = PAUSE if gap_s >= PAUSE_S else GAP
    shares = {
        gap_kind: gap_share,
        OFFSET: _measure_offset(audio, joint),
        STEP: _measure_step(audio, joint),
    }
    # What is flagged bears the name that says most: a gap is also a step, and so is an offset.
    for kind, share in shares.items():
        if share >= FLAGGED_SHARE:
            return Seam(joint / audio.sample_rate, share, kind)
    kind = max(shares, key=lambda name: shares[name])
    return Seam(joint / audio.sample_rate, max(shares[kind], -1.0), kind)


def _measure_step(audio: _Audio, joint: int) -> float:
    reach = audio.frames(REACH_S)
    left = audio.samples[max(joint - reach, 0) : joint]
    right = audio.samples[joint : joint + reach]
    if min(left.std(), right.std()) < audio.active * 10 ** (-BELOW_ACTIVE_DB / 20):
        return -1.0
    share = unexplained_share(left, right, audio.sample_rate)
    return -1.0 if share is None else share


def _measure_offset(audio: _Audio, joint: int) -> float:
    """What of the jump in the mean is more than speech has, in the window that shows least of it.

    A jump stays, a slow swing of the waveform does not.
    """
    longest = min(joint, audio.samples.size - joint)
    if longest < audio.frames(max(OFFSET_WINDOWS_S)):
        return -1.0
    jumps = []
    for seconds in OFFSET_WINDOWS_S:
        frames = audio.frames(seconds)
        before = audio.samples[joint - frames : joint]
        after = audio.samples[joint : joint + frames]
        jumps.append(abs(float(after.mean() - before.mean())))
    if min(jumps) == 0:
        return -1.0
    return 1 - OFFSET_OF_ACTIVE * audio.active / min(jumps)


def _measure_gap(audio: _Audio, previous: int, joint: int) -> tuple[float, float]:
    """How abruptly the near silence at a joint begins and ends, and how many seconds it lasts.

    A silence that reaches back to the joint before belongs to that one.
    """
    index = int(np.searchsorted(audio.loud, joint))
    if index in (0, audio.loud.size):
        return -1.0, 0.0  # silence at the start or the end of all sound
    start = int(audio.loud[index - 1]) + 1
    end = int(audio.loud[index])
    is_of_another = start <= previous and previous > 0
    if end - start < audio.frames(SHORTEST_GAP_S) or is_of_another:
        return -1.0, 0.0
    edge = audio.frames(EDGE_S)
    falling = audio.samples[max(start - edge, 0) : start]
    rising = audio.samples[end : end + edge]
    lowest = min(float(np.abs(falling).max()), float(np.abs(rising).max()))
    explained = audio.active * 10 ** ((FALL_DB - QUIET_DB) / 20)
    return 1 - explained / lowest, (end - start) / audio.sample_rate
