"""Rules about memory: a slope, a step, or a model that is large from the beginning."""

from __future__ import annotations

import itertools
from statistics import median

from pytest_ttsperf.metrics.definitions import BYTES_PER_MB
from pytest_ttsperf.records import Trial
from pytest_ttsperf.report.analysis.evidence import CellEvidence
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause
from pytest_ttsperf.report.rows import number

LEAST_SLOPE = 1.0
"""MB for each 1000 requests: less than a kilobyte a request is nobody's leak."""
LEAST_GROWTH_MB = 1.0
"""Less, while it was measured, is where an allocator happened to stand."""
FILLING_SHARE = 0.05
"""Of the peak: by less memory grows over some dozens of trials anyhow, as caches and the pools of
an allocator fill. A soak is long enough to see that end."""
FADING_SHARE = 0.5
"""Of the growth from the first to the second third of the readings behind the warm-up: memory that
grows by less from there to the last third is filling, and comes to an end. A leak goes on."""
FEWEST_READINGS = 12
"""With fewer a third is too small to tell growth from chance."""
STEP_SHARE = 0.5
"""Of the range: a single rise that makes up so much of it."""
MODEL_SHARE = 0.8
"""Of the peak: what was there before anything was spoken."""


def leak(evidence: CellEvidence) -> LikelyCause | None:
    """Memory that surely grows from request to request."""
    slope = evidence.result.memory.leak
    if slope is None or slope.low <= 0 or slope.mb_per_1000 < LEAST_SLOPE:
        return None
    if not _is_limited(evidence) and (not _has_grown(evidence) or _fades(evidence)):
        return None
    return LikelyCause(
        rule="leak",
        cause="memory grows with every request",
        evidence=(
            f"{slope.mb_per_1000:+.2f} MB for each 1000 requests, with 95 % confidence "
            f"{slope.low:+.2f} to {slope.high:+.2f} ({slope.readings} readings)",
        ),
        next_step="look for what is stored for each request and never removed: results by text, "
        "sessions, tasks, log records; a soak (@soak(minutes=20)) tells whether it ever ends",
    )


def _has_grown(evidence: CellEvidence) -> bool:
    """Whether memory grew by more than what fills once."""
    memory = evidence.result.memory
    least_mb = LEAST_GROWTH_MB
    if evidence.result.soak is None and memory.rss_peak_mb is not None:
        least_mb = max(least_mb, FILLING_SHARE * memory.rss_peak_mb)
    return memory.rss_range_mb is not None and memory.rss_range_mb >= least_mb


def _fades(evidence: CellEvidence) -> bool:
    """Whether memory grew less and less while it was measured, as caches that fill do."""
    readings = [trial.usage.rss_bytes for trial in evidence.trials if trial.usage is not None]
    if len(readings) < FEWEST_READINGS or len({trial.process for trial in evidence.trials}) > 1:
        return False
    behind = readings[len(readings) // 4 :]
    third = len(behind) // 3
    early = median(behind[:third])
    middle = median(behind[third:-third])
    late = median(behind[-third:])
    return late - middle < FADING_SHARE * (middle - early)


def _is_limited(evidence: CellEvidence) -> bool:
    """Whether memory is at a limit of the test, or the growth of a soak at its own."""
    is_tight = evidence.is_tight("memory")
    return is_tight or evidence.is_tight("soak", metric="leak_mb_per_1000")


def memory_step(evidence: CellEvidence) -> LikelyCause | None:
    """A single rise that explains the range of memory: an arena or a cache, and no leak."""
    memory = evidence.result.memory
    if not evidence.is_tight("memory") or leak(evidence) is not None or not memory.rss_range_mb:
        return None
    rise = _largest_rise(evidence.trials)
    if rise is None:
        return None
    before, after, rise_mb = rise
    if rise_mb < STEP_SHARE * memory.rss_range_mb:
        return None
    return LikelyCause(
        rule="memory_step",
        cause="memory rises in one step, as an arena or a cache does that grows to its size",
        evidence=(
            f"{rise_mb:+.3g} MB between trials {before.index} and {after.index}, of a range of "
            f"{number(memory.rss_range_mb, 'MB')}",
        ),
        next_step="see what was special of that trial's text (its length, most often); bound the "
        "length of what is computed at once, or turn off the runtime's memory arena",
    )


def _largest_rise(trials: tuple[Trial, ...]) -> tuple[Trial, Trial, float] | None:
    """The neighbours of one process between which RSS rose most, and by how many MB."""
    found: tuple[Trial, Trial, float] | None = None
    measured = [trial for trial in trials if trial.usage is not None]
    for before, after in itertools.pairwise(measured):
        if before.usage is None or after.usage is None or before.process != after.process:
            continue
        rise_mb = (after.usage.rss_bytes - before.usage.rss_bytes) / BYTES_PER_MB
        if rise_mb > 0 and (found is None or rise_mb > found[2]):
            found = before, after, rise_mb
    return found


def large_from_the_start(evidence: CellEvidence) -> LikelyCause | None:
    """A peak that was nearly there before anything was spoken."""
    memory = evidence.result.memory
    if memory.rss_baseline_mb is None or not memory.rss_peak_mb:
        return None
    limits = [
        verdict
        for verdict in evidence.verdicts_of("memory")
        if verdict.metric in ("rss_peak_mb", "uss_peak_mb")
        and verdict.value is not None
        and verdict.limit is not None
        and verdict.value > verdict.limit
    ]
    share = memory.rss_baseline_mb / memory.rss_peak_mb
    if not limits or share < MODEL_SHARE:
        return None
    return LikelyCause(
        rule="large_from_the_start",
        cause="the memory is used before the first request: by the model and its libraries",
        evidence=(
            f"{number(memory.rss_baseline_mb, 'MB')} once it was ready, "
            f"{number(memory.rss_peak_mb, 'MB')} at the peak ({share:.0%})",
        ),
        next_step="a smaller or quantised model, fewer sessions of it, weights that are mapped "
        "from their file, imports that are not needed left out",
    )
