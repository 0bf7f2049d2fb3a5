"""Thresholds, samples and verdicts."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Literal

from msgspec import Struct

Statistic = Literal["p50", "p95", "p99", "max", "value"]


UNITS = {
    "_ms": "ms",
    "_mb": "MB",
    "_mb_per_1000": "MB per 1000 requests",
    "_per_10min": "per 10 min",
    "_lu": "LU",
    "_dbtp": "dBTP",
}
_UNIT_ENDING = re.compile(r"_(ms|mb_per_1000|mb|per_10min|lu|dbtp)$")


def sample_key(metric: str, prebuffer_ms: float) -> str:
    """Where `CellResult.summary` keeps a metric with a player that buffers: `underruns@100ms`."""
    return f"{metric}@{prebuffer_ms:g}ms" if prebuffer_ms else metric


class Threshold(Struct, frozen=True, kw_only=True):
    """One fixed limit of a marker: `statistic` of `metric` must be at most `limit`."""

    marker: str
    keyword: str
    metric: str
    statistic: Statistic
    limit: float
    prebuffer_ms: float = 0.0
    onset: Literal["heard", "sample"] = "heard"
    target: float | None = None
    """Where the limit is on how far the metric is from this, to either side."""
    is_least: bool = False
    """Whether the limit is the least that the metric may be, and not the most."""
    declared: float | None = None
    """The limit in the marker, where an option or ini line put another in its place."""
    overridden_by: str | None = None

    @property
    def key(self) -> str:
        """As `--ttsperf-limit` names it: `ttfa_p95_ms`, `memory_rss_range_mb`."""
        return f"{self.marker}_{self.keyword}"

    @property
    def label(self) -> str:
        """As people read it: `ttfa p95`, `memory rss_range`, `ttfa p95 (first sample)`."""
        text = f"{self.marker} {_UNIT_ENDING.sub('', self.keyword)}"
        if self.onset == "sample":
            return f"{text} (first sample)"
        if self.target is not None:
            return f"{self.marker} {self.metric} (around {self.target:g})"
        return f"{text} ({self.prebuffer_ms:g} ms buffered)" if self.prebuffer_ms else text

    @property
    def sample_key(self) -> str:
        """Where `CellResult.summary` keeps what this limit looks at: `underruns@100ms`."""
        if self.target is not None:
            return f"{self.metric}~{self.target:g}"
        return sample_key(self.metric, self.prebuffer_ms)

    @property
    def is_sampled(self) -> bool:
        """Whether it is judged of a sample of the trials, which was listened to."""
        return self.metric in ("wer", "worst_run", "mos")

    @property
    def unit(self) -> str:
        """`ms`, `MB` and the like, or nothing."""
        for ending, unit in UNITS.items():
            if self.keyword.endswith(ending):
                return unit
        return ""


class Sample(Struct, frozen=True, kw_only=True):
    """One metric over the trials of a cell; None where a trial could not be measured."""

    metric: str
    values: tuple[float | None, ...]
    processes: tuple[int, ...] = ()
    """In which process each trial was measured, in the order of the values; empty: all in one."""


class Summary(Struct, frozen=True, kw_only=True):
    """A sample in few numbers; percentiles that n cannot carry have no bound."""

    metric: str
    """Its name in the list of metrics."""
    n: int
    """How many trials have a value."""
    missing: int
    """How many have none."""
    mean: float | None = None
    min: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None
    p50_bound: float | None = None
    p95_bound: float | None = None
    """Upper 95 % order-statistic bound; None when n is too small for one."""
    p99_bound: float | None = None


class Outcome(StrEnum):
    """The four verdicts, worst first."""

    INVALID = "INVALID"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    PASS = "PASS"  # noqa: S105  (a verdict, not a password)

    @property
    def rank(self) -> int:
        """0 is worst."""
        return list(Outcome).index(self)


class Verdict(Struct, frozen=True, kw_only=True):
    """What was decided about one threshold or one comparison, and on how much evidence."""

    subject: str
    outcome: Outcome
    reason: str
    gate: Literal["limit", "baseline", "change", "work", "trust"] = "limit"
    metric: str | None = None
    statistic: Statistic | None = None
    value: float | None = None
    bound: float | None = None
    lower_bound: float | None = None
    """Of a percentile that FAILs: what it is at least, with 95 % confidence."""
    limit: float | None = None
    unit: str = ""
    n: int = 0
    n_effective: float | None = None
    """Of a percentile: how many independent trials say as much as these n, of which slow ones come
    in spells; never more than n."""
    exceeding: int | None = None
    p_value: float | None = None
    revision: str | None = None
    """The revision of stored numbers that put it in doubt, or that cannot be judged by here."""
    improved: bool = False
    """Of a comparison: surely better, by more than counts."""
    trials_needed: int | None = None
    threshold: Threshold | None = None

    @property
    def lacks_baseline(self) -> bool:
        """Whether it says only that this machine has no baseline of the cell."""
        return self.gate == "baseline" and self.metric is None
