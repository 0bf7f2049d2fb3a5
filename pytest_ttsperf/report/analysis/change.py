"""Rules about comparisons with another version: where a change came from."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_ttsperf.records import (
    Attribution,
    ChangeVerdict,
    ComparedMetric,
    NodeComparison,
    Outcome,
    StageChange,
)
from pytest_ttsperf.report.analysis.evidence import CellEvidence
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause
from pytest_ttsperf.report.rows import change_text

OUTSIDE = "outside the stages"
"""The row of an attribution for the time in which no stage is at work."""
NO_TIMES = ("underruns", "rss_peak_mb", "stalled_share", "left_behind")
"""Compared metrics that are no times, and of which stages are no parts."""
BISECT = "bisect: run the comparison against revisions in between (--ttsperf-against=REV)"


def changed_stage(evidence: CellEvidence) -> LikelyCause | None:
    """The stage, or the few, that make the new version slower."""
    for gate, change in list_failed(evidence):
        attribution = change.attribution
        if attribution is None:
            continue
        grown = explaining_stages(attribution)
        if not grown:
            continue
        names = " and ".join(each.stage for each in grown)
        return LikelyCause(
            rule="changed_stage",
            cause=f"the new version is slower in {names}",
            evidence=(
                _change_fact(gate, change),
                *(_stage_fact(each) for each in grown),
                *(found.text for found in _explaining_nodes(evidence, gate)),
            ),
            next_step=_advice(evidence, gate, grown),
        )
    return None


def explaining_stages(attribution: Attribution) -> list[StageChange]:
    """The fewest stages that explain a change together; none where it is not sure which do."""
    names = attribution.explained_by
    if not names and attribution.explained_alone is not None:
        names = (attribution.explained_alone,)
    return [each for each in attribution.stages if each.stage in names]


def _explaining_nodes(evidence: CellEvidence, gate: ComparedMetric) -> list[NodeComparison]:
    """What was found of the graph nodes that grew, where both versions were profiled."""
    comparison = evidence.result.comparison
    if comparison is None:
        return []
    return [
        nodes for nodes in comparison.nodes if nodes.metric == gate.metric and nodes.explained_by
    ]


def _advice(evidence: CellEvidence, gate: ComparedMetric, grown: list[StageChange]) -> str:
    comparison = evidence.result.comparison
    revision = comparison.revision if comparison is not None else None
    if grown[0].stage == OUTSIDE:
        return "look at what the new version does between its stages; report that as a stage too"
    look = f"look at what changed in {grown[0].stage}"
    nodes = _explaining_nodes(evidence, gate)
    if nodes:
        look = f"{look}, first at {' and '.join(nodes[0].explained_by)}"
    if revision is not None:
        look = f"{look}, since {revision[:12]} (git diff {revision[:12]})"
    if comparison is not None and comparison.nodes:
        return look
    return f"{look}; --ttsperf-trace names the graph nodes that grew"


def _change_fact(gate: ComparedMetric, change: ChangeVerdict) -> str:
    """`ttfa p95 +11.4 % (+9.8 % to +13.0 %, 12 blocks; 3 % count)`."""
    interval = f"{change_text(change.low, change)} to {change_text(change.high, change)}"
    return (
        f"{gate.label} {change_text(change.effect, change)} ({interval} with 95 % confidence, "
        f"{change.blocks} blocks; from {change_text(change.margin, change)} on it counts)"
    )


def _stage_fact(each: StageChange) -> str:
    text = f"{each.stage} {each.ms:+.3g} ms ({each.low_ms:+.3g} to {each.high_ms:+.3g})"
    if each.share is None:
        return text
    return f"{text}, {each.share:.0%} of the change"


def list_failed(evidence: CellEvidence) -> Iterator[tuple[ComparedMetric, ChangeVerdict]]:
    """The compared figures that failed, but for those of the work."""
    for gate, change in list_changes(evidence):
        if change.outcome is Outcome.FAIL and not gate.is_work:
            yield gate, change


def list_changes(evidence: CellEvidence) -> Iterator[tuple[ComparedMetric, ChangeVerdict]]:
    """Each figure that is judged, with what was found."""
    comparison = evidence.result.comparison
    if comparison is not None:
        yield from zip(comparison.gates, comparison.changes, strict=False)


def unexplained_change(evidence: CellEvidence) -> LikelyCause | None:
    """A version that is slower, while no stage surely has a part in it; or worse in no time."""
    failed = list(list_failed(evidence))
    if not failed or changed_stage(evidence) is not None:
        return None
    slower = [(gate, change) for gate, change in failed if gate.metric not in NO_TIMES]
    if not slower:
        return _worse_in_no_time(*failed[0])
    gate, change = slower[0]
    facts = [_change_fact(gate, change)]
    advice = BISECT
    if change.attribution is None:
        facts.append("no stages to attribute it to")
        advice = f"{advice}; a target that has stages() is told which of them grew"
    elif change.attribution.stages:
        facts.append(f"the largest part, not sure: {_stage_fact(change.attribution.stages[0])}")
    return LikelyCause(
        rule="unexplained_change",
        cause="the new version is slower, and it is not sure in which stage",
        evidence=tuple(facts),
        next_step=advice,
    )


def _worse_in_no_time(gate: ComparedMetric, change: ChangeVerdict) -> LikelyCause:
    """Of memory, say: no stage takes it, and none is to be looked for."""
    return LikelyCause(
        rule="unexplained_change",
        cause=f"the new version is worse in {gate.label}",
        evidence=(_change_fact(gate, change),),
        next_step=BISECT,
    )


def other_work(evidence: CellEvidence) -> LikelyCause | None:
    """A version that says something else: its speed is the price of another thing."""
    facts = [
        _change_fact(gate, change)
        for gate, change in list_changes(evidence)
        if gate.is_work and change.outcome is Outcome.FAIL
    ]
    if not facts:
        return None
    return LikelyCause(
        rule="other_work",
        cause="the new version does not say the same: it is longer, shorter, quieter or otherwise "
        "different",
        evidence=tuple(facts),
        next_step="listen to both versions (--ttsperf-save-audio); if the new one is to sound so, "
        "raise the margin of that figure (@regression, --ttsperf-compare-fail)",
    )


def restless_control(evidence: CellEvidence) -> LikelyCause | None:
    """The old code differs from itself: on this machine, at this time, nothing can be told."""
    for gate, change in list_changes(evidence):
        if not change.control_fired or change.p_control is None:
            continue
        return LikelyCause(
            rule="restless_control",
            cause="two copies of the same version differed from each other: a change of the code "
            "cannot be told from the machine's mood",
            evidence=(
                f"{gate.label}: the same code against itself "
                f"{change_text(change.control_effect, change)} (p = {change.p_control:.2g}, "
                f"{change.blocks} blocks)",
            ),
            next_step="see what disturbs the machine (ttsperf doctor), and repeat the comparison; "
            "a longer budget (--ttsperf-budget) helps against single disturbances",
        )
    return None
