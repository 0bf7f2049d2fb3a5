"""How a search for capacity walks: exploring, then proving downwards, then refuting upwards.

It knows of windows only whether they are good, and whether their generator was at fault. The error
of what it claims is explained in `capacity.py`.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pytest_ttsperf.errors import TtsperfError
from pytest_ttsperf.load.staircase import Staircase, boundary
from pytest_ttsperf.records import LoadWindow

Unit = Literal["listeners", "requests/s"]
Phase = Literal["exploring", "proving", "refuting", "deciding"]
RunWindow = Callable[[float], LoadWindow]
"""Runs one window at a level. A TtsperfError that it raises ends the search, which says so."""

WORST_BAD_SHARE = 0.2
"""Of windows in the long run, at and beyond which a level fails."""
PROVING = boundary(
    1 - WORST_BAD_SHARE,
    (0.0225, 0.032, 0.0365, 0.038, 0.039, 0.0396, 0.04, 0.0403, 0.0406, 0.041),
)
"""18 of 18, 25 of 26, 35 of 37 ..."""
REFUTING = boundary(WORST_BAD_SHARE, (0.00801, 0.0084, 0.0086, 0.0088, 0.0089, 0.009))
"""3 of 3, 6 of 7, 7 of 9 ..."""
PROVING_ONE = boundary(1 - WORST_BAD_SHARE, (0.044, 0.0499))
"""14 of 14, 28 of 29."""
REFUTING_ONE = boundary(WORST_BAD_SHARE, (0.00801, 0.02, 0.03, 0.038, 0.044, 0.047, 0.049))
"""3 of 3, 4 of 5, 4 of 6 ..."""
EXPLORING_WINDOWS = 4
"""All good, at the level at which the proof begins."""
STEP = 1.1
LOWEST_RATE = 0.1


class SearchStep(NamedTuple):
    """Which window is about to run, or runs."""

    phase: Phase
    level: float
    window: int
    """Of this phase, from 1."""
    wanted: int | None
    """Windows of this phase in all, should they go on as they do; None while exploring."""
    seconds: float = 0.0
    """Of this window, so far."""
    window_s: float | None = None
    """In which it has arrivals; None before it has begun."""


def ladder(unit: Unit, most: float, wanted: float | None = None) -> tuple[float, ...]:
    """The levels that a search can try: 10 % apart and at least one listener, up to `most`.

    Each search has the same, so that the answers of two differ by whole steps; `wanted` is one of
    them in any case.
    """
    levels = {most}
    level = 1.0 if unit == "listeners" else LOWEST_RATE
    while level < most:
        levels.add(level)
        level = _level_above(unit, level)
    if wanted is not None:
        levels.add(wanted)
    return tuple(sorted(levels))


def _level_above(unit: Unit, level: float) -> float:
    if unit == "listeners":
        return max(level + 1, float(round(level * STEP)))
    return float(f"{level * STEP:.3g}")


@dataclass(slots=True)
class LevelWindows:
    """What was measured at one level."""

    explored: list[LoadWindow] = field(default_factory=list)
    counted: list[LoadWindow] = field(default_factory=list)


class SearchEnded(Exception):
    """Before all was found out; its words say why."""

    def __init__(self, words: str, step: SearchStep, *, is_late: bool = False) -> None:
        super().__init__(words)
        self.step = step
        """The window that was to be next, or that failed."""
        self.is_late = is_late
        """Whether it was the time that ended it."""


@dataclass(slots=True)
class ClaimEvidence:
    """The windows that a claim rests on, or was to rest on."""

    places: list[int] = field(default_factory=list)
    in_favour: int = 0

    def count(self, place: int, *, is_for: bool) -> None:
        """Take in a window."""
        self.places.append(place)
        self.in_favour += is_for


@dataclass(slots=True)
class CapacityWalk:
    """A search under way. A place is an index into `levels`."""

    levels: tuple[float, ...]
    is_good: Callable[[LoadWindow], bool]
    fault_of: Callable[[LoadWindow], str | None]
    """Why a window says something of its generator, and not of the target; None where it does not.
    Lateness is inside the latency: a good window stays good, a bad one refutes nothing."""
    run_window: RunWindow
    explore_window: RunWindow
    tell: Callable[[SearchStep], None]
    is_late: Callable[[], bool]
    """Whether the budget is used up."""
    windows: dict[int, LevelWindows] = field(default_factory=dict)
    proof: ClaimEvidence = field(default_factory=ClaimEvidence)
    refutation: ClaimEvidence = field(default_factory=ClaimEvidence)
    faults: list[str] = field(default_factory=list)
    """Of bad windows that therefore refute nothing."""
    explored_good: int | None = None
    """The highest place that exploring found good, by a single window."""
    proven: int | None = None
    refuted: int | None = None

    @property
    def top(self) -> int:
        """The highest place."""
        return len(self.levels) - 1

    def search(self, start: float) -> None:
        """Find out all. SearchEnded; a TtsperfError of the first window is raised as it is."""
        self._narrow(*self._bracket(self._place_of(start)))
        place = self._place_to_prove()
        if place is not None:
            self._prove(place)
        self._refute(self._place_to_refute())

    def decide(self, level: float) -> None:
        """Prove or refute one level, then explore how far the limits are. Raises as `search`."""
        place = self._place_of(level)
        self._decide(place)
        with contextlib.suppress(SearchEnded):
            if self.proven == place:
                self._narrow(*self._bracket_above(place))
            else:
                self._narrow(*self._bracket_below(place))

    def _place_of(self, level: float) -> int:
        """Of a level, or of the next one above it."""
        return min(bisect_left(self.levels, level), self.top)

    # Exploring

    def _bracket(self, start: int) -> tuple[int, int]:
        """A place that is good, -1 without any; and one above it that is not, or is none."""
        if self._explore_window(start):
            return self._bracket_above(start)
        return self._bracket_below(start)

    def _bracket_above(self, good: int) -> tuple[int, int]:
        while good < self.top:
            above = max(good + 1, self._place_of(2 * self.levels[good]))
            if not self._explore_window(above):
                return good, above
            good = above
        return good, good + 1

    def _bracket_below(self, bad: int) -> tuple[int, int]:
        while bad > 0:
            below = min(bad - 1, self._place_of(self.levels[bad] / 2))
            if self._explore_window(below):
                return below, bad
            bad = below
        return -1, 0

    def _narrow(self, good: int, bad: int) -> None:
        """Halve what is between a good place and a bad one until nothing is."""
        while bad - good > 1:
            middle = (bad + good) // 2
            if self._explore_window(middle):
                good = middle
            else:
                bad = middle
        self.explored_good = good if good >= 0 else None

    def _place_to_prove(self) -> int | None:
        """The highest place at which `EXPLORING_WINDOWS` are good, or the lowest of all.

        Where good windows and bad ones have met above it, the border is a gradual one, and it is a
        level less: a bad window later on would cost more windows than that. None where so many are
        bad at the lowest.
        """
        if self.explored_good is None:
            return 0 if self._is_good_at_times(0) else None
        place = self.explored_good
        while place > 0 and not self._is_good_throughout(place):
            place -= 1
        if place < self.explored_good:
            place = max(place - 1, 0)
        return place

    def _is_good_throughout(self, place: int) -> bool:
        explored = self._at(place).explored
        while len(explored) < EXPLORING_WINDOWS:
            if not self._explore_window(place):
                return False
        return all(map(self.is_good, explored))

    def _is_good_at_times(self, place: int) -> bool:
        while len(self._at(place).explored) < EXPLORING_WINDOWS:
            if self._explore_window(place):
                return True
        return False

    def _explore_window(self, place: int) -> bool:
        done = sum(len(each.explored) for each in self.windows.values())
        step = SearchStep("exploring", self.levels[place], done + 1, None)
        return self._run(step, self.explore_window, self._at(place).explored)

    # Proving and refuting

    def _prove(self, start: int) -> None:
        """Prove a level, from `start` downwards."""
        stairs = Staircase(PROVING)
        place = start
        while not stairs.is_over:
            is_good = self._count_window("proving", place, stairs)
            stairs.count(is_for=is_good)
            self.proof.count(place, is_for=is_good)
            if not is_good:
                place = max(place - 1, 0)
        if stairs.has_proven:
            self.proven = place

    def _place_to_refute(self) -> int:
        """The lowest above which, and at which, all windows so far were bad.

        Without any, the lowest above what was proven.
        """
        good = {place for place, windows in self.windows.items() if self._has_good(windows)}
        highest_good = max(good, default=-1)
        bad = [place for place in self.windows if place > highest_good]
        return min(bad, default=0 if self.proven is None else self.proven + 1)

    def _has_good(self, windows: LevelWindows) -> bool:
        return any(map(self.is_good, (*windows.explored, *windows.counted)))

    def _refute(self, start: int) -> None:
        """Refute a level, from `start` upwards."""
        stairs = Staircase(REFUTING)
        place = start
        while not stairs.is_over and place <= self.top:
            is_good = self._count_window("refuting", place, stairs)
            is_for = self._refutes(place, is_good=is_good)
            stairs.count(is_for=is_for)
            if stairs.has_proven:
                self.refuted = place
            if not is_for:
                place += 1

    def _decide(self, place: int) -> None:
        """Prove or refute one level, with the same windows."""
        proof, refutation = Staircase(PROVING_ONE), Staircase(REFUTING_ONE)
        while not (proof.is_hopeless and refutation.is_hopeless):
            leading = refutation if proof.is_hopeless else proof
            is_good = self._count_window("deciding", place, leading)
            proof.count(is_for=is_good)
            self.proof.count(place, is_for=is_good)
            refutation.count(is_for=self._refutes(place, is_good=is_good))
            if proof.has_proven:
                self.proven = place
                return
            if refutation.has_proven:
                self.refuted = place
                return

    def _refutes(self, place: int, *, is_good: bool) -> bool:
        """Whether the last window speaks against the level; it becomes evidence."""
        fault = None
        if not is_good:
            fault = self.fault_of(self._at(place).counted[-1])
        if fault is not None:
            self.faults.append(fault)
        is_bad = not is_good and fault is None
        self.refutation.count(place, is_for=is_bad)
        return is_bad

    def _count_window(self, phase: Phase, place: int, stairs: Staircase) -> bool:
        step = SearchStep(phase, self.levels[place], stairs.windows + 1, stairs.wanted)
        return self._run(step, self.run_window, self._at(place).counted)

    def _run(self, step: SearchStep, run: RunWindow, windows: list[LoadWindow]) -> bool:
        if self.is_late():
            raise SearchEnded("the time for the search was used up", step, is_late=True)
        self.tell(step)
        try:
            window = run(step.level)
        except TtsperfError as error:
            if not any(each.explored or each.counted for each in self.windows.values()):
                raise
            raise SearchEnded(f"at {step.level:g}: {error}", step) from error
        windows.append(window)
        return self.is_good(window)

    def _at(self, place: int) -> LevelWindows:
        return self.windows.setdefault(place, LevelWindows())
