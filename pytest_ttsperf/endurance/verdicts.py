"""Is a limit of `@soak` met? Pure: from what a soak has measured to its verdicts.

- Drift, of TTFA and of RTF: PASS where all of its interval is within the limit. FAIL where all of
  it is beyond, in the time that was measured too, and the null target, which did the same work
  between the slices, accounts for none of that: these machines drift by themselves. Else
  INCONCLUSIVE.
- Underruns: a Poisson rate in the minutes that were played. FAIL where its lower bound is beyond
  the limit, PASS where its upper bound is within, else INCONCLUSIVE.
- Leak: the interval of its slope, as with `@memory`.
- Handles: counts, which have no error; what has grown by more fails.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from pytest_ttsperf.endurance.figures import DRIFTING
from pytest_ttsperf.judge import limits
from pytest_ttsperf.judge.statistics import long_runs
from pytest_ttsperf.records import (
    CellResult,
    Drift,
    Outcome,
    SoakResult,
    Threshold,
    Verdict,
)
from pytest_ttsperf.report.soak import DRIFT_MINUTES, drift_text

MARK = "soak"
STEADY_SHARE = 0.2
"""Of the limit: a null target that has surely drifted by more is no witness of a steady machine."""
UNDERRUN_MINUTES = 10


def judge(result: CellResult) -> Iterator[Verdict]:
    """The verdicts on the limits of `@soak`; one on drift for each figure that may drift."""
    soak = result.soak
    if soak is None:
        return
    for threshold in result.thresholds:
        if threshold.marker != MARK:
            continue
        if threshold.metric == "drift":
            for metric in DRIFTING:
                yield judge_drift(threshold, metric, soak)
        elif threshold.metric == "underruns_per_10min":
            yield judge_underruns(threshold, soak)
        elif threshold.metric == "handles_growth":
            yield judge_handles(threshold, soak)
        else:
            yield limits.judge_memory(threshold, result.memory)


# Drift


def judge_drift(threshold: Threshold, metric: str, soak: SoakResult) -> Verdict:
    """Of one figure, beside that of the null target."""
    subject = f"{threshold.label} ({metric})"
    drift = next((each for each in soak.drifts if each.metric == metric), None)
    if drift is None:
        return _unmeasured(threshold, subject, soak.missing.get(metric, "no reason is known"))
    limit = threshold.limit
    machine = describe_machine(soak.null_drift)
    outcome = Outcome.INCONCLUSIVE
    if drift.low > limit:
        ending, accounts = _explain_beyond(drift, soak.null_drift, limit)
        if not accounts:
            outcome = Outcome.FAIL
    elif drift.high <= limit and not _hides_drift(drift, soak.null_drift, limit):
        outcome = Outcome.PASS
        ending = "all of it within the limit"
    elif drift.high <= limit:
        ending = "within the limit on a machine that became faster meanwhile, so that it may hide"
    else:
        ending = "between them lies the limit: a longer soak on a steady machine would tell"
    text = (
        f"{drift_text(drift)} of {metric} in {DRIFT_MINUTES} min, {machine}; "
        f"limit {_limit_text(threshold)}: {ending}{_extrapolated(drift)}"
    )
    return _verdict(
        threshold,
        subject,
        outcome,
        text,
        value=drift.per_20_min,
        bound=drift.low if outcome is Outcome.FAIL else drift.high,
        n=2 * drift.slices,
    )


def _explain_beyond(drift: Drift, null: Drift | None, limit: float) -> tuple[str, bool]:
    """What is to be said of a drift beyond the limit; whether the machine may account for it."""
    if null is None:
        return "beyond the limit, and nobody knows whether the machine has drifted", True
    if _measured_low(drift) <= limit:
        return "beyond the limit if it goes on so for 20 min, which a longer soak would tell", True
    if null.low > STEADY_SHARE * limit:
        return "beyond the limit, on a machine that has drifted by itself; soak it again", True
    if drift.low - max(0.0, null.high) <= limit:
        return "beyond the limit, by less than the machine may have drifted by itself", True
    return "all of it beyond the limit, and the machine accounts for none of that", False


def _measured_low(drift: Drift) -> float:
    """The lower bound in the time that was measured; of a session of 20 minutes or more the same.

    A short soak that shows one per cent in a minute is no proof of twenty in twenty.
    """
    power = min(1.0, drift.minutes / DRIFT_MINUTES)
    return math.expm1(power * math.log1p(drift.low))


def _hides_drift(drift: Drift, null: Drift | None, limit: float) -> bool:
    """Whether a machine that surely became faster may hide that the target became slower."""
    if null is None or null.high >= -STEADY_SHARE * limit:
        return False
    return drift.high - null.low > limit


def describe_machine(null: Drift | None) -> str:
    """`while the null target drifted by +0.3 % (-0.2 to +0.7)`."""
    if null is None:
        return "and of the null target nothing is known"
    return f"while the null target drifted by {drift_text(null)}"


def _limit_text(threshold: Threshold) -> str:
    text = f"{100 * threshold.limit:g} %"
    if threshold.overridden_by is None:
        return text
    return f"{text} (overridden by {threshold.overridden_by})"


def _extrapolated(drift: Drift) -> str:
    """What is said of 20 minutes, and how long it was measured."""
    if drift.minutes >= 0.95 * DRIFT_MINUTES:
        return ""
    return f" ({drift.minutes:.3g} min were measured, and what they say of {DRIFT_MINUTES} is less)"


# Underruns, handles


def judge_underruns(threshold: Threshold, soak: SoakResult) -> Verdict:
    """By the bounds of a Poisson rate in the minutes that were played."""
    if soak.underruns is None or soak.audio_minutes <= 0:
        return _unmeasured(
            threshold, threshold.label, soak.missing.get("underruns", "nothing was played")
        )
    exposure = soak.audio_minutes / UNDERRUN_MINUTES
    bounds = long_runs.rate_bounds(soak.underruns, exposure)
    limit = threshold.limit
    outcome = Outcome.INCONCLUSIVE
    bound = bounds.high
    ending = f"at most {bounds.high:.3g} with 95 % confidence"
    if bounds.low > limit:
        outcome = Outcome.FAIL
        bound = bounds.low
        ending = f"at least {bounds.low:.3g} with 95 % confidence"
    elif bounds.high <= limit:
        outcome = Outcome.PASS
    else:
        ending += ", which neither proves nor refutes the limit: a longer soak would"
    rate = soak.underruns / exposure
    text = (
        f"{soak.underruns} in {soak.audio_minutes:.1f} min of audio, {rate:.3g} per "
        f"{UNDERRUN_MINUTES} min; {limits.limit_text(threshold)}: {ending}"
    )
    return _verdict(
        threshold,
        threshold.label,
        outcome,
        text,
        value=rate,
        bound=bound,
        n=soak.requests,
        exceeding=soak.underruns,
    )


def judge_handles(threshold: Threshold, soak: SoakResult) -> Verdict:
    """Descriptors and threads that were there at the end and not at the beginning."""
    growth = soak.handles_growth
    if growth is None:
        reason = soak.missing.get("handles", "no reason is known")
        return _unmeasured(threshold, threshold.label, reason)
    is_over = growth > threshold.limit
    place = "over" if is_over else "within"
    text = (
        f"{growth:+d} descriptors and threads from the first quarter to the last, {place} "
        f"{limits.limit_text(threshold)}"
    )
    return _verdict(
        threshold,
        threshold.label,
        Outcome.FAIL if is_over else Outcome.PASS,
        text,
        value=float(growth),
        n=len(soak.slices),
    )


def _unmeasured(threshold: Threshold, subject: str, reason: str) -> Verdict:
    """What could not be measured meets no limit."""
    text = f"not measured ({reason}); what could not be measured fails its limit"
    return _verdict(threshold, subject, Outcome.FAIL, text)


def _verdict(
    threshold: Threshold,
    subject: str,
    outcome: Outcome,
    reason: str,
    *,
    value: float | None = None,
    bound: float | None = None,
    n: int = 0,
    exceeding: int | None = None,
) -> Verdict:
    return Verdict(
        subject=subject,
        outcome=outcome,
        reason=reason,
        metric=threshold.metric,
        statistic=threshold.statistic,
        value=value,
        bound=bound,
        limit=threshold.limit,
        unit=threshold.unit,
        n=n,
        exceeding=exceeding,
        threshold=threshold,
    )
