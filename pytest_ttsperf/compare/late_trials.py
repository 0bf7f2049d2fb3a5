"""Are more trials late than with the old version? By blocks, and exactly.

FAIL by a randomisation test over the arms of each block, which is exact however late trials come
together. PASS needs a t test over the blocks' shares, and the exact bound of the counts as well: a
few late trials scatter too little to be believed (docs/adr/0042). Pure, as all that decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.judge.statistics.exact_counts import (
    ArmCounts,
    SplitTest,
    blocks_to_prove,
    difference_bound,
    split_test,
)
from pytest_ttsperf.judge.statistics.late_share import count_late
from pytest_ttsperf.judge.statistics.t_rule import Contrast, Levels
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import Block, ChangeVerdict, ComparedMetric, Outcome


class LateTrials(NamedTuple):
    """What the blocks say of late trials."""

    counts: ArmCounts
    contrast: Contrast
    """Of the shares; the margin is the metric's."""
    split: SplitTest

    @property
    def effect(self) -> float:
        """By how much the share of late trials is larger."""
        return self.contrast.candidate.mean

    def bound(self, alpha: float) -> float:
        """By how much it is larger at most, exactly."""
        return difference_bound(self.counts.candidate, self.counts.baseline, alpha)

    @property
    def is_fewer(self) -> bool:
        """Surely fewer, and by more than counts."""
        is_large = -self.effect > self.contrast.margin
        return is_large and self.split.p_fewer <= t_rule.ALPHA_IMPROVED


def decide_late(
    draft: ChangeVerdict,
    blocks: Sequence[Block],
    metric: ComparedMetric,
    levels: Levels,
) -> ChangeVerdict:
    """Judge the share of late trials, by these levels; the reason is without what may follow."""
    late = _find(blocks, metric, levels)
    outcome = _outcome(late, draft, levels)
    needed = None
    if outcome is Outcome.INCONCLUSIVE:
        needed = _blocks_needed(late, len(blocks), draft, levels)
    candidate = late.contrast.candidate
    control = late.contrast.control
    low, high = candidate.interval()
    verdict = structs.replace(
        draft,
        outcome=outcome,
        effect=late.effect,
        low=low,
        high=max(high, late.bound(levels.exact_passes)),
        p_slower=late.split.p_more,
        p_within=candidate.p_below(metric.margin),
        improved=outcome is Outcome.PASS and late.is_fewer,
        control_effect=control.mean,
        p_control=control.p_apart(0.0),
        control_fired=late.contrast.has_control_effect(levels.control),
        blocks_needed=needed,
    )
    return structs.replace(verdict, reason=_reason(verdict, late, metric))


def _find(
    blocks: Sequence[Block],
    metric: ComparedMetric,
    levels: Levels,
) -> LateTrials:
    counts = count_late([block.metric for block in blocks], metric.band or 0.0)
    effects = counts.effects()
    contrast = Contrast.of(effects, metric.margin, levels.estimate)
    # Not by the controls too: which texts of a block are slow for both arms is not in these.
    contrast = contrast._replace(candidate=levels.estimate.of(effects.candidate))
    return LateTrials(
        counts=counts,
        contrast=contrast,
        split=split_test(counts.events),
    )


def _outcome(
    late: LateTrials,
    draft: ChangeVerdict,
    levels: Levels,
) -> Outcome:
    margin = late.contrast.margin
    if late.effect > margin and late.split.p_more <= levels.fail_of(draft.statistic) * levels.share:
        return Outcome.FAIL
    is_within = late.contrast.is_within_margin(levels.passes)
    if is_within and late.bound(levels.exact_passes) <= margin:
        return Outcome.PASS
    return Outcome.INCONCLUSIVE


def _blocks_needed(
    late: LateTrials,
    blocks: int,
    draft: ChangeVerdict,
    levels: Levels,
) -> int | None:
    """Further blocks until both the t test and the exact bound decide; None when no few would."""
    needed = None
    if not late.contrast.is_within_margin(levels.passes):
        needed = t_rule.blocks_needed(late.contrast, draft.statistic, levels)
        if needed is None or late.effect > draft.margin:
            return needed
    exact = blocks_to_prove(
        late.counts.candidate,
        late.counts.baseline,
        blocks,
        draft.margin,
        levels.exact_passes,
        t_rule.MOST_BLOCKS,
    )
    if exact is None or needed is None:
        return exact
    return max(exact, needed)


def _reason(
    verdict: ChangeVerdict,
    late: LateTrials,
    metric: ComparedMetric,
) -> str:
    new = late.counts.candidate
    old = late.counts.baseline
    later = _percent(math.expm1(metric.band or 0.0))
    text = (
        f"{new.events} of {new.trials} trials are late with the new code (by more than {later} of "
        f"their text's median), {old.events} of {old.trials} with the old, which is "
        f"{_points(verdict.effect)} (95 % interval {_points(verdict.low)} to "
        f"{_points(verdict.high)}; {plural(verdict.blocks, 'block')})"
    )
    counts = f"{_points(verdict.margin)}, the smallest change that counts"
    if verdict.outcome is Outcome.FAIL:
        return f"{text}: more by over {counts} (exact p = {late.split.p_more:.1g})"
    if verdict.improved:
        return f"{text}: fewer by over {counts.lstrip('+')}"
    if verdict.outcome is Outcome.PASS:
        return f"{text}: surely below {counts}"
    return f"{text}: neither surely more nor surely below {counts}"


def _points(share: float | None) -> str:
    """A difference of shares: `+1.2 points`."""
    return f"{100 * (share or 0.0):+.1f} points"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
