"""Which stage explains a change: where, in milliseconds, the candidate spends more time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pytest_ttsperf.judge.statistics.estimators import (
    TAILS,
    Array,
    Estimate,
    contrasts,
    leave_one_out,
    levels,
)
from pytest_ttsperf.records import (
    MIN_SHARE,
    Attribution,
    Block,
    BlockStatistic,
    StageChange,
)

OUTSIDE = "outside the stages"
MIN_BLOCKS = 3


class _StageTimes(NamedTuple):
    """One block, centred on what is usual, in ms."""

    slowness: Array
    """Of the metric: [3, texts]."""
    times: Array
    """Elapsed, each stage and the rest: [rows, 3, texts]."""


def attribute(
    blocks: Sequence[Block],
    statistic: BlockStatistic = "p50",
) -> Attribution | None:
    """Say how much longer each stage took in the candidate.

    The middle: how the arms differ text by text, block by block. A tail: in each arm the slowest
    texts of all blocks (twice the share above the percentile), so that a stage that is slow in one
    text of ten is seen. None when fewer than three blocks have stages and the time that these are
    parts of. Raises ValueError when their number of texts is not the metric's.
    """
    names = sorted({name for block in blocks for name in block.stages_ms})
    measured = [_stage_times(block, names) for block in blocks]
    parts = [part for part in measured if part is not None]
    if len(parts) < MIN_BLOCKS or not names:
        return None
    per_block = _shifts(parts, statistic)
    total, *shifts = map(Estimate.of, per_block.T)
    total_ms = total.mean
    changes = []
    for name, shift in zip([*names, OUTSIDE], shifts, strict=True):
        changes.append(_stage_change(name, shift, total_ms))
    direction = math.copysign(1, total_ms)
    stages = sorted(changes, key=lambda change: -change.ms * direction)
    first = stages[0]
    is_same_direction = first.ms * total_ms > 0
    excludes_zero = first.low_ms * first.high_ms > 0
    explained_by = None
    if is_same_direction and excludes_zero:
        explained_by = first.stage
    return Attribution(
        total_ms=total_ms,
        stages=tuple(stages),
        explained_by=explained_by,
    )


def _shifts(parts: Sequence[_StageTimes], statistic: BlockStatistic) -> Array:
    """[blocks, rows]: how much longer, in each block."""
    if statistic in TAILS:
        share = 2 * (1 - TAILS[statistic])
        return leave_one_out(lambda some: _slow_shift(some, share), parts)
    times = [part.times for part in parts]
    arms_first = np.moveaxis(levels(times), -1, 0)
    candidate, *_ = contrasts(arms_first)
    return np.asarray(candidate)


def _slow_shift(parts: Sequence[_StageTimes], share: float) -> Array:
    """[rows]: how much longer the candidate's slow texts take than the baselines' slow texts."""
    slowness = np.concatenate([part.slowness for part in parts], axis=1)
    times = np.concatenate([part.times for part in parts], axis=2)
    threshold = np.quantile(slowness, 1 - share, axis=1, keepdims=True)
    is_slow = slowness >= threshold
    totals = (times * is_slow).sum(axis=2)
    means = totals / is_slow.sum(axis=1)
    candidate, *_ = contrasts(means.T)
    return np.asarray(candidate, dtype=float)


def _stage_times(block: Block, names: Sequence[str]) -> _StageTimes | None:
    """The texts that are complete, centred on what is usual; None when they are too few."""
    if block.elapsed_ms is None or not block.stages_ms:
        return None
    metric = block.metric.array()
    elapsed = block.elapsed_ms.array()
    stages = []
    for name in names:
        arms = block.stages_ms.get(name)
        stages.append(np.zeros_like(elapsed) if arms is None else arms.array())
    _check_sizes([metric, elapsed, *stages])
    outside = elapsed - np.sum(stages, axis=0)
    rows = np.stack([metric, elapsed, *stages, outside])
    is_complete = np.isfinite(rows).all(axis=(0, 1))
    if is_complete.mean() < MIN_SHARE:
        return None
    rows = rows[:, :, is_complete]
    medians = np.median(rows, axis=2, keepdims=True)
    usual = medians.mean(axis=1, keepdims=True)
    slowness, *times = rows - usual
    return _StageTimes(slowness, np.stack(times))


def _check_sizes(arrays: Sequence[Array]) -> None:
    sizes = [each.shape[1] for each in arrays]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"found {sizes} texts in the metric, the time and the stages of a block, wanted the "
            "same texts in all; write None for what is missing"
        )


def _stage_change(stage: str, shift: Estimate, total_ms: float) -> StageChange:
    low, high = shift.interval()
    share = None
    if total_ms:
        share = shift.mean / total_ms
    return StageChange(
        stage=stage,
        ms=shift.mean,
        low_ms=low,
        high_ms=high,
        share=share,
    )
