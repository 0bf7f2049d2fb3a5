"""Measures a target for about a minute, for the limits of its first test."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_ttsperf.compare import forecast
from pytest_ttsperf.doctor.target_summary import summarize_target
from pytest_ttsperf.errors import MeasurementError, TargetError
from pytest_ttsperf.experiment import cell, warm
from pytest_ttsperf.experiment.plan import Plan, TargetFactory, Tell, draw_start, warmup_texts
from pytest_ttsperf.experiment.trial import OpenTarget, open_target
from pytest_ttsperf.init.limits import MeasuredFigures, choose_prebuffer_ms, measure_figures
from pytest_ttsperf.judge.statistics import quantiles
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import CellResult, Phase
from pytest_ttsperf.records.commands import TargetSummary

PRESET = "short"
FEWEST_TRIALS = 10
"""Of a target so slow that a minute holds fewer."""
FURTHER_TRIALS = 12
"""Warm-ups and what looks for caches: about so many come beside the counted ones."""
COLD_STARTS = quantiles.trials_to_prove(0.5)
LONGEST_START_S = 6.0
"""What takes longer to start is not started five times to begin with."""
TEST = "ttsperf init"


@dataclass(frozen=True, slots=True)
class FirstMeasurement:
    """What a target is, and how fast; None for what it cannot be measured by."""

    source: TargetFactory
    summary: TargetSummary
    warm: MeasuredFigures | None
    """Of a target that stays open."""
    cold: MeasuredFigures | None
    """Of one that is started here, and starts soon enough."""
    memory_missing_because: str | None = None
    budget_s: int | None = None
    """What a comparison with another version is to take; None for what it takes as a rule."""


def measure_first(source: TargetFactory, seconds: float, tell: Tell) -> FirstMeasurement:
    """Say what a target is, and measure it for about so long. TargetError where it does not work.

    MeasurementError where the figures are not to be believed, so that no limit can be made of them.
    """
    if source.lifecycle == "per_text":
        opened = open_target(source, warm=False)
        try:
            summary = summarize_target(opened)
        finally:
            opened.close()
        cold = _measure_cold(source, tell)
        return FirstMeasurement(
            source,
            summary,
            warm=None,
            cold=_figures(cold, summary),
            memory_missing_because=_missing_memory(cold),
            budget_s=_longer_budget_s(cold, opening_s=0.0),
        )
    start_s = REAL.monotonic()
    opened = open_target(source, warm=True)
    try:
        opening_s = REAL.monotonic() - start_s
        summary = summarize_target(opened)
        result = _measure_warm(opened, seconds, tell)
    finally:
        opened.close()
    budgets_s = [_longer_budget_s(result, opening_s)]
    cold_figures = None
    if source.lifecycle == "kept" and opening_s <= LONGEST_START_S:
        cold = _measure_cold(source, tell)
        cold_figures = _figures(cold, summary)
        budgets_s.append(_longer_budget_s(cold, opening_s))
    return FirstMeasurement(
        source,
        summary,
        warm=_figures(result, summary),
        cold=cold_figures,
        memory_missing_because=_missing_memory(result),
        budget_s=max((each for each in budgets_s if each is not None), default=None),
    )


def count_trials(seconds: float, per_trial_s: float) -> int:
    """As many as prove a p95, or as the time holds beside what comes with them."""
    most = quantiles.trials_to_prove(0.95)
    affordable = int(seconds / per_trial_s) - FURTHER_TRIALS
    return min(most, max(FEWEST_TRIALS, affordable))


def _measure_warm(opened: OpenTarget, seconds: float, tell: Tell) -> CellResult:
    plan = _plan("warm", 1)
    start_s = REAL.monotonic()
    opened.target.record(warmup_texts(plan, 1)[0], plan.mode)
    per_trial_s = REAL.monotonic() - start_s
    plan = _plan("warm", count_trials(seconds, per_trial_s))
    return _require_believable(warm.measure_warm(opened, plan, tell))


def _measure_cold(source: TargetFactory, tell: Tell) -> CellResult:
    plan = _plan("cold", COLD_STARTS)
    return _require_believable(cell.measure_cold(source, plan, tell))


def _plan(phase: Phase, trials: int) -> Plan:
    return Plan(
        test=TEST,
        text=PRESET,
        mode="stream",
        phase=phase,
        trials=trials,
        processes=1 if phase == "warm" else None,
        texts_from=draw_start(),
    )


def _require_believable(result: CellResult) -> CellResult:
    """The same result. MeasurementError where no limit can be made of it."""
    doubts = [note.text for note in result.notes if note.invalid]
    if doubts:
        raise MeasurementError(
            f"{result.cell.target} was measured, and the figures are not to be believed: "
            f"{'; '.join(doubts)}. A test with limits made of them would say so each time: mend "
            "that first"
        )
    errors = [trial.error for trial in result.counted if trial.error is not None]
    if errors:
        raise TargetError(
            f"{len(errors)} of {len(result.counted)} trials of {result.cell.target} failed, the "
            f"first with: {errors[0]}"
        )
    return result


def _figures(result: CellResult, summary: TargetSummary) -> MeasuredFigures:
    prebuffer_ms = None
    if result.cell.phase == "warm" and summary.is_streamed is not False:
        prebuffer_ms = choose_prebuffer_ms(result.counted)
    return measure_figures(
        result.counted,
        result.cell.mode,
        result.cell.phase,
        rss_peak_mb=result.memory.rss_peak_mb,
        prebuffer_ms=prebuffer_ms,
    )


def _longer_budget_s(result: CellResult, opening_s: float) -> int | None:
    """What a comparison of this cell is to take, where the usual budget decides nothing."""
    trial_s = forecast.mean_trial_s(result.counted)
    if trial_s is None:
        return None
    warm_ups = [trial for trial in result.trials if trial.kind == "warmup"]
    warming_s = len(warm_ups) * (forecast.mean_trial_s(warm_ups) or 0.0)
    return forecast.longer_budget_s(
        trial_s, opening_s + warming_s, is_cold=result.cell.phase == "cold"
    )


def _missing_memory(result: CellResult) -> str | None:
    """Why its memory has no limit; None where it has one."""
    if result.memory.rss_peak_mb is not None:
        return None
    return result.memory.reason or "no reason is known"
