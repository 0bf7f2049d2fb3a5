"""Single trials on one time axis: stages, chunks, and the player's buffer with its holes.

Instants are in milliseconds since the request. The player is that of `metrics.playback`, followed
step by step: what is drawn has the same holes as the figures have stalls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf.metrics import definitions, playback
from pytest_ttsperf.metrics.playback import NS_PER_MS, SHORTEST_STALL_NS
from pytest_ttsperf.records import CellResult, Outcome, Recording, Threshold, Trial
from pytest_ttsperf.report.artifact import sound_folder_beside
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

SHORTEST_STALL_MS = SHORTEST_STALL_NS / NS_PER_MS
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


def _choose_of_comparison(result: CellResult) -> Iterable[Choice]:
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
    """The trial in the middle, by the time to the first sound that is heard, else by its length."""
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
    played = follow_player(chunks, _playback_start_ms(recording, prebuffer_ms))
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
        end_ms=max(_since_request_ms(recording, recording.end_ns), played.end_ms),
        stages=_stage_bars(recording),
        chunks=chunks,
        buffer=played.points,
        holes=played.holes,
        playback_start_ms=played.start_ms,
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


def _playback_start_ms(recording: Recording, prebuffer_ms: float) -> float | None:
    start_ns = playback.play(recording, prebuffer_ms).start_ns
    return None if start_ns is None else _since_request_ms(recording, start_ns)


class PlayedBuffer(NamedTuple):
    """What the player had in hand over time."""

    points: tuple[BufferPoint, ...]
    holes: tuple[BufferHole, ...]
    start_ms: float | None
    end_ms: float
    """When the last of the audio was played."""


class _Player:
    """A player's buffer, from event to event; all in milliseconds."""

    def __init__(self, start_ms: float) -> None:
        self.start_ms = start_ms
        self.points = [BufferPoint(at_ms=0.0, buffered_ms=0.0)]
        self.holes: list[BufferHole] = []
        self._now_ms = 0.0
        self._buffered_ms = 0.0
        self._played_ms = 0.0

    def advance(self, until_ms: float) -> None:
        """Play up to an instant; where nothing is left before it, there is a hole."""
        if until_ms > self.start_ms >= self._now_ms:
            self._move(self.start_ms)
        is_playing = until_ms > self.start_ms
        if not is_playing:
            self._move(until_ms)
            return
        empty_ms = self._now_ms + self._buffered_ms
        if empty_ms >= until_ms:
            self._drain(until_ms)
            return
        self._drain(empty_ms)
        self._move(until_ms)
        if until_ms - empty_ms >= SHORTEST_STALL_MS:
            hole = BufferHole(start_ms=empty_ms, end_ms=until_ms, audio_ms=self._played_ms)
            self.holes.append(hole)

    def add(self, audio_ms: float) -> None:
        """Take a chunk, now."""
        self._buffered_ms += audio_ms
        self._mark()

    def finish(self) -> float:
        """Play what is left; gives when that ends."""
        if self.start_ms > self._now_ms:
            self._move(self.start_ms)
        self._drain(self._now_ms + self._buffered_ms)
        return self._now_ms

    def _move(self, to_ms: float) -> None:
        """Let time pass without playing."""
        self._now_ms = to_ms
        self._mark()

    def _drain(self, to_ms: float) -> None:
        """Let time pass while playing."""
        played_ms = to_ms - self._now_ms
        self._buffered_ms = max(0.0, self._buffered_ms - played_ms)
        self._played_ms += played_ms
        self._move(to_ms)

    def _mark(self) -> None:
        point = BufferPoint(at_ms=self._now_ms, buffered_ms=self._buffered_ms)
        if self.points[-1] != point:
            self.points.append(point)


def follow_player(chunks: Sequence[ChunkMark], start_ms: float | None) -> PlayedBuffer:
    """The buffer of a player that begins at `start_ms` and takes each chunk as it arrives.

    It plays in real time, stops when it has nothing, and goes on at the next chunk; stops of less
    than 1 ms are no holes (as in `metrics.playback`). Without audio, there are no points.
    """
    if start_ms is None or not chunks:
        return PlayedBuffer(points=(), holes=(), start_ms=None, end_ms=0.0)
    player = _Player(start_ms)
    for chunk in chunks:
        player.advance(chunk.arrival_ms)
        player.add(chunk.audio_ms)
    end_ms = player.finish()
    return PlayedBuffer(
        points=tuple(player.points),
        holes=tuple(player.holes),
        start_ms=start_ms,
        end_ms=end_ms,
    )


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
    folder = sound_folder_beside(run_path, cell.test, cell.preset, cell.mode, cell.phase)
    path = folder / f"trial_{choice.trial.index:04d}.wav"
    if not path.is_file():
        return None, NO_SOUND
    return path, None
