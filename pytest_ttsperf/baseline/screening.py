"""A first screening of a result against the earlier runs of its cell on its machine.

Stored numbers of another machine never gate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from msgspec import structs

from pytest_ttsperf import real
from pytest_ttsperf.baseline import age, reasons
from pytest_ttsperf.baseline.elsewhere import look_elsewhere
from pytest_ttsperf.baseline.prediction import (
    ScreenedMetric,
    find_slope,
    predict,
    select_metrics,
)
from pytest_ttsperf.baseline.store import BASELINE_NOTE, load, path_for
from pytest_ttsperf.records import Baseline, CellResult, Outcome, TrustNote, Verdict
from pytest_ttsperf.records.commands import MetricScreening


def screen(storage: Path, result: CellResult) -> list[Verdict]:
    """Compare a result with the earlier runs of its cell on its machine.

    One verdict per metric (median and p95 of ttfa_sound, median of rtf), or a single INCONCLUSIVE
    one when there is nothing to compare with; it names the revision that baselines of other
    machines were saved from. Raises BaselineUnreadable for a damaged file.
    """
    path = path_for(storage, result.fingerprint, result.cell)
    baseline = load(path)
    if baseline is not None and _is_of(baseline, result):
        return judge_against(baseline, result)
    elsewhere = look_elsewhere(storage, result.cell, result.fingerprint)
    return [
        Verdict(
            subject="baseline",
            outcome=Outcome.INCONCLUSIVE,
            reason=reasons.no_baseline(path, baseline, result, elsewhere),
            gate="baseline",
            revision=elsewhere.revision,
        )
    ]


def _is_of(baseline: Baseline, result: CellResult) -> bool:
    """Whether it holds runs of this cell on this machine."""
    found = (baseline.fingerprint, baseline.cell.id)
    return bool(baseline.runs) and found == (result.fingerprint, result.cell.id)


def judge_against(baseline: Baseline, result: CellResult) -> list[Verdict]:
    """Compare a result with a baseline of its own cell and machine, a verdict per metric."""
    return [_judge(metric, baseline, result) for metric in select_metrics(result.cell)]


def add_notes(
    storage: Path,
    result: CellResult,
    now: datetime | None = None,
) -> CellResult:
    """The result with notes on the runs that it is compared with.

    Said are old age (more than a year), a scatter that is too wide to judge by, and figures that
    rise or fall from run to run; where there are no such runs, files of other machines that cannot
    be read. Notes and no verdicts: each of these may be as it should be.
    Raises BaselineUnreadable for a damaged file.
    """
    notes = [note for note in result.notes if note.guard != BASELINE_NOTE]
    baseline = load(path_for(storage, result.fingerprint, result.cell))
    texts: Iterable[str]
    if baseline is not None and _is_of(baseline, result):
        texts = _remarks(baseline, result, now or real.now())
    else:
        texts = look_elsewhere(storage, result.cell, result.fingerprint).unreadable
    for text in texts:
        notes.append(TrustNote(guard=BASELINE_NOTE, text=text))
    return structs.replace(result, notes=tuple(notes))


def _remarks(
    baseline: Baseline,
    result: CellResult,
    now: datetime,
) -> Iterator[str]:
    if age.is_old(baseline, now):
        yield reasons.old(age.newest(baseline))
    for metric in select_metrics(result.cell):
        prediction = predict(metric, baseline, result.corpus)
        if prediction.is_capped:
            yield reasons.too_wide(metric, prediction)
        slope = find_slope(metric, baseline, result.corpus)
        if slope is not None and slope.is_significant:
            yield reasons.slope(metric, slope, prediction.anchor_revision)


def _judge(metric: ScreenedMetric, baseline: Baseline, result: CellResult) -> Verdict:
    prediction = predict(metric, baseline, result.corpus)
    value = metric.find_value(result.summary)
    trials = metric.count_trials(result.summary)
    runs = len(prediction.earlier)
    outcome = Outcome.INCONCLUSIVE
    reason = ""
    revision = None
    if value is None and runs:
        outcome = Outcome.FAIL
        reason = reasons.not_measured(metric, runs)
    elif value is not None and trials < metric.trials:
        reason = reasons.too_few_trials(metric, trials)
    elif value is None or value <= 0:
        reason = reasons.not_positive(metric, value)
    elif prediction.limit is None:
        reason = reasons.too_few_runs(metric, value, runs, baseline, result.corpus)
        revision = prediction.revision
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
        revision=revision,
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
    """The verdict on a value, by the limits of the prediction: those of the last runs are there."""
    value = verdict.value
    doubt = prediction.doubt
    limit = prediction.limit
    assert value is not None
    assert doubt is not None
    assert limit is not None
    reason = reasons.deviation(metric, value, prediction)
    if value > limit:
        return structs.replace(
            verdict,
            outcome=Outcome.FAIL,
            limit=limit,
            revision=prediction.revision,
            reason=reason + reasons.over_limit(metric, value, prediction, baseline, result),
        )
    reason += reasons.doubt_text(metric, doubt)
    if _has_crept(value, prediction):
        return structs.replace(
            verdict,
            limit=prediction.anchor_limit,
            revision=prediction.anchor_revision,
            reason=reason + reasons.far_from_anchor(metric, value, prediction),
        )
    if value > doubt:
        return structs.replace(
            verdict,
            limit=doubt,
            revision=prediction.revision,
            reason=reason + reasons.in_doubt(metric, prediction),
        )
    return structs.replace(verdict, outcome=Outcome.PASS, limit=doubt, reason=reason)


def _has_crept(value: float, prediction: MetricScreening) -> bool:
    """Whether a figure is far above the anchor, and not by one step that was not there before.

    The last runs do not doubt it, or are a third of the way there themselves (in logs).
    """
    anchor = prediction.anchor
    doubt = prediction.doubt
    if anchor is None or prediction.anchor_limit is None or prediction.newest is None:
        return False
    if value <= prediction.anchor_limit:
        return False
    is_unseen = doubt is None or value <= doubt
    third_of_way = anchor * math.cbrt(value / anchor)
    return is_unseen or prediction.newest >= third_of_way
