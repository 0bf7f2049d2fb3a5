"""Is a fixed limit met? One pure function from a sample to a verdict that says how sure it is.

Of n trials, k exceed the limit; n is declared before. A percentile passes when k of n proves it
(n = 59 with none over for p95), fails when k of n refutes it, and is open otherwise. Slow trials
that come in spells count for fewer. Before the declared n it can only fail, and only by spells that
are apart from each other and on far stronger evidence, as every look is another chance to be wrong.
`max` fails on the first trial over. A trial that could not be measured is over.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pytest_ttsperf.judge.statistics import quantiles, spells
from pytest_ttsperf.judge.statistics.long_runs import ConfidenceInterval
from pytest_ttsperf.judge.statistics.quantiles import LimitTest
from pytest_ttsperf.judge.statistics.spells import SeparateTrials
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import Memory, Outcome, Sample, Summary, Threshold, Verdict

ALPHA = quantiles.ALPHA
LEAK = "leak_mb_per_1000"
"""The metric of a slope, and not of a field of `Memory`."""
ALPHA_EARLY = 0.002
"""Looking after every trial at .05 would fail 18 % of engines exactly on the limit."""


class Looks(NamedTuple):
    """How often a sample is judged as reruns enlarge it."""

    announced: int = 1
    """At most: once, and after each rerun that was announced before the first."""
    earlier: int = 0
    """Of these so far, each with all the trials declared until then."""

    @property
    def alpha(self) -> float:
        """How likely this look may be to pass an engine on its limit; 0 where none is left.

        Equal shares: their sum bounds the chance that any look passes it (Bonferroni).
        """
        if self.earlier >= self.announced:
            return 0.0
        return ALPHA / self.announced


ONE_LOOK = Looks()


def judge(
    threshold: Threshold,
    sample: Sample,
    declared: int,
    looks: Looks = ONE_LOOK,
) -> Verdict:
    """Judge a percentile or `max` of a sample whose number of trials was declared before.

    Values of None, or not finite, were not measured and count as exceeding. Raises ValueError for
    the statistic `value`, which `judge_value` judges.
    """
    values = _pad(sample)
    if threshold.statistic == "value":
        raise ValueError(f"{threshold.label} limits one value, not a sample: use judge_value")
    if not np.isfinite(values).any():
        return _judge_unmeasured(threshold, len(values))
    if threshold.statistic == "max":
        return _judge_max(threshold, values, declared)
    return _judge_percentile(threshold, values, sample.processes, declared, looks)


def judge_value(
    threshold: Threshold,
    value: float | None,
    reason: str | None = None,
) -> Verdict:
    """Judge one number per cell (memory, say) directly; `reason` says why it is missing."""
    if value is None or not math.isfinite(value):
        why = reason or "no reason is known"
        text = f"not measured ({why}); what could not be measured fails {limit_text(threshold)}"
        return new_verdict(threshold, Outcome.FAIL, text)
    is_over = value > threshold.limit
    place = "over" if is_over else "within"
    return new_verdict(
        threshold,
        Outcome.FAIL if is_over else Outcome.PASS,
        f"{amount_text(value, threshold)} is {place} {limit_text(threshold)}",
        value=value,
        n=1,
        exceeding=int(is_over),
    )


def judge_interval(
    threshold: Threshold,
    found: ConfidenceInterval | None,
    reason: str | None = None,
) -> Verdict:
    """Judge an estimate by its interval: all of it is to be within the limit, or beyond it.

    `reason` says why there is none.
    """
    if found is None:
        return judge_value(threshold, None, reason)
    where = "between them lies the limit: a longer run would tell"
    outcome = Outcome.INCONCLUSIVE
    bound = found.high
    if found.low > threshold.limit:
        where = "all of it beyond the limit"
        outcome = Outcome.FAIL
        bound = found.low
    elif found.high <= threshold.limit:
        where = "all of it within the limit"
        outcome = Outcome.PASS
    text = (
        f"{amount_text(found.value, threshold)}, with 95 % confidence {found.low:.4g} to "
        f"{found.high:.4g}, of {found.n} readings; {limit_text(threshold)}: {where}"
    )
    return new_verdict(
        threshold,
        outcome,
        text,
        value=found.value,
        bound=bound,
        n=found.n,
    )


def judge_memory(threshold: Threshold, memory: Memory) -> Verdict:
    """Judge a limit on a figure of the memory of a cell; a leak by the interval of its slope."""
    if threshold.metric != LEAK:
        value = getattr(memory, threshold.metric)
        return judge_value(threshold, value, memory.reason)
    slope = memory.leak
    if slope is None and memory.leak_reason is not None:
        return new_verdict(threshold, Outcome.INCONCLUSIVE, memory.leak_reason)
    if slope is None:
        return judge_value(threshold, None, memory.reason)
    found = ConfidenceInterval(slope.mb_per_1000, slope.low, slope.high, slope.readings)
    return judge_interval(threshold, found)


def is_decided_early(threshold: Threshold, sample: Sample, declared: int) -> bool:
    """Whether the trials so far, fewer than declared, already refute the limit for good."""
    values = _pad(sample)
    if not 0 < len(values) < declared or threshold.statistic == "value":
        return False
    if threshold.statistic == "max":
        return max(values) > threshold.limit
    separate = _separate_trials(threshold, values, sample.processes)
    return _p_early(threshold, separate) <= ALPHA_EARLY


def summarize(sample: Sample) -> Summary:
    """Put a sample in few numbers; n counts all trials, the figures are of those measured."""
    values = _pad(sample)
    missing = len(values) - len(_drop_missing(values))
    figures = quantiles.summarize(values)
    return Summary(metric=sample.metric, n=len(values), missing=missing, **figures)


def _pad(sample: Sample) -> list[float]:
    """The values, with +inf for those that could not be measured."""
    padded = []
    for value in sample.values:
        if value is None or not math.isfinite(value):
            value = math.inf
        padded.append(value)
    return padded


def _separate_trials(
    threshold: Threshold,
    values: list[float],
    processes: Sequence[int],
) -> SeparateTrials:
    """What counts before the declared trials are made."""
    exceeding = np.asarray(np.asarray(values) > threshold.limit, dtype=float)
    return spells.separate_trials(spells.split_by_process(exceeding, processes))


def _p_early(threshold: Threshold, separate: SeparateTrials) -> float:
    """How likely it is that so many spells exceed an engine's limit if it lies exactly on it."""
    level = quantiles.PERCENTILES[threshold.statistic]
    return float(quantiles.p_at_least(separate.exceeding, separate.n, level))


