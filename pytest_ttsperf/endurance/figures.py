"""What follows from the slices of a soak: drift, leak, underruns, handles.

Drift and growth are of one process: of a soak that was broken off and went on, the longest session
counts, as another process is faster or slower by itself. Underruns are those of all slices.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import median

from msgspec import structs

from pytest_ttsperf.judge.statistics import long_runs
from pytest_ttsperf.metrics import load as load_metrics
from pytest_ttsperf.records import Drift, LoadWindow, SoakResult, SoakSlice, Trial, Usage
from pytest_ttsperf.report.soak import DRIFT_MINUTES

QUARTERS = 4
FEWEST_SLICES = QUARTERS * long_runs.FEWEST_SIDE
DRIFTING = ("ttfa", "rtf")
NULL = "null target"
FIELDS = {"ttfa": "ttfa_ms", "rtf": "rtf", NULL: "null_ms"}
"""What a slice calls the figure of a drift."""
LARGEST_LOG = 700.0
"""The exponential function of more is no number: a short soak says so much of 20 minutes."""


# Of a slice


def summarise_slice(
    trials: Sequence[Trial],
    *,
    index: int,
    session: int,
    seconds: float,
    prebuffer_ms: float = 0.0,
    null_ms: float | None = None,
    usage: Usage | None = None,
    handles: int | None = None,
    window: LoadWindow | None = None,
) -> SoakSlice:
    """A slice in figures; `trials` are its counted ones, those that failed included."""
    underruns = load_metrics.measured(load_metrics.sample("underruns", trials, prebuffer_ms))
    served = sum(load_metrics.is_served(trial) for trial in trials)
    return SoakSlice(
        index=index,
        session=session,
        seconds=seconds,
        requests=len(trials),
        failed=len(trials) - served,
        audio_s=sum(_measured("audio_s", trials)),
        underruns=int(sum(underruns)) if underruns else None,
        ttfa_ms=_median(_measured("ttfa_sound_ms", trials)),
        rtf=_median(_measured("rtf", trials)),
        null_ms=null_ms,
        usage=usage,
        handles=handles,
        window=window,
    )


def _measured(metric: str, trials: Sequence[Trial]) -> list[float]:
    return load_metrics.measured(load_metrics.sample(metric, trials))


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


# Of all slices


def derive(soak: SoakResult) -> SoakResult:
    """The same with all that follows from its slices, and why what is not measured is not."""
    session = longest_session(soak.slices)
    missing: dict[str, str] = {}
    drifts = []
    for metric in DRIFTING:
        drift = find_drift(metric, session)
        if drift is not None:
            drifts.append(drift)
        else:
            missing[metric] = _no_drift_because(metric, session)
    underruns = [each.underruns for each in soak.slices if each.underruns is not None]
    if not underruns:
        missing["underruns"] = "no answer had any audio"
    growth = _handles_growth(session)
    if growth is None:
        missing["handles"] = (
            "the descriptors and threads of the target's processes cannot be read here, or there "
            "are too few slices"
        )
    return structs.replace(
        soak,
        drifts=tuple(drifts),
        null_drift=find_drift(NULL, session),
        underruns=sum(underruns) if underruns else None,
        audio_minutes=sum(each.audio_s for each in soak.slices) / 60,
        handles_growth=growth,
        missing=missing,
    )


def longest_session(slices: Sequence[SoakSlice]) -> list[SoakSlice]:
    """The slices of the process that has most of them, in their order; of equals the first."""
    if not slices:
        return []
    counts = Counter(each.session for each in slices)
    chosen, _ = counts.most_common(1)[0]
    return [each for each in slices if each.session == chosen]


def find_drift(metric: str, session: Sequence[SoakSlice]) -> Drift | None:
    """By how much the last quarter of a session is above the first, for each 20 minutes.

    Of a session of 20 minutes that is the ratio of the quarters' medians - 1; of a longer one its
    root, of a shorter one its power, and so the less sure. The unit is the slice, as requests of
    one moment are slow together. None for fewer than FEWEST_SLICES, or a figure that has no values.
    """
    quarter = len(session) // QUARTERS
    if quarter < long_runs.FEWEST_SIDE:
        return None
    found = long_runs.relative_change(
        _values(metric, session[:quarter]),
        _values(metric, session[-quarter:]),
    )
    if found is None:
        return None
    minutes = sum(each.seconds for each in session) / 60
    power = DRIFT_MINUTES / minutes
    return Drift(
        metric=metric,
        per_20_min=_scale(found.value, power),
        low=_scale(found.low, power),
        high=_scale(found.high, power),
        slices=found.n,
        minutes=minutes,
    )


def _scale(change: float, power: float) -> float:
    """A change that happens so many times."""
    if change <= -1:
        return -1.0
    return math.expm1(min(LARGEST_LOG, power * math.log1p(change)))


def _values(metric: str, slices: Sequence[SoakSlice]) -> list[float]:
    values = [getattr(each, FIELDS[metric]) for each in slices]
    return [value for value in values if value is not None]


def _no_drift_because(metric: str, session: Sequence[SoakSlice]) -> str:
    if len(session) < FEWEST_SLICES:
        return (
            f"the longest session has {len(session)} slices, and it takes {FEWEST_SLICES} to "
            "compare its last quarter with its first"
        )
    return f"too few slices of its first or last quarter have a figure of {metric}"


def _handles_growth(session: Sequence[SoakSlice]) -> int | None:
    """From the median of the first quarter to that of the last."""
    quarter = len(session) // QUARTERS
    if quarter < 1:
        return None
    first = [each.handles for each in session[:quarter] if each.handles is not None]
    last = [each.handles for each in session[-quarter:] if each.handles is not None]
    if not first or not last:
        return None
    return round(median(last) - median(first))
