"""A first screening of a result against the earlier runs of its cell on its machine.

Stored numbers of another machine never gate.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from pytest_ttsperf.baseline import reasons
from pytest_ttsperf.baseline.prediction import (
    MIN_RUNS,
    ScreenedMetric,
    predict,
    select_metrics,
)
from pytest_ttsperf.baseline.store import fingerprints_with, load, path_for
from pytest_ttsperf.records import Baseline, CellResult, Outcome, Verdict


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
        if others:
            return [_nothing_to_compare(reasons.foreign(others))]
        return [_nothing_to_compare(f"there is no baseline of this cell in {path.parent}")]
    if baseline.fingerprint != result.fingerprint:
        return [_nothing_to_compare(reasons.foreign([baseline.fingerprint]))]
    if baseline.cell.id != result.cell.id:
        reason = f"{path} is the baseline of another cell, {baseline.cell.id}"
        return [_nothing_to_compare(reason)]
    if not baseline.runs:
        return [_nothing_to_compare(f"the baseline {path} holds no runs")]
    return judge_against(baseline, result)


def judge_against(baseline: Baseline, result: CellResult) -> list[Verdict]:
    """Compare a result with a baseline of its own cell and machine, a verdict per metric."""
    return [_judge(metric, baseline, result) for metric in select_metrics(result.cell)]


def _nothing_to_compare(reason: str) -> Verdict:
    return Verdict(
        subject="baseline",
        outcome=Outcome.INCONCLUSIVE,
        reason=f"{reason}; save {MIN_RUNS} runs on this machine (--ttsperf-save)",
        gate="baseline",
    )


def _judge(metric: ScreenedMetric, baseline: Baseline, result: CellResult) -> Verdict:
    prediction = predict(metric, baseline)
    value = metric.find_value(result.summary)
    trials = metric.count_trials(result.summary)
    runs = len(prediction.earlier)
    open_verdict = Verdict(
        subject=metric.label,
        outcome=Outcome.INCONCLUSIVE,
        reason="",
        gate="baseline",
        metric=metric.metric,
        statistic=metric.statistic,
        value=value,
        unit=metric.unit,
        n=runs,
    )
    if value is not None and trials < metric.trials:
        reason = reasons.too_few_trials(metric, trials)
        return structs.replace(open_verdict, reason=reason)
    if value is None and runs:
        reason = reasons.not_measured(metric, runs)
        return structs.replace(open_verdict, outcome=Outcome.FAIL, reason=reason)
    if value is None or value <= 0:
        reason = reasons.not_positive(metric, value)
        return structs.replace(open_verdict, reason=reason)
    middle, doubt, limit = prediction.middle, prediction.doubt, prediction.limit
    if middle is None or doubt is None or limit is None:
        reason = reasons.too_few_runs(metric, value, runs, baseline)
        return structs.replace(open_verdict, reason=reason)
    reason = reasons.deviation(metric, value, middle, runs)
    revision = _clean_revision(baseline)
    if value > limit:
        reason += reasons.over_limit(metric, value, limit, baseline, result)
        return structs.replace(
            open_verdict,
            outcome=Outcome.FAIL,
            reason=reason,
            limit=limit,
            revision=revision,
        )
    reason += reasons.doubt_text(metric, doubt)
    if value > doubt:
        reason += reasons.in_doubt(metric, limit, baseline)
        return structs.replace(open_verdict, reason=reason, limit=doubt, revision=revision)
    return structs.replace(open_verdict, outcome=Outcome.PASS, reason=reason, limit=doubt)


def _clean_revision(baseline: Baseline) -> str | None:
    """The revision to compare with, if the newest run was of one without changes."""
    newest = baseline.runs[-1]
    return None if newest.dirty else newest.revision
