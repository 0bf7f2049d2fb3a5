"""How many listeners at once, or requests a second, meet the limits, and how sure that is.

A level (so many listeners, or requests a second) *holds* where fewer than one window in five is bad
in the long run, and *fails* elsewhere. The window is the unit, as listeners of one window are no
independent witnesses. A search goes through three phases:

1. *Exploring*: windows of half the length, which prove nothing, find about where the limits are
   missed, and whether suddenly or gradually.
2. *Proving*, from there downwards: 18 of 18 good windows prove a level. Each bad one moves the
   search a level down, and more windows are wanted: 25 of 26, 35 of 37 (`staircase.py`).
3. *Refuting*, from above all good windows upwards: 3 of 3 bad windows refute a level; each good one
   moves the search a level up.

The error of the whole is at most 5 %: phases 2 and 3 are one sequential test each, of .041 and
.009, however many levels they pass; the windows of phase 1, which choose where they begin, are none
of theirs. Where one level alone is in question (`wanted`), only one of the two claims on it
can be wrong, so that each may be in 5 %: 14 of 14 good windows (.8^14 = .044) or 28 of 29 prove it.

To go upwards instead, with 14 of 14 windows at one level after the other, is as safe. But then one
bad window at the first level leaves the search without an answer, which befell 33 of 100 searches:
benchmarks/capacity_simulation.py --rule upwards. Wald's test would take 16 windows where all are
good, and 12 or 13 more for each that is bad, instead of 18 and 6 to 13 more: no faster on
average (--rule wald).

Pure but for the windows themselves: whatever measures them is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pytest_ttsperf.load import capacity_result
from pytest_ttsperf.load.capacity_result import level_text
from pytest_ttsperf.load.capacity_search import (
    CapacityWalk,
    RunWindow,
    SearchEnded,
    SearchStep,
    Unit,
    ladder,
)
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Capacity, LoadWindow, Outcome, Threshold, Verdict

CONFIDENCE = 0.95
UNDECIDED = "what lies between is not decided"


class CapacityLimits(NamedTuple):
    """What a good window meets; besides, nothing in it is refused, failed or held back."""

    ttfa_p95_ms: float | None = None
    stall: float = 0.0
    """Largest share of answers that stall, from 0 to 1."""

    @property
    def as_figures(self) -> dict[str, float]:
        """As `Capacity.limits` stores them."""
        figures = {"stall": self.stall}
        if self.ttfa_p95_ms is not None:
            figures["ttfa_p95_ms"] = self.ttfa_p95_ms
        return figures

    @property
    def of_requests(self) -> tuple[Threshold, ...]:
        """What each request by itself is to meet, for the goodput of a window."""
        no_stall = Threshold(
            marker="cadence", keyword="underruns", metric="underruns", statistic="max", limit=0.0
        )
        if self.ttfa_p95_ms is None:
            return (no_stall,)
        ttfa = Threshold(
            marker="ttfa",
            keyword="p95_ms",
            metric="ttfa_ms",
            statistic="p95",
            limit=self.ttfa_p95_ms,
        )
        return ttfa, no_stall

    @property
    def text(self) -> str:
        """For people: `TTFA p95 at most 500 ms, no answer stalls`."""
        stalls = "no answer stalls"
        if self.stall:
            stalls = f"at most {100 * self.stall:g} % of answers stall"
        if self.ttfa_p95_ms is None:
            return stalls
        return f"TTFA p95 at most {self.ttfa_p95_ms:g} ms, {stalls}"

    def misses(self, window: LoadWindow) -> Iterator[str]:
        """What a window misses, in words that are the same for all windows; none for a good one."""
        if window.refused:
            yield "requests were refused"
        if window.failed:
            yield "requests failed"
        if window.capped:
            yield "too many requests were under way"
        served = window.answered + window.hung_up
        if not served:
            yield "nothing was answered"
            return
        if self.ttfa_p95_ms is not None and not _is_within(window.ttfa_p95_ms, self.ttfa_p95_ms):
            yield f"TTFA p95 was above {self.ttfa_p95_ms:g} ms"
        if not _is_within(window.stalled, self.stall * served):
            yield "answers stalled"

    def is_met(self, window: LoadWindow) -> bool:
        """Whether the window is good."""
        return next(self.misses(window), None) is None


def _is_within(value: float | None, limit: float) -> bool:
    """What was not measured is not."""
    return value is not None and value <= limit


def search(
    run_window: RunWindow,
    limits: CapacityLimits,
    *,
    unit: Unit,
    start: float,
    most: float,
    tell: Callable[[SearchStep], None] | None = None,
    budget_s: float | None = None,
    explore_window: RunWindow | None = None,
    fault_of: Callable[[LoadWindow], str | None] | None = None,
    wanted: float | None = None,
    clock: Callable[[], float] = REAL.monotonic,
) -> Capacity:
    """Find the highest level that meets the limits, or decide whether the level `wanted` does.

    Exploration begins at `start`, and no level above `most` is tried. `explore_window` runs shorter
    windows, `tell` gets each step before it runs, and `fault_of` says of a bad window that its
    generator was the bottleneck. After `budget_s` no window is begun; what was proven by then is.
    A TtsperfError that the first window raises is raised; a later one ends the search.
    """
    begun_s = clock()
    walk = CapacityWalk(
        levels=ladder(unit, most, wanted),
        is_good=limits.is_met,
        fault_of=fault_of or _find_no_fault,
        run_window=run_window,
        explore_window=explore_window or run_window,
        tell=tell or _tell_nobody,
        is_late=lambda: budget_s is not None and clock() - begun_s >= budget_s,
    )
    stopped_because = None
    cut_short_at = None
    try:
        if wanted is None:
            walk.search(start)
        else:
            walk.decide(wanted)
    except SearchEnded as ended:
        stopped_because = _why_ended(walk, ended, budget_s)
        cut_short_at = ended.step
    return Capacity(
        unit=unit,
        limits=limits.as_figures,
        confidence=CONFIDENCE,
        wanted=wanted,
        proven=capacity_result.level_at(walk, walk.proven),
        refuted=capacity_result.level_at(walk, walk.refuted),
        levels=tuple(capacity_result.levels_of(walk, limits.misses)),
        reason=capacity_result.sentence(walk, unit, CONFIDENCE, wanted, cut_short_at),
        evidence=capacity_result.evidence_text(walk, unit),
        stopped_because=stopped_because or capacity_result.why_open(walk, unit, wanted),
    )


def _why_ended(walk: CapacityWalk, ended: SearchEnded, budget_s: float | None) -> str:
    """Its words; where the time was used up before anything was proven, also what a proof takes."""
    if not ended.is_late or budget_s is None or walk.proven is not None:
        return str(ended)
    return f"{ended}{capacity_result.pace_text(walk, ended.step, budget_s)}"


def _find_no_fault(_window: LoadWindow) -> None:
    return None


def _tell_nobody(_step: SearchStep) -> None:
    return None


def judge(capacity: Capacity, least: float) -> Verdict:
    """Whether the capacity is at least so many listeners, or requests a second.

    PASS where as many or more are proven, FAIL where as many or fewer are refuted, INVALID where
    the answers were not what was asked for.
    """
    threshold = Threshold(
        marker="capacity",
        keyword="min_listeners" if capacity.unit == "listeners" else "min_rate",
        metric="capacity",
        statistic="value",
        limit=least,
        is_least=True,
    )
    outcome = _outcome(capacity, least)
    reason = f"{capacity.reason}, wanted at least {level_text(least, capacity.unit)}"
    if capacity.void_because is not None:
        reason += f"; {capacity.void_because}"
    elif outcome is Outcome.INCONCLUSIVE:
        reason += f"; {capacity.stopped_because or UNDECIDED}"
    return Verdict(
        subject=threshold.label,
        outcome=outcome,
        reason=reason,
        metric=threshold.metric,
        statistic=threshold.statistic,
        value=capacity.proven,
        limit=least,
        unit=capacity.unit,
        n=sum(len(level.windows) for level in capacity.levels),
        threshold=threshold,
    )


def _outcome(capacity: Capacity, least: float) -> Outcome:
    if capacity.void_because is not None:
        return Outcome.INVALID
    if capacity.proven is not None and capacity.proven >= least:
        return Outcome.PASS
    if capacity.refuted is not None and capacity.refuted <= least:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE
