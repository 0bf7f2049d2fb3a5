"""Which stages explain a change: where, in milliseconds, the candidate spends more time.

The rules, and what they were chosen over, are in docs/adr/0040.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pytest_ttsperf.judge.statistics.estimators import (
    TAILS,
    Array,
    contrasts,
    levels,
    tail_residuals,
)
from pytest_ttsperf.judge.statistics.explanation import Parts, explain
from pytest_ttsperf.records import (
    MIN_SHARE,
    Attribution,
    Block,
    BlockStatistic,
    StageChange,
)

OUTSIDE = "outside the stages"
ARROW = " -> "
"""In the name of a row: the stages that only the old code has, and those that only the new has."""
MIN_BLOCKS = 3
BASELINES = 2
"""The first arms are of the old code: baseline and control."""


class _Row(NamedTuple):
    """What is compared as one: a stage, or all that are in one of the two versions only."""

    name: str
    stages: tuple[str, ...]


class _StageTimes(NamedTuple):
    """One block, without the texts that one arm did not measure."""

    metric: Array
    """[arms, texts]."""
    times: Array
    """Elapsed, each row and the rest, in ms: [rows, arms, texts]."""

    def with_candidate(self, arm: int) -> _StageTimes:
        """Of the baselines and this one of the candidate's arms."""
        arms = [*range(BASELINES), arm]
        return _StageTimes(self.metric[arms], self.times[:, arms])


def attribute(
    blocks: Sequence[Block],
    statistic: BlockStatistic = "p50",
) -> Attribution | None:
    """Say how much longer each stage took in the candidate, and which stages explain the change.

    The middle: how the arms differ text by text, block by block. A tail: the same, and how much
    time the latest trials of all blocks (twice the share above the percentile) take beyond what is
    usual, so that a stage that is slow in one text of ten is seen. None when fewer than three
    blocks have stages and the time that these are parts of. Raises ValueError when their number of
    texts is not the metric's.
    """
    with_stages = [block for block in blocks if block.elapsed_ms is not None and block.stages_ms]
    rows = _pair_stages(with_stages)
    measured = [_stage_times(block, rows) for block in with_stages]
    times = [each for each in measured if each is not None]
    if len(times) < MIN_BLOCKS:
        return None
    per_block = _shifts(times, statistic)
    parts = Parts(total=per_block[:, 0], rows=per_block[:, 1:])
    names = [*(row.name for row in rows), OUTSIDE]
    return _attribution(names, parts)


def describe(attribution: Attribution) -> str:
    """`of which vocode +10.9 ms (+10.1 to +11.7)`; for a set its joint share; or what is unsure."""
    explaining = [row for row in attribution.stages if row.stage in attribution.explained_by]
    if not explaining:
        return _describe_doubt(attribution)
    if len(explaining) == 1:
        only = explaining[0]
        return f"of which {_row_text(only)} ms ({only.low_ms:+.1f} to {only.high_ms:+.1f})"
    share = attribution.explained_share or 0.0
    return f"of which {_list_rows(explaining)} ms together {100 * share:.0f} %"


def _describe_doubt(attribution: Attribution) -> str:
    """That nothing is sure, or the little that is."""
    total_ms = attribution.total_ms
    sure = []
    for row in attribution.stages:
        excludes_zero = row.low_ms * row.high_ms > 0
        if excludes_zero and row.ms * total_ms > 0:
            sure.append(row)
    if not sure:
        return "in which no stage surely has a part"
    verb = "is" if len(sure) == 1 else "are"
    return f"of which only {_list_rows(sure)} ms {verb} sure"


def _list_rows(rows: Sequence[StageChange]) -> str:
    """`encode +4.1, decode +3.9 and vocode +2.2`."""
    *others, last = [_row_text(row) for row in rows]
    if not others:
        return last
    return f"{', '.join(others)} and {last}"


def _row_text(row: StageChange) -> str:
    """`vocode +10.9`, or `(vocode -> synth) +10.9`."""
    name = row.stage
    if ARROW in name:
        name = f"({name})"
    return f"{name} {row.ms:+.1f}"


# Rows


def _pair_stages(blocks: Sequence[Block]) -> list[_Row]:
    """A row for each stage; one for all that only the old and all that only the new code has.

    A stage under another name, or split, or merged, is no time gained in one and lost in another.
    Where only one version has stages of its own, these are new or gone, and rows like any other.
    """
    names = sorted({name for block in blocks for name in block.stages_ms})
    is_in_old = {name: _has_time(blocks, name, slice(None, BASELINES)) for name in names}
    is_in_new = {name: _has_time(blocks, name, slice(BASELINES, None)) for name in names}
    only_old = [name for name in names if is_in_old[name] and not is_in_new[name]]
    only_new = [name for name in names if is_in_new[name] and not is_in_old[name]]
    paired: list[str] = []
    if only_old and only_new:
        paired = [*only_old, *only_new]
    rows = [_Row(name, (name,)) for name in names if name not in paired]
    if paired:
        name = f"{', '.join(only_old)}{ARROW}{', '.join(only_new)}"
        rows.append(_Row(name, tuple(paired)))
    return rows


