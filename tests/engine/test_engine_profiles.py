"""The engine's own sessions, profiled from outside: nodes where the stages say that they ran."""

from __future__ import annotations

from dataclasses import replace

from pytest_ttsperf.experiment import profiled
from pytest_ttsperf.experiment.plan import Plan, TargetFactory, trial_texts
from pytest_ttsperf.measure import schedule
from pytest_ttsperf.records import NodeRun, Recording, TargetSpec

SOURCE = TargetFactory(spec=TargetSpec(spec="engine:Engine"))
PLAN = Plan(test="t", text="short", mode="stream", phase="warm", trials=2)
SLACK_NS = 200_000
"""A profile counts microseconds, from an instant on a clock that was read beside ours."""


def is_in_a_stage(node: NodeRun, recording: Recording) -> bool:
    return any(
        span.start_ns - SLACK_NS <= node.start_ns and node.end_ns <= span.end_ns + SLACK_NS
        for span in recording.spans
    )


def test_nodes_ran_within_the_stages_of_their_trial() -> None:
    steps = list(schedule.schedule_trials(trial_texts(PLAN), "probe"))
    found = profiled.run_profiled(SOURCE, PLAN, steps)
    assert len(found) == 2
    for trial, nodes in found:
        recording = trial.recording
        assert recording is not None
        assert len(nodes) > 100
        assert len({node.session for node in nodes}) >= 2
        assert {node.provider for node in nodes} == {"CPUExecutionProvider"}
        within = [node for node in nodes if is_in_a_stage(node, recording)]
        assert len(within) >= 0.95 * len(nodes)
        busy_ns = sum(node.self_ns for node in nodes)
        # Two pieces may be computed at once, and not more.
        assert 0 < busy_ns < 2 * (recording.end_ns - recording.request_ns)


def test_a_cold_process_is_not_warmed() -> None:
    cold = replace(PLAN, phase="cold", trials=1)
    steps = list(schedule.schedule_trials(trial_texts(cold), "probe"))
    [(trial, nodes)] = profiled.run_profiled(SOURCE, cold, steps)
    assert trial.recording is not None
    assert nodes
