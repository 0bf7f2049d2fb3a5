"""Two processes of the same code are not equally fast, and a server is one process throughout.

A comparison of programs or Python objects has new processes in each block, or window of a load,
whose luck averages out. A server runs already: all blocks meet the same process of each version, so
that its luck is in every one of them, and the control, which asks that process, cannot see it
(docs/adr/0064). A server that is started for its target is a new process each time. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import structs

from pytest_ttsperf.records import ChangeVerdict, ComparedMetric, Outcome
from pytest_ttsperf.targets.server.start_options import START

if TYPE_CHECKING:
    from pytest_ttsperf.experiment.plan import TargetFactory

APART = 0.15
"""How far apart two servers of the same code may be, as a share: half as much again as was seen."""
TRIALS = ("p50", "p95", "value")
"""Statistics of what a process is fast or slow in."""
REMEDY = (
    f"have each block start new ones (the target option {START}=COMMAND), or start both anew and "
    "compare again"
)


def is_single(source: TargetFactory) -> bool:
    """Whether all blocks meet one process of this target, which nobody starts anew."""
    return source.lifecycle == "external"


def allow_for(
    metrics: Iterable[ComparedMetric],
    baseline: TargetFactory,
    candidate: TargetFactory,
) -> tuple[ComparedMetric, ...]:
    """The metrics, with what two single processes of the same code may be apart.

    One server that is compared with itself has nobody else's luck.
    """
    chosen = tuple(metrics)
    if baseline.spec == candidate.spec:
        return chosen
    if not (is_single(baseline) or is_single(candidate)):
        return chosen
    return with_luck(chosen)


def with_luck(metrics: Iterable[ComparedMetric]) -> tuple[ComparedMetric, ...]:
    """The metrics of two single processes."""
    return tuple(_allow(metric) for metric in metrics)


def _allow(metric: ComparedMetric) -> ComparedMetric:
    if metric.is_work or metric.scale != "ratio" or metric.statistic not in TRIALS:
        return metric
    return structs.replace(metric, process_luck=APART)


def hold_back(verdict: ChangeVerdict, metric: ComparedMetric) -> ChangeVerdict:
    """Without a FAIL or an improvement that the luck of two processes may be."""
    if metric.process_luck is None or verdict.low is None or verdict.high is None:
        return verdict
    luck = math.log1p(metric.process_luck)
    words = (
        f"each version is one server process, and two of the same code may be "
        f"{100 * metric.process_luck:.0f} % apart"
    )
    if verdict.outcome is Outcome.FAIL and math.log1p(verdict.low) <= luck:
        return structs.replace(
            verdict,
            outcome=Outcome.INCONCLUSIVE,
            blocks_needed=None,
            reason=f"{verdict.reason}. But {words}: {REMEDY}",
        )
    if verdict.improved and math.log1p(verdict.high) >= -luck:
        return structs.replace(
            verdict,
            improved=False,
            reason=f"{verdict.reason}. But {words}: it is no proof of an improvement",
        )
    return verdict
