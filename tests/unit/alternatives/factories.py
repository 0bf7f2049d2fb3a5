"""Reports of alternatives, scripted figure by figure."""

from __future__ import annotations

from typing import Any

from pytest_ttsperf.alternatives.comparison import figures_of
from pytest_ttsperf.records import (
    Alternative,
    AlternativesReport,
    ChangeVerdict,
    ComparedMetric,
    Direction,
    Outcome,
    PairComparison,
    PairFigure,
    Phase,
)

CPU = "CPUExecutionProvider"
OPENVINO = "OpenVINOExecutionProvider"
OUTCOMES: dict[Direction, Outcome] = {
    "better": Outcome.PASS,
    "worse": Outcome.FAIL,
    "alike": Outcome.PASS,
    "open": Outcome.INCONCLUSIVE,
}


def metric_of(label: str, phase: Phase = "warm") -> ComparedMetric:
    return next(metric for metric in figures_of(phase) if metric.label == label)


def figure(
    label: str,
    direction: Direction = "alike",
    effect: float | None = 0.0,
    **more: Any,
) -> PairFigure:
    metric = metric_of(label)
    change = ChangeVerdict(
        outcome=OUTCOMES[direction],
        reason=more.pop("reason", "because"),
        statistic=metric.statistic,
        scale=metric.scale,
        unit=metric.unit,
        margin=metric.margin,
        look="end",
        blocks=6,
        left_out=0,
        effect=effect,
        low=None if effect is None else effect - 0.01,
        high=None if effect is None else effect + 0.01,
        improved=direction == "better",
        **more,
    )
    return PairFigure(metric=metric, change=change, direction=direction)


def pair(
    *figures: PairFigure,
    phase: Phase = "warm",
    alternative: str = "openvino",
    **more: Any,
) -> PairComparison:
    return PairComparison(
        alternative=alternative,
        reference="cpu",
        phase=phase,
        blocks=6,
        seconds=60.0,
        figures=figures,
        **more,
    )


def placed(name: str, nodes: dict[str, int], full_name: str, **more: Any) -> Alternative:
    return Alternative(
        name=name,
        provider=name,
        placement={"provider": full_name, "nodes": nodes, **more.pop("placement", {})},
        nodes=nodes.get(full_name, 0),
        rss_mb=96.4,
        opening_s=1.34,
        **more,
    )


REFERENCE = placed("cpu", {CPU: 505}, CPU)
OTHER = placed(
    "openvino",
    {OPENVINO: 812, CPU: 26},
    OPENVINO,
    placement={
        "partitions": 38,
        "cpu_operators": {"MatMul": 20, "Gather": 3, "Shape": 2, "Cast": 1},
    },
)
IDLE = placed("nxrt-ep-cpu", {CPU: 505}, "cpu_ep")


def report(
    *comparisons: PairComparison,
    alternatives: tuple[Alternative, ...] = (REFERENCE, OTHER),
    **more: Any,
) -> AlternativesReport:
    return AlternativesReport(
        kind=more.pop("kind", "provider"),
        target="engine:Engine",
        text="short",
        level=0.005,
        alternatives=alternatives,
        comparisons=comparisons,
        seconds=120.0,
    )
