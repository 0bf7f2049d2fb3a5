"""Which graph nodes grew, of scripted profiles: named with their numbers, or not at all."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.compare import graph_nodes, metrics
from pytest_ttsperf.compare.blocks import ComparedCell, ComparisonSpec
from pytest_ttsperf.errors import MeasurementError, TargetFailed
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.experiment.profiled import ProfiledTrial
from pytest_ttsperf.measure.schedule import ScheduledTrial
from pytest_ttsperf.records import (
    ChangeVerdict,
    ComparedMetric,
    Comparison,
    NodeComparison,
    NodeRun,
    Outcome,
    TargetSpec,
)
from tests.unit.metrics.factories import MS, T0, recording, sound, trial

OLD = {"conv": 6.0, "gru": 3.0, "add": 0.2}
"""Milliseconds of each node in a text."""
SHAPE = "float 1x80x512"
PLAN = Plan(test="t", text="short", mode="stream", phase="warm", trials=3)


def spoken(
    nodes_ms: Mapping[str, float],
    noise: random.Random,
    *,
    outside_ms: float = 2.0,
    inputs: Mapping[str, str] | None = None,
    sessions: Mapping[str, int] | None = None,
) -> ProfiledTrial:
    """A text whose nodes ran one after the other, and then its only chunk came."""
    inputs = inputs or {}
    sessions = sessions or {}
    at_ns = T0
    runs = []
    for name, usual_ms in nodes_ms.items():
        duration_ns = round(usual_ms * noise.gauss(1.0, 0.01) * MS)
        runs.append(
            NodeRun(
                session=sessions.get(name, 0),
                name=name,
                operator=name.title(),
                provider="CPUExecutionProvider",
                inputs=inputs.get(name, SHAPE),
                start_ns=at_ns,
                end_ns=at_ns + duration_ns,
                self_ns=duration_ns,
            )
        )
        at_ns += duration_ns
    first_ms = (at_ns - T0) / MS + outside_ms * noise.gauss(1.0, 0.01)
    answer = recording([(first_ms, 500.0)])
    return ProfiledTrial(trial(answer, kind="probe", heard=sound()), tuple(runs))


def compared(
    old: Mapping[str, float],
    new: Mapping[str, float],
    **more: Any,
) -> NodeComparison:
    """`more` is what is different in the candidate, as `spoken` takes it."""
    noise = random.Random(7)
    rounds = []
    for _ in range(graph_nodes.ROUNDS):
        trials = {}
        for arm in ("baseline", "control"):
            trials[arm] = [spoken(old, noise) for _ in range(4)]
        trials["candidate"] = [spoken(new, noise, **more) for _ in range(4)]
        rounds.append(trials)
    return graph_nodes.compare_nodes("ttfa_sound_ms", rounds)


def test_the_node_that_grew_is_named_with_its_time_and_that_it_did_the_same() -> None:
    found = compared(OLD, {**OLD, "conv": 10.0})
    assert found.explained_by == ("Conv conv",)
    first = found.nodes[0]
    assert (first.node, first.inputs, first.new_inputs) == ("Conv conv", SHAPE, None)
    assert 3.5 < first.low_ms < first.ms < first.high_ms < 4.5
    assert found.total_ms == pytest.approx(4.0, abs=0.5)
    assert "profiled apart: +" in found.text
    assert "of which Conv conv +" in found.text
    assert found.text.endswith("on the same inputs")
    assert (found.rounds, found.texts, found.reason) == (graph_nodes.ROUNDS, 4, None)


def test_where_nothing_grew_no_node_is_named() -> None:
    found = compared(OLD, OLD)
    assert found.explained_by == ()
    assert "no graph node surely has a part" in found.text
    assert "inputs" not in found.text


def test_nodes_that_got_faster_explain_no_regression() -> None:
    found = compared({**OLD, "conv": 10.0}, OLD)
    assert found.total_ms is not None
    assert found.total_ms < 0
    assert found.explained_by == ()
    assert found.explained_share is None
    assert "Conv conv -" in found.text
    assert "inputs" not in found.text


def test_what_grew_outside_the_graphs_is_put_down_to_no_node() -> None:
    found = compared(OLD, OLD, outside_ms=7.0)
    assert found.explained_by == (graph_nodes.OUTSIDE,)
    assert "inputs" not in found.text


def test_a_node_with_other_inputs_says_which() -> None:
    wider = "float 1x80x1024"
    found = compared(OLD, {**OLD, "conv": 12.0}, inputs={"conv": wider})
    assert found.nodes[0].new_inputs == wider
    assert f"Conv conv ran on {wider} instead of {SHAPE}" in found.text


def test_a_renamed_node_is_one_row_with_its_difference() -> None:
    new = {"conv_fused" if name == "conv" else name: ms for name, ms in OLD.items()}
    found = compared(OLD, {**new, "conv_fused": 10.0})
    assert found.explained_by == ("Conv conv -> Conv_Fused conv_fused",)
    assert found.nodes[0].ms == pytest.approx(4.0, abs=0.5)
    assert found.nodes[0].inputs is None


def test_many_nodes_beyond_the_largest_are_one_row() -> None:
    small = {f"n{number:02}": 0.05 for number in range(3 * graph_nodes.MOST_NODES)}
    found = compared({**OLD, **small}, {**OLD, **small, "conv": 10.0})
    assert found.explained_by == ("Conv conv",)
    assert len(found.nodes) <= graph_nodes.SHOWN_NODES


def test_nodes_of_one_name_in_two_sessions_are_two() -> None:
    noise = random.Random(3)
    sessions = {"gru": 1}

    def texts(nodes_ms: Mapping[str, float]) -> list[ProfiledTrial]:
        return [spoken(nodes_ms, noise, sessions=sessions) for _ in range(4)]

    rounds = []
    for _ in range(graph_nodes.ROUNDS):
        new = texts({**OLD, "gru": 6.0})
        rounds.append({"baseline": texts(OLD), "control": texts(OLD), "candidate": new})
    found = graph_nodes.compare_nodes("ttfa_sound_ms", rounds)
    assert found.explained_by == ("Gru gru (session 2)",)


def test_only_nodes_before_the_first_sound_count_for_it() -> None:
    """The rest of the answer is a matter of the RTF."""
    noise = random.Random(5)

    def text(late_ms: float) -> ProfiledTrial:
        early = spoken(OLD, noise)
        answer = early.trial.recording
        assert answer is not None
        after_ns = answer.arrivals_ns[0] + MS
        late = structs.replace(
            early.nodes[0],
            name="late",
            start_ns=after_ns,
            end_ns=after_ns + round(late_ms * MS),
            self_ns=round(late_ms * MS),
        )
        longer = structs.replace(answer, end_ns=late.end_ns + MS)
        whole = structs.replace(early.trial, recording=longer)
        return ProfiledTrial(whole, (*early.nodes, late))

    rounds = []
    for _ in range(graph_nodes.ROUNDS):
        rounds.append(
            {
                "baseline": [text(5.0) for _ in range(4)],
                "control": [text(5.0) for _ in range(4)],
                "candidate": [text(15.0) for _ in range(4)],
            }
        )
    assert graph_nodes.compare_nodes("ttfa_sound_ms", rounds).explained_by == ()
    assert graph_nodes.compare_nodes("rtf", rounds).explained_by == ("Conv late",)


def test_without_sound_nothing_can_be_compared() -> None:
    mute = ProfiledTrial(trial(recording([(5, 100)]), heard=sound(onset_frame=None)), ())
    rounds = [{arm: [mute] * 4 for arm in graph_nodes.ARMS} for _ in range(3)]
    found = graph_nodes.compare_nodes("ttfa_sound_ms", rounds)
    assert found.reason == "too few texts could be profiled in both versions"
    assert found.nodes == ()


# When it is done ---------------------------------------------------------------------------------


def change(outcome: Outcome, effect: float) -> ChangeVerdict:
    return ChangeVerdict(
        outcome=outcome, reason="12 % slower", statistic="p50", scale="ratio", unit="",
        margin=0.03, look="end", blocks=9, left_out=0, effect=effect,
    )  # fmt: skip


def comparison_spec() -> ComparisonSpec:
    source = TargetFactory(spec=TargetSpec(spec="engines:Engine"))
    return ComparisonSpec(
        baseline=replace(source, voice="old"),
        candidate=replace(source, voice="new"),
        cells={"cell": ComparedCell(PLAN, gates())},
        against="main",
        budget_s=60.0,
    )


def gates(*names: str) -> tuple[ComparedMetric, ...]:
    margins = dict.fromkeys(names or ("ttfa_p50", "rtf_p50"), 0.03)
    chosen = metrics.choose_metrics("warm", margins)
    return tuple(metric for metric in chosen if metric.label.replace(" ", "_") in margins)


def explained(
    monkeypatch: pytest.MonkeyPatch,
    changes: Sequence[ChangeVerdict],
    chosen: tuple[ComparedMetric, ...],
) -> tuple[Comparison, list[str]]:
    """The comparison, and whose processes were profiled."""
    profiled: list[str] = []
    noise = random.Random(9)

    def run(
        source: TargetFactory, plan: Plan, steps: Sequence[ScheduledTrial]
    ) -> list[ProfiledTrial]:
        profiled.append(str(source.voice))
        nodes_ms = OLD if source.voice == "old" else {**OLD, "conv": 9.0}
        return [spoken(nodes_ms, noise) for _ in steps]

    monkeypatch.setattr(graph_nodes, "run_profiled", run)
    before = Comparison(against="main", blocks=9, gates=chosen, changes=tuple(changes))
    found = graph_nodes.explain_changes(comparison_spec(), {"cell": before}, lambda _: None)
    return found["cell"], profiled


def test_a_regression_is_profiled_and_its_reason_names_the_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ttfa, rtf = gates()
    changes = [change(Outcome.FAIL, 0.12), change(Outcome.PASS, 0.0)]
    found, profiled = explained(monkeypatch, changes, (ttfa, rtf))
    assert profiled.count("old") == 2 * graph_nodes.ROUNDS, "the baseline twice, as its control"
    assert profiled.count("new") == graph_nodes.ROUNDS
    assert [each.metric for each in found.nodes] == [ttfa.metric]
    assert found.changes[0].reason.startswith("12 % slower; profiled apart: +")
    assert "Conv conv" in found.changes[0].reason
    assert found.changes[1].reason == "12 % slower", "the other one did not fail"
    assert found.changes[0].outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("outcome", "effect", "name"),
    [
        (Outcome.PASS, 0.01, "ttfa_p50"),
        (Outcome.INCONCLUSIVE, 0.2, "ttfa_p50"),
        (Outcome.FAIL, 0.2, "ttfa_p95"),
        (Outcome.FAIL, 0.2, "rss_peak"),
    ],
)
def test_nothing_is_profiled_without_a_median_that_got_slower(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome, effect: float, name: str
) -> None:
    chosen = gates(name)
    assert len(chosen) == 1
    found, profiled = explained(monkeypatch, [change(outcome, effect)], chosen)
    assert profiled == []
    assert found.nodes == ()
    assert found.changes[0].reason == "12 % slower"


@pytest.mark.parametrize(
    "error", [TargetFailed("it raised\nTraceback"), MeasurementError("has run no session")]
)
def test_what_cannot_be_profiled_says_why_and_changes_no_outcome(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> list[ProfiledTrial]:
        raise error

    monkeypatch.setattr(graph_nodes, "run_profiled", fail)
    [ttfa] = gates("ttfa_p50")
    before = Comparison(against="main", gates=(ttfa,), changes=(change(Outcome.FAIL, 0.2),))
    found = graph_nodes.explain_changes(comparison_spec(), {"cell": before}, lambda _: None)
    reason = str(error).splitlines()[0]
    assert found["cell"].nodes[0].reason == reason
    assert found["cell"].changes[0].reason.endswith(f"not compared: {reason}")
    assert found["cell"].changes[0].outcome is Outcome.FAIL


def test_a_comparison_that_there_was_not_stays_as_it_is() -> None:
    before = Comparison(against="main", reason="it is new", gates=gates())
    found = graph_nodes.explain_changes(comparison_spec(), {"cell": before}, lambda _: None)
    assert found == {"cell": before}
