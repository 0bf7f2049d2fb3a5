"""What the shipped judge says of blocks that were measured before: recorded, not lived through.

All arms of such a block run the same code, so each way to call some of them the baseline and the
others the candidate is a fair question. The answers to one group of blocks are no independent
experiments, but they lean to no side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from block_packing import Numbers, RecordedBlock, arms_of

from pytest_ttsperf.compare import looks
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.records import Arms, Block, ChangeVerdict, ComparedMetric, Outcome

T = TypeVar("T")
Order = tuple[int, ...]
"""Which arm is the baseline, its control, the candidate, and its control where there are four."""
ORDERS: Mapping[int, tuple[Order, ...]] = {
    3: ((1, 2, 0), (0, 2, 1), (0, 1, 2)),
    4: (
        (0, 1, 2, 3),
        (2, 3, 0, 1),
        (0, 2, 1, 3),
        (1, 3, 0, 2),
        (0, 3, 1, 2),
        (1, 2, 0, 3),
    ),
}
"""By number of arms: each as the candidate; or the three ways to pair four, in both directions."""


class Answer(NamedTuple):
    """What one replayed comparison settles."""

    verdicts: dict[str, ChangeVerdict]
    """By label of the gate."""
    blocks: int
    """With how many it ended."""

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """By label of the gate."""
        return {label: verdict.outcome for label, verdict in self.verdicts.items()}

    @property
    def has_failed(self) -> bool:
        """Whether the comparison would be red."""
        return Outcome.FAIL in self.outcomes.values()

    @property
    def has_passed(self) -> bool:
        """Whether all gates passed."""
        return set(self.outcomes.values()) == {Outcome.PASS}


def judge(
    blocks: Mapping[str, Sequence[Block]],
    gates: Sequence[ComparedMetric],
    planned: int | None = None,
) -> Answer:
    """Judge as a comparison whose budget holds `planned` blocks; any more are to confirm a FAIL.

    Without `planned` all blocks are of the budget, and a FAIL at its end stays unconfirmed.
    """
    if planned is None:
        planned = min(map(len, blocks.values()))
    plan = t_rule.plan_blocks(float(planned), 1.0)
    cell, used = looks.replay(blocks, gates, plan)
    labels = [gate.label for gate in gates]
    return Answer(dict(zip(labels, cell.verdicts, strict=True)), used)


def disjoint_groups(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """So many at a time, in their order; the last few that fill no group are left out."""
    return [items[at : at + size] for at in range(0, len(items) - size + 1, size)]


def groups_with_fresh(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Disjoint groups, each with the items that follow it: fresh ones, if it has to confirm."""
    fresh = max(looks.FEWEST_FRESH, math.ceil(looks.FRESH_SHARE * size))
    starts = range(0, len(items) - size + 1, size)
    return [items[at : at + size + fresh] for at in starts]


def by_metric(group: Sequence[Mapping[str, Block]]) -> dict[str, list[Block]]:
    """The blocks of a group, by metric."""
    found: dict[str, list[Block]] = {}
    for metric in group[0]:
        found[metric] = [block[metric] for block in group]
    return found


def in_order(blocks: Mapping[str, Sequence[Block]], order: Order) -> dict[str, list[Block]]:
    """The blocks with their arms in other roles."""
    turned: dict[str, list[Block]] = {}
    for metric, each in blocks.items():
        turned[metric] = [Block(metric=with_order(block.metric, order)) for block in each]
    return turned


def with_order(arms: Arms, order: Order) -> Arms:
    """The arms in other roles."""
    numbers = arms.array()
    if len(numbers) != len(order):
        raise ValueError(f"found {len(numbers)} arms, wanted {len(order)}")
    return arms_of(numbers[list(order)])


def count_arms(blocks: Mapping[str, Sequence[Block]]) -> int:
    """How many arms each block has."""
    first = next(iter(blocks.values()))
    return len(first[0].metric.array())


def replay_all_orders(
    blocks: Mapping[str, Sequence[Block]],
    gates: Sequence[ComparedMetric],
    planned: int | None = None,
) -> list[Answer]:
    """One answer for each way to give the arms their roles."""
    orders = ORDERS[count_arms(blocks)]
    return [judge(in_order(blocks, order), gates, planned) for order in orders]


# Recorded sets


def draw_groups(
    recorded: Sequence[RecordedBlock],
    size: int,
    count: int,
    seed: int,
) -> list[list[RecordedBlock]]:
    """So many groups of `size` different blocks, drawn anew each time; ValueError for too few."""
    if size > len(recorded):
        raise ValueError(f"found {len(recorded)} recorded blocks, wanted {size} for one group")
    draw = np.random.default_rng(seed)
    groups = []
    for _ in range(count):
        chosen = draw.choice(len(recorded), size, replace=False)
        groups.append([recorded[index] for index in chosen])
    return groups


def numbers_of(
    group: Sequence[RecordedBlock],
    metrics: Sequence[str],
    texts: int,
    seed: int = 0,
) -> dict[str, list[Numbers]]:
    """[arms, texts] of each block, by metric, as if only so many of its texts had been measured."""
    draw = np.random.default_rng(seed)
    found: dict[str, list[Numbers]] = {metric: [] for metric in metrics}
    for block in group:
        chosen = draw.choice(block.texts, texts, replace=False)
        for metric in metrics:
            found[metric].append(block.metrics[metric].array()[:, chosen])
    return found


def to_blocks(numbers: Mapping[str, Sequence[Numbers]], order: Order) -> dict[str, list[Block]]:
    """Blocks by metric, with the arms in these roles."""
    blocks: dict[str, list[Block]] = {}
    for metric, each in numbers.items():
        blocks[metric] = [Block(metric=arms_of(arms[list(order)])) for arms in each]
    return blocks
