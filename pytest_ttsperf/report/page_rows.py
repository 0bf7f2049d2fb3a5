"""The rows of a cell's table: what was measured, proven, limited and found. Decides nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import (
    CellResult,
    ChangeVerdict,
    Comparison,
    Outcome,
    Summary,
    Threshold,
    UngatedChange,
    Verdict,
)
from pytest_ttsperf.report.page_model import MetricRow
from pytest_ttsperf.report.rows import (
    BOUNDED,
    DELIVERY,
    NO_LIMIT,
    amount,
    change_bound_text,
    change_text,
    find_change,
    judged,
    number,
)

NOT_MEASURED = "-"
NOT_JUDGED = "not judged"
TOO_SMALL = "n too small"
PERCENTILES = ("p50", "p95", "p99")
NUMBER_OF_A_CELL = ("memory", "capacity", "soak")
"""Marks whose figure a cell has as a whole: it has no spread over trials."""


def list_rows(result: CellResult) -> tuple[MetricRow, ...]:
    """All rows of a cell: verdicts, worst first, then what is shown and not judged.

    That this machine has no baseline is no row: it is said once for all cells.
    """
    verdicts = judged(result)
    rows = [_judged_row(result, verdict) for verdict in verdicts]
    if result.comparison is not None:
        for ungated in result.comparison.ungated:
            rows.append(_ungated_row(result.comparison, ungated))
    rows += _shown_rows(result, {verdict.metric for verdict in verdicts})
    return tuple(rows)


def _judged_row(result: CellResult, verdict: Verdict) -> MetricRow:
    if verdict.gate in ("change", "work"):
        change = find_change(result, verdict)
        if change is not None:
            return _change_row(verdict, change)
    if verdict.threshold is not None:
        return _limit_row(result, verdict, verdict.threshold)
    return _plain_row(result, verdict)


def _limit_row(result: CellResult, verdict: Verdict, threshold: Threshold) -> MetricRow:
    is_sample = threshold.marker not in NUMBER_OF_A_CELL and not threshold.is_sampled
    sample = result.summary.get(threshold.sample_key) if is_sample else None
    return MetricRow(
        subject=verdict.subject,
        gate=verdict.gate,
        metric=verdict.metric,
        n=verdict.n,
        count_text=_count_text(result, verdict),
        value=verdict.value,
        value_text=amount_text(threshold, verdict.value),
        spread_text=spread_text(sample, threshold),
        bound=verdict.bound,
        bound_text=_bound_text(result, verdict, threshold),
        limit=threshold.limit,
        limit_text=limit_text(threshold),
        unit=threshold.unit,
        outcome=verdict.outcome,
        verdict_text=_verdict_text(verdict),
        reason=verdict.reason,
    )


def _plain_row(result: CellResult, verdict: Verdict) -> MetricRow:
    """A verdict that no mark has a limit for: of a baseline, or of trust."""
    limit_text = NOT_MEASURED if verdict.limit is None else number(verdict.limit, verdict.unit)
    bound_text = "" if verdict.bound is None else f"<= {number(verdict.bound, verdict.unit)}"
    return MetricRow(
        subject=verdict.subject,
        gate=verdict.gate,
        metric=verdict.metric,
        n=verdict.n,
        count_text=_count_text(result, verdict),
        value=verdict.value,
        value_text=number(verdict.value, verdict.unit),
        spread_text="",
        bound=verdict.bound,
        bound_text=bound_text,
        limit=verdict.limit,
        limit_text=limit_text,
        unit=verdict.unit,
        outcome=verdict.outcome,
        verdict_text=_verdict_text(verdict),
        reason=verdict.reason,
    )


def _change_row(verdict: Verdict, change: ChangeVerdict) -> MetricRow:
    return MetricRow(
        subject=verdict.subject,
        gate=verdict.gate,
        metric=verdict.metric,
        n=change.blocks,
        count_text=plural(change.blocks, "block"),
        value=change.effect,
        value_text=change_text(change.effect, change),
        spread_text=interval_text(change),
        bound=change.high,
        bound_text="" if change.high is None else change_bound_text(change),
        limit=change.margin,
        limit_text=change_text(change.margin, change),
        unit=change.unit,
        outcome=verdict.outcome,
        verdict_text=_verdict_text(verdict),
        reason=verdict.reason,
    )


def _ungated_row(comparison: Comparison, ungated: UngatedChange) -> MetricRow:
    change = ungated.change
    return MetricRow(
        subject=f"{ungated.metric.label} against {comparison.against}",
        gate="shown",
        metric=ungated.metric.metric,
        n=change.blocks,
        count_text=plural(change.blocks, "block"),
        value=change.effect,
        value_text=change_text(change.effect, change),
        spread_text=interval_text(change),
        bound=change.high,
        bound_text="" if change.high is None else f"<= {change_text(change.high, change)}",
        limit=None,
        limit_text=NO_LIMIT,
        unit=change.unit,
        outcome=None,
        verdict_text=NOT_JUDGED,
        reason=change.reason,
    )


def _shown_rows(result: CellResult, limited: set[str | None]) -> Iterator[MetricRow]:
    """The usual figures that the test does not limit: the first sound, RTF, the longest stall."""
    if result.capacity is not None:
        return
    stall_key = result.longest_stall_key
    usual = [("ttfa_ms", "ttfa_ms", "ttfa", "ms"), ("rtf", "rtf", "rtf", "")]
    if result.cell.mode == "stream":
        usual.append(("longest_stall_ms", stall_key, "longest stall", "ms"))
    for metric, key, label, unit in usual:
        sample = result.summary.get(key)
        if metric in limited or sample is None or sample.p95 is None:
            continue
        yield _shown_row(label, metric, unit, sample)


def _shown_row(label: str, metric: str, unit: str, sample: Summary) -> MetricRow:
    bound_text = TOO_SMALL
    if sample.p95_bound is not None and math.isfinite(sample.p95_bound):
        bound_text = f"<= {number(sample.p95_bound, unit)}"
    return MetricRow(
        subject=f"{label} p95",
        gate="shown",
        metric=metric,
        n=sample.n,
        count_text=str(sample.n),
        value=sample.p95,
        value_text=number(sample.p95, unit),
        spread_text=_range_text(sample, unit),
        bound=sample.p95_bound,
        bound_text=bound_text,
        limit=None,
        limit_text=NO_LIMIT,
        unit=unit,
        outcome=None,
        verdict_text=NOT_JUDGED,
        reason="",
    )


def interval_text(change: ChangeVerdict) -> str:
    """`-0.7 % to +0.4 %`; empty where there is no interval."""
    if change.low is None or change.high is None:
        return ""
    return f"{change_text(change.low, change)} to {change_text(change.high, change)}"


def amount_text(threshold: Threshold, value: float | None) -> str:
    """A figure as a limit's unit has it; one that is not finite was not measured."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    return amount(threshold, value, threshold.unit)


