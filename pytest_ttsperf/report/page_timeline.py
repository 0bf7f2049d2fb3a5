"""Single trials on one time axis: stages, chunks, and the player's buffer with its holes.

Instants are in milliseconds since the request. The player is that of `metrics.playback`: what is
drawn has the same holes as the figures have stalls.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf.metrics import definitions, playback
from pytest_ttsperf.metrics.playback import NS_PER_MS
from pytest_ttsperf.records import (
    CellResult,
    Outcome,
    PlayerStretch,
    Recording,
    Threshold,
    Trial,
)
from pytest_ttsperf.report.artifact import cell_folder
from pytest_ttsperf.report.page_model import (
    Arm,
    BufferHole,
    BufferPoint,
    ChunkMark,
    StageBar,
    Timeline,
    TimelineRole,
)
from pytest_ttsperf.report.page_rows import amount_text, limit_text

NO_SOUND = "sound was not saved: run with --ttsperf-save-audio"
NO_SOUND_OF_CROWDS = "the sound of answers to many listeners is not saved"
NO_SOUND_OF_COMPARISON = "the sound of trials of a comparison is not saved"


class Choice(NamedTuple):
    """A trial that is drawn, and why."""

    trial: Trial
    role: TimelineRole
    arm: Arm
    caption: str
    may_have_sound: bool = True
    """Whether its sound is saved on request, as that of the trials of a cell is."""


def list_timelines(result: CellResult, run_path: Path | None) -> tuple[Timeline, ...]:
    """The trials that a cell's page draws: of the other version, the failing one, the median one.

    `run_path` is the artifact, beside which sound is looked for; None where there is none.
    """
    return tuple(
        _draw(result, choice, run_path)
        for choice in _choose(result)
        if choice.trial.recording is not None
    )


def _choose(result: CellResult) -> list[Choice]:
    played = [trial for trial in result.counted if _has_audio(trial)]
    choices = list(_choose_of_comparison(result))
    failing = _choose_failing(result, played)
    if failing is not None:
        choices.append(failing)
    median = _choose_median(result, played)
    if median is not None and (failing is None or median.trial is not failing.trial):
        choices.append(median)
    return choices


def _has_audio(trial: Trial) -> bool:
    return trial.recording is not None and sum(trial.recording.frame_counts) > 0


def _choose_of_comparison(result: CellResult) -> Iterator[Choice]:
    """A typical trial of each version, measured in turns; none where the artifact has none."""
    comparison = result.comparison
    if comparison is None:
        return
    captions: dict[Arm, str] = {
        "baseline": f"{comparison.against}, a typical text",
        "candidate": "this version, the same text in the same minutes",
    }
    for arm, caption in captions.items():
        trial = comparison.typical.get(arm)
        if trial is not None and _has_audio(trial):
            yield Choice(trial, "median", arm, caption, may_have_sound=False)


def _choose_failing(result: CellResult, played: Sequence[Trial]) -> Choice | None:
    """The trial that exceeds a broken limit by most, as a share of that limit."""
    worst: tuple[float, Trial, Threshold] | None = None
    for threshold in _broken_limits(result):
        for trial, value in _limited_values(threshold, played):
            excess = value / threshold.limit if threshold.limit > 0 else value
            exceeds = value > threshold.limit
            if exceeds and (worst is None or excess > worst[0]):
                worst = excess, trial, threshold
    if worst is None:
        return None
    _, trial, threshold = worst
    measured = definitions.METRICS[threshold.metric].of(trial, threshold.prebuffer_ms)
    caption = (
        f"trial {trial.index}, {threshold.label} {amount_text(threshold, measured)}: the worst "
        f"over the limit ({limit_text(threshold)})"
    )
    return Choice(trial, "failing", "candidate", caption)


def _broken_limits(result: CellResult) -> list[Threshold]:
    """Limits of single trials that the cell fails; those of a cell as a whole name no trial."""
    found = []
    for verdict in result.verdicts:
        threshold = verdict.threshold
        if verdict.outcome is not Outcome.FAIL or threshold is None:
            continue
        is_plain = threshold.target is None and not threshold.is_least
        if is_plain and threshold.metric in definitions.METRICS:
            found.append(threshold)
    return found


def _limited_values(
    threshold: Threshold,
    played: Sequence[Trial],
) -> list[tuple[Trial, float]]:
    """Each trial with what a limit looks at, by the limit's own player and onset."""
    metric = definitions.METRICS[threshold.metric]
    values = [(trial, metric.of(trial, threshold.prebuffer_ms)) for trial in played]
    return [(trial, value) for trial, value in values if value is not None]


