"""What earlier runs predict for the next one: the metrics looked at, and their limits."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import NamedTuple

from pytest_ttsperf.judge.statistics import quantiles
from pytest_ttsperf.records import Baseline, Cell, Statistic, Summary
from pytest_ttsperf.records.commands import MetricScreening

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


def predict(
    metric: ScreenedMetric,
    baseline: Baseline,
    corpus: str | None,
) -> MetricScreening:
    """The prediction limits of one metric, with all that they rest on.

    The runs that count are at or after the accepted one and have a positive figure from enough
    trials, by the definition of today and of texts of this version of the corpus.
    """
    earlier = []
    for run in baseline.counted_runs:
        if not run.is_current(metric.metric) or not run.is_of_corpus(corpus):
            continue
        value = metric.find_reliable_value(run.summary)
        if value is not None and value > 0:
            earlier.append(value)
    middle = spread = doubt = limit = None
    if earlier:
        middle = quantiles.quantile(earlier, 0.5)
    if len(earlier) > 1:
        spread = statistics.stdev(map(math.log, earlier))
    if len(earlier) >= MIN_RUNS:
        doubt = quantiles.prediction_limit(earlier, ALPHA_DOUBT)
        limit = quantiles.prediction_limit(earlier, ALPHA_FAIL)
    return MetricScreening(
        label=metric.label,
        unit=metric.unit,
        trials_wanted=metric.trials,
        earlier=tuple(earlier),
        middle=middle,
        spread=spread,
        floor=quantiles.FLOOR_SD,
        doubt=doubt,
        limit=limit,
    )
