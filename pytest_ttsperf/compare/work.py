"""Whether two versions do the same work: say as much for the same text, and sound as before.

Beside the mean, which trims one odd text in fifty away, texts are counted in which one process
stands apart. Pure, as all that decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import structs

from pytest_ttsperf.judge.statistics.estimators import find_outside
from pytest_ttsperf.judge.statistics.t_rule import Levels
from pytest_ttsperf.records import Block, ChangeVerdict, ComparedMetric, Outcome

ALPHA_DOUBT = 0.05
"""Texts that stand apart so improbably by chance are neither a FAIL yet nor nothing."""
EARLY_SHARE = 0.5
"""Of the margin: so few texts may stand apart for a PASS before the end. Whoever stops early has
spoken too few to see one in fifty."""
SHOWN_TEXTS = 1
Texts = Sequence[Sequence[str]]
"""The texts of each block."""


class OutsideCount(NamedTuple):
    """In how many texts each arm stood apart from both others, and of how many."""

    old: int
    """The baseline and the control together."""
    new: int
    texts: int
    examples: tuple[tuple[int, int], ...]
    """Block and index of those in which the candidate did."""

    @property
    def p_value(self) -> float:
        """The chance of so many in the candidate if all three arms are alike.

        Then a text that stands apart is as likely to be of one arm as of another: binomial, exact.
        """
        from scipy import special

        total = self.old + self.new
        if not self.new:
            return 1.0
        return float(special.bdtrc(self.new - 1, total, 1 / 3))

    def bound(self, alpha: float) -> float:
        """The share of texts that the candidate has outside, at most (Clopper and Pearson 1934)."""
        from scipy import special

        if self.new >= self.texts:
            return 1.0
        return float(special.betaincinv(self.new + 1, self.texts - self.new, 1 - alpha))


def count_outside(blocks: Sequence[Block], metric: ComparedMetric) -> OutsideCount:
    """Count the texts in which one arm is further than the band from two that agree."""
    counts = np.zeros(3, dtype=int)
    examples = []
    texts = 0
    for number, block in enumerate(blocks):
        outside = find_outside(block.metric, metric.scale, metric.band or 0.0)
        counts += outside.sum(axis=1)
        texts += outside.shape[1]
        for index in np.flatnonzero(outside[2]):
            examples.append((number, int(index)))
    baseline, control, candidate = counts.tolist()
    return OutsideCount(
        old=baseline + control,
        new=candidate,
        texts=texts,
        examples=tuple(examples),
    )


def decide_outside(
    draft: ChangeVerdict,
    blocks: Sequence[Block],
    metric: ComparedMetric,
    levels: Levels,
    texts: Texts = (),
) -> ChangeVerdict:
    """FAIL when texts of the candidate stand apart by more than chance, exactly.

    PASS when surely fewer than the margin, a share of the texts, do, and those may be chance; else
    it is open.
    """
    count = count_outside(blocks, metric)
    outcome = Outcome.INCONCLUSIVE
    high = count.bound(levels.exact_passes)
    margin = metric.margin
    if levels.look == "early":
        margin *= EARLY_SHARE
    if count.p_value <= levels.exact_fail:
        outcome = Outcome.FAIL
    elif high <= margin and count.p_value > ALPHA_DOUBT:
        outcome = Outcome.PASS
    share = count.new / count.texts if count.texts else 0.0
    verdict = structs.replace(
        draft,
        outcome=outcome,
        effect=share - count.old / max(2 * count.texts, 1),
        high=high,
        p_slower=count.p_value,
    )
    return structs.replace(verdict, reason=_outside_reason(verdict, count, metric, texts))


def _outside_reason(
    verdict: ChangeVerdict,
    count: OutsideCount,
    metric: ComparedMetric,
    texts: Texts,
) -> str:
    text = (
        f"{count.new} of {count.texts} texts stand apart with the new code "
        f"(by more than {_band_text(metric)}), {count.old} of {2 * count.texts} with the old"
    )
    if verdict.outcome is Outcome.FAIL:
        return f"{text} (exact p = {count.p_value:.1g}){_example_text(count, texts)}"
    if verdict.outcome is Outcome.PASS:
        return f"{text}: surely fewer than {_percent(metric.margin)}"
    if count.p_value <= ALPHA_DOUBT:
        return (
            f"{text}: hardly by chance (exact p = {count.p_value:.1g}), and not surely otherwise; "
            f"more texts would decide{_example_text(count, texts)}"
        )
    most = _percent(verdict.high or 0.0)
    return f"{text}: up to {most} may, and {_percent(metric.margin)} would count"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _band_text(metric: ComparedMetric) -> str:
    band = metric.band or 0.0
    if metric.scale == "ratio":
        return _percent(math.expm1(band))
    unit = {"active_level_dbfs": " dB", "worst_run": " words"}.get(metric.metric, "")
    return f"{band:g}{unit}"


def _example_text(count: OutsideCount, texts: Texts) -> str:
    shown = []
    for block, index in count.examples[:SHOWN_TEXTS]:
        if block < len(texts):
            shown.append(repr(texts[block][index]))
    return f"; listen to {', '.join(shown)}" if shown else ""


def is_other_length(
    verdicts: Sequence[ChangeVerdict],
    metrics: Sequence[ComparedMetric],
) -> bool:
    """Whether the candidate surely says more or less for the same texts."""
    return any(
        metric.metric == "speech_s" and metric.both_ways and verdict.outcome is Outcome.FAIL
        for verdict, metric in zip(verdicts, metrics, strict=True)
    )


def void_by_work(
    verdicts: Sequence[ChangeVerdict],
    metrics: Sequence[ComparedMetric],
) -> tuple[ChangeVerdict, ...]:
    """Take back what was gained or kept where the candidate does not do the same work for it."""
    failed = [
        verdict
        for verdict, metric in zip(verdicts, metrics, strict=True)
        if metric.is_work and verdict.outcome is Outcome.FAIL
    ]
    if not failed:
        return tuple(verdicts)
    reason = f"what is said differs ({failed[0].reason})"
    judged = []
    for verdict, metric in zip(verdicts, metrics, strict=True):
        if not metric.is_work:
            verdict = _withdraw_pass(verdict, reason)
        judged.append(verdict)
    return tuple(judged)


def _withdraw_pass(verdict: ChangeVerdict, reason: str) -> ChangeVerdict:
    if verdict.outcome is not Outcome.PASS:
        return verdict
    return structs.replace(
        verdict,
        outcome=Outcome.INCONCLUSIVE,
        improved=False,
        reason=f"{verdict.reason}. But it is not the price of the same work: {reason}",
    )
