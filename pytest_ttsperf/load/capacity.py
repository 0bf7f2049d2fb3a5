"""How many listeners at once, or requests a second, meet the limits, and how sure that is.

A level (so many listeners, or requests a second) *holds* where fewer than one window in five is bad
in the long run, and *fails* elsewhere. The window is the unit, as listeners of one window are no
independent witnesses. A search goes through three phases:

1. *Exploring*: short windows, which prove nothing, find about where the limits are missed.
2. *Proving*, from there downwards: 18 of 18 good windows prove a level. Each bad one moves the
   search a level down, and more windows are wanted: 25 of 26, 35 of 37 (`staircase.py`).
3. *Refuting*, from above what was proven upwards: 3 of 3 bad windows refute a level; each good one
   moves the search a level up.

The error of the whole is at most 5 %: phases 2 and 3 are one sequential test each, of .041 and
.009, however many levels they pass; the windows of phase 1, which choose where they begin, are none
of theirs. Where one level alone is in question (`wanted`), only one of the two claims on it
can be wrong, so that each may be in 5 %: 14 of 14 good windows (.8^14 = .044) or 28 of 29 prove it.

To go upwards instead, with 14 of 14 windows at one level after the other, is as safe. But then one
bad window at the first level leaves the search without an answer, which befell one search in ten to
one in two: benchmarks/capacity_simulation.py.

Pure but for the windows themselves: whatever measures them is passed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pytest_ttsperf.load.capacity_search import (
    PROVING_ONE,
    CapacityWalk,
    LevelWindows,
    RunWindow,
    SearchEnded,
    SearchStep,
    Unit,
    ladder,
)
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    Capacity,
    CapacityLevel,
    LoadWindow,
    Outcome,
    Threshold,
    Verdict,
)

CONFIDENCE = 0.95


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
    try:
        if wanted is None:
            walk.search(start)
        else:
            walk.decide(wanted)
    except SearchEnded as ended:
        stopped_because = str(ended)
    return _capacity(walk, limits, unit, wanted, stopped_because or _why_open(walk, unit, wanted))


def _find_no_fault(_window: LoadWindow) -> None:
    return None


def _tell_nobody(_step: SearchStep) -> None:
    return None


def judge(capacity: Capacity, least: float) -> Verdict:
    """Whether the capacity is at least so many listeners, or requests a second.

    PASS where as many or more are proven, FAIL where as many or fewer are refuted, and INVALID where
    the answers were not what was asked for.
    """
    keyword = "min_listeners" if capacity.unit == "listeners" else "min_rate"
    outcome = Outcome.INCONCLUSIVE
    if capacity.void_because is not None:
        outcome = Outcome.INVALID
    elif capacity.proven is not None and capacity.proven >= least:
        outcome = Outcome.PASS
    elif capacity.refuted is not None and capacity.refuted <= least:
        outcome = Outcome.FAIL
    threshold = Threshold(
        marker="capacity",
        keyword=keyword,
        metric="capacity",
        statistic="value",
        limit=least,
        is_least=True,
    )
    reason = f"{capacity.reason}, wanted at least {level_text(least, capacity.unit)}"
    if capacity.void_because is not None:
        reason += f"; {capacity.void_because}"
    elif outcome is Outcome.INCONCLUSIVE:
        reason += _remedy(capacity, least)
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


def level_text(level: float, unit: Unit) -> str:
    """`6 listeners`, `1 listener`, `3.5 requests/s`."""
    if unit == "listeners" and level == 1:
        return "1 listener"
    return f"{level:g} {unit}"


def _remedy(capacity: Capacity, least: float) -> str:
    """How a level would be decided of which too little is known."""
    found = next((level for level in capacity.levels if level.level == least), None)
    count = 0 if found is None else len(found.windows)
    if found is not None and found.good == count < PROVING_ONE[0]:
        return (
            f"; {PROVING_ONE[0]} good windows at {level_text(least, capacity.unit)} would prove "
            "it: allow more time"
        )
    return "; that is too close to the limits to be decided: allow for fewer, or measure again"


# What is found, as a record


def _capacity(
    walk: CapacityWalk,
    limits: CapacityLimits,
    unit: Unit,
    wanted: float | None,
    stopped_because: str | None,
) -> Capacity:
    levels = []
    for place, windows in sorted(walk.windows.items()):
        levels.append(
            CapacityLevel(
                level=walk.levels[place],
                windows=tuple(windows.counted),
                explored=tuple(windows.explored),
                good=sum(map(limits.is_met, windows.counted)),
                outcome=_outcome(walk, place),
                reasons=_misses(windows, limits),
            )
        )
    return Capacity(
        unit=unit,
        limits=limits.as_figures,
        confidence=CONFIDENCE,
        wanted=wanted,
        proven=_level_at(walk, walk.proven),
        refuted=_level_at(walk, walk.refuted),
        levels=tuple(levels),
        reason=_sentence(walk, unit),
        stopped_because=stopped_because,
    )


def _level_at(walk: CapacityWalk, place: int | None) -> float | None:
    return None if place is None else walk.levels[place]


def _outcome(walk: CapacityWalk, place: int) -> Outcome:
    """What holds at a level holds below it, and what fails at one fails above it."""
    if walk.proven is not None and place <= walk.proven:
        return Outcome.PASS
    if walk.refuted is not None and place >= walk.refuted:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE


def _misses(windows: LevelWindows, limits: CapacityLimits) -> tuple[str, ...]:
    """What its bad windows have missed, most frequent first."""
    misses: Counter[str] = Counter()
    for window in (*windows.counted, *windows.explored):
        misses.update(limits.misses(window))
    return tuple(words for words, _ in misses.most_common())


# The answer in a sentence


def _sentence(walk: CapacityWalk, unit: Unit) -> str:
    """`at least 6 listeners, 95 % sure; 8 fails in 3 of 3 windows`."""
    found = f"no number of {unit} is proven to meet the limits"
    if walk.proven is not None:
        found = f"at least {level_text(walk.levels[walk.proven], unit)}, {CONFIDENCE:.0%} sure"
        found = found.replace("%", " %")
    if walk.refuted is not None:
        found += f"; {_refutation_text(walk, walk.refuted)}"
    return found


def _refutation_text(walk: CapacityWalk, refuted: int) -> str:
    refutation = walk.refutation
    lowest = refutation.places[0]
    share = f"{refutation.bad} of {len(refutation.places)} windows"
    level = walk.levels[refuted]
    if lowest == refuted:
        return f"{level:g} fails in {share}"
    return f"{level:g} fails ({share} at {walk.levels[lowest]:g} to {level:g} are bad)"


def _why_open(walk: CapacityWalk, unit: Unit, wanted: float | None) -> str | None:
    """Why no level was found that fails; None where one was, or none was looked for."""
    if walk.refuted is not None or (wanted is not None and walk.proven is not None):
        return None
    if walk.proven == walk.top:
        return f"more than {level_text(walk.levels[walk.top], unit)} were not to be tried"
    if walk.faults:
        return f"the generator was the bottleneck where windows were bad: {walk.faults[-1]}"
    return f"too many windows were good, and too many bad, at {_span_text(walk, unit)}"


def _span_text(walk: CapacityWalk, unit: Unit) -> str:
    places: Sequence[int] = walk.refutation.places or sorted(walk.windows)
    lowest, highest = walk.levels[min(places)], walk.levels[max(places)]
    if lowest == highest:
        return level_text(lowest, unit)
    return f"{lowest:g} to {level_text(highest, unit)}"