def _choose_median(result: CellResult, played: Sequence[Trial]) -> Choice | None:
    """The trial in the middle, by the time to the first sound that is heard."""
    metric = definitions.METRICS["ttfa_ms"]
    values = []
    for trial in played:
        value = metric.of(trial, result.prebuffer_ms)
        if value is not None:
            values.append((value, trial.index, trial))
    if not values:
        return None
    ordered = sorted(values, key=lambda entry: entry[:2])
    value, _, trial = ordered[(len(ordered) - 1) // 2]
    caption = f"trial {trial.index}, ttfa {value:.4g} ms: the median of {len(ordered)} trials"
    return Choice(trial, "median", "candidate", caption)


def _draw(result: CellResult, choice: Choice, run_path: Path | None) -> Timeline:
    trial = choice.trial
    recording = trial.recording
    if recording is None:
        raise ValueError(
            f"trial {trial.index} has no recording; wanted one of the trials that were answered"
        )
    prebuffer_ms = result.prebuffer_ms
    chunks = mark_chunks(recording)
    stretches = playback.find_stretches(recording, prebuffer_ms)
    end_ms = _since_request_ms(recording, recording.end_ns)
    playback_start_ms = None
    if stretches:
        playback_start_ms = _since_request_ms(recording, stretches[0].end_ns)
        end_ms = max(end_ms, _since_request_ms(recording, stretches[-1].end_ns))
    onset_ms = heard_ms = None
    if trial.sound is not None:
        onset_ms = definitions.lead_in_ms(recording, trial.sound)
        heard_ms = definitions.ttfa_ms(recording, trial.sound, prebuffer_ms)
    sound_file, no_sound_because = _find_sound(result, choice, run_path)
    return Timeline(
        trial=trial.index,
        process=trial.process,
        role=choice.role,
        arm=choice.arm,
        caption=choice.caption,
        text=trial.text,
        sample_rate=recording.sample_rate,
        end_ms=end_ms,
        stages=_stage_bars(recording),
        chunks=chunks,
        buffer=trace_buffer(recording, stretches),
        holes=find_holes(recording, stretches),
        playback_start_ms=playback_start_ms,
        prebuffer_ms=prebuffer_ms,
        onset_ms=onset_ms,
        heard_ms=heard_ms,
        joints_ms=tuple(chunk.audio_start_ms for chunk in chunks[1:]),
        flagged_joints_ms=_flagged_joints_ms(trial),
        sound_file=sound_file,
        no_sound_because=no_sound_because,
    )


def _since_request_ms(recording: Recording, instant_ns: int) -> float:
    return (instant_ns - recording.request_ns) / NS_PER_MS


def _stage_bars(recording: Recording) -> tuple[StageBar, ...]:
    """The stages by their beginning."""
    bars = [
        StageBar(
            stage=span.stage,
            chunk=span.chunk,
            start_ms=_since_request_ms(recording, span.start_ns),
            end_ms=_since_request_ms(recording, span.end_ns),
        )
        for span in recording.spans
    ]
    return tuple(sorted(bars, key=lambda bar: (bar.start_ms, bar.end_ms)))


def mark_chunks(recording: Recording) -> tuple[ChunkMark, ...]:
    """The chunks that carry audio, in their order; a header is none."""
    marks = []
    frames_before = 0
    pairs = zip(recording.arrivals_ns, recording.frame_counts, strict=True)
    for index, (arrival_ns, frames) in enumerate(pairs):
        if not frames:
            continue
        marks.append(
            ChunkMark(
                index=index,
                arrival_ms=_since_request_ms(recording, arrival_ns),
                audio_start_ms=1000 * frames_before / recording.sample_rate,
                audio_ms=1000 * frames / recording.sample_rate,
            )
        )
        frames_before += frames
    return tuple(marks)


def find_holes(
    recording: Recording,
    stretches: Sequence[PlayerStretch],
) -> tuple[BufferHole, ...]:
    """When the player stood still, and how much it had played by then."""
    holes = []
    played_ns = 0
    for stretch in stretches:
        if stretch.state == "playing":
            played_ns += stretch.end_ns - stretch.start_ns
        if stretch.state == "stalled":
            holes.append(
                BufferHole(
                    start_ms=_since_request_ms(recording, stretch.start_ns),
                    end_ms=_since_request_ms(recording, stretch.end_ns),
                    audio_ms=played_ns / NS_PER_MS,
                )
            )
    return tuple(holes)


def trace_buffer(
    recording: Recording,
    stretches: Sequence[PlayerStretch],
) -> tuple[BufferPoint, ...]:
    """How much audio the player has in hand, as points that lines join.

    A chunk that arrives is a step: two points at one instant. Empty without audio.
    """
    if not stretches:
        return ()
    arrivals, frames = playback.chunks_of(recording)
    arrived_ns = arrivals.tolist()
    arrived_frames = [0, *accumulate(frames.tolist())]
    instants = {recording.request_ns, *arrived_ns}
    for stretch in stretches:
        instants |= {stretch.start_ns, stretch.end_ns}
    points = []
    ordered = sorted(instants)
    for at_ns, played_ms in zip(ordered, _played_ms(stretches, ordered), strict=True):
        before = arrived_frames[bisect_left(arrived_ns, at_ns)]
        after = arrived_frames[bisect_right(arrived_ns, at_ns)]
        for count in dict.fromkeys((before, after)):
            in_hand_ms = 1000 * count / recording.sample_rate - played_ms
            points.append(
                BufferPoint(
                    at_ms=_since_request_ms(recording, at_ns),
                    buffered_ms=max(0.0, in_hand_ms),
                )
            )
    return tuple(points)


def _played_ms(stretches: Sequence[PlayerStretch], instants_ns: Sequence[int]) -> list[float]:
    """How much had been played by each instant; stretches follow one another without a gap."""
    import numpy as np

    bounds_ns = [stretches[0].start_ns]
    played_ns = [0]
    for stretch in stretches:
        lasted_ns = stretch.end_ns - stretch.start_ns
        if stretch.state != "playing":
            lasted_ns = 0
        bounds_ns.append(stretch.end_ns)
        played_ns.append(played_ns[-1] + lasted_ns)
    found: list[float] = (np.interp(instants_ns, bounds_ns, played_ns) / NS_PER_MS).tolist()
    return found


def _flagged_joints_ms(trial: Trial) -> tuple[float, ...]:
    """Where the sound is broken, of a trial whose joints were judged."""
    if trial.quality is None or trial.quality.seams is None:
        return ()
    return tuple(1000 * seam.second for seam in trial.quality.seams.flagged)


def _find_sound(
    result: CellResult,
    choice: Choice,
    run_path: Path | None,
) -> tuple[Path | None, str | None]:
    """The WAV of a trial, or why there is none."""
    if not choice.may_have_sound:
        return None, NO_SOUND_OF_COMPARISON
    if result.cell.load is not None:
        return None, NO_SOUND_OF_CROWDS
    if run_path is None:
        return None, NO_SOUND
    cell = result.cell
    folder = cell_folder(run_path, "sound", cell.test, cell.preset, cell.mode, cell.phase)
    path = folder / f"trial_{choice.trial.index:04d}.wav"
    if not path.is_file():
        return None, NO_SOUND
    return path, None
