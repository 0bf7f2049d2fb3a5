"""The parts of a cell's page: distributions, placement, memory, cadence, load, capacity, soak."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from statistics import median
from typing import Literal

from pytest_ttsperf.metrics import definitions
from pytest_ttsperf.metrics.definitions import BYTES_PER_MB
from pytest_ttsperf.records import (
    Capacity,
    CapacityLevel,
    CellResult,
    LoadResult,
    LoadWindow,
    Memory,
    SoakResult,
    SoakSlice,
    StageShare,
    Threshold,
)
from pytest_ttsperf.report import crowd, soak
from pytest_ttsperf.report.analysis.throughput import list_cpu_operators
from pytest_ttsperf.report.page_model import (
    Bin,
    Cadence,
    CapacityCurve,
    CapacityPoint,
    Distribution,
    Fact,
    LoadSection,
    MemoryPoint,
    MemorySection,
    Placement,
    ProviderCount,
    SoakPoint,
    SoakSection,
    StageRow,
    WindowRow,
)
from pytest_ttsperf.report.rows import number

USUAL = ("ttfa_ms", "ttfa_sound_ms", "rtf", "longest_stall_ms")
"""Metrics whose distribution is shown, whatever the test limits."""
LABELS = {
    "ttfa_ms": "ttfa, as heard",
    "ttfa_sound_ms": "ttfa, first sounding chunk",
    "ttfs_ms": "ttfa, first sample",
    "rtf": "rtf",
    "longest_stall_ms": "longest stall",
    "gap_max_ms": "longest gap",
    "gap_p95_ms": "gap p95",
    "prebuffer_needed_ms": "prebuffer needed",
}
MOST_BINS = 12
FEWEST_BINS = 4
SHOWN_DIGITS = 12
CPU_PROVIDER = "CPUExecutionProvider"
PLACEMENT_FACTS = ("provider", "partitions", "sessions", "threads", "runtime", "runtime_version")
"""Parts of a placement that are shown as they are; the others are long, or shown elsewhere."""


# Distributions and stages


def list_distributions(result: CellResult) -> tuple[Distribution, ...]:
    """A sample for each metric that is limited, then for the usual ones; none without trials.

    A metric of which nothing was measured is left out.
    """
    if not result.counted:
        return ()
    shown = []
    for metric, threshold in _shown_metrics(result).items():
        distribution = _distribution(result, metric, threshold)
        if distribution is not None:
            shown.append(distribution)
    return tuple(shown)


def _shown_metrics(result: CellResult) -> dict[str, Threshold | None]:
    """Metric -> the first limit that the test has for it."""
    shown: dict[str, Threshold | None] = {}
    for threshold in result.thresholds:
        is_plain = threshold.target is None and threshold.metric in definitions.METRICS
        if is_plain and threshold.metric != "all_at_once":
            shown.setdefault(threshold.metric, threshold)
    for metric in USUAL:
        if metric != "longest_stall_ms" or result.cell.mode == "stream":
            shown.setdefault(metric, None)
    return shown


def _distribution(
    result: CellResult,
    metric: str,
    threshold: Threshold | None,
) -> Distribution | None:
    prebuffer_ms = result.prebuffer_ms if threshold is None else threshold.prebuffer_ms
    sample = definitions.sample(metric, result.counted, prebuffer_ms)
    values = []
    trials = []
    processes = []
    for trial, value in zip(result.counted, sample.values, strict=True):
        if value is not None and math.isfinite(value):
            values.append(value)
            trials.append(trial.index)
            processes.append(trial.process)
    if not values:
        return None
    key = metric if threshold is None else threshold.sample_key
    summary = result.summary.get(key)
    baseline, candidate = _arms_of(result, metric)
    unit = definitions.METRICS[metric].unit
    return Distribution(
        metric=metric,
        label=LABELS.get(metric, metric),
        unit=unit,
        values=tuple(values),
        trials=tuple(trials),
        processes=tuple(processes),
        missing=len(sample.values) - len(values),
        p50=None if summary is None else summary.p50,
        p95=None if summary is None else summary.p95,
        p95_bound=None if summary is None else _finite(summary.p95_bound),
        limit=None if threshold is None else threshold.limit,
        limit_statistic=None if threshold is None else threshold.statistic,
        bins=count_in_bins(values),
        baseline=baseline,
        candidate=candidate,
        is_least=threshold is not None and threshold.is_least,
    )


def _finite(value: float | None) -> float | None:
    """None for what has no bound."""
    if value is None or not math.isfinite(value):
        return None
    return value


def _arms_of(result: CellResult, metric: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """All that a comparison has measured of a metric: of the other version, and of this one."""
    comparison = result.comparison
    if comparison is None:
        return (), ()
    baseline: list[float | None] = []
    candidate: list[float | None] = []
    for block in comparison.measured.get(metric, ()):
        arms = block.metric
        baseline += [*arms.baseline, *arms.control]
        candidate += [*arms.candidate, *(arms.candidate_control or ())]
    return _measured(baseline), _measured(candidate)


def _measured(values: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(value for value in values if value is not None and math.isfinite(value))


def count_in_bins(values: list[float]) -> tuple[Bin, ...]:
    """A histogram of equal bins, about the square root of n of them; one where all are equal."""
    import numpy as np

    low, high = min(values), max(values)
    if low == high:
        return (Bin(low=low, high=high, count=len(values)),)
    count = min(MOST_BINS, max(FEWEST_BINS, math.ceil(math.sqrt(len(values)))))
    counts, edges = np.histogram(values, bins=count, range=(low, high))
    return tuple(
        Bin(low=float(edges[place]), high=float(edges[place + 1]), count=int(each))
        for place, each in enumerate(counts)
    )


def list_stages(shares: Iterable[StageShare]) -> tuple[StageRow, ...]:
    """The stages of a breakdown, largest first."""
    return tuple(StageRow(stage=each.stage, ms=each.ms, share=each.share) for each in shares)


# Placement


def describe_placement(result: CellResult) -> Placement | None:
    """Which provider was wanted, and what ran where; None where the target says nothing."""
    ready = result.ready
    if ready is None or (not ready.placement and not ready.versions):
        return None
    placement = ready.placement or {}
    return Placement(
        wanted=result.cell.provider,
        providers=tuple(_count_providers(placement)),
        facts=(
            *_placement_facts(placement),
            *(Fact(name, version) for name, version in sorted(ready.versions.items())),
        ),
    )


def _count_providers(placement: Mapping[str, object]) -> Iterator[ProviderCount]:
    nodes = placement.get("nodes")
    if not isinstance(nodes, Mapping):
        return
    for name, count in sorted(nodes.items(), key=lambda entry: str(entry[0])):
        operators: tuple[tuple[str, int], ...] = ()
        if name == CPU_PROVIDER:
            operators = tuple(list_cpu_operators(placement))
        yield ProviderCount(
            provider=str(name),
            nodes=count if isinstance(count, int) else None,
            operators=operators,
        )


def _placement_facts(placement: Mapping[str, object]) -> Iterator[Fact]:
    for name in PLACEMENT_FACTS:
        value = placement.get(name)
        if value is not None:
            yield Fact(name.replace("_", " "), str(value))
    options = placement.get("options")
    if isinstance(options, Mapping) and options:
        listed = ", ".join(f"{key}={value}" for key, value in sorted(options.items()))
        yield Fact("options", listed)
    voice_hash = placement.get("voice_hash")
    if isinstance(voice_hash, str):
        yield Fact("voice hash", voice_hash[:SHOWN_DIGITS])


# Memory and cadence


def describe_memory(result: CellResult) -> MemorySection | None:
    """Memory of the target's process tree; None for a cell that has none, as a search."""
    if result.capacity is not None:
        return None
    memory = result.memory
    points, axis = _memory_points(result)
    leak = memory.leak
    return MemorySection(
        facts=tuple(_memory_facts(memory)),
        points=points,
        axis=axis,
        leak_mb_per_1000=None if leak is None else leak.mb_per_1000,
        leak_low=None if leak is None else leak.low,
        leak_high=None if leak is None else leak.high,
        missing_because=memory.reason,
    )


