"""Which stages explain a change: where, in milliseconds, the candidate spends more time.

The rules, and what they were chosen over, are in docs/adr/0040.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pytest_ttsperf.compare.explanation import Parts, explain
from pytest_ttsperf.judge.statistics.estimators import (
    TAILS,
    Array,
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
    """One block, centred on what is usual, in ms."""

    slowness: Array
    """Of the metric: [arms, texts]."""
    times: Array
    """Elapsed, each row and the rest: [rows, arms, texts]."""


def attribute(
    blocks: Sequence[Block],
    statistic: BlockStatistic = "p50",
) -> Attribution | None:
    """Say how much longer each stage took in the candidate, and which stages explain the change.

    The middle: how the arms differ text by text, block by block. A tail: in each arm the slowest
    texts of all blocks (twice the share above the percentile), so that a stage that is slow in one
    text of ten is seen. None when fewer than three blocks have stages and the time that these are
    parts of. Raises ValueError when their number of texts is not the metric's.
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
    """The texts that are complete, centred on what is usual; None when they are too few."""
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
    values = values[:, :, is_complete]
    medians = np.median(values, axis=2, keepdims=True)
    usual = medians.mean(axis=1, keepdims=True)
    slowness, *times = values - usual
    return _StageTimes(slowness, np.stack(times))


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
    if statistic in TAILS:
        share = 2 * (1 - TAILS[statistic])
        return leave_one_out(lambda some: _slow_shift(some, share), times)
    arm_levels = levels([each.times for each in times])
    arms_first = np.moveaxis(arm_levels, -1, 0)
    return _candidate_shift(arms_first)


def _slow_shift(times: Sequence[_StageTimes], share: float) -> Array:
    """[rows]: how much longer the candidate's slow texts take than the baselines' slow texts."""
    slowness = np.concatenate([each.slowness for each in times], axis=1)
    pooled = np.concatenate([each.times for each in times], axis=2)
    threshold = np.quantile(slowness, 1 - share, axis=1, keepdims=True)
    is_slow = slowness >= threshold
    totals = (pooled * is_slow).sum(axis=2)
    means = totals / is_slow.sum(axis=1)
    return _candidate_shift(means.T)


def _candidate_shift(arms: Array) -> Array:
    """Of arms [3 or 4, ...]: the candidate against the baselines, which `contrasts` has first."""
    return np.asarray(contrasts(arms)[0], dtype=float)


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
