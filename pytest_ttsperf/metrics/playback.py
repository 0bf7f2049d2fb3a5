"""A simulated player: what a listener would hear, from the instants of one recording.

The player takes every chunk the moment it arrives (reads are not coalesced, chunks without sound
are ignored). It starts when `prebuffer_ms` of audio are buffered or the stream has ended, plays in
real time, stops dead when it has nothing to play, and goes on at the next arrival.

All sums are exact: instants are scaled by the sample rate and durations by 10^9, so that both are
integers of one unit (1/rate of a nanosecond). int64 holds 53 hours at 48 kHz.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pytest_ttsperf.records import BufferLevel, PlayerStretch, Recording

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
SHORTEST_STALL_NS = 1 * NS_PER_MS
"""Nobody hears a shorter interruption, and no scheduler keeps below it."""
BUFFER_STEP_MS = 20.0
"""Between two readings of the player's buffer while it plays."""

Integers = NDArray[np.int64]


class Playback(Struct, frozen=True, kw_only=True):
    """What a player with one prebuffer did; everything is None when there was no audio."""

    start_ns: int | None = None
    """When playback began, on the recording's clock."""
    underruns: int | None = None
    """How many stalls of at least 1 ms there were."""
    stall_ms: float | None = None
    """How long they were together."""
    longest_stall_ms: float | None = None
    stall_ratio: float | None = None
    """stall / (audio + stall), 0..1."""


class Hole(Struct, frozen=True, kw_only=True):
    """A stall that is longer than all that was played before it, and what surrounds it."""

    frames_before: int
    """What had been played when it began."""
    stall_ms: float
    speed_after: float
    """Time over duration of the audio that followed; 1 and more is no faster than real time."""


def chunks_of(recording: Recording) -> tuple[Integers, Integers]:
    """Arrivals (ns) and frame counts of the chunks that carry frames; both of shape (chunks,)."""
    arrivals = np.asarray(recording.arrivals_ns, dtype=np.int64)
    frames = np.asarray(recording.frame_counts, dtype=np.int64)
    carrying = frames > 0
    return arrivals[carrying], frames[carrying]


def play(recording: Recording, prebuffer_ms: float = 0.0) -> Playback:
    """Play a recording with `prebuffer_ms` (rounded up to whole frames) of audio held back."""
    arrivals, frames = chunks_of(recording)
    if not arrivals.size:
        return Playback()
    rate = recording.sample_rate
    start_ns = _start_ns(recording, _frames_in(prebuffer_ms, rate))
    stalls_ms = _stalls(arrivals, frames, start_ns, rate) / (rate * NS_PER_MS)
    stall_ms = float(stalls_ms.sum())
    audio_ms = float(frames.sum()) / rate * 1000
    return Playback(
        start_ns=start_ns,
        underruns=int(stalls_ms.size),
        stall_ms=stall_ms,
        longest_stall_ms=float(stalls_ms.max(initial=0.0)),
        stall_ratio=stall_ms / (audio_ms + stall_ms),
    )


def find_hole(recording: Recording) -> Hole | None:
    """The first stall longer than all before it, of a player that starts with the first chunk.

    None where there is no such stall. The speed after it is that of the chunks behind the one that
    ended it, and of that one itself where it is the last.
    """
    arrivals, frames = chunks_of(recording)
    if not arrivals.size:
        return None
    rate = recording.sample_rate
    waits = _delay_growth(arrivals, frames, int(arrivals[0]), rate)
    played = (np.cumsum(frames) - frames) * NS_PER_S
    holes = np.flatnonzero((waits > played) & (waits >= SHORTEST_STALL_NS * rate))
    if not holes.size:
        return None
    chunk = int(holes[0])
    first = min(chunk, arrivals.size - 2)
    elapsed_s = int(arrivals[-1] - arrivals[first]) / NS_PER_S
    audio_s = float(frames[first + 1 :].sum()) / rate
    return Hole(
        frames_before=int(frames[:chunk].sum()),
        stall_ms=float(waits[chunk]) / (rate * NS_PER_MS),
        speed_after=elapsed_s / audio_s,
    )


def prebuffer_needed_ms(recording: Recording) -> float | None:
    """Find the smallest prebuffer (a whole number of frames, in ms) that plays without a stall.

    A larger prebuffer never starts earlier and so never stalls where a smaller one did not: the
    search may halve. None when there is no audio.
    """
    arrivals, frames = chunks_of(recording)
    if not arrivals.size:
        return None
    rate = recording.sample_rate

    def is_smooth(prebuffer_frames: int) -> bool:
        start_ns = _start_ns(recording, prebuffer_frames)
        return not _stalls(arrivals, frames, start_ns, rate).size

    return bisect_left(range(int(frames.sum()) + 1), True, key=is_smooth) / rate * 1000


def start_delay_needed_ms(recording: Recording) -> float | None:
    """max_i(a_i - sum_{j<i} d_j) - a_0: the smallest wait after the first chunk with no stall.

    Stalls under 1 ms count here: this is the wait for none whatsoever. None without audio.
    """
    arrivals, frames = chunks_of(recording)
    if not arrivals.size:
        return None
    rate = recording.sample_rate
    behind = _behind(arrivals, frames, int(arrivals[0]), rate)
    return float(behind.max() / (rate * NS_PER_MS))


