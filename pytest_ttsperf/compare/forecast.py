"""Whether a budget can decide anything, by how long a trial took before: said before it is spent.

A block of a slow engine takes minutes, and a comparison that finds out by running one has wasted
them. One trial may have been late, so the fastest one counts, and what may do is tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_ttsperf.compare.blocks import ARMS, FEWEST_TEXTS, TEXTS, ComparisonSpec
from pytest_ttsperf.judge.statistics.t_rule import MIN_BLOCKS
from pytest_ttsperf.records import Trial

WITH_OPENING = 1.1
"""How much more is named than trials take, for opening and closing the processes."""
SURELY = 2.0
"""So many times the budget, and no late trial explains it."""


def fastest_trial_s(trials: Sequence[Trial]) -> float | None:
    """Seconds from the request to the end; None where no trial was spoken."""
    durations_s = []
    for trial in trials:
        if trial.recording is not None:
            duration_ns = trial.recording.end_ns - trial.recording.request_ns
            durations_s.append(duration_ns / 1e9)
    return min(durations_s, default=None)


def shortfall(spec: ComparisonSpec) -> str | None:
    """Why the budget is much too short, and which would do; None where it may do."""
    if spec.trial_s is None:
        return None
    first, further = _texts_of_blocks(spec)
    texts = first + (MIN_BLOCKS - 1) * further
    needed_s = len(ARMS) * texts * spec.trial_s
    if needed_s <= SURELY * spec.budget_s:
        return None
    return (
        f"{spec.budget_s:.0f} s are too short for an engine that takes {spec.trial_s:.1f} s for a "
        f"text: {MIN_BLOCKS} blocks are the fewest that can decide, and the {len(ARMS)} processes "
        f"of each would speak {further} texts or more; give {math.ceil(WITH_OPENING * needed_s)} s "
        "or more (--ttsperf-budget)"
    )


def _texts_of_blocks(spec: ComparisonSpec) -> tuple[int, int]:
    """Of each process: how many in the first block, and how few in each of the others."""
    if spec.is_cold:
        return 1, 1
    if spec.texts is not None:
        return spec.texts, spec.texts
    return TEXTS, FEWEST_TEXTS
