"""Is the new code slower than the old? Blocks in, a verdict with the stage that explains it out.

A t test over blocks, as processes of the same code differ and their trials say nothing about that
(docs/adr/0020). FAIL needs an effect above the smallest change that counts and sure to be above 0,
PASS one sure to be below that change; all else is open. Pure: starts, reads and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct, structs

from pytest_ttsperf.judge.attribution import attribute
from pytest_ttsperf.judge.blocks import (
    TAILS,
    Effects,
    Estimate,
    effects,
    lost,
)
from pytest_ttsperf.records import Block, Change, Judged, Look, Outcome, Scale

DELTA = 0.03
ALPHA_FAIL: dict[Look, float] = {"early": 0.001, "end": 0.01}
ALPHA_PASS: dict[Look, float] = {"early": 0.01, "end": 0.05}
TAIL_SHARE = 0.5
"""Of ALPHA_FAIL: a tail scatters so much that it would cause most false FAILs of a test."""
ALPHA_CONTROL = 0.01
ALPHA_IMPROVED = 0.01
EARLY_SHARE = 0.6
MIN_BLOCKS = 5
"""With fewer, a t test sees hardly any slow-down of 5 %."""
MOST_BLOCKS = 500
DELTA_LOST = 0.05
"""Texts that the new code alone does not speak, as a share; more than that is a FAIL by itself."""
GATES_UNCONFIRMED = 3


class Plan(Struct, frozen=True, kw_only=True):
    """How many blocks a budget holds, and after how many to look before the end."""

    blocks: int
    early_at: int | None
    seconds: float
    shortfall: str | None = None
    """Why the comparison can only be INCONCLUSIVE; None when the budget holds enough."""


class Contrast(NamedTuple):
    """New against old beside old against old, and the smallest change that counts."""

    new: Estimate
    control: Estimate
    limit: float

    @classmethod
    def of(cls, found: Effects, limit: float) -> Contrast:
        """From one number per block each."""
        return cls(Estimate.of(found.new), Estimate.of(found.control), limit)

    @property
    def control_fired(self) -> bool:
        """Whether identical code differs, by more than the change that counts."""
        is_large = abs(self.control.mean) > self.limit
        return is_large and self.control.p_apart(0.0) <= ALPHA_CONTROL

    def fails(self, alpha: float) -> bool:
        """Slower by more than counts, and surely slower."""
        return self.new.mean > self.limit and self.new.p_above(0.0) <= alpha

    def passes(self, alpha: float) -> bool:
        """Surely not slower by as much as counts."""
        return self.new.p_below(self.limit) <= alpha

    @property
    def improves(self) -> bool:
        """Faster by more than counts, and surely faster."""
        return -self.new.mean > self.limit and self.new.p_below(0.0) <= ALPHA_IMPROVED


def plan(budget_s: float, block_s: float) -> Plan:
    """Give the blocks of `block_s` seconds each that a budget holds, and when to look early.

    No early look where it would have fewer blocks than can decide. Raises ValueError for a
    duration that is not above 0.
    """
    if not (0 < budget_s < math.inf and 0 < block_s < math.inf):
        raise ValueError(
            f"found a budget of {budget_s} s for blocks of {block_s} s, wanted both above 0"
        )
    blocks = int(budget_s / block_s + 1e-9)
    early = math.ceil(EARLY_SHARE * blocks - 1e-9)
    shortfall = None
    if blocks < MIN_BLOCKS:
        shortfall = (
            f"{budget_s:.0f} s hold {_plural(blocks, 'block')} of {block_s:.1f} s, {MIN_BLOCKS} "
            f"are the fewest that can decide; give {math.ceil(MIN_BLOCKS * block_s)} s or more "
            "(--ttsperf-budget)"
        )
    return Plan(
        blocks=blocks,
        early_at=early if MIN_BLOCKS <= early < blocks else None,
        seconds=blocks * block_s,
        shortfall=shortfall,
    )


def decide(
    blocks: Sequence[Block],
    *,
    delta: float = DELTA,
    statistic: Judged = "p50",
    scale: Scale = "ratio",
    unit: str = "",
    look: Look = "end",
) -> Change:
    """Judge one gate from its blocks, at the early look or at the end.

    `delta` is the smallest slow-down that counts: a share (0.03) on the scale `ratio`, in the
    metric's unit on `difference`. A text that one arm did not measure is left out in all three,
    and what the new code alone no longer speaks is a FAIL. Raises ValueError for a delta that is
    not above 0, and for a number of 0 or less on the scale `ratio`.
    """
    if not 0 < delta < math.inf:
        raise ValueError(f"found {delta} as the smallest change that counts, wanted it above 0")
    whole = [block for block in blocks if block.metric.is_readable()]
    draft = Change(
        outcome=Outcome.INCONCLUSIVE,
        reason="",
        statistic=statistic,
        scale=scale,
        unit=unit,
        delta=delta,
        look=look,
        blocks=len(whole),
        left_out=len(blocks) - len(whole),
        raw=tuple(blocks),
    )
    if reason := _lost(blocks, look):
        return structs.replace(draft, outcome=Outcome.FAIL, reason=reason)
    if len(whole) < MIN_BLOCKS:
        needed = MIN_BLOCKS - len(whole)
        return structs.replace(draft, blocks_needed=needed, reason=_too_few(draft, needed))
    limit = math.log1p(delta) if scale == "ratio" else delta
    found = effects([block.metric for block in whole], statistic, scale)
    judged = _judged(draft, Contrast.of(found, limit))
    judged = structs.replace(judged, attribution=attribute(whole, statistic))
    judged = structs.replace(judged, reason=_sentence(judged))
    return _voided(judged, judged) if judged.control_fired else judged


def needs_confirmation(change: Change, gates: int) -> bool:
    """Whether to confirm a FAIL with fresh blocks: many gates in a run are many chances to err."""
    return change.outcome is Outcome.FAIL and gates > GATES_UNCONFIRMED and not change.confirmed


def confirm(change: Change, fresh: Sequence[Block]) -> Change:
    """Judge a gate once more, on its blocks and as many fresh ones pooled."""
    again = decide(
        [*change.raw, *fresh],
        delta=change.delta,
        statistic=change.statistic,
        scale=change.scale,
        unit=change.unit,
    )
    reason = f"{again.reason}; {len(fresh)} of the blocks are fresh ones, to confirm a FAIL"
    return structs.replace(again, confirmed=True, reason=reason)


def void_by_control(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Take back all FAILs of one cell when the control of any of its gates fired."""
    fired = next((change for change in changes if change.control_fired), None)
    if fired is None:
        return tuple(changes)
    return tuple(change if change.control_fired else _voided(change, fired) for change in changes)


