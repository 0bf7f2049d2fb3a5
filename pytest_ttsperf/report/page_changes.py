"""What changed against another version, as the page shows it: figures, blocks, stages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pytest_ttsperf.records import (
    Attribution,
    Block,
    ChangeVerdict,
    ComparedMetric,
    Comparison,
    UngatedChange,
)
from pytest_ttsperf.report.analysis.change import explaining_stages
from pytest_ttsperf.report.page_model import ChangeRow, ChangeSection, StageChangeRow
from pytest_ttsperf.report.page_rows import NOT_JUDGED, interval_text
from pytest_ttsperf.report.rows import change_text, is_share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
"""Statistics of which a block has a number of its own; `outside` and `late` are counts over all."""
COUNTS = ("outside", "late")
SPEEDS = (
    "ttfa_ms",
    "ttfa_sound_ms",
    "ttfa_sound_typical_ms",
    "ttfa_sound_p95_ms",
    "rtf",
    "good_answer_s",
)
"""Metrics of which more is slower."""
LENGTHS = ("gap_max_ms", "speech_s")
"""Metrics of which more is longer."""
BASELINE, CONTROL, CANDIDATE = range(3)
"""Rows of a block; from the third on they are the candidate's, of which there may be two."""


def describe_changes(comparison: Comparison | None) -> ChangeSection | None:
    """What a comparison has found; None for a cell that was compared with nothing."""
    if comparison is None:
        return None
    rows = []
    for gate, change in zip(comparison.gates, comparison.changes, strict=False):
        rows.append(_judged_row(comparison, gate, change))
    for ungated in comparison.ungated:
        rows.append(_ungated_row(comparison, ungated))
    return ChangeSection(
        against=comparison.against,
        revision=comparison.revision,
        is_compared=comparison.blocks > 0,
        reason=comparison.reason,
        blocks=comparison.blocks,
        seconds=comparison.seconds,
        rows=tuple(rows),
        stages=tuple(_stage_rows(comparison)),
        notes=comparison.notes,
    )


def _judged_row(comparison: Comparison, gate: ComparedMetric, change: ChangeVerdict) -> ChangeRow:
    verdict_text = change.outcome.value
    if change.improved:
        verdict_text = f"{verdict_text} (better)"
    effects = find_block_effects(comparison.measured.get(gate.metric, ()), gate)
    less_text, more_text = name_directions(gate)
    return ChangeRow(
        label=gate.label,
        unit=change.unit,
        is_share=is_share(change),
        less_text=less_text,
        more_text=more_text,
        effect=change.effect,
        low=change.low,
        high=change.high,
        margin=change.margin,
        is_both_ways=gate.both_ways,
        control_effect=change.control_effect,
        effect_text=change_text(change.effect, change),
        interval_text=interval_text(change),
        margin_text=change_text(change.margin, change),
        blocks=change.blocks,
        block_effects=effects.candidate,
        control_effects=effects.control,
        outcome=change.outcome,
        verdict_text=verdict_text,
        reason=change.reason,
    )


def _ungated_row(comparison: Comparison, ungated: UngatedChange) -> ChangeRow:
    change = ungated.change
    effects = find_block_effects(comparison.measured.get(ungated.metric.metric, ()), ungated.metric)
    less_text, more_text = name_directions(ungated.metric)
    return ChangeRow(
        label=ungated.metric.label,
        unit=change.unit,
        is_share=is_share(change),
        less_text=less_text,
        more_text=more_text,
        effect=change.effect,
        low=change.low,
        high=change.high,
        margin=None,
        is_both_ways=ungated.metric.both_ways,
        control_effect=change.control_effect,
        effect_text=change_text(change.effect, change),
        interval_text=interval_text(change),
        margin_text="-",
        blocks=change.blocks,
        block_effects=effects.candidate,
        control_effects=effects.control,
        outcome=None,
        verdict_text=NOT_JUDGED,
        reason=change.reason,
    )


def name_directions(metric: ComparedMetric) -> tuple[str, str]:
    """What less and more of a figure are; of a share of texts or trials no time is longer."""
    is_count = metric.statistic in COUNTS
    if metric.metric in SPEEDS and not is_count:
        return "faster", "slower"
    if metric.metric in LENGTHS and not is_count:
        return "shorter", "longer"
    return "less", "more"


class BlockEffects(NamedTuple):
    """One number for each block that has enough texts: shares, or the metric's unit."""

    candidate: tuple[float, ...]
    """The candidate against the mean of both processes of the baseline."""
    control: tuple[float, ...]
    """The baseline against itself."""


def find_block_effects(blocks: Sequence[Block], gate: ComparedMetric) -> BlockEffects:
    """What each block says by itself, to be drawn beside the interval over all of them.

    On the scale `ratio`, differences of logs text by text, given as shares; on `difference`, of
    the values. p50 is their median; p95 and p99 compare the percentiles of the arms, as a tail is
    not a difference of single texts. The verdict itself rests on `judge.statistics`, which trims,
    pools and corrects: these are for the eye. Empty for counts over all blocks.
    """
    candidate: list[float] = []
    control: list[float] = []
    for block in blocks:
        if gate.statistic not in (*SHARES, "value") or not block.metric.is_readable():
            continue
        found = _block_effect(block, gate)
        if found is not None:
            candidate.append(found[0])
            control.append(found[1])
    return BlockEffects(tuple(candidate), tuple(control))


def _block_effect(block: Block, gate: ComparedMetric) -> tuple[float, float] | None:
    """Of the candidate and of the control; None where a ratio has nothing to divide by."""
    import numpy as np

    arms = block.metric.array()
    arms = arms[:, np.isfinite(arms).all(axis=0)]
    is_ratio = gate.scale == "ratio"
    if not arms.size or (is_ratio and (arms <= 0).any()):
        return None
    scaled = np.log(arms) if is_ratio else arms
    level = SHARES.get(gate.statistic, 0.5)
    candidate, control = _differences(scaled, level)
    if is_ratio:
        return math.expm1(candidate), math.expm1(control)
    return candidate, control


def _differences(scaled: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Candidate minus baselines, and baseline minus control: of [arms, texts], one number each."""
    import numpy as np

    if level == SHARES["p50"]:
        old = (scaled[BASELINE] + scaled[CONTROL]) / 2
        new = scaled[CANDIDATE:].mean(axis=0)
        control = scaled[CONTROL] - scaled[BASELINE]
        return float(np.median(new - old)), float(np.median(control))
    tails = np.quantile(scaled, level, axis=1)
    old_tail = (tails[BASELINE] + tails[CONTROL]) / 2
    new_tail = tails[CANDIDATE:].mean()
    return float(new_tail - old_tail), float(tails[CONTROL] - tails[BASELINE])


def _stage_rows(comparison: Comparison) -> Iterator[StageChangeRow]:
    """The stages of each judged figure that has an attribution, in its order."""
    for gate, change in zip(comparison.gates, comparison.changes, strict=False):
        if change.attribution is not None and not gate.is_work:
            yield from _attributed(gate.label, change.attribution)


def _attributed(figure: str, attribution: Attribution) -> Iterator[StageChangeRow]:
    explaining = {each.stage for each in explaining_stages(attribution)}
    for each in attribution.stages:
        yield StageChangeRow(
            figure=figure,
            stage=each.stage,
            ms=each.ms,
            low_ms=each.low_ms,
            high_ms=each.high_ms,
            share=each.share,
            is_explanation=each.stage in explaining,
        )
