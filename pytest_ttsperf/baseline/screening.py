"""Earlier runs of a cell on one machine: load, save, and a first screening against them.

One file per fingerprint and cell, indented and in a stable order so that git can merge it. Writing
is atomic and under a lock per fingerprint: two runs that end together lose nothing. Stored numbers
of another machine never gate.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf.baseline.store import fingerprints_with, load, path_for
from pytest_ttsperf.judge.statistics import quantiles
from pytest_ttsperf.records import (
    Baseline,
    BaselineRun,
    Cell,
    CellResult,
    Outcome,
    Statistic,
    Summary,
    Verdict,
)

MIN_RUNS = 5
ALPHA_FAIL = 0.001
ALPHA_DOUBT = 0.05


class ScreenedMetric(NamedTuple):
    """One figure of a cell that is compared with earlier runs."""

    label: str
    metric: str
    statistic: Statistic
    unit: str
    trials: int
    """The fewest that make the statistic more than a minimum or maximum of them."""


SCREENED_METRICS = (
    ScreenedMetric("ttfa_sound p50", "ttfa_sound_ms", "p50", "ms", quantiles.trials_to_prove(0.50)),
    ScreenedMetric("ttfa_sound p95", "ttfa_sound_ms", "p95", "ms", quantiles.trials_to_prove(0.95)),
    ScreenedMetric("rtf p50", "rtf", "p50", "", quantiles.trials_to_prove(0.50)),
)


# Screening


def screen(storage: Path, result: CellResult) -> list[Verdict]:
    """Compare a result with the earlier runs of its cell on its machine.

    One verdict per gate (median and p95 of ttfa_sound, median of rtf), or a single INCONCLUSIVE
    one when there is nothing to compare with. Raises BaselineUnreadable for a damaged file.
    """
    path = path_for(storage, result.fingerprint, result.cell)
    baseline = load(path)
    if baseline is None:
        others = [f for f in fingerprints_with(storage, result.cell) if f != result.fingerprint]
        none_here = f"there is no baseline of this cell in {path.parent}"
        return [_nothing(_foreign(others) if others else none_here)]
    if baseline.fingerprint != result.fingerprint:
        return [_nothing(_foreign([baseline.fingerprint]))]
    if baseline.cell.id != result.cell.id:
        return [_nothing(f"{path} is the baseline of another cell, {baseline.cell.id}")]
    if not baseline.runs:
        return [_nothing(f"the baseline {path} holds no runs")]
    return judge_against(baseline, result)


def judge_against(baseline: Baseline, result: CellResult) -> list[Verdict]:
    """Compare a result with a baseline of its own cell and machine, a verdict per gate."""
    return [_screen(gate, baseline, result) for gate in screened_metrics(result.cell)]


def screened_metrics(cell: Cell) -> list[ScreenedMetric]:
    """A cold cell has a handful of starts, which carry a median and no tail."""
    return [gate for gate in SCREENED_METRICS if cell.phase == "warm" or gate.statistic == "p50"]


class Prediction(NamedTuple):
    """What the screen makes of the earlier runs for one gate; None where they are too few."""

    gate: ScreenedMetric
    runs: tuple[BaselineRun, ...]
    """Those that count: at or after the accepted one, with enough trials and a positive figure."""
    figures: tuple[float, ...]
    middle: float | None
    spread: float | None
    """Standard deviation in logs, as it was found; the limits take at least the floor."""
    floor: float
    doubt: float | None
    limit: float | None


def predictions(baseline: Baseline) -> list[Prediction]:
    """The prediction limits of each gate, with all that they rest on."""
    return [_prediction(gate, baseline) for gate in screened_metrics(baseline.cell)]


def _prediction(gate: ScreenedMetric, baseline: Baseline) -> Prediction:
    fit = [run for run in baseline.counting if _trials(run.summary, gate) >= gate.trials]
    pairs = [(run, x) for run in fit if (x := _positive(run.summary, gate)) is not None]
    figures = tuple(x for _, x in pairs)
    enough = len(figures) >= MIN_RUNS
    return Prediction(
        gate=gate,
        runs=tuple(run for run, _ in pairs),
        figures=figures,
        middle=quantiles.quantile(figures, 0.5) if figures else None,
        spread=statistics.stdev(map(math.log, figures)) if len(figures) > 1 else None,
        floor=quantiles.FLOOR_SD,
        doubt=quantiles.prediction_limit(figures, ALPHA_DOUBT) if enough else None,
        limit=quantiles.prediction_limit(figures, ALPHA_FAIL) if enough else None,
    )


def value_of(summary: Mapping[str, Summary], gate: ScreenedMetric) -> float | None:
    """What a gate looks at; None where it was not measured or rests on too few trials."""
    return _value_text(summary, gate) if _trials(summary, gate) >= gate.trials else None


def _foreign(fingerprints: Sequence[str]) -> str:
    return (
        f"the only baselines of this cell are of other machines ({', '.join(fingerprints)}), "
        "whose numbers say nothing about this one"
    )


def _nothing(reason: str) -> Verdict:
    return Verdict(
        subject="baseline",
        outcome=Outcome.INCONCLUSIVE,
        reason=f"{reason}; save {MIN_RUNS} runs on this machine (--ttsperf-save)",
        gate="baseline",
    )


def _screen(gate: ScreenedMetric, baseline: Baseline, result: CellResult) -> Verdict:
    earlier = list(_prediction(gate, baseline).figures)
    now, n = _value_text(result.summary, gate), _trials(result.summary, gate)
    if now is not None and n < gate.trials:
        reason = (
            f"{gate.label} of {n} trials is little more than their maximum; {gate.trials} make one "
            f"that can be compared (--ttsperf-trials={gate.trials})"
        )
        return _verdict(gate, Outcome.INCONCLUSIVE, reason, earlier, now)
    if now is None and earlier:
        reason = (
            f"{gate.label} was not measured, and {len(earlier)} earlier runs have it: what could "
            "not be measured is not as good as before"
        )
        return _verdict(gate, Outcome.FAIL, reason, earlier)
    if now is None or now <= 0:
        found = "was not measured" if now is None else f"is {_amount(now, gate)}"
        reason = f"{gate.label} {found}, and only positive figures can be compared"
        return _verdict(gate, Outcome.INCONCLUSIVE, reason, earlier, now)
    if len(earlier) < MIN_RUNS:
        reason = (
            f"{gate.label} is {_amount(now, gate)}: {len(earlier)} of {_count(baseline)} can be "
            f"compared with, {MIN_RUNS} are needed; save more (--ttsperf-save)"
        )
        return _verdict(gate, Outcome.INCONCLUSIVE, reason, earlier, now)
    return _compare(gate, now, earlier, baseline, result)


def _count(baseline: Baseline) -> str:
    """`7 stored runs`, `2 stored runs since one was accepted`."""
    count = len(baseline.counting)
    text = f"{count} stored run{'' if count == 1 else 's'}"
    return text if count == len(baseline.runs) else f"{text} since one was accepted"


def _compare(
    gate: ScreenedMetric, now: float, earlier: list[float], baseline: Baseline, result: CellResult
) -> Verdict:
    """Against the prediction limits of at least five earlier figures."""
    doubt = quantiles.prediction_limit(earlier, ALPHA_DOUBT)
    limit = quantiles.prediction_limit(earlier, ALPHA_FAIL)
    middle = quantiles.quantile(earlier, 0.5)
    reason = (
        f"{gate.label} is {_amount(now, gate)}, {now / middle - 1:+.0%} on the median of "
        f"{len(earlier)} earlier runs ({_amount(middle, gate)})"
    )
    if now > limit:
        reason += (
            f"; unchanged code stays below {_amount(limit, gate)} in 99.9 % of runs"
            f"{_growth(gate, now, baseline, result)}"
        )
        return _call_in_doubt(_verdict(gate, Outcome.FAIL, reason, earlier, now, limit), baseline)
    reason += f"; unchanged code stays below {_amount(doubt, gate)} in 95 % of runs"
    if now > doubt:
        reason += f", below {_amount(limit, gate)} in 99.9 %: {_remedy(baseline.runs[-1])}"
        return _call_in_doubt(
            _verdict(gate, Outcome.INCONCLUSIVE, reason, earlier, now, doubt), baseline
        )
    return _verdict(gate, Outcome.PASS, reason, earlier, now, doubt)


def _call_in_doubt(verdict: Verdict, baseline: Baseline) -> Verdict:
    """With the revision to measure beside this one, if the newest run was made of one as it is."""
    newest = baseline.runs[-1]
    return structs.replace(verdict, revision=None if newest.dirty else newest.revision)


def _remedy(run: BaselineRun) -> str:
    if run.revision is None:
        return (
            "only an interleaved comparison could tell, and no revision is stored to compare with"
        )
    return (
        "run it again, alone; only a comparison interleaved with the baseline's revision "
        f"{run.revision[:12]}, in the same minutes, could tell"
    )


def _growth(gate: ScreenedMetric, now: float, baseline: Baseline, result: CellResult) -> str:
    """`; +11.2 ms on the newest of them, of which vocode +10.9 ms`, as far as stages are told."""
    before = baseline.stages
    rows = {row.stage: row.ms for row in result.breakdown.to_first_sound}
    if not before or not rows:
        return "; which stage grew is not known, as stages were not told in both runs"
    growth = {name: rows.get(name, 0.0) - before.get(name, 0.0) for name in {*rows, *before}}
    stage, grown = max(sorted(growth.items()), key=lambda item: item[1])
    if grown <= 0:
        return "; no stage grew up to the first sound"
    newest = _value_text(baseline.runs[-1].summary, gate)
    if gate.unit != "ms" or newest is None:
        return f"; up to the first sound, {stage} grew most ({grown:+.1f} ms)"
    return f"; {now - newest:+.1f} ms on the newest of them, of which {stage} {grown:+.1f} ms"


def _value_text(summary: Mapping[str, Summary], gate: ScreenedMetric) -> float | None:
    found = summary.get(gate.metric)
    value = getattr(found, gate.statistic) if found else None
    return None if value is None else float(value)


def _trials(summary: Mapping[str, Summary], gate: ScreenedMetric) -> int:
    return summary[gate.metric].n if gate.metric in summary else 0


def _positive(summary: Mapping[str, Summary], gate: ScreenedMetric) -> float | None:
    value = _value_text(summary, gate)
    return value if value is not None and value > 0 else None


def _amount(value: float, gate: ScreenedMetric) -> str:
    return f"{value:.4g} {gate.unit}".rstrip()


def _verdict(
    gate: ScreenedMetric,
    outcome: Outcome,
    reason: str,
    earlier: Sequence[float],
    value: float | None = None,
    limit: float | None = None,
) -> Verdict:
    return Verdict(
        subject=gate.label,
        outcome=outcome,
        reason=reason,
        gate="baseline",
        metric=gate.metric,
        statistic=gate.statistic,
        value=value,
        limit=limit,
        unit=gate.unit,
        n=len(earlier),
    )
