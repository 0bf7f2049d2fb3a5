"""What a screening says: the reasons of its verdicts, as parts of sentences, and its notes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pytest_ttsperf.baseline.elsewhere import Elsewhere
from pytest_ttsperf.baseline.prediction import MIN_RUNS, SLOPE_RUNS, ScreenedMetric
from pytest_ttsperf.judge.statistics.earlier_runs import Slope
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import Baseline, CellResult
from pytest_ttsperf.records.commands import MetricScreening

MEASURE = "--ttsperf-compare=measure"


# There is nothing to compare with


def no_baseline(
    path: Path,
    baseline: Baseline | None,
    result: CellResult,
    elsewhere: Elsewhere,
) -> str:
    """Why a cell is not compared with stored numbers, and what can be done."""
    text = (
        f"{_why_unusable(path, baseline, result, elsewhere)}; save {MIN_RUNS} runs on this machine "
        "(--ttsperf-save)"
    )
    if elsewhere.revision is not None:
        text += (
            f", or measure beside the revision {elsewhere.revision[:12]}, from which others were "
            f"saved ({MEASURE})"
        )
    return text


def _why_unusable(
    path: Path,
    baseline: Baseline | None,
    result: CellResult,
    elsewhere: Elsewhere,
) -> str:
    fingerprints = list(elsewhere.fingerprints)
    if baseline is not None and baseline.fingerprint != result.fingerprint:
        fingerprints = [baseline.fingerprint]
    elif baseline is not None and baseline.cell.id != result.cell.id:
        return f"{path} is the baseline of another cell, {baseline.cell.id}"
    elif baseline is not None:
        return f"the baseline {path} holds no runs"
    if not fingerprints:
        return f"there is no baseline of this cell in {path.parent}"
    return (
        f"the only baselines of this cell are of other machines ({', '.join(fingerprints)}), "
        "whose numbers say nothing about this one"
    )


def too_few_trials(metric: ScreenedMetric, trials: int) -> str:
    """A tail of so few trials is hardly one."""
    return (
        f"{metric.label} of {trials} trials is little more than their maximum; {metric.trials} "
        f"make one that can be compared (--ttsperf-trials={metric.trials})"
    )


def not_measured(metric: ScreenedMetric, runs: int) -> str:
    """Earlier runs have a figure that this one lacks."""
    return (
        f"{metric.label} was not measured, and {runs} earlier runs have it: what could "
        "not be measured is not as good as before"
    )


def not_positive(metric: ScreenedMetric, value: float | None) -> str:
    """There is no figure whose logarithm could be compared."""
    found = "was not measured"
    if value is not None:
        found = f"is {_amount(value, metric)}"
    return f"{metric.label} {found}, and only positive figures can be compared"


def too_few_runs(
    metric: ScreenedMetric,
    value: float,
    runs: int,
    baseline: Baseline,
    corpus: str | None,
) -> str:
    """Too few stored runs have the figure."""
    text = (
        f"{metric.label} is {_amount(value, metric)}: {runs} of {_runs_text(baseline)} can be "
        f"compared with, {MIN_RUNS} are needed; save more (--ttsperf-save)"
    )
    outdated = [run for run in baseline.counted_runs if not run.is_current(metric.metric)]
    if outdated:
        text += (
            f". {len(outdated)} of them have it by an older definition of {metric.metric}, which "
            "is not compared with that of today: new runs take their place"
        )
    other_texts = [run for run in baseline.counted_runs if not run.is_of_corpus(corpus)]
    if other_texts:
        text += (
            f". {len(other_texts)} of them spoke another version of the texts of this preset "
            f"({other_texts[-1].corpus}, and now {corpus}), which is other work and not compared: "
            "new runs take their place"
        )
    return text


# What is compared


def deviation(
    metric: ScreenedMetric,
    value: float,
    prediction: MetricScreening,
) -> str:
    """How far a figure is from the usual one; the limits are there."""
    middle = prediction.middle
    assert middle is not None
    text = (
        f"{metric.label} is {_amount(value, metric)}, {value / middle - 1:+.0%} on the median of "
        f"{len(prediction.earlier)} earlier runs ({_amount(middle, metric)})"
    )
    if prediction.is_capped:
        text += (
            f", which scatter by {prediction.spread:.0%}, taken as {prediction.judged_spread:.0%}"
        )
    return text


def doubt_text(metric: ScreenedMetric, doubt: float) -> str:
    """The limit above which a figure is in doubt."""
    return f"; unchanged code stays below {_amount(doubt, metric)} in 95 % of runs"


def in_doubt(metric: ScreenedMetric, prediction: MetricScreening) -> str:
    """The figure is between the two limits of the last runs: the upper one, and what could tell."""
    limit = prediction.limit
    assert limit is not None
    text = f", below {_amount(limit, metric)} in 99.9 %: "
    if prediction.revision is None:
        return (
            f"{text}only an interleaved comparison could tell, and no revision is stored to "
            "compare with"
        )
    return (
        f"{text}run it again, alone; only a comparison interleaved with the baseline's revision "
        f"{prediction.revision[:12]}, in the same minutes, could tell"
    )


def far_from_anchor(
    metric: ScreenedMetric,
    value: float,
    prediction: MetricScreening,
) -> str:
    """The figure is above the limit of the first runs that count: how far, and what could tell."""
    anchor = prediction.anchor
    limit = prediction.anchor_limit
    assert anchor is not None
    assert limit is not None
    text = (
        f". It is {value / anchor - 1:+.0%} on the first {prediction.anchor_runs} runs that count "
        f"({_amount(anchor, metric)}), beside which unchanged code stays below "
        f"{_amount(limit, metric)} in 98 % of runs: it may have crept up, a little from run to "
        "run; "
    )
    if prediction.anchor_revision is None:
        return (
            f"{text}only an interleaved comparison could tell, and no revision of these runs is "
            "stored to compare with"
        )
    return (
        f"{text}only a comparison interleaved with their revision "
        f"{prediction.anchor_revision[:12]}, in the same minutes, could tell"
    )


def over_limit(
    metric: ScreenedMetric,
    value: float,
    prediction: MetricScreening,
    baseline: Baseline,
    result: CellResult,
) -> str:
    """The figure is above both limits: the upper one, and the stage that grew most."""
    limit = prediction.limit
    assert limit is not None
    return (
        f"; unchanged code stays below {_amount(limit, metric)} in 99.9 % of runs"
        f"{_growth(metric, value, baseline, result)}"
    )


def _growth(
    metric: ScreenedMetric,
    value: float,
    baseline: Baseline,
    result: CellResult,
) -> str:
    """`; +11.2 ms on the newest of them, of which vocode +10.9 ms`, as far as stages are known."""
    before = baseline.stages
    now = {row.stage: row.ms for row in result.breakdown.to_first_sound}
    if not before or not now:
        return "; which stage grew is not known, as not both runs reported stages"
    growth_ms = {}
    for stage in sorted({*now, *before}):
        growth_ms[stage] = now.get(stage, 0.0) - before.get(stage, 0.0)
    first = max(growth_ms, key=growth_ms.__getitem__)
    if growth_ms[first] <= 0:
        return "; no stage grew up to the first sound"
    amount = f"{growth_ms[first]:+.1f} ms"
    newest = metric.find_value(baseline.runs[-1].summary)
    if metric.unit != "ms" or newest is None:
        return f"; up to the first sound, {first} grew most ({amount})"
    return f"; {value - newest:+.1f} ms on the newest of them, of which {first} {amount}"


# Notes


def old(saved: datetime) -> str:
    """The newest run that counts is of long ago."""
    return (
        f"the newest stored run that is compared with is of {saved:%Y-%m-%d}, more than a year "
        "ago: the machine and all that is installed may have changed since; save new runs "
        "(--ttsperf-save)"
    )


def too_wide(metric: ScreenedMetric, prediction: MetricScreening) -> str:
    """The earlier runs scatter so much that they would let anything pass."""
    return (
        f"{metric.label}: the {len(prediction.earlier)} earlier runs scatter by "
        f"{prediction.spread:.0%}, and are judged as if by {prediction.judged_spread:.0%}, as "
        "limits would else let anything pass: false alarms are likely. See what disturbs this "
        "machine (ttsperf doctor), or begin anew with quiet runs (ttsperf baseline accept "
        f"--runs={MIN_RUNS})"
    )


def slope(
    metric: ScreenedMetric,
    found: Slope,
    first_revision: str | None,
) -> str:
    """The figure moves with the order of the runs."""
    direction = "rises" if found.per_run > 0 else "falls"
    text = (
        f"{metric.label} {direction} by {abs(found.per_run):.1%} a run over the last stored runs "
        f"(at most {SLOPE_RUNS}; p = {found.p_value:.1g})"
    )
    if found.per_run > 0 and first_revision is not None:
        text += f"; compare with where it began: --ttsperf-against={first_revision[:12]}"
    return text


def _runs_text(baseline: Baseline) -> str:
    """`7 stored runs`, `2 stored runs since one was accepted`."""
    count = len(baseline.counted_runs)
    text = plural(count, "stored run")
    if count == len(baseline.runs):
        return text
    return f"{text} since one was accepted"


def _amount(value: float, metric: ScreenedMetric) -> str:
    return f"{value:.4g} {metric.unit}".rstrip()