def _judged(draft: Change, test: Contrast) -> Change:
    """Fill in the numbers of the test and the outcome of the rule."""
    fails = test.fails(_alpha_fail(draft.statistic, draft.look))
    passes = test.passes(ALPHA_PASS[draft.look])
    outcome = Outcome.FAIL if fails else Outcome.PASS if passes else Outcome.INCONCLUSIVE
    low, high = test.new.interval()
    shown = math.expm1 if draft.scale == "ratio" else float
    return structs.replace(
        draft,
        outcome=outcome,
        effect=shown(test.new.mean),
        low=shown(low),
        high=shown(high),
        p_slower=test.new.p_above(0.0),
        p_within=test.new.p_below(test.limit),
        improved=test.improves,
        control_effect=shown(test.control.mean),
        p_control=test.control.p_apart(0.0),
        control_fired=test.control_fired,
        blocks_needed=_blocks_needed(test, draft.statistic)
        if outcome is Outcome.INCONCLUSIVE
        else None,
    )


def _alpha_fail(statistic: Judged, look: Look) -> float:
    return ALPHA_FAIL[look] * (TAIL_SHARE if statistic in TAILS else 1.0)


def _voided(change: Change, by: Change) -> Change:
    """Without its FAIL or improvement, as the control fired."""
    if change.outcome is not Outcome.FAIL and not change.improved:
        return change
    effect, p_value = by.control_effect or 0.0, by.p_control or 0.0
    reason = (
        f"{change.reason}. But the control, the old code against itself, differs by "
        f"{_amount(effect, by)} (p = {p_value:.1g}) in {by.statistic}: nothing is to be concluded "
        "from that; run it again when the machine does nothing else"
    )
    outcome = change.outcome if change.improved else Outcome.INCONCLUSIVE
    return structs.replace(change, outcome=outcome, improved=False, reason=reason)


