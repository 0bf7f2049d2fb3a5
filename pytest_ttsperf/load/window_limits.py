"""Is a limit met under load? Judged over windows, as listeners of one window are no witnesses.

Requests of one window wait in the same queue: the number of late ones scatters 4 to 16 times more
than that of independent trials. So each window gives one number, its own percentile of the metric
over all requests that it offered, and the typical window is held against the limit by Student's t
over windows:

- PASS when the upper 95 % bound of the typical window is within the limit, from 5 windows on (t at
  .03, see `SKEW`). Where reruns are announced, the looks share the error.
- FAIL when its lower bound, at an error of .01, is beyond the limit, from 5 windows on; and with 3
  or 4 when each of them is beyond it by half. Percentiles of single windows deviate by up to .42 in
  logs, and then that happens to a target on its limit in .17^3 = .005 of cases.
- `max`, and so a count as `underruns=0`, fails on the first window with a request beyond it, as it
  fails on the first trial of a single listener.
- else INCONCLUSIVE, with the number of windows that would decide.

Times and RTF are judged as logs, which are what is normal about them. A request that was refused,
failed or was never sent meets no limit; where a window's percentile falls on such requests there is
no number, and the window counts as ten times the limit.

Where requests are slow a window holds few of them, as nobody waits for 60 of 20 s each. Between the
order statistics of few there is no percentile, so the one above is taken (`cautious_quantile`). It
scatters more, and that is in the scatter of the windows. Where even the slowest of a window is
likely to lie below the percentile, nothing passes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.experiment import cell
from pytest_ttsperf.judge import delivery, limits
from pytest_ttsperf.judge.limits import Looks
from pytest_ttsperf.judge.statistics import quantiles
from pytest_ttsperf.metrics import load
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import CellResult, Outcome, Threshold, Trial, Verdict

ALPHA_FAIL = 0.01
SKEW = 0.6
"""Of the error of a PASS, what t gets: percentiles of windows are skewed, as logs, too, and t at
.05 passes a server on its limit in 7 to 9 % of cases (benchmarks/window_limits_simulation.py)."""
FEWEST_WINDOWS = 5
FEWEST_FAR = 3
FAR = 1.5
"""Times the limit."""
UNMEASURED = 10.0
"""Times the limit."""
FEWEST_BEYOND = 0.5
"""With fewer the slowest request of a window lies below the percentile as often as above it (below
10 requests for a p95)."""
MOST_WINDOWS = 200
"""Beyond so many nobody waits for a verdict."""
ON_LOGS = ("_ms", "rtf")
"""How the names of metrics end or begin that are judged as logs."""


class WindowValue(NamedTuple):
    """What one window gives: its statistic of a metric, and how many requests it is of."""

    value: float
    """Infinite where it falls on requests that were not served."""
    requests: int
    exceeding: int
    unserved: int


def judge_limit(result: CellResult, threshold: Threshold) -> Verdict:
    """One limit of a cell under load, by its kind."""
    if threshold.marker == "memory":
        return limits.judge_memory(threshold, result.memory)
    if threshold.is_sampled:
        return cell.judge_sampled(result, threshold)
    looks = Looks(announced=result.looks, earlier=result.earlier_looks)
    verdict = judge_windows(threshold, window_values(threshold, result.counted), looks)
    if threshold.metric == delivery.METRIC:
        return delivery.explain_windows(verdict)
    return verdict


def window_values(threshold: Threshold, trials: Sequence[Trial]) -> list[WindowValue]:
    """The statistic of each window that has a request, in their order."""
    by_window: dict[int, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.load is not None:
            by_window[trial.load.window].append(trial)
    values = []
    for number in sorted(by_window):
        found = load.limited_sample(threshold, by_window[number])
        if found.values:
            values.append(_window_value(threshold, found.values))
    return values


def _window_value(threshold: Threshold, values: Sequence[float | None]) -> WindowValue:
    padded = [math.inf if value is None else value for value in values]
    level = quantiles.PERCENTILES.get(threshold.statistic, 1.0)
    # The order statistic above: what lies between a number and infinity is no number.
    value = float(np.quantile(np.array(padded), level, method="higher"))
    if math.isfinite(value) and level < 1:
        value = quantiles.cautious_quantile(padded, level)
    return WindowValue(
        value=value,
        requests=len(padded),
        exceeding=sum(each > threshold.limit for each in padded),
        unserved=sum(math.isinf(each) for each in padded),
    )


def _requests_beyond(threshold: Threshold, beyond: float) -> int:
    """How many requests a window needs to have so many beyond its percentile; 0 for a `max`."""
    level = quantiles.PERCENTILES.get(threshold.statistic)
    if level is None:
        return 0
    return quantiles.count_with_beyond(level, beyond)


def judge_windows(
    threshold: Threshold,
    windows: Sequence[WindowValue],
    looks: Looks = limits.ONE_LOOK,
) -> Verdict:
    """Judge a percentile or `max` by its windows; without any it fails, as nothing was measured."""
    if not windows:
        text = "nothing was measured: no window has a request"
        return limits.new_verdict(threshold, Outcome.FAIL, text, n=0)
    if threshold.statistic == "max":
        return _judge_max(threshold, windows)
    return _judge_percentile(threshold, windows, looks)


# A percentile


class _Estimate(NamedTuple):
    """The typical window, on the scale on which it is judged: logs or the values themselves."""

    mean: float
    error: float
    """Of the mean; 0 where all windows are alike, infinite for a single one."""
    windows: int

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> _Estimate:
        """From one number per window."""
        if values.size < 2:
            return cls(float(values.mean()), math.inf, int(values.size))
        error = float(values.std(ddof=1)) / math.sqrt(values.size)
        return cls(float(values.mean()), error, int(values.size))

    def upper(self, alpha: float) -> float:
        """The mean is at most this, with an error of alpha (Student's t)."""
        return self.mean + self._reach(alpha)

    def lower(self, alpha: float) -> float:
        """The mean is at least this, with an error of alpha."""
        return self.mean - self._reach(alpha)

    def _reach(self, alpha: float) -> float:
        from scipy import special

        if alpha <= 0 or math.isinf(self.error):
            return math.inf
        return -float(special.stdtrit(self.windows - 1, alpha)) * self.error


class _Scale(NamedTuple):
    """How the values of a metric are judged."""

    is_log: bool

    def to(self, value: float) -> float:
        """A value on it."""
        return math.log(value) if self.is_log else value

    def back(self, value: float) -> float:
        """The value that is there."""
        if not self.is_log:
            return value
        return math.exp(value) if value < math.log(1e300) else math.inf


def _judge_percentile(
    threshold: Threshold,
    windows: Sequence[WindowValue],
    looks: Looks,
) -> Verdict:
    values = _finite_values(threshold, windows)
    scale = _scale_of(threshold, values)
    estimate = _Estimate.of(np.array([scale.to(value) for value in values]))
    limit = scale.to(threshold.limit)
    outcome = Outcome.INCONCLUSIVE
    needed = None
    ending = ""
    if _is_refuted(threshold, estimate, limit, values):
        outcome = Outcome.FAIL
        ending = _refuted_ending(estimate)
    elif _has_too_few(threshold, windows):
        pass  # whatever the values, and with any number of such windows
    elif _is_proven(estimate, limit, looks):
        outcome = Outcome.PASS
    else:
        needed = _windows_needed(estimate, limit, looks)
        ending = _open_ending(needed, looks)
    bound = scale.back(_bound(outcome, estimate, looks))
    text = _sentence(threshold, windows, scale.back(estimate.mean), bound, outcome)
    return limits.new_verdict(
        threshold,
        outcome,
        f"{text}{_few_text(threshold, windows)}{ending}",
        value=scale.back(estimate.mean),
        bound=bound if math.isfinite(bound) else None,
        n=len(windows),
        exceeding=sum(window.value > threshold.limit for window in windows),
        trials_needed=needed,
    )


def _has_too_few(threshold: Threshold, windows: Sequence[WindowValue]) -> bool:
    """Whether the typical window has so few requests that it shows no such percentile."""
    return _typical_requests(windows) < _requests_beyond(threshold, FEWEST_BEYOND)


def _typical_requests(windows: Sequence[WindowValue]) -> float:
    return median(window.requests for window in windows)


def _finite_values(threshold: Threshold, windows: Sequence[WindowValue]) -> list[float]:
    """Each window's value; ten times the limit where it has none, or a higher one."""
    most = UNMEASURED * abs(threshold.limit) or UNMEASURED
    return [min(window.value, most) for window in windows]


def _scale_of(threshold: Threshold, values: Sequence[float]) -> _Scale:
    """Logs for times and RTF, if all are above 0; a distance from a target may be 0 anywhere."""
    name = threshold.metric
    is_time = name.endswith(ON_LOGS) or name.startswith(ON_LOGS)
    is_positive = threshold.limit > 0 and all(value > 0 for value in values)
    return _Scale(is_log=is_time and is_positive and threshold.target is None)


def _bound(outcome: Outcome, estimate: _Estimate, looks: Looks) -> float:
    """What the typical window is at most, or at least; infinite where that is not what decided."""
    if outcome is not Outcome.FAIL:
        return estimate.upper(SKEW * looks.alpha)
    if estimate.windows < FEWEST_WINDOWS:
        return math.inf
    return estimate.lower(ALPHA_FAIL)


def _is_proven(estimate: _Estimate, limit: float, looks: Looks) -> bool:
    if estimate.windows < FEWEST_WINDOWS or looks.alpha <= 0:
        return False
    return estimate.upper(SKEW * looks.alpha) <= limit


def _is_refuted(
    threshold: Threshold,
    estimate: _Estimate,
    limit: float,
    values: Sequence[float],
) -> bool:
    if estimate.windows >= FEWEST_WINDOWS:
        return estimate.lower(ALPHA_FAIL) > limit
    if estimate.windows < FEWEST_FAR:
        return False
    far = FAR * threshold.limit
    return all(value > max(far, threshold.limit) for value in values)


def _windows_needed(estimate: _Estimate, limit: float, looks: Looks) -> int | None:
    """Further windows until it is decided, if mean and scatter stay; None for too many."""
    if estimate.windows < 2:
        return FEWEST_WINDOWS - estimate.windows
    for further in range(1, MOST_WINDOWS):
        count = estimate.windows + further
        error = estimate.error * math.sqrt(estimate.windows / count)
        later = _Estimate(estimate.mean, error, count)
        is_refuted = count >= FEWEST_WINDOWS and later.lower(ALPHA_FAIL) > limit
        if is_refuted or _is_proven(later, limit, looks):
            return further
    return None


# `max` and counts


def _judge_max(threshold: Threshold, windows: Sequence[WindowValue]) -> Verdict:
    over = [window for window in windows if window.exceeding]
    requests = sum(window.requests for window in windows)
    exceeding = sum(window.exceeding for window in windows)
    finite = [window.value for window in windows if math.isfinite(window.value)]
    worst = max(finite, default=None)
    what = "no window has a number"
    if worst is not None:
        what = f"max is {limits.amount_text(worst, threshold)}"
    text = f"{what}, {limits.limit_text(threshold)}: "
    if over:
        outcome = Outcome.FAIL
        text += (
            f"{exceeding} of {plural(requests, 'request')} exceed it, in {len(over)} of "
            f"{plural(len(windows), 'window')}; one is enough{_unserved_text(windows)}"
        )
    else:
        outcome = Outcome.PASS
        share = math.ceil(quantiles.share_excluded(len(windows)) * 100)
        text += (
            f"none of {plural(requests, 'request')} in {plural(len(windows), 'window')} exceeds "
            f"it, which shows that at most {share} % of windows have one (95 % confidence)"
        )
    return limits.new_verdict(
        threshold,
        outcome,
        text,
        value=worst,
        n=len(windows),
        exceeding=len(over),
    )


# Wording


def _sentence(
    threshold: Threshold,
    windows: Sequence[WindowValue],
    typical: float,
    bound: float,
    outcome: Outcome,
) -> str:
    """What the typical window has, how sure, the limit, and in how many windows it is exceeded."""
    sure = ""
    if math.isfinite(bound):
        side, share = ("at least", "99") if outcome is Outcome.FAIL else ("at most", "95")
        sure = (
            f" ({side} {limits.amount_text(bound, threshold)} in these minutes, with {share} % "
            "confidence)"
        )
    over = sum(window.value > threshold.limit for window in windows)
    requests = sum(window.requests for window in windows)
    verb = "exceed" if over > 1 else "exceeds"
    return (
        f"{threshold.statistic} of the typical window is "
        f"{limits.amount_text(typical, threshold)}{sure}, {limits.limit_text(threshold)}: "
        f"{over or 'none'} of {plural(len(windows), 'window')} {verb} it "
        f"({plural(requests, 'request')}){_unserved_text(windows)}"
    )


def _unserved_text(windows: Sequence[WindowValue]) -> str:
    """How many requests meet no limit as there was nothing to be measured."""
    unserved = sum(window.unserved for window in windows)
    if not unserved:
        return ""
    text = "was refused, failed, never sent or silent, and meets no limit"
    if unserved > 1:
        text = "were refused, failed, never sent or silent, and meet no limit"
    return f"; {plural(unserved, 'request')} {text}"


def _few_text(threshold: Threshold, windows: Sequence[WindowValue]) -> str:
    """What it costs that windows hold few requests, as those of long texts do."""
    requests = _typical_requests(windows)
    if requests >= _requests_beyond(threshold, quantiles.FEW_BEYOND):
        return ""
    held = plural(round(requests), "request")
    wanted = _requests_beyond(threshold, FEWEST_BEYOND)
    if requests < wanted:
        return (
            f"; a window of {held} has no {threshold.statistic}, which takes {wanted} at least: "
            "count longer (--ttsperf-window)"
        )
    return (
        f"; a window holds {held}, and the {threshold.statistic} of so few scatters: what is close "
        "to the limit takes more windows, or longer ones (--ttsperf-window)"
    )


def _refuted_ending(estimate: _Estimate) -> str:
    return "; each by half or more, which is enough" if estimate.windows < FEWEST_WINDOWS else ""


def _open_ending(needed: int | None, looks: Looks) -> str:
    """What would decide a limit that is open."""
    if looks.alpha <= 0:
        return limits.NO_LOOK_LEFT
    if needed is None:
        return "; that is too close to the limit for any number of windows to decide"
    return (
        f"; that neither proves nor refutes the limit, {plural(needed, 'further window')} would "
        "decide if they are like these"
    )
