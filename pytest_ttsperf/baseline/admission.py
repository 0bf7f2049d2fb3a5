"""May a run join the stored runs of its cell? Not where it is broken, or says something else.

A baseline that is averaged over broken answers can never be met, or never be missed. So a run is
stored only if its speech is as long, as loud and as right as that of the runs that are there. Where
the change is meant, `ttsperf baseline accept` makes the run the first that counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median, stdev
from typing import Literal, NamedTuple

from pytest_ttsperf.baseline.prediction import MIN_RUNS
from pytest_ttsperf.records import Baseline, BaselineRun, CellResult, Outcome, Summary

OWN_SPREADS = 4.0
"""So many standard deviations of its first runs a cell may always move."""
TEXT_SPREADS = 3.0
"""So many standard deviations of what other texts alone make, it may move as well."""


class Band(NamedTuple):
    """How far a figure of a run may be from that of the stored runs."""

    label: str
    metric: str
    statistic: Literal["p50", "mean"]
    kind: Literal["ratio", "difference"]
    """Whether `width` is a share of the middle, or has the unit of the figure."""
    width: float
    text_spread: float
    """Its standard deviation over the texts of a preset: runs speak different ones."""
    unit: str
    is_two_sided: bool = True
    """Else only more than the band is refused."""

    def find_value(self, summary: Mapping[str, Summary]) -> float | None:
        """What a run measured; None where it did not."""
        found = summary.get(self.metric)
        if found is None:
            return None
        value: float | None = getattr(found, self.statistic)
        if value is None or (self.kind == "ratio" and value <= 0):
            return None
        return value


BANDS = (
    Band("the median length of its speech", "speech_s", "p50", "ratio", 0.10, 0.08, "s"),
    Band(
        "the median level of its speech",
        "active_level_dbfs",
        "p50",
        "difference",
        2.0,
        1.1,
        "dBFS",
    ),
    Band(
        "its mean word error rate",
        "wer",
        "mean",
        "difference",
        0.15,
        0.2,
        "",
        is_two_sided=False,
    ),
)
"""The widths and what they rest on: docs/adr/0036."""


class BandLimits(NamedTuple):
    """Where a band lies for a cell, and how many stored runs tell it."""

    least: float
    most: float
    runs: int


def refusal_reason(
    result: CellResult,
    stored: Baseline | None,
    run: str,
) -> str | None:
    """Why a result of the run `run` is not to be saved; None where it may be.

    It is refused where it is INVALID or FAIL, or outside of a band that the runs tell which count
    in `stored`: those since the last accepted one, but for the run itself, which is replaced.
    """
    slug = result.cell.slug
    if result.outcome in (Outcome.FAIL, Outcome.INVALID):
        return f"{slug}: {result.outcome.value}, not saved"
    if stored is None:
        return None
    others = []
    for earlier in stored.counted_runs:
        if earlier.run != run and earlier.is_of_corpus(result.corpus):
            others.append(earlier)
    found = [_outside_text(band, result, others) for band in BANDS]
    reasons = [text for text in found if text is not None]
    if not reasons:
        return None
    return (
        f"{slug}: not saved, as it is not the work of the stored runs: {'; '.join(reasons)}. "
        f"Listen to it; if it is meant, accept it: ttsperf baseline accept {slug}"
    )


def _outside_text(
    band: Band,
    result: CellResult,
    stored: list[BaselineRun],
) -> str | None:
    """What was found and what the band is; None where it is inside, or nothing tells."""
    value = band.find_value(result.summary)
    if value is None:
        return None
    texts = None if result.corpus is None else result.summary[band.metric].n
    limits = find_limits(band, stored, texts)
    if limits is None:
        return None
    if limits.least <= value <= limits.most:
        return None
    wanted = f"at most {_amount(limits.most, band)}"
    if band.is_two_sided:
        wanted = f"{limits.least:.4g} to {_amount(limits.most, band)}"
    runs = "the stored run"
    if limits.runs > 1:
        runs = f"the first {limits.runs} stored runs"
    return f"{band.label} is {_amount(value, band)}, and by {runs} it is {wanted}"


def find_limits(
    band: Band,
    stored: list[BaselineRun],
    texts: int | None,
) -> BandLimits | None:
    """The band around the median of the first five runs; None where no run has the figure.

    `texts` is how many the new run has spoken; None where all runs speak the same one.

    Later ones were let in by this very band: if they counted, small steps would lead anywhere. The
    band is at least as wide as the table says; where five runs spread more by themselves, it is
    four of their standard deviations, and where there are few texts, three of what these make.
    """
    values = []
    counts = []
    for run in stored:
        value = band.find_value(run.summary)
        if value is not None and run.is_current(band.metric):
            values.append(value)
            counts.append(run.summary[band.metric].n)
    values = values[:MIN_RUNS]
    counts = counts[:MIN_RUNS]
    if not values:
        return None
    if band.kind == "ratio":
        values = [math.log(value) for value in values]
        width = math.log1p(band.width)
    else:
        width = band.width
    if len(values) == MIN_RUNS:
        width = max(width, OWN_SPREADS * stdev(values))
    width = max(width, _width_by_texts(band, texts, sum(counts)))
    middle = median(values)
    least, most = middle - width, middle + width
    if band.kind == "ratio":
        least, most = math.exp(least), math.exp(most)
    if not band.is_two_sided:
        least = -math.inf
    return BandLimits(least=least, most=most, runs=len(values))


def _width_by_texts(band: Band, texts: int | None, stored_texts: int) -> float:
    """What a figure may move by because other texts were spoken; 0 where they are the same."""
    if texts is None:
        return 0.0
    return TEXT_SPREADS * band.text_spread * math.sqrt(1 / texts + 1 / stored_texts)


def _amount(value: float, band: Band) -> str:
    return f"{value:.4g} {band.unit}".rstrip()
