"""Is the candidate worse under load? Blocks of windows in, a verdict for each figure out.

The t rule of single streams over blocks of windows, with looks from the fourth pair on
(docs/adr/0045). Pure: starts, reads and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf.experiment import process_luck
from pytest_ttsperf.judge.statistics import always_valid, t_rule
from pytest_ttsperf.judge.statistics.attribution import attribute, describe
from pytest_ttsperf.judge.statistics.estimators import effects
from pytest_ttsperf.judge.statistics.t_rule import (
    BlockPlan,
    Contrast,
    Levels,
    blocks_needed,
    draft_verdict,
)
from pytest_ttsperf.load.window_blocks import WindowBlock, count_served, to_block
from pytest_ttsperf.metrics.load_figures import FIGURES
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import Block, ChangeVerdict, ComparedMetric, Outcome

PAIRS_PER_BLOCK = 2
FEWEST_SESSIONS = 3
"""A verdict on code rests on so many blocks at least, as each is a session of fresh processes."""
FIRST_LOOK = 2
"""After so many blocks, which is after the fourth pair, a FAIL may be suspected."""
WANTED_ERROR = 0.04
"""Of the mean of the pairs of a comparison, as a log: less than half of the margin of a p95."""

EARLY = Levels("early", fail=0.002, passes=0.005, control=0.001, fewest=FIRST_LOOK)
END = Levels("end", fail=0.005, passes=0.03, control=0.01, fewest=FEWEST_SESSIONS)
"""Looser than those of single streams before the end: here a change has to be a large one, and a
suspicion is confirmed by fresh windows (benchmarks/load_simulation.py)."""


class WindowBlockPlan(BlockPlan, frozen=True, kw_only=True):
    """How many blocks of windows a budget holds: a look after each from the fourth pair on."""

    @property
    def end(self) -> Levels:
        """Those of the look when the budget is spent."""
        return END

    def levels_after(self, done: int) -> Levels | None:
        """Those of the look after so many blocks; None where there is none."""
        if done >= self.blocks:
            return END
        return EARLY if done >= FIRST_LOOK else None


def plan_blocks(budget_s: float, block_s: float, longest_s: float) -> BlockPlan:
    """Give the blocks of `block_s` seconds that a budget holds.

    Where the budget is infinite there are as many as it takes within `longest_s`, and all looks
    share one level (`always_valid`).
    """
    if math.isinf(budget_s):
        open_plan = always_valid.open_plan(longest_s)
        levels = open_plan.levels._replace(fewest=FEWEST_SESSIONS)
        return structs.replace(open_plan, levels=levels, looks_from=FEWEST_SESSIONS)
    blocks = int(budget_s / block_s + t_rule.ROUNDING)
    shortfall = None
    if blocks < FEWEST_SESSIONS:
        shortfall = shortfall_text(budget_s, block_s)
    return WindowBlockPlan(blocks=blocks, seconds=blocks * block_s, shortfall=shortfall)


def shortfall_text(budget_s: float, block_s: float) -> str:
    """Why a budget decides nothing, and which would."""
    blocks = int(budget_s / block_s + t_rule.ROUNDING)
    wanted_s = math.ceil(FEWEST_SESSIONS * block_s)
    return (
        f"a block of four windows takes {block_s:.0f} s, so {budget_s:.0f} s hold {blocks}, and "
        f"{FEWEST_SESSIONS} are the fewest that can decide; {wanted_s} s hold these"
    )


def blocks_wanted(deviation: float, error: float = WANTED_ERROR) -> int:
    """How many blocks make the mean so sure, where a pair of windows deviates by so much, in logs.

    At least `FEWEST_SESSIONS`. Both pairs of a block count, as each has windows of its own.
    """
    pairs = math.ceil((deviation / error) ** 2 - t_rule.ROUNDING)
    return max(FEWEST_SESSIONS, math.ceil(pairs / PAIRS_PER_BLOCK))


class _Measured(NamedTuple):
    """A block in which a figure was measured in all windows."""

    numbers: Block
    block: WindowBlock


def decide(
    blocks: Sequence[WindowBlock],
    metric: ComparedMetric,
    levels: Levels = END,
) -> ChangeVerdict:
    """Judge one figure from its blocks, at the levels of one look.

    A block with a window in which the figure could not be measured is left out. A FAIL of fewer
    than `FEWEST_SESSIONS` blocks is a suspicion, which `WindowLooks` has confirmed; a PASS of so
    few is none yet. Raises ValueError for a margin that is not above 0.
    """
    if not 0 < metric.margin < math.inf:
        raise ValueError(
            f"found {metric.margin} as the smallest change that counts, wanted it above 0"
        )
    readable = []
    for block in blocks:
        numbers = to_block(block, metric)
        if numbers.metric.is_readable():
            readable.append(_Measured(numbers, block))
    draft = draft_verdict(
        metric, levels, readable=len(readable), left_out=len(blocks) - len(readable)
    )
    if len(readable) < levels.fewest:
        return _too_few(draft, levels)
    verdict = _apply_rule(draft, _contrast(readable, metric, levels), metric, levels)
    found = attribute([measured.numbers for measured in readable], metric.statistic)
    verdict = structs.replace(verdict, attribution=found)
    verdict = structs.replace(verdict, reason=_reason(verdict, metric))
    verdict = process_luck.hold_back(verdict, metric)
    return void(verdict, verdict) if verdict.control_fired else verdict


def _contrast(readable: Sequence[_Measured], metric: ComparedMetric, levels: Levels) -> Contrast:
    arms = [measured.numbers.metric for measured in readable]
    per_block = effects(arms, metric.statistic, metric.scale)
    margin = metric.margin
    if metric.scale == "ratio":
        margin = math.log1p(margin)
    contrast = Contrast.of(per_block, margin, levels.estimate)
    if metric.metric != FIGURES["stalled"].metric:
        return contrast
    least_error = _counting_error([measured.block for measured in readable])
    return contrast._replace(candidate=contrast.candidate.with_least_error(least_error))


def _counting_error(blocks: Sequence[WindowBlock]) -> float:
    """Of the difference of two shares, if the answers were independent; they are less than that.

    Windows that happen to have the same few stalls do not scatter at all, and prove nothing.
    """
    stalled = 0
    served = 0
    for block in blocks:
        for window in block.windows:
            stalled += window.stalled or 0
            served += count_served(window)
    of_a_version = served / 2
    return math.sqrt(stalled + 1) / of_a_version


def _apply_rule(
    draft: ChangeVerdict,
    contrast: Contrast,
    metric: ComparedMetric,
    levels: Levels,
) -> ChangeVerdict:
    """Fill in the numbers of the test and the outcome of the rule.

    What is compared both ways is judged in the direction in which it moved, and nothing of it is an
    improvement.
    """
    judged = contrast
    fail = levels.fail_of(draft.statistic)
    if metric.both_ways:
        fail /= 2
        if contrast.candidate.mean < 0:
            judged = contrast.mirrored
    outcome = _outcome(judged, draft, levels, fail)
    needed = None
    if outcome is Outcome.INCONCLUSIVE:
        needed = _blocks_needed(judged, draft, levels)
    from_scale: Callable[[float], float] = float
    if draft.scale == "ratio":
        from_scale = math.expm1
    low, high = contrast.candidate.interval()
    is_improved = contrast.is_faster and draft.blocks >= FEWEST_SESSIONS
    return structs.replace(
        draft,
        outcome=outcome,
        effect=from_scale(contrast.candidate.mean),
        low=from_scale(low),
        high=from_scale(high),
        p_slower=judged.candidate.p_above(0.0),
        p_within=judged.candidate.p_below(contrast.margin),
        improved=is_improved and not metric.both_ways,
        control_effect=from_scale(contrast.control.mean),
        p_control=contrast.control.p_apart(0.0),
        control_fired=contrast.has_control_effect(levels.control),
        blocks_needed=needed,
    )


def _outcome(contrast: Contrast, draft: ChangeVerdict, levels: Levels, fail: float) -> Outcome:
    if contrast.is_slower(fail):
        return Outcome.FAIL
    if draft.blocks >= FEWEST_SESSIONS and contrast.is_within_margin(levels.passes):
        return Outcome.PASS
    return Outcome.INCONCLUSIVE


def _blocks_needed(contrast: Contrast, draft: ChangeVerdict, levels: Levels) -> int | None:
    missing = FEWEST_SESSIONS - draft.blocks
    needed = blocks_needed(contrast, draft.statistic, levels)
    return needed if needed is None else max(needed, missing)


def void(verdict: ChangeVerdict, fired: ChangeVerdict) -> ChangeVerdict:
    """Without its FAIL or improvement, as the control of `fired` differed."""
    if verdict.outcome is not Outcome.FAIL and not verdict.improved:
        return verdict
    outcome = Outcome.INCONCLUSIVE
    if verdict.improved:
        outcome = verdict.outcome
    effect = _amount(fired.control_effect, fired)
    p_value = fired.p_control or 0.0
    return structs.replace(
        verdict,
        outcome=outcome,
        improved=False,
        reason=(
            f"{verdict.reason}. But a control, the same code against itself, differs by {effect} "
            f"(p = {p_value:.1g}): nothing is to be concluded from that; run it again when the "
            "machine does nothing else"
        ),
    )


# Wording


def _too_few(draft: ChangeVerdict, levels: Levels) -> ChangeVerdict:
    needed = levels.fewest - draft.blocks
    verb = "is" if needed == 1 else "are"
    reason = (
        f"{_count_text(draft)}: {levels.fewest} are the fewest that can decide, {needed} more "
        f"{verb} needed"
    )
    return structs.replace(draft, blocks_needed=needed, reason=reason)


def _reason(verdict: ChangeVerdict, metric: ComparedMetric) -> str:
    """The effect, how sure, from how many blocks, the smallest change that counts, the stage."""
    effect = _amount(verdict.effect, verdict)
    low = _amount(verdict.low, verdict)
    high = _amount(verdict.high, verdict)
    margin = _amount(verdict.margin, verdict)
    text = f"it changed by {effect} (95 % interval {low} to {high}; {_count_text(verdict)})"
    counts = f"{margin}, the smallest change that counts"
    if metric.both_ways:
        counts = counts.lstrip("+")
    if verdict.outcome is Outcome.FAIL:
        word = "changed" if metric.both_ways else "worse"
        return f"{text}: {word} by more than {counts}{_stage_text(verdict)}"
    if verdict.improved:
        return f"{text}: an improvement by more than {counts.lstrip('+')}{_stage_text(verdict)}"
    if verdict.outcome is Outcome.PASS:
        return f"{text}: surely below {counts}"
    return f"{text}: neither surely worse nor surely below {counts}; {_open_end(verdict)}"


def _open_end(verdict: ChangeVerdict) -> str:
    if verdict.blocks_needed is None:
        return (
            f"{t_rule.MOST_BLOCKS} further blocks like these would not decide, so close is it to "
            "that change; choose another smallest change"
        )
    return f"about {plural(verdict.blocks_needed, 'further block')} like these would decide"


def _count_text(verdict: ChangeVerdict) -> str:
    text = f"{plural(verdict.blocks, 'block')} of four windows"
    if not verdict.left_out:
        return text
    return f"{text}, and {verdict.left_out} left out in which it could not be measured"


def _stage_text(verdict: ChangeVerdict) -> str:
    """`; +112 ms in the slowest tenth, of which server.queue +98 ms (+80 to +116)`."""
    found = verdict.attribution
    if found is None:
        return ""
    return f"; {found.total_ms:+.1f} ms in the slowest tenth of the answers, {describe(found)}"


def _amount(value: float | None, verdict: ChangeVerdict) -> str:
    value = value or 0.0
    if verdict.scale == "ratio":
        return f"{100 * value:+.1f} %"
    return f"{value:+.3g} {verdict.unit}".rstrip()