def _memory_facts(memory: Memory) -> Iterator[Fact]:
    figures = {
        "once ready": memory.rss_baseline_mb,
        "peak": memory.rss_peak_mb,
        "range between trials": memory.rss_range_mb,
        "peak, not shared (USS)": memory.uss_peak_mb,
    }
    for label, value in figures.items():
        if value is not None:
            yield Fact(label, number(value, "MB"))
    if memory.leak is not None:
        yield Fact("growth", soak.leak_text(memory.leak))
    elif memory.leak_reason is not None:
        yield Fact("growth", f"not measured: {memory.leak_reason}")


def _memory_points(
    result: CellResult,
) -> tuple[tuple[MemoryPoint, ...], Literal["trial", "minute", "window"]]:
    """What was read, over trials, minutes of a soak, or windows of a crowd."""
    if result.soak is not None:
        return tuple(_memory_of_slices(result.soak)), "minute"
    if result.load is not None:
        return tuple(_memory_of_windows(result.load.windows)), "window"
    return tuple(_memory_of_trials(result)), "trial"


def _memory_of_trials(result: CellResult) -> Iterator[MemoryPoint]:
    for place, trial in enumerate(result.counted):
        if trial.usage is not None:
            yield MemoryPoint(
                at=float(place),
                rss_mb=trial.usage.rss_bytes / BYTES_PER_MB,
                uss_mb=_to_mb(trial.usage.uss_bytes),
                process=trial.process,
            )