def _judge_percentile(
    threshold: Threshold,
    values: list[float],
    processes: Sequence[int],
    declared: int,
    looks: Looks,
) -> Verdict:
    level = quantiles.PERCENTILES[threshold.statistic]
    inflation = spells.variance_inflation(values, threshold.limit, processes)
    test = quantiles.limit_test(values, threshold.limit, level, inflation)
    is_early = test.n < declared
    p_greater = test.p_greater
    witnesses = _effective(test)
    if is_early:
        separate = _separate_trials(threshold, values, processes)
        p_greater = _p_early(threshold, separate)
        witnesses = _separate(separate)
    outcome = _percentile_outcome(p_greater, test.p_less, is_early, looks)
    bound = None
    lower_bound = None
    p_value = test.p_less
    needed = None
    open_end = ""
    if outcome is Outcome.FAIL:
        lower_bound = quantiles.lower_bound(values, level, inflation)
        bound = lower_bound
        p_value = p_greater
    elif outcome is Outcome.PASS:
        bound = quantiles.upper_bound(values, level, inflation, looks.alpha)
    elif looks.alpha > 0:
        proving = quantiles.trials_to_prove(level, test.exceeding, looks.alpha, inflation)
        needed = max(proving, declared) - test.n
        open_end = _open_end(needed, test, declared)
    else:
        open_end = NO_LOOK_LEFT
    text = _sentence(threshold, values, _confidence(outcome, bound, threshold))
    return new_verdict(
        threshold,
        outcome,
        f"{text}{witnesses}{_shared(outcome, looks)}{open_end}",
        value=quantiles.quantile(_drop_missing(values), level),
        bound=_finite(quantiles.upper_bound(values, level, inflation)),
        lower_bound=_finite(lower_bound),
        n=test.n,
        n_effective=test.n_effective,
        exceeding=test.exceeding,
        p_value=p_value,
        trials_needed=needed,
    )


def _finite(bound: float | None) -> float | None:
    """None for a bound that rests on trials that could not be measured."""
    if bound is None or math.isinf(bound):
        return None
    return bound


def _percentile_outcome(
    p_greater: float,
    p_less: float,
    is_early: bool,
    looks: Looks,
) -> Outcome:
    alpha = ALPHA_EARLY if is_early else ALPHA
    if p_greater <= alpha:
        return Outcome.FAIL
    if p_less <= looks.alpha and not is_early:
        return Outcome.PASS
    return Outcome.INCONCLUSIVE


def _judge_max(
    threshold: Threshold,
    values: list[float],
    declared: int,
) -> Verdict:
    n = len(values)
    exceeding = _count_exceeding(threshold, values)
    text = _sentence(threshold, values)
    needed = None
    if exceeding:
        outcome = Outcome.FAIL
        text += "; one is enough"
    elif n < declared:
        outcome = Outcome.INCONCLUSIVE
        needed = declared - n
        text += f"; {n} of {_trials(declared)} declared were made, {needed} more are needed"
    else:
        outcome = Outcome.PASS
        share = math.ceil(quantiles.share_excluded(n) * 100)
        text += f"; n={n} shows that at most {share} % of trials exceed it (95 % confidence)"
    return new_verdict(
        threshold,
        outcome,
        text,
        value=max(_drop_missing(values)),
        n=n,
        exceeding=exceeding,
        trials_needed=needed,
    )


