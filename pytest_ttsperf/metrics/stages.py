"""Where the time goes: a trial's spans, as shares of its TTFA."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pytest_ttsperf.metrics.audio import first_sound_ns
from pytest_ttsperf.metrics.playback import NS_PER_MS
from pytest_ttsperf.records import (
    Breakdown,
    Recording,
    Span,
    StageShare,
    Trial,
)

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
    (overlapping spans count once). A stage's row is the median over the counted trials that tell
    stages, 0 where a trial has none of it, in ms and as share of the window; the last kind of row,
    `unexplained`, is the time in which no stage was at work. Stages that work at the same time
    each have their own: shares may add up to more than 1. Largest first; empty without spans.
    """
    told = [
        (trial.recording, trial.sound)
        for trial in trials
        if trial.kind == "trial" and trial.recording is not None and trial.recording.spans
    ]
    to_sound = [(recording, first_sound_ns(recording, sound)) for recording, sound in told if sound]
    return Breakdown(
        to_first_sound=_shares([(rec, end_ns) for rec, end_ns in to_sound if end_ns is not None]),
        whole=_shares([(recording, recording.end_ns) for recording, _ in told]),
    )


def stages_ms(trial: Trial, *, whole: bool) -> tuple[float, dict[str, float]] | None:
    """One trial's window in ms, and what of it each stage was at work in.

    The window is the whole trial, or that to the first sounding chunk. None without it or without
    stages.
    """
    recording = trial.recording
    if recording is None or not recording.spans:
        return None
    until_ns = recording.end_ns if whole else None
    if until_ns is None and trial.sound is not None:
        until_ns = first_sound_ns(recording, trial.sound)
    if until_ns is None:
        return None
    names = sorted({span.stage for span in recording.spans})
    busy = {name: [span for span in recording.spans if span.stage == name] for name in names}
    start_ns = recording.request_ns
    return (
        (until_ns - start_ns) / NS_PER_MS,
        {name: _union_ns(busy[name], start_ns, until_ns) / NS_PER_MS for name in names},
    )


def is_explained(rows: Sequence[StageShare]) -> bool | None:
    """Whether stages account for a window within 5 % or 1 ms; None for an empty breakdown."""
    unexplained = [row for row in rows if row.stage == UNEXPLAINED]
    if not unexplained:
        return None
    return unexplained[0].share <= EXPLAINED_WITHIN or unexplained[0].ms <= EXPLAINED_WITHIN_MS


def _shares(windows: Sequence[tuple[Recording, int]]) -> tuple[StageShare, ...]:
    """Rows for the windows from each request to the instant given with it."""
    windows = [(rec, end_ns) for rec, end_ns in windows if end_ns > rec.request_ns]
    stages = sorted({span.stage for rec, _ in windows for span in rec.spans})
    if not stages:
        return ()
    rows = [_share(windows, stage) for stage in stages]
    return tuple(sorted([*rows, _share(windows, None)], key=lambda row: -row.ms))


def _share(windows: Sequence[tuple[Recording, int]], stage: str | None) -> StageShare:
    """One row: the median of a stage's time, or, for None, of the time without any stage."""
    length = np.array([end_ns - rec.request_ns for rec, end_ns in windows])
    busy = np.array(
        [
            _union_ns([s for s in rec.spans if stage in (None, s.stage)], rec.request_ns, end_ns)
            for rec, end_ns in windows
        ]
    )
    spent = length - busy if stage is None else busy
    return StageShare(
        stage=stage or UNEXPLAINED,
        ms=float(np.median(spent)) / NS_PER_MS,
        share=float(np.median(spent / length)),
    )


def _union_ns(spans: Sequence[Span], start_ns: int, end_ns: int) -> int:
    """How much of a window is covered by at least one span."""
    covered, until_ns = 0, start_ns
    for span in sorted(spans, key=lambda span: span.start_ns):
        last_ns = min(span.end_ns, end_ns)
        covered += max(last_ns - max(span.start_ns, until_ns), 0)
        until_ns = max(until_ns, last_ns)
    return covered
