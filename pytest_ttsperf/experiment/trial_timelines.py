"""The timelines of a cell: of each trial as it was measured, and of two of them with graph nodes.

Those two, the usual and the slowest to its first audio, are spoken again in a profiled process
afterwards, and have files of their own: what was timed was not profiled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.experiment.profiled import run_profiled
from pytest_ttsperf.measure.schedule import ScheduledTrial
from pytest_ttsperf.metrics import definitions, playback
from pytest_ttsperf.records import CellResult, NodeRun, Recording, Trial, TrialTimeline

FIGURE = "ttfa_ms"
"""By which the usual and the slowest trial are chosen."""


class NamedTimeline(NamedTuple):
    """A timeline, and what its file is called, without a suffix."""

    name: str
    timeline: TrialTimeline


def measured_timelines(result: CellResult) -> Iterator[NamedTimeline]:
    """Of each counted trial that was recorded; without graph nodes, as nothing was profiled."""
    for trial in result.counted:
        if trial.recording is None:
            continue
        title = f"{result.cell.id}: trial {trial.index}"
        timeline = _timeline(title, trial.text, trial.recording, result.prebuffer_ms)
        yield NamedTimeline(f"trial_{trial.index:04d}", timeline)


def profiled_timelines(
    source: TargetFactory,
    plan: Plan,
    result: CellResult,
) -> list[NamedTimeline]:
    """Of the texts of the usual and of the slowest trial, spoken again with profiles; maybe none.

    Each text of a cold cell has a process of its own, as it has when it is measured. Raises what
    `run_profiled` does.
    """
    chosen = choose_trials(result)
    steps = [ScheduledTrial(trial.index, "probe", 0, trial.text) for trial in chosen]
    batches = [steps] if plan.phase == "warm" else [[step] for step in steps]
    timelines = []
    for batch in filter(None, batches):
        for trial, nodes in run_profiled(source, plan, batch):
            if trial.recording is None:
                continue
            title = f"{result.cell.id}: text of trial {trial.index}, profiled and so slower"
            timeline = _timeline(title, trial.text, trial.recording, result.prebuffer_ms, nodes)
            timelines.append(NamedTimeline(f"profiled_{trial.index:04d}", timeline))
    return timelines


def choose_trials(result: CellResult) -> list[Trial]:
    """The trial with the median time to first audio, and the slowest; one where they are the same.

    Of two in the middle it is the slower one. None where no trial has that figure.
    """
    counted = result.counted
    values = definitions.sample(FIGURE, counted, result.prebuffer_ms).values
    timed = []
    for trial, value in zip(counted, values, strict=True):
        if value is not None:
            timed.append((value, trial.index, trial))
    if not timed:
        return []
    timed.sort(key=lambda each: each[:2])
    usual = timed[len(timed) // 2]
    slowest = timed[-1]
    if usual is slowest:
        return [usual[-1]]
    return [usual[-1], slowest[-1]]


def _timeline(
    title: str,
    text: str,
    recording: Recording,
    prebuffer_ms: float,
    nodes: Sequence[NodeRun] | None = None,
) -> TrialTimeline:
    """`nodes` are those of a profiled trial; None for one that was measured."""
    stretches = playback.find_stretches(recording, prebuffer_ms)
    return TrialTimeline(
        title=title,
        text=text,
        recording=recording.without_pcm(),
        prebuffer_ms=prebuffer_ms,
        player=stretches,
        buffer=playback.find_buffer_levels(recording, stretches),
        nodes=tuple(nodes or ()),
        is_profiled=nodes is not None,
    )
