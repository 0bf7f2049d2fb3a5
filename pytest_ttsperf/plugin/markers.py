"""Marks into thresholds, checked at collection; an error names the test and the keyword.

A limit is looked up per keyword on the parameter, the function, the class and the module, nearest
first, and may differ by provider or preset (`limits_by_name`). On tests that use none of our
fixtures, marks of our names without a keyword of ours belong to somebody else and are left alone.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from pytest_ttsperf.compare import metrics
from pytest_ttsperf.errors import LimitError, QualityError
from pytest_ttsperf.plugin import lazy, limits_by_name, nearest_marks, usage

if TYPE_CHECKING:
    from pytest_ttsperf.records import ComparedMetric, Phase


MARK = "regression"
DESCRIPTION = (
    "(ttfa='5%', rtf='10%', ...): the smallest change that makes a comparison with another version "
    "fail (--ttsperf-against)"
)


def _margins_of_mark(mark: pytest.Mark | None) -> dict[str, float]:
    """Metric -> smallest change that counts. LimitError for a mark that cannot be understood."""
    if mark is None:
        return {}
    if mark.args:
        raise LimitError(
            f"@{MARK} takes keywords only, such as ttfa='5%'; "
            f"accepted: {', '.join(metrics.EITHER.names)}"
        )
    return metrics.margins_of_keywords(mark.kwargs, f"@{MARK}")


def _margins_of_quality(keywords: Mapping[str, Any]) -> dict[str, float]:
    """What @quality adds to the figures that versions are compared by. LimitError."""
    margins: dict[str, float] = {}
    if "duration" in keywords:
        named = {"speech": keywords["duration"]}
        margins |= metrics.margins_of_keywords(named, "@quality, duration")
    if "timbre_db" in keywords:
        named = {"timbre": keywords["timbre_db"]}
        margins |= metrics.margins_of_keywords(named, "@quality, timbre_db")
    if "max_wer" in keywords or "worst_run" in keywords:
        for figure in ("words", "worst_run"):
            margins[figure] = metrics.ALL[figure].margin
    return margins


class Limit(NamedTuple):
    """What a keyword limits: a statistic of a metric of `metrics.definitions`."""

    metric: str
    statistic: str


def _percentiles(metric: str, unit: str) -> dict[str, Limit]:
    return {f"{name}{unit}": Limit(metric, name) for name in ("p50", "p95", "p99", "max")}


LIMITS: Mapping[str, Mapping[str, Limit]] = {
    "ttfa": _percentiles("ttfa_ms", "_ms"),
    "rtf": _percentiles("rtf", ""),
    "cadence": {
        "p95_gap_ms": Limit("gap_p95_ms", "p95"),
        "max_gap_ms": Limit("gap_max_ms", "max"),
        "underruns": Limit("underruns", "max"),
        "prebuffer_needed_ms": Limit("prebuffer_needed_ms", "max"),
        "streamed": Limit("all_at_once", "p50"),
    },
    "memory": {
        "rss_range_mb": Limit("rss_range_mb", "value"),
        "rss_peak_mb": Limit("rss_peak_mb", "value"),
        "uss_peak_mb": Limit("uss_peak_mb", "value"),
        "leak_mb_per_1000": Limit("leak_mb_per_1000", "value"),
    },
    "quality": {
        "max_wer": Limit("wer", "value"),
        "worst_run": Limit("worst_run", "max"),
        "tolerance_lu": Limit("lufs", "p50"),
        "true_peak_dbtp": Limit("true_peak_dbtp", "max"),
        "clipped_share": Limit("clipped_share", "max"),
        "silence_share": Limit("silence_share", "max"),
        "mos": Limit("mos", "value"),
    },
    "seams": {
        "max_flagged": Limit("seams_flagged", "max"),
    },
    "barge_in": {
        "stop_p95_ms": Limit("barge_in_stop_ms", "p95"),
        "next_ttfa": Limit("barge_in_next_ttfa", "value"),
    },
    "capacity": {
        "min_listeners": Limit("capacity", "value"),
        "min_rate": Limit("capacity", "value"),
    },
    "soak": {
        "drift": Limit("drift", "value"),
        "underruns_per_10min": Limit("underruns_per_10min", "value"),
        "leak_mb_per_1000": Limit("leak_mb_per_1000", "value"),
        "handles": Limit("handles_growth", "value"),
    },
}
_PREBUFFER = "how much audio the player waits for before it starts; 0 unless set"
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "ttfa": {
        "prebuffer_ms": _PREBUFFER,
        "onset": "what counts as audio: 'sample' is the first sample, as vendors count; unless "
        "set, the first sound that a listener can hear",
    },
    "cadence": {"prebuffer_ms": _PREBUFFER},
    "quality": {
        "lufs": "the loudness that tolerance_lu is measured from",
        "duration": "how far the length of speech may differ between versions, as '2%'",
        "timbre_db": "how far the voice itself may differ between versions",
        "recognizer": "what recognises the words: 'pocketsphinx' unless set, or a function of "
        "yours, as 'my_module:transcribe'",
    },
    "capacity": {
        "ttfa_p95_ms": "the time to first audio that 95 % of answers keep, however many listen",
        "stall": "the share of answers that may stall, as 0 or '1%'",
    },
    "soak": {
        "minutes": "how long to speak",
        "requests": "how many requests to make, instead of minutes",
    },
}
"""What the keywords of a mark that limit nothing by themselves say, by mark."""
MARGINS: Mapping[str, tuple[str, ...]] = {"quality": ("duration", "timbre_db")}
"""Settings that limit something by themselves: how far versions may differ."""
DEFAULT_RECOGNIZER = "pocketsphinx"
TOLERANCE_LU = 1.0
SIGNED = frozenset({"lufs", "true_peak_dbtp"})
"""Keywords whose numbers may be below 0."""
TEXTS = frozenset({"recognizer", "duration"})
"""Settings that are no numbers."""
SHARES = frozenset({"next_ttfa", "stall", "drift"})
"""Keywords that take a share: 0.1 or '10%'."""
FLAGS: Mapping[str, Mapping[bool, float]] = {"streamed": {True: 0.5, False: 1.0}}
"""Keywords that are on or off: above what share of the trials they are not met, either way."""
LEAST = frozenset({"mos", "min_listeners", "min_rate"})
"""What is limited from below."""
BESIDE_CAPACITY = frozenset({"capacity", "regression", "trials", "voice"})
"""Marks of ours that a test of capacity may have."""
PLAYED = ("ttfa_ms", "underruns")
"""Metrics that depend on the player's prebuffer."""
ONSETS = ("heard", "sample")
SOAK_DEFAULTS: Mapping[str, Any] = {"drift": "5%", "underruns_per_10min": 1}
"""What a soak is limited by where its mark does not say it."""
FEWEST_SOAK_REQUESTS = 64
"""Two in each of its slices (`endurance.plan.FEWEST_REQUESTS`, which is slow to import)."""
DESCRIPTIONS = {
    "perf": "a performance test; added by every mark below and by the fixtures perf, warm_engine "
    "and cold_engine",
    "ttfa": "(p50_ms=, p95_ms=, p99_ms=, max_ms=, prebuffer_ms=0, onset='heard'|'sample'): limit "
    "the time to first audio",
    "rtf": "(p50=, p95=, p99=, max=): limit the real-time factor; below 1 beats real time",
    "cadence": "(p95_gap_ms=, max_gap_ms=, underruns=, prebuffer_ms=0, prebuffer_needed_ms=, "
    "streamed=True): limit how evenly chunks come, and refuse answers that are sent all at once",
    "memory": "(rss_range_mb=, rss_peak_mb=, uss_peak_mb=, leak_mb_per_1000=): limit the memory of "
    "the engine's process tree, and by how much it grows in 1000 requests",
    "quality": "(max_wer=, worst_run=, lufs=, tolerance_lu=1, true_peak_dbtp=, clipped_share=, "
    "silence_share=, mos=, duration='2%', timbre_db=, recognizer='pocketsphinx'): limit what is "
    "said and how it sounds",
    "seams": "(max_flagged=): limit the joints of chunks at which the sound is broken",
    "barge_in": "(stop_p95_ms=, next_ttfa='10%'): listeners hang up in the midst of an answer; "
    "limit how long the target goes on working for it, and how much later the next first sound "
    "comes",
    "capacity": "(min_listeners=, min_rate=, ttfa_p95_ms=, stall=0): how many may listen at once, "
    "or ask in a second, with the limits that their answers meet",
    "soak": "(minutes= or requests=, drift='5%', underruns_per_10min=1, leak_mb_per_1000=, "
    "handles=): speak so long, and limit how much slower the target becomes in 20 minutes, how "
    "often a player runs dry, and what requests leave behind",
    "listeners": "(n, ...): how many listen at once; several numbers are a test each",
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
    if usage.uses_ours(item) or usage.uses_alternatives(item):
        return True
    marks = chain.from_iterable(map(item.iter_markers, LIMITS))
    return any(map(_is_ours, marks))


def _is_ours(mark: pytest.Mark) -> bool:
    """Whether a mark is ours on a test that uses none of our fixtures: by its keywords."""
    return not set(_accepted(mark.name)).isdisjoint(mark.kwargs)


def _accepted(marker: str) -> tuple[str, ...]:
    """The keywords of a mark: limits, and settings of how they are measured."""
    return (*LIMITS[marker], *SETTINGS.get(marker, ()))


def check(item: pytest.Item) -> None:
    """LimitError when a mark of this test cannot be understood."""
    if not is_perf(item):
        return
    if usage.uses_ours(item):
        _refuse_empty(item)
    merged = merge_limits(item)
    if "recognizer" in merged.get("quality", {}):
        _recognizer_name(item, merged["quality"])
    trials(item)
    voice(item)
    _check_crowd(item, merged)
    choose_metrics(item, {}, {}, "warm")
    _refuse_never_measured(item)


def _check_crowd(item: pytest.Item, merged: Mapping[str, Mapping[str, Any]]) -> None:
    """LimitError for marks of many listeners that do not go together, or with what a test uses."""
    is_cold = "cold_engine" in getattr(item, "fixturenames", ())
    crowd = [name for name in ("barge_in", "capacity") if name in merged]
    _check_soak(item, merged, crowd, is_cold=is_cold)
    if listeners(item) is not None:
        crowd.insert(0, "listeners")
    if crowd and is_cold:
        raise LimitError(
            f"{item.nodeid}: @{crowd[0]} in a test of cold starts, each of which has one listener; "
            "use warm_engine, or leave it out"
        )
    if "capacity" not in merged:
        return
    _check_capacity(item.nodeid, merged["capacity"])
    beside = [name for name in (*merged, *crowd) if name not in BESIDE_CAPACITY]
    if beside:
        raise LimitError(
            f"{item.nodeid}: @{beside[0]} beside @capacity, which finds out itself how many may "
            "listen, and judges each level by its ttfa_p95_ms and stall alone; give one of them a "
            "test of its own"
        )


def _check_soak(
    item: pytest.Item,
    merged: Mapping[str, Mapping[str, Any]],
    crowd: Sequence[str],
    *,
    is_cold: bool,
) -> None:
    """LimitError for a soak of cold starts, and beside marks that say otherwise how long it is."""
    if "soak" not in merged:
        return
    if is_cold:
        raise LimitError(
            f"{item.nodeid}: @soak in a test of cold starts, each of which ends after its answer; "
            "use warm_engine, or leave it out"
        )
    beside = list(crowd)
    if trials(item) is not None:
        beside.append("trials")
    if beside:
        raise LimitError(
            f"{item.nodeid}: @{beside[0]} beside @soak, which says itself how much is spoken; give "
            "one of them a test of its own"
        )


def _check_capacity(nodeid: str, keywords: Mapping[str, Any]) -> None:
    """LimitError for two capacities in one test, or for a part of a listener."""
    if "min_listeners" in keywords and "min_rate" in keywords:
        raise LimitError(
            f"{nodeid}: @capacity(min_listeners=, min_rate=) are two searches; give each a test of "
            "its own"
        )
    number = keywords.get("min_listeners", 1)
    if not _is_count(number):
        raise LimitError(
            f"{nodeid}: @capacity(min_listeners={number!r}); wanted a whole number of at least 1"
        )
    if not keywords.get("min_rate", 1):
        raise LimitError(
            f"{nodeid}: @capacity(min_rate=0); wanted requests a second above 0, as 2.5"
        )


def _refuse_never_measured(item: pytest.Item) -> None:
    """LimitError for a figure that this test asks for, and that its cold starts have none of."""
    mark = nearest_marks.closest(item, MARK)
    if mark is None or "cold_engine" not in getattr(item, "fixturenames", ()):
        return
    never = metrics.WARM_ONLY | (metrics.UNDER_LOAD.shares.keys() - metrics.ALL.keys())
    for name in mark.kwargs:
        if never.issuperset(metrics.SHORT.get(name, (name,))):
            raise LimitError(
                f"{item.nodeid}: @{MARK}({name}=...) cannot be compared in cold starts: a block "
                "has one start of each version, and no tail, count or crowd; use warm_engine, or "
                "leave it out"
            )


def choose_metrics(
    item: pytest.Item,
    command_line: Mapping[str, float],
    ini: Mapping[str, float],
    phase: Phase,
    budget_s: float = metrics.DEFAULT_BUDGET_S,
    round_s: float | None = None,
) -> tuple[ComparedMetric, ...]:
    """By what the test is compared with another version; the margins are by metric.

    `round_s` is what one text takes in all processes of a block. LimitError names the test.
    """
    try:
        mark = _margins_of_mark(nearest_marks.closest(item, MARK))
        requested = _margins_of_quality(merge_limits(item).get("quality", {}))
        return metrics.choose_metrics(
            phase, ini, requested, mark, command_line, budget_s=budget_s, round_s=round_s
        )
    except LimitError as error:
        raise LimitError(f"{item.nodeid}: {error}") from error


def load_margins(
    item: pytest.Item,
    command_line: Mapping[str, float],
    ini: Mapping[str, float],
) -> dict[str, float]:
    """The smallest changes that are named, by figure: where many listen, other figures count.

    LimitError names the test.
    """
    try:
        mark = _margins_of_mark(nearest_marks.closest(item, MARK))
        requested = _margins_of_quality(merge_limits(item).get("quality", {}))
    except LimitError as error:
        raise LimitError(f"{item.nodeid}: {error}") from error
    return {**ini, **requested, **mark, **command_line}


def explain_foreign(item: pytest.Item, *, has_crowds: bool, has_singles: bool) -> str | None:
    """Which figures the mark names that no cell of the test is compared by; None for none."""
    mark = nearest_marks.closest(item, MARK)
    if mark is None or has_crowds == has_singles:
        return None
    accepted = metrics.UNDER_LOAD if has_crowds else metrics.ONE_LISTENER
    foreign = metrics.list_foreign(mark.kwargs, accepted)
    if not foreign:
        return None
    return (
        f"{item.name}: @{MARK} names {', '.join(foreign)}, which is not compared{accepted.where}; "
        f"there are {', '.join(accepted.names)}"
    )


def thresholds(
    item: pytest.Item, overrides: Iterable[Override] = ()
) -> tuple[lazy.records.Threshold, ...]:
    """The test's limits, each with the override in force, if any."""
    from msgspec import structs

    by_key = {override.key: override for override in overrides}
    found = []
    limits = merge_limits(item)
    # One player in a test: what it buffers for an even cadence is waited for before it is heard.
    player_ms = limits.get("cadence", {}).get("prebuffer_ms", 0.0)
    for marker, keywords in limits.items():
        onset = keywords.get("onset", "heard")
        for keyword, limit in LIMITS[marker].items():
            if keyword not in keywords or keywords[keyword] is False:
                continue
            metric = "ttfs_ms" if onset == "sample" else limit.metric
            prebuffer_ms = keywords.get("prebuffer_ms", player_ms) if metric in PLAYED else 0.0
            threshold = lazy.records.Threshold(
                marker=marker,
                keyword=keyword,
                metric=metric,
                statistic=limit.statistic,  # type: ignore[arg-type]
                limit=_limit_of(keyword, keywords[keyword]),
                prebuffer_ms=float(prebuffer_ms),
                onset=onset,
                target=keywords["lufs"] if metric == "lufs" else None,
                is_least=keyword in LEAST,
            )
            override = by_key.get(threshold.key)
            if override is not None:
                threshold = structs.replace(
                    threshold,
                    limit=override.limit,
                    declared=threshold.limit,
                    overridden_by=override.source,
                )
            found.append(threshold)
    return tuple(found)


def _limit_of(keyword: str, value: float) -> float:
    """The number that a threshold has; of a keyword that is on, the share of trials it is for."""
    if keyword in FLAGS:
        return FLAGS[keyword][bool(value)]
    return float(value)


def merge_limits(item: pytest.Item) -> dict[str, dict[str, Any]]:
    """Mark -> keyword -> value, the nearest mark winning keyword by keyword."""
    merged: dict[str, dict[str, Any]] = {}
    uses_ours = usage.uses_ours(item)
    for marker, limits in LIMITS.items():
        keywords: dict[str, Any] = {}
        for mark in nearest_marks.iter_marks(item, marker):
            if not uses_ours and not _is_ours(mark):
                continue
            _check_mark(item.nodeid, mark)
            for keyword, value in mark.kwargs.items():
                keywords.setdefault(keyword, value)  # nearer marks come first, and win
        limiting = (*limits, *MARGINS.get(marker, ()))
        keywords = limits_by_name.choose(item, marker, keywords, limiting)
        if not keywords:
            continue
        _complete(marker, item.nodeid, keywords)
        if {*limits, *MARGINS.get(marker, ())}.isdisjoint(keywords):
            raise LimitError(
                f"{item.nodeid}: @{marker} with only {', '.join(keywords)} limits nothing; "
                f"add one of {', '.join(limits)}"
            )
        merged[marker] = _with_shares(keywords)
    return merged


def _with_shares(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The same with shares as numbers: '10%' as 0.1."""
    numbers = dict(keywords)
    for keyword in SHARES.intersection(keywords):
        numbers[keyword] = share_of(keywords[keyword])
    return numbers


def _complete(marker: str, nodeid: str, keywords: dict[str, Any]) -> None:
    """Fill in what a mark has without being told. LimitError where its keywords do not fit."""
    if marker == "quality":
        _complete_quality(nodeid, keywords)
    elif marker == "soak":
        _complete_soak(nodeid, keywords)


def _complete_quality(nodeid: str, keywords: dict[str, Any]) -> None:
    """Give loudness its usual tolerance. LimitError for a tolerance around nothing."""
    if "lufs" in keywords:
        keywords.setdefault("tolerance_lu", TOLERANCE_LU)
    elif "tolerance_lu" in keywords:
        raise LimitError(
            f"{nodeid}: @quality(tolerance_lu=...) needs the loudness that it is around; add "
            "lufs=, as @quality(lufs=-16, tolerance_lu=1)"
        )


def _complete_soak(nodeid: str, keywords: dict[str, Any]) -> None:
    """Give a soak its usual limits. LimitError where nothing, or two things, say how long it is."""
    lengths = [name for name in SETTINGS["soak"] if name in keywords]
    if len(lengths) != 1:
        found = " and ".join(lengths) or "neither"
        raise LimitError(
            f"{nodeid}: @soak takes minutes= or requests=, and has {found}; wanted one of both, as "
            "@soak(minutes=20)"
        )
    minutes = keywords.get("minutes", 1)
    if not minutes:
        raise LimitError(f"{nodeid}: @soak(minutes=0); wanted minutes above 0, as 20")
    requests = keywords.get("requests", FEWEST_SOAK_REQUESTS)
    if not _is_count(requests) or requests < FEWEST_SOAK_REQUESTS:
        raise LimitError(
            f"{nodeid}: @soak(requests={requests!r}); wanted a whole number of at least "
            f"{FEWEST_SOAK_REQUESTS}"
        )
    for keyword, value in SOAK_DEFAULTS.items():
        keywords.setdefault(keyword, value)


def quality_plan(item: pytest.Item, budget_s: float) -> lazy.plan.QualityPlan:
    """What of the sound this test wants judged; `budget_s` is for what is slow of it."""
    merged = merge_limits(item)
    keywords = merged.get("quality", {})
    return lazy.plan.QualityPlan(
        true_peak="true_peak_dbtp" in keywords,
        loudness="lufs" in keywords,
        seams="seams" in merged,
        words="max_wer" in keywords or "worst_run" in keywords,
        mos="mos" in keywords,
        recognizer=_recognizer_name(item, keywords),
        budget_s=budget_s,
    )


def _recognizer_name(item: pytest.Item, keywords: Mapping[str, Any]) -> str:
    """`pocketsphinx`, or `module:callable`. LimitError for what nobody could import."""
    recognizer = keywords.get("recognizer", DEFAULT_RECOGNIZER)
    if recognizer == DEFAULT_RECOGNIZER:
        return DEFAULT_RECOGNIZER
    try:
        return lazy.function_process.name_function(recognizer)
    except QualityError as error:
        raise LimitError(f"{item.nodeid}: @quality(recognizer=...): {error}") from error


def trials(item: pytest.Item) -> int | None:
    """`@trials(n)` of the test, if it has one."""
    mark = nearest_marks.closest(item, "trials")
    if mark is None:
        return None
    count = _only_argument(mark)
    if not isinstance(count, int) or not _is_count(count):
        raise LimitError(f"{item.nodeid}: {_show_mark(mark)}; wanted @trials(n) with n >= 1")
    return count


def listeners(item: pytest.Item) -> tuple[int, ...] | None:
    """`@listeners(n, ...)` of the test, each number once, if it has such a mark."""
    mark = nearest_marks.closest(item, "listeners")
    if mark is None:
        return None
    if not mark.args or mark.kwargs or not all(map(_is_count, mark.args)):
        raise LimitError(
            f"{item.nodeid}: {_show_mark(mark)}; wanted @listeners(n) or @listeners(n, ...) with "
            "whole numbers of at least 1"
        )
    return tuple(dict.fromkeys(mark.args))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def capacity(item: pytest.Item) -> Mapping[str, Any] | None:
    """The keywords of `@capacity` of the test, shares as numbers; None for a test without it."""
    return _find(item, "capacity")


def soak(item: pytest.Item) -> Mapping[str, Any] | None:
    """The keywords of `@soak` of the test, with its usual limits; None for a test without it."""
    return _find(item, "soak")


def limits_leak(item: pytest.Item) -> bool:
    """Whether the test limits by how much memory grows: `@memory(leak_mb_per_1000=...)`."""
    return "leak_mb_per_1000" in (_find(item, "memory") or {})


def hangs_up(item: pytest.Item) -> bool:
    """Whether listeners of the test end their answers early: it has `@barge_in`."""
    return _find(item, "barge_in") is not None


def limits_trials(item: pytest.Item) -> bool:
    """Whether anything of the test but `@barge_in` needs trials: a limit, or a margin."""
    if item.get_closest_marker(MARK) is not None:
        return True
    return bool(merge_limits(item).keys() - {"barge_in"})


def _find(item: pytest.Item, marker: str) -> Mapping[str, Any] | None:
    if item.get_closest_marker(marker) is None:
        return None
    return merge_limits(item).get(marker)


def voice(item: pytest.Item) -> str | None:
    """`@voice(name)` of the test, if it has one."""
    mark = nearest_marks.closest(item, "voice")
    if mark is None:
        return None
    name = _only_argument(mark)
    if not isinstance(name, str) or not name:
        raise LimitError(f'{item.nodeid}: {_show_mark(mark)}; wanted @voice("name")')
    return name


def _only_argument(mark: pytest.Mark) -> object:
    """The argument of a mark that has one; None for any other mark."""
    if len(mark.args) != 1 or mark.kwargs:
        return None
    argument: object = mark.args[0]
    return argument


def parse_override(text: str, source: str) -> Override:
    """`ttfa_p95_ms=800` into an override; LimitError names the keys there are."""
    keywords = {}
    for marker, limits in LIMITS.items():
        for keyword in limits:
            keywords[f"{marker}_{keyword}"] = keyword
    key, _, value = text.partition("=")
    key = key.strip()
    if key not in keywords:
        keys = list(keywords)
        raise LimitError(
            f"{source}: {key!r} is no limit{_suggest(key, keys)}; known are {', '.join(keys)}"
        )
    limit = _number_of(value, keywords[key])
    if not _is_limit(limit, may_be_negative=keywords[key] in SIGNED):
        wanted = f"{key}=NUMBER with a number of at least 0"
        if keywords[key] in FLAGS:
            wanted = f"{key}=true or {key}=false"
        raise LimitError(f"{source}: {text!r}; wanted {wanted}")
    return Override(key, limit, source)


def _number_of(value: str, keyword: str) -> float:
    """nan for what is none."""
    if keyword in FLAGS:
        numbers = {str(flag).lower(): limit for flag, limit in FLAGS[keyword].items()}
        return numbers.get(value.strip().lower(), math.nan)
    if keyword in SHARES:
        share = share_of(value)
        return math.nan if share is None else share
    try:
        return float(value)
    except ValueError:
        return math.nan


def _refuse_empty(item: pytest.Item) -> None:
    """LimitError for a mark that limits nothing: who wrote it believes that something is limited.

    A bare mark beside the limits of a class or module is one, too: nobody can tell what it adds.
    """
    accepted = {name: _accepted(name) for name in LIMITS}
    accepted[MARK] = tuple(metrics.EITHER.names)
    for name, keywords in accepted.items():
        for mark in item.iter_markers(name):
            if not mark.args and not mark.kwargs:
                raise LimitError(
                    f"{item.nodeid}: @{name}() without a keyword limits nothing; name a limit, or "
                    f"leave it out; accepted keywords: {', '.join(keywords)}"
                )


def _check_mark(nodeid: str, mark: pytest.Mark) -> None:
    accepted = _accepted(mark.name)
    if mark.args:
        raise LimitError(
            f"{nodeid}: {_show_mark(mark)} gives a limit without its name; "
            f"accepted keywords: {', '.join(accepted)}"
        )
    for keyword, value in mark.kwargs.items():
        if keyword not in accepted:
            raise LimitError(
                f"{nodeid}: @{mark.name} has no keyword {keyword!r}{_suggest(keyword, accepted)}; "
                f"accepted keywords: {', '.join(accepted)}"
            )
        wanted = _wanted_anywhere(keyword, value)
        if wanted is not None:
            raise LimitError(f"{nodeid}: @{mark.name}({keyword}={value!r}); wanted {wanted}")


def _wanted_anywhere(keyword: str, value: object) -> str | None:
    """The same as `_wanted_value`, of each value that a dict has for some test."""
    if not limits_by_name.has_usable_names(value):
        return limits_by_name.WANTED
    for each in limits_by_name.iter_values(value):
        wanted = _wanted_value(keyword, each)
        if wanted is not None:
            return wanted
    return None


def _wanted_value(keyword: str, value: object) -> str | None:
    """What a keyword takes, where the value is not that; None for one that it takes."""
    if keyword in TEXTS:
        return None
    if keyword == "onset":
        return None if value in ONSETS else str(ONSETS)
    if keyword in FLAGS:
        return None if isinstance(value, bool) else "True or False"
    if keyword in SHARES:
        return None if share_of(value) is not None else "a share, as '10%' or 0.1"
    if _is_limit(value, may_be_negative=keyword in SIGNED):
        return None
    return "a finite number of at least 0, in the unit that the keyword names"


def share_of(value: object) -> float | None:
    """`'10%'` or 0.1 as 0.1; None for what is no share, 10 for 10 % included."""
    text = str(value).strip()
    percent = text.removesuffix("%")
    try:
        number = float(percent)
    except ValueError:
        return None
    share = number / 100 if percent != text else number
    if not _is_limit(share) or (percent == text and share > 1):
        return None
    return share


def _is_limit(value: object, *, may_be_negative: bool = False) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and (may_be_negative or value >= 0)


def _suggest(word: str, words: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _show_mark(mark: pytest.Mark) -> str:
    arguments = [repr(value) for value in mark.args]
    arguments += [f"{key}={value!r}" for key, value in mark.kwargs.items()]
    return f"@{mark.name}({', '.join(arguments)})"
