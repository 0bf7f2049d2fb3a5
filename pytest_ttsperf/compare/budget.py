"""What a budget holds, and what a larger one would buy: blocks in seconds, and in words. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import structs

from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.judge.statistics.t_rule import BlockPlan

OPTION = "--ttsperf-budget"


def plan_blocks(budget_s: float, durations_s: Sequence[float]) -> BlockPlan | None:
    """How many blocks there will be, by how long the first took; None while it is too early.

    The first block is not like the others: it also fills the page cache, and has its own number of
    texts.
    """
    first_s, *others_s = durations_s
    if others_s:
        return plan_after_first(budget_s, first_s, others_s[0])
    if 2 * first_s > budget_s:
        return t_rule.plan_blocks(budget_s, first_s)
    return None


def plan_after_first(
    budget_s: float,
    first_s: float,
    block_s: float,
) -> BlockPlan:
    """How many blocks there will be, if the others take `block_s` each."""
    left_s = max(0.0, budget_s - first_s)
    plan = t_rule.plan_blocks(left_s + block_s, block_s)
    if plan.shortfall is None:
        return plan
    text = t_rule.shortfall_text(budget_s, plan.blocks, block_s, first_s)
    return structs.replace(plan, shortfall=text)


def mean_block_s(durations_s: Sequence[float]) -> float:
    """How long a block takes; the first, which is not like the others, only where it is all."""
    first_s, *others_s = durations_s
    if not others_s:
        return first_s
    return sum(others_s) / len(others_s)


def cost_text(
    blocks: int,
    durations_s: Sequence[float],
    option: str | None,
) -> str:
    """What so many further blocks take: `40 s, --ttsperf-budget=100s`; no option, no budget."""
    further_s = blocks * mean_block_s(durations_s)
    text = f"{max(1, round(further_s))} s"
    if option is None:
        return text
    budget_s = math.ceil(round(sum(durations_s) + further_s, 1))
    return f"{text}, {option}={budget_s}s"
