"""What a screening says: the reasons of its verdicts, as parts of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pytest_ttsperf.baseline.prediction import MIN_RUNS, ScreenedMetric
from pytest_ttsperf.records import Baseline, CellResult


def foreign(fingerprints: Sequence[str]) -> str:
    """There are only baselines of other machines."""
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


def old(saved: datetime) -> str:
    """The newest run that counts is of long ago."""
    return (
        f"the newest stored run that is compared with is of {saved:%Y-%m-%d}, more than a year "
        "ago: the machine and all that is installed may have changed since; save new runs "
        "(--ttsperf-save)"
    )


def deviation(
    metric: ScreenedMetric,
    value: float,
    middle: float,
    runs: int,
) -> str:
    """How far a figure is from the usual one."""
    return (
        f"{metric.label} is {_amount(value, metric)}, {value / middle - 1:+.0%} on the median of "
        f"{runs} earlier runs ({_amount(middle, metric)})"
    )


def doubt_text(metric: ScreenedMetric, doubt: float) -> str:
    """The limit above which a figure is in doubt."""
    return f"; unchanged code stays below {_amount(doubt, metric)} in 95 % of runs"


def in_doubt(metric: ScreenedMetric, limit: float, baseline: Baseline) -> str:
    """The figure is between the two limits: the upper one, and what could tell."""
    text = f", below {_amount(limit, metric)} in 99.9 %: "
    revision = baseline.runs[-1].revision
    if revision is None:
        return (
            f"{text}only an interleaved comparison could tell, and no revision is stored to "
            "compare with"
        )
    return (
        f"{text}run it again, alone; only a comparison interleaved with the baseline's revision "
        f"{revision[:12]}, in the same minutes, could tell"
    )


def over_limit(
    metric: ScreenedMetric,
    value: float,
    limit: float,
    baseline: Baseline,
    result: CellResult,
) -> str:
    """The figure is above both limits: the upper one, and the stage that grew most."""
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


def _runs_text(baseline: Baseline) -> str:
    """`7 stored runs`, `2 stored runs since one was accepted`."""
    count = len(baseline.counted_runs)
    text = "1 stored run" if count == 1 else f"{count} stored runs"
    if count == len(baseline.runs):
        return text
    return f"{text} since one was accepted"


def _amount(value: float, metric: ScreenedMetric) -> str:
    return f"{value:.4g} {metric.unit}".rstrip()