def _memory_of_slices(found: SoakResult) -> Iterator[MemoryPoint]:
    for minute, each in _slices_by_minute(found.slices):
        if each.usage is not None:
            yield MemoryPoint(
                at=minute,
                rss_mb=each.usage.rss_bytes / BYTES_PER_MB,
                uss_mb=_to_mb(each.usage.uss_bytes),
                process=each.session,
            )


def _memory_of_windows(windows: Iterable[LoadWindow]) -> Iterator[MemoryPoint]:
    for window in windows:
        if window.rss_bytes is not None:
            yield MemoryPoint(
                at=float(window.index),
                rss_mb=window.rss_bytes / BYTES_PER_MB,
                uss_mb=_to_mb(window.uss_bytes),
                process=window.session,
            )


def _to_mb(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / BYTES_PER_MB


def describe_cadence(result: CellResult) -> Cadence | None:
    """How evenly the audio came; None for answers that come as a whole, and without trials."""
    if result.cell.mode != "stream" or not result.counted:
        return None
    stalls_ms = _values(result, "longest_stall_ms")
    needed_ms = _values(result, "prebuffer_needed_ms")
    gaps_ms = _values(result, "gap_p95_ms")
    at_once = _values(result, "all_at_once")
    stalling = [stall_ms for stall_ms in stalls_ms if stall_ms > 0]
    longest_stall_ms = max(stalls_ms, default=None)
    prebuffer_needed_ms = max(needed_ms, default=None)
    gap_p95_ms = median(gaps_ms) if gaps_ms else None
    facts = [
        Fact("stalling trials", _count_of(len(stalling), len(stalls_ms))),
        Fact("longest stall", number(longest_stall_ms, "ms")),
        Fact("buffer of the player", number(result.prebuffer_ms, "ms")),
        Fact("buffer that prevents all stalls", number(prebuffer_needed_ms, "ms")),
        Fact("gap p95 of a trial, median", number(gap_p95_ms, "ms")),
    ]
    return Cadence(
        facts=tuple(facts),
        is_streamed=at_once.count(1.0) <= len(at_once) / 2 if at_once else None,
        stalling_trials=len(stalling) if stalls_ms else None,
        trials=len(stalls_ms),
        longest_stall_ms=longest_stall_ms,
        prebuffer_ms=result.prebuffer_ms,
        prebuffer_needed_ms=prebuffer_needed_ms,
        gap_p95_ms=gap_p95_ms,
    )


def _values(result: CellResult, metric: str) -> list[float]:
    """What was measured of a metric, by the player of the test."""
    sample = definitions.sample(metric, result.counted, result.prebuffer_ms)
    return list(_measured(sample.values))


def _count_of(count: int, whole: int) -> str:
    if not whole:
        return "not measured"
    return f"{count} of {whole}"


# Many listeners


def describe_load(load: LoadResult | None) -> LoadSection | None:
    """The windows of a cell in which many listen."""
    if load is None:
        return None
    return LoadSection(
        label=load.spec.label,
        lines=tuple(crowd.describe_load(load)),
        windows=tuple(_window_row(window) for window in load.windows),
    )


def _window_row(window: LoadWindow) -> WindowRow:
    return WindowRow(
        index=window.index,
        offered=window.offered,
        answered=window.answered,
        not_answered=window.refused + window.failed + window.capped,
        ttfa_p95_ms=_finite(window.ttfa_p95_ms),
        rtf_p95=_finite(window.rtf_p95),
        longest_stall_ms=_finite(window.longest_stall_ms),
        queue_p95_ms=_finite(window.queue_p95_ms),
        goodput=window.goodput,
        cpu_s=window.cpu_s,
        rss_mb=_to_mb(window.rss_bytes),
    )


def describe_capacity(capacity: Capacity | None) -> CapacityCurve | None:
    """The levels of a search, upwards."""
    if capacity is None:
        return None
    levels = sorted(capacity.levels, key=lambda level: level.level)
    return CapacityCurve(
        unit=capacity.unit,
        proven=capacity.proven,
        refuted=capacity.refuted,
        confidence=capacity.confidence,
        limits=tuple(_capacity_limit(*limit) for limit in capacity.limits.items()),
        points=tuple(_capacity_point(level) for level in levels),
        sentence=capacity.reason,
        evidence=capacity.evidence,
    )


def _capacity_limit(name: str, limit: float) -> Fact:
    """What a good window meets, as people name it."""
    if name == "ttfa_p95_ms":
        return Fact("ttfa p95 of a good window", f"<= {limit:g} ms")
    if name == "stall":
        return Fact("stalling answers of a good window", f"<= {limit:.0%}")
    return Fact(name, f"<= {limit:g}")


def _capacity_point(level: CapacityLevel) -> CapacityPoint:
    windows = level.windows or level.explored
    return CapacityPoint(
        level=level.level,
        good=level.good,
        windows=len(level.windows),
        explored=len(level.explored),
        outcome=level.outcome,
        ttfa_p95_ms=_measured(window.ttfa_p95_ms for window in windows),
        longest_stall_ms=_measured(window.longest_stall_ms for window in windows),
        goodput=_measured(window.goodput for window in windows),
        reasons=level.reasons,
    )


# A long run


def describe_soak(result: CellResult) -> SoakSection | None:
    """The slices of a soak, by the minute at which each ended."""
    found = result.soak
    if found is None:
        return None
    return SoakSection(
        lines=tuple(soak.describe_soak(found, result.memory)),
        points=tuple(_soak_point(minute, each) for minute, each in _slices_by_minute(found.slices)),
    )


def _slices_by_minute(slices: Iterable[SoakSlice]) -> Iterator[tuple[float, SoakSlice]]:
    """Each with the minute at its end, over all sessions."""
    seconds = 0.0
    for each in slices:
        seconds += each.seconds
        yield seconds / 60, each


def _soak_point(minute: float, each: SoakSlice) -> SoakPoint:
    usage = each.usage
    return SoakPoint(
        minute=minute,
        session=each.session,
        ttfa_ms=each.ttfa_ms,
        rtf=each.rtf,
        null_ms=each.null_ms,
        rss_mb=None if usage is None else usage.rss_bytes / BYTES_PER_MB,
        uss_mb=None if usage is None else _to_mb(usage.uss_bytes),
        handles=each.handles,
        underruns=each.underruns,
    )