def find_stretches(recording: Recording, prebuffer_ms: float = 0.0) -> tuple[PlayerStretch, ...]:
    """When the player of `play` waited, played and stalled, from the request to its last frame.

    Interruptions of less than 1 ms, which are no stalls, belong to what is played around them.
    Empty when there was no audio.
    """
    arrivals, frames = chunks_of(recording)
    if not arrivals.size:
        return ()
    rate = recording.sample_rate
    start_ns = _start_ns(recording, _frames_in(prebuffer_ms, rate))
    growth = _delay_growth(arrivals, frames, start_ns, rate)
    delay = np.cumsum(growth)
    due = (np.cumsum(frames) - frames) * NS_PER_S
    stretches = [
        PlayerStretch(state="waiting", start_ns=recording.request_ns, end_ns=start_ns),
    ]
    playing_since_ns = start_ns
    for chunk in np.flatnonzero(growth >= SHORTEST_STALL_NS * rate):
        before = int(due[chunk] + delay[chunk] - growth[chunk])
        ran_dry_ns = start_ns + before // rate
        arrival_ns = int(arrivals[chunk])
        stretches += [
            PlayerStretch(state="playing", start_ns=playing_since_ns, end_ns=ran_dry_ns),
            PlayerStretch(state="stalled", start_ns=ran_dry_ns, end_ns=arrival_ns),
        ]
        playing_since_ns = arrival_ns
    whole = int(frames.sum()) * NS_PER_S + int(delay[-1])
    end_ns = start_ns + whole // rate
    stretches.append(
        PlayerStretch(state="playing", start_ns=playing_since_ns, end_ns=end_ns),
    )
    return tuple(stretches)


def find_buffer_levels(
    recording: Recording,
    stretches: Sequence[PlayerStretch],
    step_ms: float = BUFFER_STEP_MS,
) -> tuple[BufferLevel, ...]:
    """How much audio the player has in hand: at each arrival and change, and between as it plays.

    `stretches` are those of `find_stretches`. A level at an arrival includes what has arrived.
    """
    if not stretches:
        return ()
    arrivals, frames = chunks_of(recording)
    step_ns = round(step_ms * NS_PER_MS)
    instants = {int(at_ns) for at_ns in arrivals}
    for stretch in stretches:
        instants |= {stretch.start_ns, stretch.end_ns}
        if stretch.state == "playing":
            instants.update(range(stretch.start_ns, stretch.end_ns, step_ns))
    audio_ms = np.concatenate([[0.0], np.cumsum(frames) / recording.sample_rate * 1000])
    ordered = sorted(instants)
    levels = []
    for at_ns, played_ms in zip(ordered, _played_ms(stretches, ordered), strict=True):
        arrived = int(np.searchsorted(arrivals, at_ns, side="right"))
        in_hand_ms = float(audio_ms[arrived]) - played_ms
        levels.append(BufferLevel(at_ns=at_ns, audio_ms=max(in_hand_ms, 0.0)))
    return tuple(levels)


def _played_ms(stretches: Sequence[PlayerStretch], instants_ns: Iterable[int]) -> Iterator[float]:
    """How much has been played by each instant; both are in order of time.

    In one pass: a long answer that stalls at each chunk has thousands of both.
    """
    whole_ns = 0
    place = 0
    for at_ns in instants_ns:
        while place < len(stretches) and stretches[place].end_ns <= at_ns:
            whole_ns += _played_until_ns(stretches[place], at_ns)
            place += 1
        begun_ns = 0
        if place < len(stretches):
            begun_ns = _played_until_ns(stretches[place], at_ns)
        yield (whole_ns + begun_ns) / NS_PER_MS


def _played_until_ns(stretch: PlayerStretch, at_ns: int) -> int:
    """How much of one stretch has been played by an instant."""
    if stretch.state != "playing":
        return 0
    return max(min(at_ns, stretch.end_ns) - stretch.start_ns, 0)


def _frames_in(prebuffer_ms: float, rate: int) -> int:
    """Whole frames in a time; a millionth is forgiven, so that frames / rate * 1000 comes back."""
    return math.ceil(prebuffer_ms * rate / 1000 - 1e-6)


def _start_ns(recording: Recording, prebuffer_frames: int) -> int:
    """The arrival that fills the prebuffer, or the end of a stream that never does."""
    arrivals, frames = chunks_of(recording)
    filled = int(np.searchsorted(np.cumsum(frames), prebuffer_frames))
    if filled < arrivals.size:
        return int(arrivals[filled])
    return max(recording.end_ns, int(arrivals[-1]))


def _behind(arrivals: Integers, frames: Integers, start_ns: int, rate: int) -> Integers:
    """How far each chunk is behind a player that began at `start_ns` and never stopped."""
    due = (np.cumsum(frames) - frames) * NS_PER_S
    return (arrivals - start_ns) * rate - due


def _stalls(arrivals: Integers, frames: Integers, start_ns: int, rate: int) -> Integers:
    """The stalls of at least 1 ms."""
    stalls = _delay_growth(arrivals, frames, start_ns, rate)
    return stalls[stalls >= SHORTEST_STALL_NS * rate]


def _delay_growth(arrivals: Integers, frames: Integers, start_ns: int, rate: int) -> Integers:
    """How long each chunk was waited for: each new record of being behind, by that much more."""
    behind = np.maximum(_behind(arrivals, frames, start_ns, rate), 0)
    delay = np.maximum.accumulate(behind)
    return np.diff(delay, prepend=0)
