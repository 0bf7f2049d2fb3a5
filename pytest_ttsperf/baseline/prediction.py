"""What earlier runs predict for the next one: the metrics looked at, and their limits.

There are two kinds of them. Those of the last runs see a step. The anchor, the first runs that
count, sees what crept up so slowly that the last runs crept along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf.judge.statistics import earlier_runs, quantiles
from pytest_ttsperf.judge.statistics.earlier_runs import Slope
from pytest_ttsperf.records import Baseline, BaselineRun, Cell, Statistic, Summary
from pytest_ttsperf.records.commands import MetricScreening

MIN_RUNS = 5
ANCHOR_RUNS = 5
"""The first that count: the accepted run, or the oldest one, and those after it."""
SLOPE_RUNS = 25
"""The newest ones, between which none is missing in the file."""
ALPHA_FAIL = 0.001
ALPHA_DOUBT = 0.05
ALPHA_ANCHOR = 0.02


class ScreenedMetric(NamedTuple):
    """One figure of a cell that is compared with earlier runs."""

    label: str
    metric: str
    statistic: Statistic
    unit: str
    trials: int
    """The fewest that make the statistic more than a minimum or maximum of them."""

    def find_value(self, summary: Mapping[str, Summary]) -> float | None:
        """What a run measured; None where it did not."""
        found = summary.get(self.metric)
        if found is None:
            return None
        value = getattr(found, self.statistic)
        return None if value is None else float(value)

    def find_reliable_value(self, summary: Mapping[str, Summary]) -> float | None:
        """The value, if it rests on enough trials."""
        if self.count_trials(summary) < self.trials:
            return None
        return self.find_value(summary)

    def count_trials(self, summary: Mapping[str, Summary]) -> int:
        """Of how many trials the value is."""
        found = summary.get(self.metric)
        return found.n if found else 0


SCREENED_METRICS = (
    ScreenedMetric("ttfa_sound p50", "ttfa_sound_ms", "p50", "ms", quantiles.trials_to_prove(0.50)),
    ScreenedMetric("ttfa_sound p95", "ttfa_sound_ms", "p95", "ms", quantiles.trials_to_prove(0.95)),
    ScreenedMetric("rtf p50", "rtf", "p50", "", quantiles.trials_to_prove(0.50)),
)


def select_metrics(cell: Cell) -> list[ScreenedMetric]:
    """A cold cell has a handful of starts, which carry a median and no tail."""
    if cell.phase == "warm":
        return list(SCREENED_METRICS)
    return [metric for metric in SCREENED_METRICS if metric.statistic == "p50"]


class StoredFigure(NamedTuple):
    """One figure of an earlier run."""

    run: BaselineRun
    value: float


def find_figures(
    metric: ScreenedMetric,
    runs: Iterable[BaselineRun],
    corpus: str | None,
) -> list[StoredFigure]:
    """What can be compared with, oldest first.

    That is a positive figure from enough trials, by the definition of today and of texts of this
    version of the corpus.
    """
    figures = []
    for run in runs:
        if not run.is_current(metric.metric) or not run.is_of_corpus(corpus):
            continue
        value = metric.find_reliable_value(run.summary)
        if value is not None and value > 0:
            figures.append(StoredFigure(run, value))
    return figures


def predict(
    metric: ScreenedMetric,
    baseline: Baseline,
    corpus: str | None,
) -> MetricScreening:
    """The limits of one metric, with all that they rest on.

    The runs that count are at or after the accepted one; see `find_figures`.
    """
    figures = find_figures(metric, baseline.counted_runs, corpus)
    values = [figure.value for figure in figures]
    screening = MetricScreening(
        label=metric.label,
        unit=metric.unit,
        trials_wanted=metric.trials,
        earlier=tuple(values),
        middle=quantiles.quantile(values, 0.5) if values else None,
        spread=None,
        floor=earlier_runs.FLOOR_SD,
        doubt=None,
        limit=None,
        revision=newest_clean_revision(figure.run for figure in figures),
    )
    if len(values) < MIN_RUNS:
        return screening
    prediction = earlier_runs.predict_next(values, ALPHA_DOUBT, ALPHA_FAIL)
    # What was slow itself would find a slow run to be as fast as before.
    usual = [figure.run for figure in figures if figure.value <= prediction.doubt]
    screening = structs.replace(
        screening,
        middle=prediction.middle,
        spread=prediction.spread,
        judged_spread=prediction.judged_spread,
        doubt=prediction.doubt,
        limit=prediction.limit,
        revision=newest_clean_revision(usual),
    )
    if len(values) <= ANCHOR_RUNS:
        return screening  # the last runs are the first ones
    screening = structs.replace(screening, newest=quantiles.quantile(values[-ANCHOR_RUNS:], 0.5))
    return _with_anchor(screening, figures[:ANCHOR_RUNS], prediction.judged_spread)


def _with_anchor(
    screening: MetricScreening,
    first: Sequence[StoredFigure],
    spread: float,
) -> MetricScreening:
    values = [figure.value for figure in first]
    clean = [figure.run for figure in first if _is_clean(figure.run)]
    return structs.replace(
        screening,
        anchor=quantiles.quantile(values, 0.5),
        anchor_runs=len(values),
        anchor_limit=earlier_runs.anchor_limit(values, spread, ALPHA_ANCHOR),
        anchor_revision=clean[0].revision if clean else None,
    )


def find_slope(
    metric: ScreenedMetric,
    baseline: Baseline,
    corpus: str | None,
) -> Slope | None:
    """How the metric moves from run to run, over the newest ones; None for too few of them."""
    newest = baseline.counted_runs[-SLOPE_RUNS:]
    figures = find_figures(metric, newest, corpus)
    return earlier_runs.slope([figure.value for figure in figures])


def newest_clean_revision(runs: Iterable[BaselineRun]) -> str | None:
    """The revision of the last of them that was measured without changes; None where none was."""
    clean = [run for run in runs if _is_clean(run)]
    return clean[-1].revision if clean else None


def _is_clean(run: BaselineRun) -> bool:
    return run.revision is not None and not run.dirty
