"""Texts that are spoken in a profiled process, for what the nodes of the graphs do: never timed.

Profiling slows a session down, so nothing of such a process is a trial of a cell.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.experiment.trial import open_target, run_trial, warm_up
from pytest_ttsperf.measure import runtime_profile
from pytest_ttsperf.measure.schedule import ScheduledTrial
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import NodeRun, Trial

WARMUPS = 4
"""Figures do not count, and so need not be steady: a first run of each kind of work is over."""


class ProfiledTrial(NamedTuple):
    """A text that was spoken while sessions were profiled, and what their nodes did for it."""

    trial: Trial
    nodes: tuple[NodeRun, ...]


def refusal_reason(source: TargetFactory) -> str | None:
    """Why nothing can be found out of the graph nodes of a target; None where it can be tried."""
    if not source.can_swap_code:
        return (
            f"{source.spec.shown} is not imported, so its sessions of ONNX Runtime are out of "
            "reach; name its engine as module:callable to see the graph nodes"
        )
    if source.inline:
        return (
            "sessions of ONNX Runtime are profiled in a process of their own; leave out "
            "--ttsperf-inline to see the graph nodes"
        )
    return None


def run_profiled(
    source: TargetFactory,
    plan: Plan,
    steps: Sequence[ScheduledTrial],
) -> list[ProfiledTrial]:
    """Speak texts in one fresh process whose sessions write profiles; a cold one is not warmed.

    TargetError where the target fails; MeasurementError where nothing can be found out: it is not
    imported, it opens no session of ONNX Runtime for itself, or its profiles cannot be read.
    """
    reason = refusal_reason(source)
    if reason is not None:
        raise MeasurementError(reason)
    with tempfile.TemporaryDirectory(prefix="ttsperf-profile-") as folder:
        trials, nodes = _speak(source, plan, steps, Path(folder))
    return [ProfiledTrial(trial, _nodes_of(trial, nodes)) for trial in trials]


def _speak(
    source: TargetFactory,
    plan: Plan,
    steps: Sequence[ScheduledTrial],
    folder: Path,
) -> tuple[list[Trial], Sequence[NodeRun]]:
    is_warm = plan.phase == "warm"
    opened = open_target(replace(source, profile_folder=folder), warm=is_warm)
    try:
        if is_warm:
            for _ in islice(warm_up(opened, plan), WARMUPS):
                pass
        trials = [run_trial(opened, step, plan.mode, with_usage=False) for step in steps]
        profiles = opened.target.inspect().profiles
    finally:
        opened.close()
    nodes = runtime_profile.read_nodes(folder, profiles)
    if not nodes:
        raise MeasurementError(_explain_nothing(source, runtime_profile.count_unplaced(profiles)))
    return trials, nodes


def _explain_nothing(source: TargetFactory, unplaced: int) -> str:
    if unplaced:
        sessions = plural(unplaced, "session")
        return (
            f"{source.spec.shown} has {sessions} of ONNX Runtime whose profiles are on a clock "
            "that Python does not have; another version of ONNX Runtime may say more"
        )
    return (
        f"{source.spec.shown} has run no session of ONNX Runtime in its process "
        "(onnxruntime.InferenceSession), so there are no graph nodes to be seen"
    )


def _nodes_of(trial: Trial, nodes: Sequence[NodeRun]) -> tuple[NodeRun, ...]:
    """The nodes that ran during a trial."""
    recording = trial.recording
    if recording is None:
        return ()
    return tuple(
        node
        for node in nodes
        if recording.request_ns <= node.start_ns and node.end_ns <= recording.end_ns
    )
