"""Is the new code slower than the old? Blocks in, a verdict with the stage that explains it out.

A t test over blocks, as processes of the same code differ and their trials say nothing about that
(docs/adr/0020). FAIL needs an effect above the smallest change that counts and sure to be above 0,
PASS one sure to be below that change; all else is open. Pure: starts, reads and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import structs

from pytest_ttsperf.compare.attribution import attribute
from pytest_ttsperf.judge.statistics.estimators import (
    TAILS,
    effects,
    missing_rates,
)
from pytest_ttsperf.judge.statistics.t_rule import (
    ALPHA_FAIL,
    ALPHA_PASS,
    DEFAULT_MARGIN,
    MIN_BLOCKS,
    MOST_BLOCKS,
    Contrast,
    alpha_fail,
    blocks_needed,
    plural,
)
from pytest_ttsperf.records import Block, ChangeVerdict, Judged, Look, Outcome, Scale

DELTA_LOST = 0.05
"""Texts that the new code alone does not speak, as a share; more than that is a FAIL by itself."""
GATES_UNCONFIRMED = 3


def decide(
    blocks: Sequence[Block],
    *,
    margin: float = DEFAULT_MARGIN,
    statistic: Judged = "p50",
    scale: Scale = "ratio",
    unit: str = "",
    look: Look = "end",
) -> ChangeVerdict:
    """Judge one gate from its blocks, at the early look or at the end.

    `delta` is the smallest slow-down that counts: a share (0.03) on the scale `ratio`, in the
    metric's unit on `difference`. A text that one arm did not measure is left out in all three,
    and what the new code alone no longer speaks is a FAIL. Raises ValueError for a delta that is
    not above 0, and for a number of 0 or less on the scale `ratio`.
    """
    if not 0 < margin < math.inf:
        raise ValueError(f"found {margin} as the smallest change that counts, wanted it above 0")
    whole = [block for block in blocks if block.metric.is_readable()]
    draft = ChangeVerdict(
        outcome=Outcome.INCONCLUSIVE,
        reason="",
        statistic=statistic,
        scale=scale,
        unit=unit,
        margin=margin,
        look=look,
        blocks=len(whole),
        left_out=len(blocks) - len(whole),
        raw=tuple(blocks),
    )
    if reason := _missing_reason(blocks, look):
        return structs.replace(draft, outcome=Outcome.FAIL, reason=reason)
    if len(whole) < MIN_BLOCKS:
        needed = MIN_BLOCKS - len(whole)
        return structs.replace(draft, blocks_needed=needed, reason=_too_few(draft, needed))
    limit = math.log1p(margin) if scale == "ratio" else margin
    found = effects([block.metric for block in whole], statistic, scale)
    judged = _apply_rule(draft, Contrast.of(found, limit))
    judged = structs.replace(judged, attribution=attribute(whole, statistic))
    judged = structs.replace(judged, reason=_sentence(judged))
    return _void(judged, judged) if judged.control_fired else judged


def needs_confirmation(change: ChangeVerdict, gates: int) -> bool:
    """Whether to confirm a FAIL with fresh blocks: many gates in a run are many chances to err."""
    return change.outcome is Outcome.FAIL and gates > GATES_UNCONFIRMED and not change.confirmed


def confirm(change: ChangeVerdict, fresh: Sequence[Block]) -> ChangeVerdict:
    """Judge a gate once more, on its blocks and as many fresh ones pooled."""
    again = decide(
        [*change.raw, *fresh],
        margin=change.margin,
        statistic=change.statistic,
        scale=change.scale,
        unit=change.unit,
    )
    reason = f"{again.reason}; {len(fresh)} of the blocks are fresh ones, to confirm a FAIL"
    return structs.replace(again, confirmed=True, reason=reason)


def void_by_control(changes: Sequence[ChangeVerdict]) -> tuple[ChangeVerdict, ...]:
    """Take back all FAILs of one cell when the control of any of its gates fired."""
    fired = next((change for change in changes if change.control_fired), None)
    if fired is None:
        return tuple(changes)
    return tuple(change if change.control_fired else _void(change, fired) for change in changes)


def _apply_rule(draft: ChangeVerdict, test: Contrast) -> ChangeVerdict:
    """Fill in the numbers of the test and the outcome of the rule."""
    fails = test.fails(alpha_fail(draft.statistic, draft.look))
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
        blocks_needed=blocks_needed(test, draft.statistic)
        if outcome is Outcome.INCONCLUSIVE
        else None,
    )


def _void(change: ChangeVerdict, by: ChangeVerdict) -> ChangeVerdict:
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


def _missing_reason(blocks: Sequence[Block], look: Look) -> str:
    """Why the new code fails for texts it did not speak at all; empty when it does not."""
    metrics = [block.metric for block in blocks]
    if len(metrics) < MIN_BLOCKS:
        return ""
    test = Contrast.of(missing_rates(metrics), DELTA_LOST)
    if test.control_fired or not test.fails(ALPHA_FAIL[look]):
        return ""
    counts = np.sum([(~np.isfinite(arms.array())).sum(axis=1) for arms in metrics], axis=0)
    texts = sum(len(arms.new) for arms in metrics)
    return (
        f"{counts[2]} of {texts} texts could not be measured with the new code, "
        f"{counts[0] + counts[1]} of {2 * texts} with the old (p = {test.new.p_above(0.0):.1g}): "
        "what could not be measured is not as good as before"
    )


# Wording


def _sentence(change: ChangeVerdict) -> str:
    """The effect, how sure, of how many blocks, the smallest change that counts, the stage."""
    effect, low, high = change.effect or 0.0, change.low or 0.0, change.high or 0.0
    text = (
        f"{change.statistic} changed by {_amount(effect, change)} (95 % interval "
        f"{_amount(low, change)} to {_amount(high, change)}; {_count_text(change)})"
    )
    counts = f"{_amount(change.margin, change)}, the smallest change that counts"
    if change.outcome is Outcome.FAIL:
        return f"{text}: slower by more than {counts}{_stage_text(change)}"
    if change.improved:
        return f"{text}: an improvement by more than {counts.lstrip('+')}{_stage_text(change)}"
    if change.outcome is Outcome.PASS:
        return f"{text}: surely below {counts}"
    return f"{text}: neither surely slower nor surely below {counts}; {_open_end(change)}"


def _open_end(change: ChangeVerdict) -> str:
    needed = change.blocks_needed
    if needed is None:
        return (
            f"{MOST_BLOCKS} further blocks like these would not decide, so close is it to that "
            "change; choose another smallest change"
        )
    return (
        f"about {plural(needed, 'further block')} like these would decide, "
        f"{needed / change.blocks:.0%} more time (--ttsperf-budget)".replace("%", " %")
    )


def _too_few(change: ChangeVerdict, needed: int) -> str:
    return (
        f"{_count_text(change)}: {MIN_BLOCKS} are the fewest that can decide, {needed} more "
        f"{'is' if needed == 1 else 'are'} needed (--ttsperf-budget)"
    )


def _count_text(change: ChangeVerdict) -> str:
    text = plural(change.blocks, "block")
    if not change.left_out:
        return text
    return f"{text}, and {change.left_out} left out in which too few texts were measured"


def _stage_text(change: ChangeVerdict) -> str:
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


def _amount(value: float, change: ChangeVerdict) -> str:
    if change.scale == "ratio":
        return f"{value:+.1%}".replace("%", " %")
    return f"{value:+.3g} {change.unit}".rstrip()
