"""Where the time goes: a trial's spans, as shares of its TTFA."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.metrics.audio import first_sound_ns
from pytest_ttsperf.metrics.playback import NS_PER_MS
from pytest_ttsperf.records import Breakdown, Recording, StageShare, Trial

LATE = 50
"""A burst is late when it was waited for at least this many times as long as it took."""
CLIENT = ("http.", "wyoming.", "server.")
"""Before the names of stages of a client, and of those that a server tells up to its first byte:
when they end says nothing about how the rest was made."""
CONVERT = "convert"
"""The stage that turns finished sound into bytes; it does no synthesis."""
UNEXPLAINED = "unexplained"
EXPLAINED_WITHIN = 0.05
EXPLAINED_WITHIN_MS = 1.0


# Stages


def breakdown(trials: Sequence[Trial]) -> Breakdown:
    """Which stages the time went to: up to the first sounding chunk, and over the whole trial.

    Per stage and trial: the time in which at least one of its spans was at work, cut to the window
    (overlapping spans count once). A stage's row is the median over the counted trials that have
    stages, 0 where a trial has none of it, in ms and as share of the window; the last kind of row,
    `unexplained`, is the time in which no stage was at work. Stages that work at the same time
    each have their own: shares may add up to more than 1. Largest first; empty without spans.
    """
    counted = [trial for trial in trials if trial.kind == "trial"]
    return Breakdown(
        to_first_sound=_shares(_windows(counted, whole=False)),
        whole=_shares(_windows(counted, whole=True)),
    )


def stages_ms(trial: Trial, *, whole: bool) -> tuple[float, dict[str, float]] | None:
    """One trial's window in ms, and what of it each stage was at work in.

    The window is the whole trial, or that to the first sounding chunk. None without it or without
    stages.
    """
    for window in _windows([trial], whole=whole):
        busy_ms = {name: window.busy_ns(name) / NS_PER_MS for name in window.stages()}
        return window.length_ns / NS_PER_MS, busy_ms
    return None


def is_explained(rows: Sequence[StageShare]) -> bool | None:
    """Whether stages account for a window within 5 % or 1 ms; None for an empty breakdown."""
    for row in rows:
        if row.stage == UNEXPLAINED:
            return row.share <= EXPLAINED_WITHIN or row.ms <= EXPLAINED_WITHIN_MS
    return None


class _Window(NamedTuple):
    """The time from a request to an instant after it."""

    recording: Recording
    end_ns: int

    @property
    def length_ns(self) -> int:
        return self.end_ns - self.recording.request_ns

    def stages(self) -> list[str]:
        """The names of all stages that the trial has, in their order."""
        return sorted({span.stage for span in self.recording.spans})

    def busy_ns(self, stage: str | None = None) -> int:
        """How much of it is covered by at least one span of a stage, or of any."""
        covered_ns = 0
        until_ns = self.recording.request_ns
        for span in sorted(self.recording.spans, key=lambda span: span.start_ns):
            if stage not in (None, span.stage):
                continue
            last_ns = min(span.end_ns, self.end_ns)
            covered_ns += max(last_ns - max(span.start_ns, until_ns), 0)
            until_ns = max(until_ns, last_ns)
        return covered_ns


def _windows(trials: Iterable[Trial], *, whole: bool) -> Iterator[_Window]:
    """The time of each trial that has stages, or that to its first sounding chunk if it has one."""
    for trial in trials:
        recording = trial.recording
        if recording is None or not recording.spans:
            continue
        if whole:
            yield _Window(recording, recording.end_ns)
            continue
        sound_ns = first_sound_ns(recording, trial.sound) if trial.sound else None
        if sound_ns is not None:
            yield _Window(recording, sound_ns)


def _shares(windows: Iterable[_Window]) -> tuple[StageShare, ...]:
    """A row for each stage, and one for the time without any; largest first."""
    windows = [window for window in windows if window.length_ns > 0]
    if not windows:
        return ()
    length_ns = np.array([window.length_ns for window in windows])
    idle_ns = length_ns - np.array([window.busy_ns() for window in windows])
    stages: set[str] = set()
    for window in windows:
        stages.update(window.stages())
    rows = []
    for stage in sorted(stages):
        busy_ns = np.array([window.busy_ns(stage) for window in windows])
        rows.append(_share(stage, busy_ns, length_ns))
    rows.append(_share(UNEXPLAINED, idle_ns, length_ns))
    return tuple(sorted(rows, key=lambda row: -row.ms))


def _share(stage: str, spent_ns: NDArray[np.int64], length_ns: NDArray[np.int64]) -> StageShare:
    """The median over trials; both arrays have the shape (trials,)."""
    return StageShare(
        stage=stage,
        ms=float(np.median(spent_ns)) / NS_PER_MS,
        share=float(np.median(spent_ns / length_ns)),
    )
