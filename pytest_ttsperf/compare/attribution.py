"""Which stage explains a change: where, in milliseconds, the new code spends more than the old."""

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
from pytest_ttsperf.records import MIN_SHARE, Attribution, Block, Judged, StageChange

OUTSIDE = "outside the stages"
MIN_BLOCKS = 3


class _Part(NamedTuple):
    """One block in ms: elapsed, each stage and the rest, [rows, 3, texts]."""

    slowness: Array
    times: Array


def attribute(blocks: Sequence[Block], statistic: Judged = "p50") -> Attribution | None:
    """Say how much longer each stage took with the new code.

    The middle: how the arms differ text by text, block by block. A tail: in each arm the slowest
    texts of all blocks (twice the share above the percentile), so that a stage that is slow in one
    text of ten is seen. None when fewer than three blocks tell stages and the time that they are
    parts of. Raises ValueError when those are of another number of texts than the metric.
    """
    names = sorted({name for block in blocks for name in block.stages_ms})
    parts = [part for block in blocks if (part := _part(block, names)) is not None]
    if len(parts) < MIN_BLOCKS or not names:
        return None
    per_block = _shifts(parts, statistic)
    total, *rows = (Estimate.of(column) for column in per_block.T)
    changes = [
        _stage_change(name, row, total.mean)
        for name, row in zip([*names, OUTSIDE], rows, strict=True)
    ]
    stages = sorted(changes, key=lambda change: -change.ms * math.copysign(1, total.mean))
    first = stages[0]
    is_sure = first.ms * total.mean > 0 and first.low_ms * first.high_ms > 0
    return Attribution(
        total_ms=total.mean,
        stages=tuple(stages),
        explained_by=first.stage if is_sure else None,
    )


def _shifts(parts: Sequence[_Part], statistic: Judged) -> Array:
    """[blocks, rows]: how much longer, in each block."""
    if statistic in TAILS:
        share = 2 * (1 - TAILS[statistic])
        return leave_one_out(lambda some: _slow_shift(some, share), parts)
    return np.asarray(contrasts(np.moveaxis(levels([part.times for part in parts]), -1, 0))[0])


def _slow_shift(parts: Sequence[_Part], share: float) -> Array:
    """[rows]: how much longer it takes in the slow texts of the new arm than in the old arms'."""
    slowness = np.concatenate([part.slowness for part in parts], axis=1)
    times = np.concatenate([part.times for part in parts], axis=2)
    slow = slowness >= np.quantile(slowness, 1 - share, axis=1, keepdims=True)
    means = (times * slow).sum(axis=2) / slow.sum(axis=1)
    return np.asarray(contrasts(means.T)[0], dtype=float)


def _part(block: Block, names: Sequence[str]) -> _Part | None:
    """The texts of which all is known, centred on what is usual; None when they are too few."""
    if block.elapsed_ms is None or not block.stages_ms:
        return None
    metric, elapsed = block.metric.array(), block.elapsed_ms.array()
    stages = [
        block.stages_ms[name].array() if name in block.stages_ms else np.zeros_like(elapsed)
        for name in names
    ]
    sizes = [each.shape[1] for each in (metric, elapsed, *stages)]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"found {sizes} texts in the metric, the time and the stages of a block, wanted the "
            "same texts in all; write None for what is missing"
        )
    times = np.stack([elapsed, *stages, elapsed - np.sum(stages, axis=0)])
    known = np.isfinite(times).all(axis=(0, 1)) & np.isfinite(metric).all(axis=0)
    if known.mean() < MIN_SHARE:
        return None
    metric, times = metric[:, known], times[:, :, known]
    usual = np.median(times, axis=2, keepdims=True).mean(axis=1, keepdims=True)
    return _Part(metric - np.median(metric, axis=1).mean(), times - usual)


def _stage_change(stage: str, shift: Estimate, total_ms: float) -> StageChange:
    low, high = shift.interval()
    share = shift.mean / total_ms if total_ms else None
    return StageChange(stage=stage, ms=shift.mean, low_ms=low, high_ms=high, share=share)
