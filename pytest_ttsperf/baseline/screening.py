"""A first screening of a result against the earlier runs of its cell on its machine.

Stored numbers of another machine never gate.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from msgspec import structs

from pytest_ttsperf import real
from pytest_ttsperf.baseline import age, reasons
from pytest_ttsperf.baseline.prediction import (
    MIN_RUNS,
    ScreenedMetric,
    predict,
    select_metrics,
)
from pytest_ttsperf.baseline.store import AGE_NOTE, fingerprints_with, load, path_for
from pytest_ttsperf.records import Baseline, CellResult, Outcome, TrustNote, Verdict
from pytest_ttsperf.records.commands import MetricScreening


def screen(storage: Path, result: CellResult) -> list[Verdict]:
    """Compare a result with the earlier runs of its cell on its machine.

    One verdict per metric (median and p95 of ttfa_sound, median of rtf), or a single INCONCLUSIVE
    one when there is nothing to compare with. Raises BaselineUnreadable for a damaged file.
    """
    path = path_for(storage, result.fingerprint, result.cell)
    baseline = load(path)
    if baseline is None:
        fingerprints = fingerprints_with(storage, result.cell)
        others = [found for found in fingerprints if found != result.fingerprint]
        reason = f"there is no baseline of this cell in {path.parent}"
        if others:
            reason = reasons.foreign(others)
    elif baseline.fingerprint != result.fingerprint:
        reason = reasons.foreign([baseline.fingerprint])
    elif baseline.cell.id != result.cell.id:
        reason = f"{path} is the baseline of another cell, {baseline.cell.id}"
    elif not baseline.runs:
        reason = f"the baseline {path} holds no runs"
    else:
        return judge_against(baseline, result)
    nothing_to_compare = Verdict(
        subject="baseline",
        outcome=Outcome.INCONCLUSIVE,
        reason=f"{reason}; save {MIN_RUNS} runs on this machine (--ttsperf-save)",
        gate="baseline",
    )
    return [nothing_to_compare]


def judge_against(baseline: Baseline, result: CellResult) -> list[Verdict]:
    """Compare a result with a baseline of its own cell and machine, a verdict per metric."""
    return [_judge(metric, baseline, result) for metric in select_metrics(result.cell)]


def add_age_note(
    storage: Path,
    result: CellResult,
    now: datetime | None = None,
) -> CellResult:
    """The result with a note where all that it is compared with is older than a year.

    A note and no verdict: old figures of the same fingerprint may still be right. Raises
    BaselineUnreadable for a damaged file.
    """
    notes = [note for note in result.notes if note.guard != AGE_NOTE]
    baseline = load(path_for(storage, result.fingerprint, result.cell))
    if baseline is not None and age.is_old(baseline, now or real.now()):
        text = reasons.old(age.newest(baseline))
        notes.append(TrustNote(guard=AGE_NOTE, text=text))
    return structs.replace(result, notes=tuple(notes))


def _judge(metric: ScreenedMetric, baseline: Baseline, result: CellResult) -> Verdict:
    prediction = predict(metric, baseline, result.corpus)
    value = metric.find_value(result.summary)
    trials = metric.count_trials(result.summary)
    runs = len(prediction.earlier)
    outcome = Outcome.INCONCLUSIVE
    reason = ""
    if value is None and runs:
        outcome = Outcome.FAIL
        reason = reasons.not_measured(metric, runs)
    elif value is not None and trials < metric.trials:
        reason = reasons.too_few_trials(metric, trials)
    elif value is None or value <= 0:
        reason = reasons.not_positive(metric, value)
    elif prediction.limit is None:
        reason = reasons.too_few_runs(metric, value, runs, baseline, result.corpus)
    verdict = Verdict(
        subject=metric.label,
        outcome=outcome,
        reason=reason,
        gate="baseline",
        metric=metric.metric,
        statistic=metric.statistic,
        value=value,
        unit=metric.unit,
        n=runs,
    )
    if reason:
        return verdict
    return _compare(verdict, metric, prediction, baseline, result)


def _compare(
    verdict: Verdict,
    metric: ScreenedMetric,
    prediction: MetricScreening,
    baseline: Baseline,
    result: CellResult,
) -> Verdict:
    """The verdict on a value, by the limits of the prediction: all of them are there."""
    value, middle = verdict.value, prediction.middle
    doubt, limit = prediction.doubt, prediction.limit
    assert value is not None
    assert middle is not None
    assert doubt is not None
    assert limit is not None
    outcome = Outcome.PASS
    bound = doubt
    revision = None
    reason = reasons.deviation(metric, value, middle, verdict.n)
    if value > doubt:
        outcome = Outcome.INCONCLUSIVE
        revision = _clean_revision(baseline)
    if value > limit:
        outcome = Outcome.FAIL
        bound = limit
        reason += reasons.over_limit(metric, value, limit, baseline, result)
    else:
        reason += reasons.doubt_text(metric, doubt)
    if outcome is Outcome.INCONCLUSIVE:
        reason += reasons.in_doubt(metric, limit, baseline)
    return structs.replace(
        verdict,
        outcome=outcome,
        reason=reason,
        limit=bound,
        revision=revision,
    )


def _clean_revision(baseline: Baseline) -> str | None:
    """The revision to compare with, if the newest run was of one without changes."""
    newest = baseline.runs[-1]
    return None if newest.dirty else newest.revision
