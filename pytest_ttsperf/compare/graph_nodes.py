"""Which nodes of the graphs grew: profiles of both versions, node by node, after a regression.

Nothing here is timed for a verdict. In each of a few rounds the baseline, the baseline again and
the candidate speak the same texts, each in a fresh profiled process; nodes are matched by operator,
name and session, and their inputs say whether they did the same work. What follows from the times
is as for stages (docs/adr/0040): intervals that hold together, and a control that shows what two
processes of one version differ by.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf.compare.blocks import ComparedCell, ComparisonSpec
from pytest_ttsperf.errors import MeasurementError, TargetError
from pytest_ttsperf.experiment.plan import trial_texts
from pytest_ttsperf.experiment.profiled import ProfiledTrial, run_profiled
from pytest_ttsperf.judge.statistics import attribution
from pytest_ttsperf.measure import schedule
from pytest_ttsperf.metrics.audio import first_sound_ns
from pytest_ttsperf.records import (
    Arms,
    Attribution,
    Block,
    ChangeVerdict,
    ComparedMetric,
    Comparison,
    NodeChange,
    NodeComparison,
    NodeRun,
    Outcome,
)

ARMS = ("baseline", "control", "candidate")
ROUNDS = 5
TEXTS = 4
"""Of a warm cell, in each process; of a cold one it is the first text alone."""
MOST_NODES = 24
"""Compared one by one, those that take most time in any arm: each more widens all intervals."""
SHOWN_NODES = 12
FEW_NAMES = 2
OTHERS = "all other nodes"
OUTSIDE = "outside the nodes"
IS_TO_FIRST_SOUND = {
    "ttfa_sound_ms": True,
    "ttfa_ms": True,
    "rtf": False,
    "cpu_s_per_audio_s": False,
}
"""Metrics that are times of what nodes do, and whether up to the first sound only."""
NS_PER_MS = 1_000_000
Tell = Callable[[str], None]


class _Node(NamedTuple):
    """What is matched in both versions."""

    session: int | None
    """None where the versions have different numbers of sessions."""
    operator: str
    name: str

    @property
    def label(self) -> str:
        """`Conv /dec/up.3/conv`; with its session, where it is not the first."""
        text = f"{self.operator} {self.name}"
        if self.session:
            text = f"{text} (session {self.session + 1})"
        return text


class _Text(NamedTuple):
    """One text in one arm: how long it took, and in which nodes."""

    elapsed_ms: float | None
    nodes: tuple[NodeRun, ...]


_Round = Mapping[str, Sequence[_Text]]
"""By arm, the same texts in each."""


def explain_changes(
    spec: ComparisonSpec,
    comparisons: Mapping[str, Comparison],
    tell: Tell,
) -> dict[str, Comparison]:
    """The comparisons by cell id, with the nodes that grew where a median surely got slower.

    Of rare slow trials the nodes of a few texts know nothing, and so nothing is said. What cannot
    be profiled says why, and changes no outcome.
    """
    explained = dict(comparisons)
    for cell_id, comparison in comparisons.items():
        slower = _slower_metrics(comparison)
        if not slower:
            continue
        compared = spec.cells[cell_id]
        try:
            trials = _run_rounds(spec, compared, tell)
        except (TargetError, MeasurementError) as error:
            reason = str(error).strip().splitlines()[0]
            found = {metric: _without_nodes(metric, compared, reason) for metric in slower}
        else:
            found = {metric: compare_nodes(metric, trials) for metric in slower}
        explained[cell_id] = _add_nodes(comparison, found)
    return explained


def _slower_metrics(comparison: Comparison) -> list[str]:
    """Each once: those whose median failed, and is a time of what nodes do."""
    slower: dict[str, None] = {}
    for metric, change in zip(comparison.gates, comparison.changes, strict=False):
        if _is_slower(metric, change):
            slower[metric.metric] = None
    return list(slower)


def _is_slower(metric: ComparedMetric, change: ChangeVerdict) -> bool:
    if metric.metric not in IS_TO_FIRST_SOUND or metric.statistic != "p50":
        return False
    return change.outcome is Outcome.FAIL and (change.effect or 0.0) > 0


def _without_nodes(metric: str, compared: ComparedCell, reason: str) -> NodeComparison:
    return NodeComparison(
        metric=metric,
        rounds=0,
        texts=_count_texts(compared),
        text=f"its graph nodes were not compared: {reason}",
        reason=reason,
    )


def _add_nodes(comparison: Comparison, found: Mapping[str, NodeComparison]) -> Comparison:
    """With what was found out beside the verdicts that it explains."""
    changes = []
    for metric, change in zip(comparison.gates, comparison.changes, strict=True):
        reason = change.reason
        if _is_slower(metric, change):
            reason = f"{reason}; {found[metric.metric].text}"
        changes.append(structs.replace(change, reason=reason))
    return structs.replace(comparison, changes=tuple(changes), nodes=tuple(found.values()))


# Profiling


def _count_texts(compared: ComparedCell) -> int:
    return 1 if compared.plan.phase == "cold" else TEXTS


def _run_rounds(
    spec: ComparisonSpec,
    compared: ComparedCell,
    tell: Tell,
) -> list[dict[str, list[ProfiledTrial]]]:
    """By arm, in each round; the arms take turns in an order that is drawn."""
    plan = compared.plan
    texts = trial_texts(replace(plan, trials=_count_texts(compared)))
    steps = list(schedule.schedule_trials(texts, "probe"))
    order = random.Random(f"{spec.seed}/nodes")  # noqa: S311 - an order, no secret
    rounds = []
    for number in range(ROUNDS):
        tell(f"against {spec.against}: profiling graph nodes, round {number + 1} of {ROUNDS}")
        trials = {}
        for arm in order.sample(ARMS, len(ARMS)):
            trials[arm] = run_profiled(spec.source_of(arm), plan, steps)
        rounds.append(trials)
    tell("")
    return rounds


# Comparing


def compare_nodes(
    metric: str,
    rounds: Sequence[Mapping[str, Sequence[ProfiledTrial]]],
) -> NodeComparison:
    """What grew in the time that a metric is about: to the first sound, or of the whole answer.

    `rounds` have the same texts in all arms. Times of a node are its own, without those of nodes
    that run inside it.
    """
    is_to_first_sound = IS_TO_FIRST_SOUND[metric]
    measured = [_texts_of(trials, is_to_first_sound) for trials in rounds]
    has_sessions = _has_same_sessions(measured)
    chosen = _choose_nodes(measured, has_sessions)
    blocks = [_block(each, chosen, has_sessions) for each in measured]
    found = attribution.attribute(blocks)
    count = len(measured[0]["baseline"])
    if found is None:
        reason = "too few texts could be profiled in both versions"
        return NodeComparison(
            metric=metric,
            rounds=len(rounds),
            texts=count,
            text=f"its graph nodes were not compared: {reason}",
            reason=reason,
        )
    changes = _node_changes(found, _inputs_of(measured, has_sessions))
    explained_by: tuple[str, ...] = ()
    explained_share: float | None = None
    if found.total_ms > 0:  # what got faster while it was profiled explains no regression
        explained_by = tuple(_short_name(name) for name in found.explained_by)
        explained_share = found.explained_share
    return NodeComparison(
        metric=metric,
        rounds=len(rounds),
        texts=count,
        total_ms=found.total_ms,
        nodes=tuple(changes[:SHOWN_NODES]),
        explained_by=explained_by,
        explained_share=explained_share,
        text=_sentence(found, changes, explained_by),
    )


def _texts_of(
    trials: Mapping[str, Sequence[ProfiledTrial]],
    is_to_first_sound: bool,
) -> _Round:
    texts = {}
    for arm in ARMS:
        texts[arm] = [_text_of(trial, is_to_first_sound) for trial in trials[arm]]
    return texts


def _text_of(profiled: ProfiledTrial, is_to_first_sound: bool) -> _Text:
    """The time in question, and the nodes that ended in it; None where there was no sound."""
    trial = profiled.trial
    recording = trial.recording
    if recording is None:
        return _Text(None, ())
    end_ns: int | None = recording.end_ns
    if is_to_first_sound:
        end_ns = first_sound_ns(recording, trial.sound) if trial.sound else None
    if end_ns is None:
        return _Text(None, ())
    nodes = tuple(node for node in profiled.nodes if node.end_ns <= end_ns)
    return _Text((end_ns - recording.request_ns) / NS_PER_MS, nodes)


def _has_same_sessions(rounds: Sequence[_Round]) -> bool:
    """Whether a session's number means the same in both versions, as far as it can be seen."""
    sessions: dict[str, set[int]] = defaultdict(set)
    for texts in rounds:
        for arm in ARMS:
            for text in texts[arm]:
                sessions[arm].update(node.session for node in text.nodes)
    return sessions["baseline"] == sessions["control"] == sessions["candidate"]


