"""What a target does after a listener has hung up, and whether that is within the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

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
    if found is None:
        return limits.judge_value(threshold, None, NO_REASON)
    value = _value_of(found, threshold.keyword)
    verdict = limits.judge_value(threshold, value, found.reason)
    if value is None:
        return verdict
    return structs.replace(
        verdict,
        reason=f"{verdict.reason}: {_evidence(found, threshold.keyword)}",
        n=found.hang_ups,
    )


def _value_of(found: BargeIn, keyword: str) -> float | None:
    """The figure that a keyword limits; None where it was not measured."""
    if keyword == "stop_p95_ms":
        return found.stop_p95_ms
    if found.next_ttfa_ms is None or not found.idle_ttfa_ms:
        return None
    return found.next_ttfa_ms / found.idle_ttfa_ms - 1


def _evidence(found: BargeIn, keyword: str) -> str:
    times = f"listeners have hung up {found.hang_ups} times"
    if keyword == "stop_p95_ms":
        return f"{times}, and in 95 % of cases the target's work for them ended so soon"
    return (
        f"{times}; the next first sound came after {found.next_ttfa_ms:.4g} ms, that of an idle "
        f"target after {found.idle_ttfa_ms:.4g} ms"
    )
