"""When a run of windows proves a claim, while each window that speaks against it moves the level.

The claim is that a level holds (fewer than one window in five is bad in the long run), or that it
fails. A stream of windows begins at some level. Where the claim is "holds", a bad window moves the
stream one level down; where it is "fails", a good window moves it one level up. What is claimed in
the end is claimed of the level at which the stream stands, and the whole stream counts for it: if
that level does not hold, no level above it does, so none of the windows was good with a greater
probability than .8. Hence the error is that of one sequential test at one level, however many
levels the stream has passed and wherever it began. (Levels that hold are taken to be below all that
do not.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache


@dataclass(slots=True)
class Staircase:
    """Counts windows until they suffice for a claim."""

    boundary: Sequence[int]
    """How many windows it takes, by how many of them speak against the claim."""
    windows: int = 0
    against: int = 0

    @property
    def has_proven(self) -> bool:
        """Whether the claim is due."""
        return not self.is_hopeless and self.windows >= self.boundary[self.against]

    @property
    def is_hopeless(self) -> bool:
        """Whether too many windows speak against the claim."""
        return self.against >= len(self.boundary)

    @property
    def is_over(self) -> bool:
        """Whether no further window is wanted."""
        return self.has_proven or self.is_hopeless

    @property
    def wanted(self) -> int:
        """Windows in all, should no further one speak against the claim."""
        return self.boundary[min(self.against, len(self.boundary) - 1)]

    def count(self, *, is_for: bool) -> None:
        """Take in a window."""
        self.windows += 1
        if not is_for:
            self.against += 1


@cache
def boundary(chance: float, spending: tuple[float, ...]) -> tuple[int, ...]:
    """How many windows it takes, by how many of them speak against the claim.

    `chance` is the largest probability of a window that speaks for a claim which is wrong, and
    `spending` how probable such a claim may be in all, once so many windows as its index speak
    against it; it rises. Exact, by adding up all courses that a stream can take.
    """
    needed: list[int] = []
    under_way = {0: 1.0}
    claimed = 0.0
    windows = 0
    while len(needed) < len(spending):
        windows += 1
        under_way = _after_one_window(under_way, chance)
        against = len(needed)
        claims_now = under_way.get(against, 0.0)
        if claimed + claims_now <= spending[against]:
            claimed += claims_now
            under_way.pop(against, None)
            needed.append(windows)
    return tuple(needed)


def error_of(needed: Sequence[int], chance: float) -> float:
    """How probable a wrong claim is with such a boundary, exactly."""
    under_way = {0: 1.0}
    claimed = 0.0
    for windows in range(1, needed[-1] + 1):
        under_way = _after_one_window(under_way, chance)
        for against, due in enumerate(needed):
            if windows >= due:
                claimed += under_way.pop(against, 0.0)
    return claimed


def _after_one_window(under_way: dict[int, float], chance: float) -> dict[int, float]:
    after: dict[int, float] = {}
    for against, probability in under_way.items():
        after[against] = after.get(against, 0.0) + probability * chance
        after[against + 1] = after.get(against + 1, 0.0) + probability * (1 - chance)
    return after