def _node_of(run: NodeRun, has_sessions: bool) -> _Node:
    session = run.session if has_sessions else None
    return _Node(session, run.operator, run.name)


def _choose_nodes(rounds: Sequence[_Round], has_sessions: bool) -> list[_Node]:
    """Those that take most time in one arm or the other: by their time, not by how it changed."""
    totals_ns: dict[str, Counter[_Node]] = {arm: Counter() for arm in ARMS}
    for texts in rounds:
        for arm in ARMS:
            for text in texts[arm]:
                totals_ns[arm].update(_times_ns(text, has_sessions))
    most_ns: Counter[_Node] = Counter()
    for totals in totals_ns.values():
        most_ns |= totals
    return [node for node, _ in most_ns.most_common(MOST_NODES)]


def _times_ns(text: _Text, has_sessions: bool) -> Counter[_Node]:
    times: Counter[_Node] = Counter()
    for run in text.nodes:
        times[_node_of(run, has_sessions)] += run.self_ns
    return times


def _block(texts: _Round, chosen: Iterable[_Node], has_sessions: bool) -> Block:
    """A round as a block of three arms, with the nodes in the place of stages."""
    elapsed: dict[str, tuple[float | None, ...]] = {}
    times: dict[str, list[Counter[_Node]]] = {}
    for arm in ARMS:
        elapsed[arm] = tuple(text.elapsed_ms for text in texts[arm])
        times[arm] = [_times_ns(text, has_sessions) for text in texts[arm]]
    nodes = list(chosen)
    stages_ms = {}
    for node in nodes:
        in_arms = {}
        for arm in ARMS:
            in_arms[arm] = [of_text[node] for of_text in times[arm]]
        stages_ms[node.label] = _arms_ms(in_arms)
    named = set(nodes)
    others = {}
    for arm in ARMS:
        others[arm] = [_total_beside(of_text, named) for of_text in times[arm]]
    stages_ms[OTHERS] = _arms_ms(others)
    whole = Arms(**elapsed)
    return Block(metric=whole, elapsed_ms=whole, stages_ms=stages_ms)