def _lost(blocks: Sequence[Block], look: Look) -> str:
    """Why the new code fails for texts it did not speak at all; empty when it does not."""
    metrics = [block.metric for block in blocks]
    if len(metrics) < MIN_BLOCKS:
        return ""
    test = Contrast.of(lost(metrics), DELTA_LOST)
    if test.control_fired or not test.fails(ALPHA_FAIL[look]):
        return ""
    counts = np.sum([(~np.isfinite(arms.array())).sum(axis=1) for arms in metrics], axis=0)
    texts = sum(len(arms.new) for arms in metrics)
    return (
        f"{counts[2]} of {texts} texts could not be measured with the new code, "
        f"{counts[0] + counts[1]} of {2 * texts} with the old (p = {test.new.p_above(0.0):.1g}): "
        "what could not be measured is not as good as before"
    )


def _blocks_needed(test: Contrast, statistic: Judged) -> int | None:
    """Further blocks until the rule at the end decides, if mean and scatter stay as they are."""
    from scipy import stats

    have = test.new.freedom + 1
    if test.new.error == 0:
        return None
    counts = np.arange(have + 1, have + MOST_BLOCKS + 1)
    errors = test.new.error * np.sqrt(have / counts)
    pass_t = stats.t.isf(ALPHA_PASS["end"], counts - 1)
    fail_t = stats.t.isf(_alpha_fail(statistic, "end"), counts - 1)
    would_pass = (test.limit - test.new.mean) / errors >= pass_t
    would_fail = (test.new.mean > test.limit) & (test.new.mean / errors >= fail_t)
    decided = counts[would_pass | would_fail]
    return int(decided[0]) - have if decided.size else None


# Wording


def _sentence(change: Change) -> str:
    """The effect, how sure, of how many blocks, the smallest change that counts, the stage."""
    effect, low, high = change.effect or 0.0, change.low or 0.0, change.high or 0.0
    text = (
        f"{change.statistic} changed by {_amount(effect, change)} (95 % interval "
        f"{_amount(low, change)} to {_amount(high, change)}; {_counted(change)})"
    )
    counts = f"{_amount(change.delta, change)}, the smallest change that counts"
    if change.outcome is Outcome.FAIL:
        return f"{text}: slower by more than {counts}{_stage_text(change)}"
    if change.improved:
        return f"{text}: an improvement by more than {counts.lstrip('+')}{_stage_text(change)}"
    if change.outcome is Outcome.PASS:
        return f"{text}: surely below {counts}"
    return f"{text}: neither surely slower nor surely below {counts}; {_open_end(change)}"


def _open_end(change: Change) -> str:
    needed = change.blocks_needed
    if needed is None:
        return (
            f"{MOST_BLOCKS} further blocks like these would not decide, so close is it to that "
            "change; choose another smallest change"
        )
    return (
        f"about {_plural(needed, 'further block')} like these would decide, "
        f"{needed / change.blocks:.0%} more time (--ttsperf-budget)".replace("%", " %")
    )


def _too_few(change: Change, needed: int) -> str:
    return (
        f"{_counted(change)}: {MIN_BLOCKS} are the fewest that can decide, {needed} more "
        f"{'is' if needed == 1 else 'are'} needed (--ttsperf-budget)"
    )


def _counted(change: Change) -> str:
    text = _plural(change.blocks, "block")
    if not change.left_out:
        return text
    return f"{text}, and {change.left_out} left out in which too few texts were measured"


def _stage_text(change: Change) -> str:
    """`; +11.2 ms, of which vocode +10.9 ms (+10.1 to +11.7)`."""
    found = change.attribution
    if found is None:
        return "; which stage it is is not known, as stages were not told"
    text = f"; {found.total_ms:+.1f} ms{' in the slow texts' if change.statistic in TAILS else ''}"
    if found.explained_by is None:
        return f"{text}, in which no single stage surely has a part"
    first = found.stages[0]
    return (
        f"{text}, of which {first.stage} {first.ms:+.1f} ms "
        f"({first.low_ms:+.1f} to {first.high_ms:+.1f})"
    )


def _amount(value: float, change: Change) -> str:
    if change.scale == "ratio":
        return f"{value:+.1%}".replace("%", " %")
    return f"{value:+.3g} {change.unit}".rstrip()


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
