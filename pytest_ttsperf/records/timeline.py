"""One trial on one clock, as a trace viewer shows it: stages, chunks, player and graph nodes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from pytest_ttsperf.records.recording import Recording

PlayerState = Literal["waiting", "playing", "stalled"]
"""Before its first sound; while it plays; while it has nothing to play."""


class PlayerStretch(Struct, frozen=True, kw_only=True):
    """From when to when the simulated player was in one state, on the recording's clock."""

    state: PlayerState
    start_ns: int
    end_ns: int


class BufferLevel(Struct, frozen=True, kw_only=True):
    """How much audio the player had in hand at an instant: arrived, and not yet played."""

    at_ns: int
    audio_ms: float


class SessionProfile(Struct, frozen=True, kw_only=True):
    """What one session of ONNX Runtime has written about its runs."""

    file: str
    """Name of the file in the folder that was asked for."""
    origin_ns: int | None
    """What its instants are counted from, on time.perf_counter_ns of the target's process; None
    where the clock of the profile is none that Python has."""
    model: str | None = None
    """Name of the file that its graph was read from; None for one that was opened from bytes."""


class NodeRun(Struct, frozen=True, kw_only=True):
    """One run of one node of a graph, on the clock of the recordings."""

    session: int
    """Number of its session among those that ran anything, in the order of their opening."""
    model: str | None = None
    """Name of the file of its session's graph; None where it was opened from bytes."""
    name: str
    operator: str
    provider: str
    inputs: str
    """Element types and shapes of its inputs, as `float 1x80x512, int64 2`."""
    start_ns: int
    end_ns: int
    self_ns: int
    """Its time without that of nodes which ran inside it, as those of a loop's body do."""


class TrialTimeline(Struct, frozen=True, kw_only=True):
    """All that is on the time axis of one trial; its recording has no samples."""

    title: str
    text: str
    recording: Recording
    prebuffer_ms: float
    """Of the player."""
    player: tuple[PlayerStretch, ...] = ()
    buffer: tuple[BufferLevel, ...] = ()
    nodes: tuple[NodeRun, ...] = ()
    is_profiled: bool = False
    """Whether it was spoken again for its graph nodes, and so is slower than what was measured."""