def _has_time(blocks: Sequence[Block], stage: str, arms: slice) -> bool:
    """Whether any trial of these arms has the stage: it is 0 where it was not reported."""
    for block in blocks:
        if stage not in block.stages_ms:
            continue
        times = block.stages_ms[stage].array()[arms]
        if (np.isfinite(times) & (times != 0)).any():
            return True
    return False


def _stage_times(block: Block, rows: Sequence[_Row]) -> _StageTimes | None:
    """The texts that are complete; None when they are too few."""
    if block.elapsed_ms is None:
        return None
    metric = block.metric.array()
    elapsed = block.elapsed_ms.array()
    by_stage = {name: arms.array() for name, arms in block.stages_ms.items()}
    _check_sizes([metric, elapsed, *by_stage.values()])
    parts = []
    for row in rows:
        reported = [by_stage[name] for name in row.stages if name in by_stage]
        parts.append(np.sum([np.zeros_like(elapsed), *reported], axis=0))
    outside = elapsed - np.sum(parts, axis=0)
    values = np.stack([metric, elapsed, *parts, outside])
    is_complete = np.isfinite(values).all(axis=(0, 1))
    if is_complete.mean() < MIN_SHARE:
        return None
    complete = values[:, :, is_complete]
    return _StageTimes(metric=complete[0], times=complete[1:])


def _check_sizes(arrays: Sequence[Array]) -> None:
    sizes = [each.shape[1] for each in arrays]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"found {sizes} texts in the metric, the time and the stages of a block, wanted the "
            "same texts in all; write None for what is missing"
        )


# How much longer


def _shifts(times: Sequence[_StageTimes], statistic: BlockStatistic) -> Array:
    """[blocks, rows]: how much longer, in each block; the whole is the first row."""
    arm_levels = levels([each.times for each in times])
    shifts = _candidate_shift(arm_levels)
    if statistic not in TAILS:
        return shifts
    tail_share = 2 * (1 - TAILS[statistic])
    arm_count = times[0].metric.shape[0]
    late_shifts = []
    for candidate in range(BASELINES, arm_count):
        # One candidate at a time: of two that are late for a text, neither would stand out.
        three = [each.with_candidate(candidate) for each in times]
        late_shifts.append(_late_shifts(three, tail_share))
    return np.asarray(shifts + np.mean(late_shifts, axis=0), dtype=float)


def _late_shifts(times: Sequence[_StageTimes], tail_share: float) -> Array:
    """[blocks, rows]: how much more time the candidate's late trials take than the baselines'.

    Late is what is among the latest of all arms, beyond its arm's level and what is usual for its
    text (`tail_residuals`). One threshold for all: what is late by chance is in every arm, and
    drops out. In ms of a late trial, as if there were as many as in the arm that has most.
    """
    lateness = []
    metric_levels = levels([each.metric for each in times])
    for each, block_levels in zip(times, metric_levels, strict=True):
        lateness.append(tail_residuals(each.metric, block_levels))
    threshold = np.quantile(np.concatenate(lateness, axis=1), 1 - tail_share)
    is_late = [each > threshold for each in lateness]
    late_share = np.concatenate(is_late, axis=1).mean(axis=1).max()
    late_times = []
    arm_levels = levels([each.times for each in times])
    for each, row_levels, late in zip(times, arm_levels, is_late, strict=True):
        residuals = _row_residuals(each.times, row_levels)
        late_times.append((residuals * late).mean(axis=-1))
    shifts = _candidate_shift(np.stack(late_times))
    if late_share:
        shifts /= late_share
    return shifts


def _row_residuals(times: Array, row_levels: Array) -> Array:
    """[rows, arms, texts]: time above the arm's level, and above what baselines take for the text.

    Above the mean of those baselines that are other arms. Unlike with the median, which is robust,
    the rows make up the whole.
    """
    above = times - row_levels[:, :, np.newaxis]
    residuals = np.empty_like(above)
    for arm in range(above.shape[1]):
        others = [other for other in range(BASELINES) if other != arm]
        residuals[:, arm] = above[:, arm] - above[:, others].mean(axis=1)
    return residuals


def _candidate_shift(arms: Array) -> Array:
    """[blocks, rows] of [blocks, rows, arms]: the candidate against the baselines.

    `contrasts` has it first, whatever else it compares.
    """
    arms_first = np.moveaxis(arms, -1, 0)
    return np.array(contrasts(arms_first)[0], dtype=float)


# Who explains it


def _attribution(names: Sequence[str], parts: Parts) -> Attribution:
    order = parts.largest_first()
    chosen = explain(parts)
    total_ms = parts.direction * float(parts.total.mean())
    named = tuple(names[row] for row in order if row in chosen)
    alone = None
    if len(named) == 1:
        alone = named[0]
    share = None
    if chosen:
        share = parts.share(chosen)
    return Attribution(
        total_ms=total_ms,
        stages=tuple(_stage_change(names[row], parts, row) for row in order),
        explained_alone=alone,
        explained_by=named,
        explained_share=share,
    )


def _stage_change(name: str, parts: Parts, row: int) -> StageChange:
    """In the direction in which it moved, whichever way the change was turned."""
    values = parts.direction * parts.rows[:, row]
    low, high = parts.interval(values)
    share = None
    if parts.total.mean():
        share = parts.share([row])
    return StageChange(
        stage=name,
        ms=float(values.mean()),
        low_ms=low,
        high_ms=high,
        share=share,
    )