def _judge_unmeasured(threshold: Threshold, n: int) -> Verdict:
    what = f"not measured in any of {_trials(n)}" if n else "nothing was measured: 0 trials"
    text = f"{what}; what could not be measured fails {limit_text(threshold)}"
    return new_verdict(threshold, Outcome.FAIL, text, n=n, exceeding=n)


def new_verdict(
    threshold: Threshold,
    outcome: Outcome,
    reason: str,
    **more: Any,
) -> Verdict:
    """A verdict on a threshold, with `more` fields; what the threshold says is taken from it."""
    return Verdict(
        subject=threshold.label,
        outcome=outcome,
        reason=reason,
        metric=threshold.metric,
        statistic=threshold.statistic,
        limit=threshold.limit,
        unit=threshold.unit,
        threshold=threshold,
        **more,
    )


# Wording


NO_LOOK_LEFT = (
    "; that does not refute the limit, and the trials were judged before: a further look may prove "
    "nothing unless its rerun was announced (--reruns), as the looks share the error"
)


def _sentence(
    threshold: Threshold,
    values: list[float],
    confidence: str = "",
) -> str:
    """What was measured, how sure, the limit, the count, and what of it was not measured."""
    measured = _drop_missing(values)
    level = quantiles.PERCENTILES.get(threshold.statistic, 1.0)
    value = quantiles.quantile(measured, level)
    exceeding = _count_exceeding(threshold, values)
    missing = len(values) - len(measured)
    verb = "exceed" if exceeding > 1 else "exceeds"
    text = (
        f"{threshold.statistic} is {amount_text(value, threshold)}"
        f"{confidence}, {limit_text(threshold)}: {exceeding or 'none'} of {_trials(len(values))} "
        f"{verb} it"
    )
    if missing:
        pronoun = "it was" if missing == 1 else "they were"
        text += (
            f", {missing} of them as {pronoun} not measured: "
            "what could not be measured does not meet a limit"
        )
    return text


def _confidence(
    outcome: Outcome,
    bound: float | None,
    threshold: Threshold,
) -> str:
    """Trials of a few minutes say nothing of another hour."""
    if bound is None or math.isinf(bound):
        return ""
    side = "at most"
    if outcome is Outcome.FAIL:
        side = "at least"
    return f" ({side} {amount_text(bound, threshold)} in these minutes, with 95 % confidence)"


def _effective(test: LimitTest) -> str:
    """`; 59 trials that say as much as 31, as slow ones came in spells`."""
    effective = math.floor(test.n_effective)
    if effective == test.n:
        return ""
    return f"; {_trials(test.n)} that say as much as {effective}, as slow ones came in spells"


def _separate(separate: SeparateTrials) -> str:
    """What a FAIL before the end would rest on."""
    if not separate.exceeding:
        return ""
    return f" ({separate.exceeding} of {separate.n}, if each spell of slow ones counts once)"


def _shared(outcome: Outcome, looks: Looks) -> str:
    """Why it took more to pass than it would have taken in one look."""
    if outcome is Outcome.FAIL or looks.announced == 1:
        return ""
    return f"; reruns are announced, so {looks.announced} looks share the error of 5 %"


def _open_end(needed: int, test: LimitTest, declared: int) -> str:
    text = "; that neither proves nor refutes the limit"
    if test.n < declared:
        text += f" before the {declared} trials declared are made"
    condition = "none exceeds"
    if test.exceeding:
        condition = "no more exceed"
    return f"{text}, {plural(needed, 'further trial')} would prove it if {condition}"


def limit_text(threshold: Threshold) -> str:
    """`limit 800 ms (500 in the test, overridden by --ttsperf-limit)`."""
    text = f"limit {threshold.limit:.10g} {threshold.unit}".rstrip()
    if threshold.overridden_by is None:
        return text
    before = ""
    if threshold.declared is not None:
        before = f"{threshold.declared:.10g} in the test, "
    return f"{text} ({before}overridden by {threshold.overridden_by})"


def amount_text(value: float, threshold: Threshold) -> str:
    """`412.3 ms`."""
    number = f"{value:.4g}"
    if abs(value) >= 1e4:
        number = f"{value:.0f}"  # and not 1.235e+04
    return f"{number} {threshold.unit}".rstrip()


def _drop_missing(values: list[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _count_exceeding(threshold: Threshold, values: list[float]) -> int:
    return sum(value > threshold.limit for value in values)


def _trials(n: int) -> str:
    return plural(n, "trial")
