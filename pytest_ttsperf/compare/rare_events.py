"""Figures that are 0 in most texts: what the t test says of them is checked against exact counts.

Where nothing happened nothing scatters, and a t test over blocks is certain of that. So PASS needs
an exact bound as well, and FAIL may come from either (docs/adr/0042). Pure, as all that decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.judge.statistics.estimators import drop_incomplete
from pytest_ttsperf.judge.statistics.exact_counts import (
    ArmCounts,
    SplitTest,
    blocks_to_prove,
    count_events,
    split_test,
)
from pytest_ttsperf.judge.statistics.t_rule import Levels
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import Block, ChangeVerdict, ComparedMetric, Outcome

MOST_RARE = 0.1
"""Of all texts of all arms: where more have the event it is not rare, its number scatters from
block to block, and the t rule needs no help."""


class EventTexts(NamedTuple):
    """The texts that have an event."""

    counts: ArmCounts
    largest: float
    """What the figure is at most in one text; at least the size of an event."""
    split: SplitTest

    @property
    def is_rare(self) -> bool:
        """Whether few of all texts have it."""
        events = self.counts.candidate.events + self.counts.baseline.events
        trials = self.counts.candidate.trials + self.counts.baseline.trials
        return events <= MOST_RARE * trials

    def bound(self, alpha: float) -> float:
        """By how much the figure's mean is larger at most, in its unit."""
        return self.largest * self.counts.bound(alpha)


def check_counts(
    verdict: ChangeVerdict,
    blocks: Sequence[Block],
    metric: ComparedMetric,
    levels: Levels,
) -> ChangeVerdict:
    """Give what the t rule and the exact counts say together.

    Two tests that may FAIL share the level, half each. Both must agree to a PASS, so each has all
    of its own.
    """
    events = _find(blocks, metric)
    if not events.is_rare:
        return verdict
    is_more = (verdict.effect or 0.0) > metric.margin
    p_counts = min(1.0, events.split.p_more / levels.share)
    p_slower = min(_chance(verdict.p_slower), p_counts)
    outcome = Outcome.INCONCLUSIVE
    if is_more and p_slower <= levels.fail_of(metric.statistic) / 2:
        outcome = Outcome.FAIL
    elif verdict.outcome is Outcome.PASS and events.bound(levels.exact_passes) <= metric.margin:
        outcome = Outcome.PASS
    needed = verdict.blocks_needed
    if outcome is Outcome.INCONCLUSIVE and verdict.outcome is Outcome.PASS:
        needed = _blocks_needed(events, len(blocks), metric, levels.exact_passes)
    checked = structs.replace(
        verdict,
        outcome=outcome,
        high=max(verdict.high or 0.0, events.bound(levels.exact_passes)),
        p_slower=p_slower,
        improved=verdict.improved and outcome is Outcome.PASS,
        blocks_needed=needed,
    )
    return structs.replace(checked, reason=_reason(checked, verdict, events, metric))


def _find(blocks: Sequence[Block], metric: ComparedMetric) -> EventTexts:
    event = metric.event or 0.0
    values = [drop_incomplete(block.metric) for block in blocks]
    counts = count_events([block >= event for block in values])
    largest = max(float(block.max()) for block in values)
    return EventTexts(
        counts=counts,
        largest=max(event, largest),
        split=split_test(counts.events),
    )


def _chance(p_value: float | None) -> float:
    return 1.0 if p_value is None else p_value


def _blocks_needed(
    events: EventTexts,
    blocks: int,
    metric: ComparedMetric,
    alpha_pass: float,
) -> int | None:
    return blocks_to_prove(
        events.counts.candidate_texts,
        events.counts.baseline,
        blocks,
        metric.margin / events.largest,
        alpha_pass,
        t_rule.MOST_BLOCKS,
    )


def _reason(
    checked: ChangeVerdict,
    by_t: ChangeVerdict,
    events: EventTexts,
    metric: ComparedMetric,
) -> str:
    if checked.outcome is by_t.outcome:
        return by_t.reason
    new = events.counts.candidate
    old = events.counts.baseline
    text = (
        f"{new.events} of {new.trials} texts have {metric.label} with the new code, {old.events} "
        f"of {old.trials} with the old ({plural(checked.blocks, 'block')})"
    )
    margin = _amount(metric.margin, metric)
    if checked.outcome is Outcome.FAIL:
        return f"{text}: more by over {margin} a text (exact p = {events.split.p_more:.1g})"
    if by_t.outcome is Outcome.FAIL:
        return f"{text}: more, and not surely so (p = {checked.p_slower:.1g})"
    most = _amount(checked.high or 0.0, metric)
    return f"{text}: up to {most} a text may be more, and {margin} would count{_more(checked)}"


def _more(verdict: ChangeVerdict) -> str:
    if verdict.blocks_needed is None:
        return "; choose a larger smallest change"
    further = plural(verdict.blocks_needed, "further block")
    return f"; about {further} like these would decide (--ttsperf-budget)"


def _amount(value: float, metric: ComparedMetric) -> str:
    return f"{value:.3g} {metric.unit}".rstrip()
