"""Marks into thresholds, checked at collection, with every mistake told by test and keyword.

A limit is looked up per keyword on the parameter, the function, the class and the module, nearest
first. On tests that use none of our fixtures, marks of our names without a keyword of ours belong
to somebody else and are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from pytest_ttsperf.compare import metrics
from pytest_ttsperf.errors import LimitError

if TYPE_CHECKING:
    from pytest_ttsperf.records import ComparedMetric, Phase

import difflib
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_ttsperf.plugin import usage

if TYPE_CHECKING:
    from pytest_ttsperf.records import ComparedMetric, Phase, Threshold


MARK = "regression"
DESCRIPTION = (
    "(ttfa='5%', rtf='10%', ...): the smallest change that makes a comparison with another version "
    "fail (--ttsperf-against)"
)


def choose_metrics_of_mark(
    mark: pytest.Mark | None, told: Mapping[str, float], ini: Mapping[str, float], phase: Phase
) -> tuple[ComparedMetric, ...]:
    """The gates of a test. LimitError for a mark that cannot be understood."""
    return metrics.choose_metrics(phase, ini, {} if mark is None else _margins_of_mark(mark), told)


def _margins_of_mark(mark: pytest.Mark) -> dict[str, float]:
    if mark.args:
        raise LimitError(
            f"@{MARK} takes keywords only, such as ttfa='5%'; "
            f"accepted: {', '.join(metrics.names())}"
        )
    return metrics.margins_of_keywords(mark.kwargs, f"@{MARK}")


class Limit(NamedTuple):
    """What a keyword limits: a metric of metrics.definitions and how it is looked at."""

    metric: str
    statistic: str


def _percentiles(metric: str, unit: str) -> dict[str, Limit]:
    names = ("p50", "p95", "p99", "max")
    return {f"{name}{unit}": Limit(metric, name) for name in names}


LIMITS: Mapping[str, Mapping[str, Limit]] = {
    "ttfa": _percentiles("ttfa_ms", "_ms"),
    "rtf": _percentiles("rtf", ""),
    "cadence": {
        "p95_gap_ms": Limit("gap_p95_ms", "p95"),
        "max_gap_ms": Limit("gap_max_ms", "max"),
        "underruns": Limit("underruns", "max"),
        "prebuffer_needed_ms": Limit("prebuffer_needed_ms", "max"),
    },
    "memory": {
        "rss_range_mb": Limit("rss_range_mb", "value"),
        "rss_peak_mb": Limit("rss_peak_mb", "value"),
        "uss_peak_mb": Limit("uss_peak_mb", "value"),
    },
}
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "ttfa": ("prebuffer_ms", "onset"),
    "cadence": ("prebuffer_ms",),
}
ONSETS = ("heard", "sample")
DESCRIPTIONS = {
    "perf": "a performance test; added by every mark below and by the fixtures perf, warm_engine "
    "and cold_engine",
    "ttfa": "(p50_ms=, p95_ms=, p99_ms=, max_ms=, prebuffer_ms=0, onset='heard'|'sample'): limit "
    "the time to first audio",
    "rtf": "(p50=, p95=, p99=, max=): limit the real-time factor; below 1 beats real time",
    "cadence": "(p95_gap_ms=, max_gap_ms=, underruns=, prebuffer_ms=0, prebuffer_needed_ms=): "
    "limit how evenly chunks come",
    "memory": "(rss_range_mb=, rss_peak_mb=, uss_peak_mb=): limit the memory of the engine's "
    "process tree",
    "trials": "(n): how many trials a performance test takes",
    "voice": "(name): the voice a performance test asks its target for",
    MARK: DESCRIPTION,
}


class Override(NamedTuple):
    """A limit that an option or ini line puts in the place of the test's own."""

    key: str
    limit: float
    source: str


def is_perf(item: pytest.Item) -> bool:
    """Whether the test is to carry the mark `perf`: it uses our fixtures, or states a limit."""
    return usage.uses_ours(item) or any(
        _is_claimed(mark) for name in LIMITS for mark in item.iter_markers(name)
    )


def _is_claimed(mark: pytest.Mark) -> bool:
    """Whether a mark is ours on a test that uses none of our fixtures: by its keywords."""
    known = {*LIMITS[mark.name], *SETTINGS.get(mark.name, ())}
    return not known.isdisjoint(mark.kwargs)


def check(item: pytest.Item) -> None:
    """LimitError when a mark of this test cannot be understood."""
    if is_perf(item):
        if usage.uses_ours(item):
            _refuse_empty(item)
        merge_limits(item)
        trials(item)
        voice(item)
        choose_metrics(item, {}, {}, "warm")


def choose_metrics(
    item: pytest.Item, told: Mapping[str, float], ini: Mapping[str, float], phase: Phase
) -> tuple[ComparedMetric, ...]:
    """What the test is compared by with another version; LimitError names the test."""
    mark = item.get_closest_marker(MARK)
    try:
        return choose_metrics_of_mark(mark, told, ini, phase)
    except LimitError as error:
        raise LimitError(f"{item.nodeid}: {error}") from error


