"""Is the candidate slower than the baseline? Blocks in, a verdict with the responsible stage out.

A t test over blocks, as processes of the same code differ and their trials say nothing about that
(docs/adr/0020). FAIL needs an effect that is above the smallest change that counts and surely above
0; PASS needs one that is surely below that change; all else is open. Pure: starts, reads and writes
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import structs

from pytest_ttsperf.compare import coarse_clock, late_trials, rare_events, work
from pytest_ttsperf.experiment import process_luck
from pytest_ttsperf.judge.statistics.attribution import attribute, describe
from pytest_ttsperf.judge.statistics.estimators import (
    TAILS,
    TRIM,
    effects,
    is_missing,
    missing_rates,
)
from pytest_ttsperf.judge.statistics.resolution import Resolution
from pytest_ttsperf.judge.statistics.t_rule import (
    END,
    MOST_BLOCKS,
    Contrast,
    Levels,
    blocks_needed,
    draft_verdict,
)
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import (
    Block,
    ChangeVerdict,
    ComparedMetric,
    Outcome,
)

MISSING_MARGIN = 0.05
"""Share of texts that the candidate alone does not speak; more than that is a FAIL by itself."""
LIKE_THESE = "like these"
"""Of further blocks: after it stands what they cost, where somebody knows that."""


def decide(
    blocks: Sequence[Block],
    metric: ComparedMetric,
    levels: Levels = END,
    texts: work.Texts = (),
) -> ChangeVerdict:
    """Judge one metric from its blocks, at the levels of one look.

    A text that one arm did not measure is left out in all, and texts that only the candidate no
    longer speaks are a FAIL. `texts` are those of the blocks, to name some. Raises ValueError
    for a margin that is not above 0, and for a number of 0 or less on the scale `ratio`.
    """
    if not 0 < metric.margin < math.inf:
        raise ValueError(
            f"found {metric.margin} as the smallest change that counts, wanted it above 0"
        )
    readable = [block for block in blocks if block.metric.is_readable()]
    draft = draft_verdict(
        metric, levels, readable=len(readable), left_out=len(blocks) - len(readable)
    )
    missing = _missing_reason(blocks, levels)
    if missing is not None:
        return structs.replace(draft, outcome=Outcome.FAIL, reason=missing)
    if len(readable) < levels.fewest:
        needed = levels.fewest - len(readable)
        return structs.replace(
            draft,
            blocks_needed=needed,
            reason=_too_few_text(draft, needed),
        )
    if metric.statistic == "outside":
        return work.decide_outside(draft, blocks, metric, levels, texts)
    if metric.statistic == "late":
        verdict = _decide_late(draft, readable, metric, levels)
    else:
        verdict = _decide_figure(draft, readable, metric, levels)
    if verdict.control_fired:
        return _void(verdict, verdict)
    return verdict


def _decide_figure(
    draft: ChangeVerdict,
    readable: Sequence[Block],
    metric: ComparedMetric,
    levels: Levels,
) -> ChangeVerdict:
    """By the t rule over blocks, and by what limits what that can know."""
    steps = coarse_clock.find_steps(readable, metric)
    contrast = _contrast(readable, metric, steps, levels)
    if metric.both_ways or metric.is_work:
        verdict = _decide_work(draft, contrast, metric, levels)
    else:
        verdict = _apply_rule(draft, contrast, levels)
        verdict = structs.replace(verdict, attribution=attribute(readable, metric.statistic))
        verdict = structs.replace(verdict, reason=_reason(verdict))
        verdict = process_luck.hold_back(verdict, metric)
    if steps is not None:
        verdict = coarse_clock.explain_steps(verdict, contrast, metric, steps)
    if metric.event is not None:
        verdict = rare_events.check_counts(
            verdict,
            readable,
            metric,
            levels,
        )
    return verdict


def _decide_late(
    draft: ChangeVerdict,
    readable: Sequence[Block],
    metric: ComparedMetric,
    levels: Levels,
) -> ChangeVerdict:
    """The share of late trials; where it changed, the stage is that of the slow texts."""
    verdict = late_trials.decide_late(
        draft,
        readable,
        metric,
        levels,
    )
    if verdict.outcome is Outcome.INCONCLUSIVE:
        return structs.replace(verdict, reason=f"{verdict.reason}; {_open_end(verdict)}")
    if verdict.outcome is Outcome.PASS and not verdict.improved:
        return verdict
    verdict = structs.replace(verdict, attribution=attribute(readable, "p95"))
    return structs.replace(verdict, reason=f"{verdict.reason}{_stage_text(verdict)}")


def _decide_work(
    draft: ChangeVerdict,
    contrast: Contrast,
    metric: ComparedMetric,
    levels: Levels,
) -> ChangeVerdict:
    """By the rule for what is the work: no stage takes it, and none of it is an improvement."""
    if metric.both_ways:
        verdict = _apply_rule_both_ways(draft, contrast, levels)
    else:
        verdict = structs.replace(_apply_rule(draft, contrast, levels), improved=False)
    return structs.replace(verdict, reason=_work_reason(verdict, metric))


def as_ungated(verdict: ChangeVerdict, why: str) -> ChangeVerdict:
    """The same as something that is shown and not judged, and when it would be."""
    found, _, _ = verdict.reason.partition(": ")
    return structs.replace(
        verdict,
        outcome=Outcome.INCONCLUSIVE,
        improved=False,
        blocks_needed=None,
        reason=f"{found}: shown, and not judged; it is {why}",
    )


def confirm(
    blocks: Sequence[Block],
    fresh: int,
    metric: ComparedMetric,
    levels: Levels,
    texts: work.Texts = (),
) -> ChangeVerdict:
    """Judge a metric again that failed, from all its blocks; the last `fresh` are new ones."""
    pooled = decide(blocks, metric, levels, texts)
    reason = f"{pooled.reason}; {fresh} of the blocks are fresh ones, to confirm a FAIL"
    return structs.replace(pooled, confirmed=True, reason=reason)


def void_by_control(
    verdicts: Sequence[ChangeVerdict],
    metrics: Sequence[ComparedMetric],
) -> tuple[ChangeVerdict, ...]:
    """Take back the FAILs of one cell when a control fired: of all times, or of all work.

    What disturbs the times says nothing of what was said, and what scatters there nothing of times.
    """
    fired: dict[bool, ChangeVerdict] = {}
    for verdict, metric in zip(verdicts, metrics, strict=True):
        if verdict.control_fired:
            fired.setdefault(metric.is_work, verdict)
    judged = []
    for verdict, metric in zip(verdicts, metrics, strict=True):
        # One whose own control fired has been voided by it already.
        if metric.is_work in fired and not verdict.control_fired:
            verdict = _void(verdict, fired[metric.is_work])
        judged.append(verdict)
    return tuple(judged)


def _contrast(
    readable: Sequence[Block],
    metric: ComparedMetric,
    steps: Resolution | None,
    levels: Levels,
) -> Contrast:
    """Of values that come in steps nothing is trimmed: a change shows in the few that move."""
    arms = [block.metric for block in readable]
    trim = TRIM
    least_error = 0.0
    if steps is not None:
        trim = 0.0
        least_error = steps.error(metric.statistic)
    per_block = effects(arms, metric.statistic, metric.scale, trim)
    margin = metric.margin
    if metric.scale == "ratio":
        margin = math.log1p(margin)
    contrast = Contrast.of(per_block, margin, levels.estimate)
    candidate = contrast.candidate.with_least_error(least_error)
    return contrast._replace(candidate=candidate)


def _apply_rule(draft: ChangeVerdict, contrast: Contrast, levels: Levels) -> ChangeVerdict:
    """Fill in the numbers of the test and the outcome of the rule."""
    outcome = _outcome(contrast, draft, levels)
    needed = None
    if outcome is Outcome.INCONCLUSIVE:
        needed = blocks_needed(contrast, draft.statistic, levels)
    from_scale: Callable[[float], float] = float
    if draft.scale == "ratio":
        from_scale = math.expm1
    candidate = contrast.candidate
    control = contrast.control
    low, high = candidate.interval()
    return structs.replace(
        draft,
        outcome=outcome,
        effect=from_scale(candidate.mean),
        low=from_scale(low),
        high=from_scale(high),
        p_slower=candidate.p_above(0.0),
        p_within=candidate.p_below(contrast.margin),
        improved=contrast.is_faster,
        control_effect=from_scale(control.mean),
        p_control=control.p_apart(0.0),
        control_fired=contrast.has_control_effect(levels.control),
        blocks_needed=needed,
    )


def _apply_rule_both_ways(
    draft: ChangeVerdict,
    contrast: Contrast,
    levels: Levels,
) -> ChangeVerdict:
    """The rule in the direction in which it moved, where nothing is an improvement.

    The other direction has nothing to say: what is surely not that much more is even less that much
    less. The chance of a false FAIL is for both together.
    """
    verdict = _apply_rule(draft, contrast, levels)
    moved = verdict
    if contrast.candidate.mean < 0:
        moved = _apply_rule(draft, contrast.mirrored, levels)
    p_changed = contrast.candidate.p_apart(0.0)
    outcome = moved.outcome
    if outcome is Outcome.FAIL and p_changed > levels.fail_of(draft.statistic):
        outcome = Outcome.INCONCLUSIVE
    return structs.replace(
        verdict,
        outcome=outcome,
        improved=False,
        blocks_needed=moved.blocks_needed,
        p_slower=p_changed,
        p_within=moved.p_within,
    )


def _outcome(contrast: Contrast, draft: ChangeVerdict, levels: Levels) -> Outcome:
    if contrast.is_slower(levels.fail_of(draft.statistic)):
        return Outcome.FAIL
    if contrast.is_within_margin(levels.passes):
        return Outcome.PASS
    return Outcome.INCONCLUSIVE


def _void(verdict: ChangeVerdict, fired: ChangeVerdict) -> ChangeVerdict:
    """Without its FAIL or improvement, as the control of `fired` differed."""
    if verdict.outcome is not Outcome.FAIL and not verdict.improved:
        return verdict
    effect = _amount(fired.control_effect, fired)
    p_value = fired.p_control or 0.0
    outcome = Outcome.INCONCLUSIVE
    if verdict.improved:
        outcome = verdict.outcome
    return structs.replace(
        verdict,
        outcome=outcome,
        improved=False,
        reason=(
            f"{verdict.reason}. But a control, the same code against itself, differs by "
            f"{effect} (p = {p_value:.1g}) in {fired.statistic}: nothing is to be concluded "
            "from that; run it again when the machine does nothing else"
        ),
    )


def _missing_reason(blocks: Sequence[Block], levels: Levels) -> str | None:
    """Why the candidate fails for texts it did not speak at all; None when it does not."""
    metrics = [block.metric for block in blocks]
    if len(metrics) < levels.fewest:
        return None
    if not any(is_missing(arms).any() for arms in metrics):
        return None
    contrast = Contrast.of(missing_rates(metrics), MISSING_MARGIN, levels.estimate)
    if contrast.has_control_effect(levels.control) or not contrast.is_slower(levels.fail):
        return None
    missing = np.concatenate([is_missing(arms) for arms in metrics], axis=1)
    _, texts = missing.shape
    baseline, control, *candidates = missing.sum(axis=1)
    p_value = contrast.candidate.p_above(0.0)
    return (
        f"{sum(candidates)} of {len(candidates) * texts} texts could not be measured with the new "
        f"code, {baseline + control} of {2 * texts} with the old (p = {p_value:.1g}): "
        "what could not be measured is not as good as before"
    )


def add_cost(verdict: ChangeVerdict, cost: str) -> ChangeVerdict:
    """An open verdict with what the blocks cost that it lacks, as `40 s, --ttsperf-budget=100s`."""
    reason = verdict.reason.replace(LIKE_THESE, f"{LIKE_THESE} ({cost})", 1)
    return structs.replace(verdict, reason=reason)


# Wording


def _reason(verdict: ChangeVerdict) -> str:
    """The effect, how sure, from how many blocks, the smallest change that counts, the stage."""
    effect = _amount(verdict.effect, verdict)
    low = _amount(verdict.low, verdict)
    high = _amount(verdict.high, verdict)
    margin = _amount(verdict.margin, verdict)
    text = (
        f"{verdict.statistic} changed by {effect} (95 % interval {low} to {high}; "
        f"{_count_text(verdict)})"
    )
    counts = f"{margin}, the smallest change that counts"
    if verdict.outcome is Outcome.FAIL:
        return f"{text}: slower by more than {counts}{_stage_text(verdict)}"
    if verdict.improved:
        return f"{text}: an improvement by more than {counts.lstrip('+')}{_stage_text(verdict)}"
    if verdict.outcome is Outcome.PASS:
        return f"{text}: surely below {counts}"
    return f"{text}: neither surely slower nor surely below {counts}; {_open_end(verdict)}"


def _work_reason(verdict: ChangeVerdict, metric: ComparedMetric) -> str:
    """How much more or less is said for the same texts, or how else, and how sure that is."""
    effect = _amount(verdict.effect, verdict)
    low = _amount(verdict.low, verdict)
    high = _amount(verdict.high, verdict)
    margin = _amount(verdict.margin, verdict).lstrip("+")
    found = f"the {metric.label} of the new code differs by {effect}"
    if metric.metric == "speech_s":
        found = f"the new code says {effect}"
    text = f"{found} for the same texts (95 % interval {low} to {high}; {_count_text(verdict)})"
    counts = f"{margin}, the smallest change that counts"
    if verdict.outcome is Outcome.FAIL:
        return f"{text}: it changed by more than {counts}"
    if verdict.outcome is Outcome.PASS:
        return f"{text}: surely within {counts}"
    return f"{text}: neither surely beyond nor surely within {counts}; {_open_end(verdict)}"


def _open_end(verdict: ChangeVerdict) -> str:
    needed = verdict.blocks_needed
    if needed is None:
        return (
            f"{MOST_BLOCKS} further blocks like these would not decide, so close is it to that "
            "change; choose another smallest change"
        )
    return f"about {plural(needed, 'further block')} {LIKE_THESE} would decide"


def _too_few_text(verdict: ChangeVerdict, needed: int) -> str:
    verb = "is" if needed == 1 else "are"
    return (
        f"{_count_text(verdict)}: {verdict.blocks + needed} are the fewest that can decide, "
        f"{needed} more {LIKE_THESE} {verb} needed"
    )


def _count_text(verdict: ChangeVerdict) -> str:
    text = plural(verdict.blocks, "block")
    if not verdict.left_out:
        return text
    return f"{text}, and {verdict.left_out} left out in which too few texts were measured"


def _stage_text(verdict: ChangeVerdict) -> str:
    """`; +11.2 ms, of which vocode +10.9 ms (+10.1 to +11.7)`."""
    found = verdict.attribution
    if found is None:
        return "; which stage it is is not known, as stages were not told"
    text = f"; {found.total_ms:+.1f} ms"
    if verdict.statistic in TAILS or verdict.statistic == "late":
        text += " in the slow texts"
    return f"{text}, {describe(found)}"


def _amount(value: float | None, verdict: ChangeVerdict) -> str:
    value = value or 0.0
    if verdict.scale == "ratio":
        return f"{100 * value:+.1f} %"
    return f"{value:+.3g} {verdict.unit}".rstrip()
