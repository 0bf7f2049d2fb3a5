"""What a target does after a listener has hung up, and whether that is within the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.judge import limits
from pytest_ttsperf.records import BargeIn, Threshold, Verdict

if TYPE_CHECKING:
    from pytest_ttsperf.experiment.plan import TargetFactory, Tell
    from pytest_ttsperf.load.cell import LoadPlan

NO_REASON = "nobody hung up"


def measure_barge_in(source: TargetFactory, plan: LoadPlan, tell: Tell) -> BargeIn:
    """Hang up again and again, one listener alone, and watch what the target goes on doing."""
    raise MeasurementError(
        f"{plan.plan.test}: {source.spec.shown} cannot be measured after a hanging up; leave out "
        "@barge_in"
    )


def judge(found: BargeIn | None, threshold: Threshold) -> Verdict:
    """One limit of `@barge_in`; what could not be measured fails it."""
    value = None if found is None else _value_of(found, threshold.keyword)
    reason = NO_REASON if found is None else found.reason
    return limits.judge_value(threshold, value, reason)


def _value_of(found: BargeIn, keyword: str) -> float | None:
    """The figure that a keyword limits; None where it was not measured."""
    if keyword == "stop_p95_ms":
        return found.stop_p95_ms
    if found.next_ttfa_ms is None or not found.idle_ttfa_ms:
        return None
    return found.next_ttfa_ms / found.idle_ttfa_ms - 1