def limit_text(threshold: Threshold) -> str:
    """The limit in force, and the one of the test where it was put aside."""
    text = amount_text(threshold, threshold.limit)
    if threshold.metric != DELIVERY:
        sign = ">=" if threshold.is_least else "<="
        text = f"{sign} {text}"
    if threshold.overridden_by is None:
        return text
    declared = "none" if threshold.declared is None else amount_text(threshold, threshold.declared)
    return f"{text} ({declared} in the test)"


def spread_text(sample: Summary | None, threshold: Threshold) -> str:
    """`p50 31.4 ms, 28.0 ms to 61.0 ms`; empty for what has no spread."""
    if sample is None or threshold.metric == DELIVERY:
        return ""
    return _range_text(sample, threshold.unit)


def _range_text(sample: Summary, unit: str) -> str:
    """Of what was measured more than once."""
    parts = []
    has_spread = sample.n - sample.missing > 1
    if has_spread and sample.p50 is not None:
        parts.append(f"p50 {number(sample.p50, unit)}")
    if has_spread and sample.min is not None and sample.max is not None:
        parts.append(f"{number(sample.min, unit)} to {number(sample.max, unit)}")
    if sample.missing:
        parts.append(f"{sample.missing} not measured")
    return ", ".join(parts)


def _bound_text(result: CellResult, verdict: Verdict, threshold: Threshold) -> str:
    """What is proven with 95 %: at most so much, or, where it fails by that, at least so much."""
    if threshold.metric in (DELIVERY, "capacity"):
        return ""
    if verdict.lower_bound is not None:
        return f">= {amount_text(threshold, verdict.lower_bound)}"
    if verdict.bound is None or not math.isfinite(verdict.bound):
        is_percentile = verdict.statistic in PERCENTILES
        return TOO_SMALL if is_percentile and verdict.value is not None else ""
    has_side = threshold.marker in BOUNDED or result.load is not None
    sign = ">=" if has_side and verdict.outcome is Outcome.FAIL else "<="
    return f"{sign} {amount_text(threshold, verdict.bound)}"


def _count_text(result: CellResult, verdict: Verdict) -> str:
    if result.load is not None and result.load.windows:
        return plural(verdict.n, "window")
    return str(verdict.n) if verdict.n else NOT_MEASURED


def _verdict_text(verdict: Verdict) -> str:
    if verdict.improved:
        return f"{verdict.outcome.value} (better)"
    return verdict.outcome.value