def _total_beside(times_ns: Counter[_Node], named: set[_Node]) -> int:
    return sum(spent_ns for node, spent_ns in times_ns.items() if node not in named)


def _arms_ms(times_ns: Mapping[str, Sequence[int]]) -> Arms:
    in_ms = {}
    for arm, of_texts in times_ns.items():
        in_ms[arm] = tuple(spent_ns / NS_PER_MS for spent_ns in of_texts)
    return Arms(**in_ms)


# Inputs


class _Inputs(NamedTuple):
    """What a node worked on in both versions: of its longest run, and whether all are the same."""

    baseline: str
    candidate: str
    are_same: bool


def _inputs_of(rounds: Sequence[_Round], has_sessions: bool) -> dict[str, _Inputs]:
    """By the label of the node, as the first round has them; only of nodes in both versions."""
    first = rounds[0]
    old = _runs_by_node(first["baseline"], has_sessions)
    new = _runs_by_node(first["candidate"], has_sessions)
    found = {}
    for node in old.keys() & new.keys():
        found[node.label] = _Inputs(
            baseline=_longest(old[node]).inputs,
            candidate=_longest(new[node]).inputs,
            are_same=_count_inputs(old[node]) == _count_inputs(new[node]),
        )
    return found


def _runs_by_node(texts: Iterable[_Text], has_sessions: bool) -> dict[_Node, list[NodeRun]]:
    runs: dict[_Node, list[NodeRun]] = defaultdict(list)
    for text in texts:
        for run in text.nodes:
            runs[_node_of(run, has_sessions)].append(run)
    return runs


def _longest(runs: Sequence[NodeRun]) -> NodeRun:
    return max(runs, key=lambda run: run.self_ns)


def _count_inputs(runs: Iterable[NodeRun]) -> Counter[str]:
    return Counter(run.inputs for run in runs)


# Words


def _node_changes(found: Attribution, inputs: Mapping[str, _Inputs]) -> list[NodeChange]:
    changes = []
    for row in found.stages:
        worked_on = inputs.get(row.stage)
        before = after = None
        if worked_on is not None:
            before = worked_on.baseline
            after = None if worked_on.are_same else worked_on.candidate
        changes.append(
            NodeChange(
                node=_short_name(row.stage),
                ms=row.ms,
                low_ms=row.low_ms,
                high_ms=row.high_ms,
                share=row.share,
                inputs=before,
                new_inputs=after,
            )
        )
    return changes


def _short_name(name: str) -> str:
    """A row's name; of many nodes that one version alone has, the first few."""
    if name == attribution.OUTSIDE:
        return OUTSIDE
    sides = name.split(attribution.ARROW)
    return attribution.ARROW.join(map(_short_list, sides))


def _short_list(names: str) -> str:
    listed = names.split(", ")
    more = len(listed) - FEW_NAMES
    if more <= 0:
        return names
    return f"{', '.join(listed[:FEW_NAMES])} and {more} more"


def _sentence(
    found: Attribution,
    changes: Sequence[NodeChange],
    explained_by: Sequence[str],
) -> str:
    """`profiled apart: +4.6 ms, of which Conv /up.3/conv +4.1 ms (+3.8 to +4.4), same inputs`."""
    rows = [structs.replace(row, stage=_short_name(row.stage)) for row in found.stages]
    named = structs.replace(found, stages=tuple(rows), explained_by=tuple(explained_by))
    words = attribution.describe(named).replace("no stage", "no graph node")
    text = f"profiled apart: {found.total_ms:+.1f} ms, {words}"
    explaining = [change for change in changes if change.node in explained_by]
    return f"{text}{_inputs_text(explaining)}"


def _inputs_text(changes: Sequence[NodeChange]) -> str:
    """Whether what grew had the same to do."""
    matched = [change for change in changes if change.inputs is not None]
    if not matched:
        return ""
    other = [change for change in matched if change.new_inputs is not None]
    if not other:
        return ", on the same inputs"
    parts = []
    for change in other:
        if change.inputs == change.new_inputs:
            parts.append(f"{change.node} ran on other inputs or more often")
        else:
            parts.append(f"{change.node} ran on {change.new_inputs} instead of {change.inputs}")
    return f"; {'; '.join(parts)}"
