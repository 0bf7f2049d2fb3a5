"""Where the steps of a clock are too coarse for the change that is looked for. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from pytest_ttsperf.judge.statistics.resolution import Resolution, find_resolution
from pytest_ttsperf.judge.statistics.t_rule import Contrast
from pytest_ttsperf.metrics.definitions import METRICS
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import Block, ChangeVerdict, ComparedMetric, Outcome


def find_steps(blocks: Sequence[Block], metric: ComparedMetric) -> Resolution | None:
    """The steps of a figure that a clock measures; None where they are of no matter.

    What is computed from samples of sound is the same in each run of the same voice, and has no
    such steps.
    """
    if metric.scale != "ratio" or metric.is_work:
        return None
    return find_resolution([block.metric for block in blocks])


def explain_steps(
    verdict: ChangeVerdict,
    contrast: Contrast,
    metric: ComparedMetric,
    steps: Resolution,
) -> ChangeVerdict:
    """Say where it is the steps, and not the scatter of the values, that leave it open."""
    is_limiting = contrast.candidate.error <= steps.error(metric.statistic)
    if verdict.outcome is not Outcome.INCONCLUSIVE or not is_limiting:
        return verdict
    unit = ""
    if metric.metric in METRICS:
        unit = METRICS[metric.metric].unit
    step = f"{steps.step:.3g} {unit}".rstrip()
    verb = "are"
    if steps.share == 1.0:
        verb = "may be"  # there is one value alone
    found, _, _ = verdict.reason.partition("): ")
    reason = (
        f"{found}): too coarse for this change: the clock's steps {verb} {step}, "
        f"{100 * steps.share:.3g} % of the median"
    )
    needed = verdict.blocks_needed
    if steps.texts == 1:
        needed = None  # the next text would lie at the same place between two steps
    if needed is not None:
        reason += f"; about {plural(needed, 'further block')} like these would decide"
    return structs.replace(verdict, blocks_needed=needed, reason=reason)
