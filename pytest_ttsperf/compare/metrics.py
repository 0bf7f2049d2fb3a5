"""What two versions are compared by: the metrics, and the smallest change of each that counts.

Imports nothing slow at the top, as every pytest run imports it.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pytest_ttsperf.errors import LimitError

if TYPE_CHECKING:
    from pytest_ttsperf.records import BlockStatistic, ComparedMetric, Phase, Scale


DEFAULT_MARGIN = 0.03
DEFAULT_BUDGET_S = 60.0
"""Longest time for one comparison, where none is named."""
UNITS_S: Mapping[str, float] = {"s": 1.0, "min": 60.0, "h": 3600.0}


class MetricDefault(NamedTuple):
    """What can be compared: a metric, how it is looked at, and on which scale."""

    label: str
    metric: str
    statistic: BlockStatistic
    scale: Scale = "ratio"
    unit: str = ""
    both_ways: bool = False


FIGURES: Mapping[str, MetricDefault] = {
    "ttfa_p50": MetricDefault("ttfa p50", "ttfa_sound_ms", "p50"),
    "ttfa_p95": MetricDefault("ttfa p95", "ttfa_sound_ms", "p95"),
    "rtf_p50": MetricDefault("rtf p50", "rtf", "p50"),
    "rtf_p95": MetricDefault("rtf p95", "rtf", "p95"),
    "heard_p50": MetricDefault("heard ttfa p50", "ttfa_ms", "p50"),
    "heard_p95": MetricDefault("heard ttfa p95", "ttfa_ms", "p95"),
    "cpu_p50": MetricDefault("cpu p50", "cpu_s_per_audio_s", "p50"),
    "gap_p50": MetricDefault("longest gap p50", "gap_max_ms", "p50"),
    "underruns": MetricDefault("underruns", "underruns", "p50", "difference"),
    "rss_peak": MetricDefault("rss peak", "rss_peak_mb", "value"),
    "speech": MetricDefault("speech", "speech_s", "p50", both_ways=True),
}
DEFAULT = ("ttfa_p50", "ttfa_p95", "rtf_p50")
WORK = ("speech",)
"""What the figures are the price of: compared too, so that nobody gets faster by saying less."""
SHORT = {"ttfa": ("ttfa_p50", "ttfa_p95"), "rtf": ("rtf_p50",), "memory": ("rss_peak",)}
"""Names that stand for several figures, or for the usual one."""
WARM_ONLY = frozenset({"ttfa_p95", "heard_p95", "rtf_p95", "rss_peak", "underruns"})
"""What a single start for each block has none of."""


def budget_s(text: object, source: str) -> float:
    """`60`, `60s`, `1.5min`, `1h` -> seconds. LimitError names the `source` of anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h)?\s*", str(text))
    seconds = 0.0
    if found:
        seconds = float(found[1]) * UNITS_S[found[2] or "s"]
    if not 0 < seconds < math.inf:
        raise LimitError(f"{source}={text!r}; wanted a time above 0, as 60s or 3min")
    return seconds


def choose_metrics(phase: Phase, *margins: Mapping[str, float]) -> tuple[ComparedMetric, ...]:
    """The metrics of a test: the usual ones, and what is named; a later mapping wins."""
    merged = dict.fromkeys(DEFAULT, DEFAULT_MARGIN)
    for each in margins:
        merged.update(each)
    return tuple(
        _compared_metric(name, margin)
        for name, margin in merged.items()
        if phase == "warm" or name not in WARM_ONLY
    )


def with_work(compared: Iterable[ComparedMetric]) -> tuple[ComparedMetric, ...]:
    """The metrics of two versions of one target, which are to say the same for the same text."""
    metrics = list(compared)
    labels = {metric.label for metric in metrics}
    for name in WORK:
        if FIGURES[name].label not in labels:
            metrics.append(_compared_metric(name, DEFAULT_MARGIN))
    return tuple(metrics)


def _compared_metric(name: str, margin: float) -> ComparedMetric:
    from pytest_ttsperf.records import ComparedMetric  # msgspec is slow to import

    default = FIGURES[name]
    return ComparedMetric(
        label=default.label,
        metric=default.metric,
        statistic=default.statistic,
        scale=default.scale,
        unit=default.unit,
        margin=margin,
        both_ways=default.both_ways,
    )


def margins_of_keywords(keywords: Mapping[str, object], source: str) -> dict[str, float]:
    """Keyword arguments -> figure -> smallest change. LimitError names what is accepted."""
    found: dict[str, float] = {}
    for name, value in keywords.items():
        found.update(_margin(name, value, f"{source}({name}={value!r})"))
    return found


def margins_of_lines(lines: Iterable[str], source: str) -> dict[str, float]:
    """`ttfa_p95:7.5%` each -> figure -> smallest change. LimitError."""
    found: dict[str, float] = {}
    for line in lines:
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon:
            raise LimitError(f"{source}: {line!r}; wanted FIGURE:CHANGE, as ttfa_p95:7.5%")
        found.update(_margin(name, value, f"{source}: {line!r}"))
    return found


def _margin(
    name: str,
    value: object,
    source: str,
) -> dict[str, float]:
    figures = SHORT.get(name, (name,))
    if figures[0] not in FIGURES:
        hint = ""
        for near in difflib.get_close_matches(name, names(), n=1):
            hint = f" (did you mean {near!r}?)"
        raise LimitError(
            f"{source}: {name!r} cannot be compared{hint}; accepted: {', '.join(names())}"
        )
    is_share = FIGURES[figures[0]].scale == "ratio"
    margin = _parse_number(value, is_share=is_share)
    if not 0 < margin < math.inf:
        wanted = "a change such as '5%' or 0.05" if is_share else "a number above 0, as 1"
        raise LimitError(f"{source}; wanted {wanted}")
    return dict.fromkeys(figures, margin)


def _parse_number(value: object, *, is_share: bool) -> float:
    """nan for what is no number, or none of the kind."""
    text = str(value).strip()
    percent = text.removesuffix("%")
    try:
        number = float(percent)
    except ValueError:
        return math.nan
    if percent != text:
        return number / 100 if is_share else math.nan
    if is_share and number >= 1:
        return math.nan  # 5 for 5 % would be a gate that never fires
    return number


def names() -> list[str]:
    """All that can be named."""
    return [*SHORT, *FIGURES]