def thresholds(item: pytest.Item, overrides: Iterable[Override] = ()) -> tuple[Threshold, ...]:
    """The test's limits, each with the override in force, if any."""
    from pytest_ttsperf.records import Threshold

    replaced = {override.key: override for override in overrides}
    found = []
    for marker, keywords in merge_limits(item).items():
        prebuffer_ms = float(keywords.get("prebuffer_ms", 0.0))
        onset = keywords.get("onset", "heard")
        for keyword, limit in LIMITS[marker].items():
            if keyword not in keywords:
                continue
            metric = "ttfs_ms" if onset == "sample" else limit.metric
            looks_at_playback = metric in ("ttfa_ms", "underruns")
            declared = float(keywords[keyword])
            override = replaced.get(f"{marker}_{keyword}")
            found.append(
                Threshold(
                    marker=marker,
                    keyword=keyword,
                    metric=metric,
                    statistic=limit.statistic,  # type: ignore[arg-type]
                    limit=override.limit if override else declared,
                    prebuffer_ms=prebuffer_ms if looks_at_playback else 0.0,
                    onset=onset,
                    declared=declared if override else None,
                    overridden_by=override.source if override else None,
                )
            )
    return tuple(found)


def merge_limits(item: pytest.Item) -> dict[str, dict[str, Any]]:
    """Mark -> keyword -> value, the nearest mark winning keyword by keyword."""
    merged: dict[str, dict[str, Any]] = {}
    ours = usage.uses_ours(item)
    for marker in LIMITS:
        for mark in item.iter_markers(marker):
            if not ours and not _is_claimed(mark):
                continue
            _check_mark(item.nodeid, mark)
            for keyword, value in mark.kwargs.items():
                merged.setdefault(marker, {}).setdefault(keyword, value)
        given = merged.get(marker, {})
        if given and not set(given) & set(LIMITS[marker]):
            raise LimitError(
                f"{item.nodeid}: @{marker} with only {', '.join(given)} limits nothing; "
                f"add one of {', '.join(LIMITS[marker])}"
            )
    return merged


def trials(item: pytest.Item) -> int | None:
    """`@trials(n)` of the test, if it has one."""
    mark = item.get_closest_marker("trials")
    if mark is None:
        return None
    count = mark.args[0] if len(mark.args) == 1 and not mark.kwargs else None
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise LimitError(f"{item.nodeid}: {_as_written(mark)}; wanted @trials(n) with n >= 1")
    return count


def voice(item: pytest.Item) -> str | None:
    """`@voice(name)` of the test, if it has one."""
    mark = item.get_closest_marker("voice")
    if mark is None:
        return None
    name = mark.args[0] if len(mark.args) == 1 and not mark.kwargs else None
    if not isinstance(name, str) or not name:
        raise LimitError(f'{item.nodeid}: {_as_written(mark)}; wanted @voice("name")')
    return name


def parse_override(text: str, source: str) -> Override:
    """`ttfa_p95_ms=800` into an override; LimitError names the known keys."""
    known = [f"{marker}_{keyword}" for marker, words in LIMITS.items() for keyword in words]
    key, equals, value = (part.strip() for part in text.partition("="))
    if key not in known:
        raise LimitError(
            f"{source}: {key!r} is no limit{_near(key, known)}; known are {', '.join(known)}"
        )
    try:
        limit = float(value) if equals else math.nan
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit) or limit < 0:
        raise LimitError(f"{source}: {text!r}; wanted {key}=NUMBER with a number of at least 0")
    return Override(key, limit, source)


def _refuse_empty(item: pytest.Item) -> None:
    """LimitError for a mark that limits nothing: who wrote it believes that something is limited.

    A bare mark beside the limits of a class or module is one, too: nobody can tell what it adds.
    """
    accepted = {name: (*LIMITS[name], *SETTINGS.get(name, ())) for name in LIMITS}
    accepted[MARK] = tuple(metrics.names())
    for name, keywords in accepted.items():
        for mark in item.iter_markers(name):
            if not mark.args and not mark.kwargs:
                raise LimitError(
                    f"{item.nodeid}: @{name}() without a keyword limits nothing; name a limit, or "
                    f"leave it out; accepted keywords: {', '.join(keywords)}"
                )


def _check_mark(nodeid: str, mark: pytest.Mark) -> None:
    accepted = (*LIMITS[mark.name], *SETTINGS.get(mark.name, ()))
    if mark.args:
        raise LimitError(
            f"{nodeid}: {_as_written(mark)} gives a limit without its name; "
            f"accepted keywords: {', '.join(accepted)}"
        )
    for keyword, value in mark.kwargs.items():
        if keyword not in accepted:
            raise LimitError(
                f"{nodeid}: @{mark.name} has no keyword {keyword!r}{_near(keyword, accepted)}; "
                f"accepted keywords: {', '.join(accepted)}"
            )
        if keyword == "onset":
            if value not in ONSETS:
                raise LimitError(f"{nodeid}: @{mark.name}(onset={value!r}); wanted {ONSETS}")
        elif not _is_limit(value):
            raise LimitError(
                f"{nodeid}: @{mark.name}({keyword}={value!r}); wanted a finite number of at least "
                f"0, in the unit that the keyword names"
            )


def _is_limit(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value >= 0  # type: ignore[arg-type,operator]


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _as_written(mark: pytest.Mark) -> str:
    arguments = [repr(value) for value in mark.args]
    arguments += [f"{key}={value!r}" for key, value in mark.kwargs.items()]
    return f"@{mark.name}({', '.join(arguments)})"
