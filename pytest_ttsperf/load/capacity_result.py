"""What a search for capacity has found: its levels as records, and its answer in sentences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from pytest_ttsperf.load.capacity_search import (
    PROVING,
    CapacityWalk,
    LevelWindows,
    SearchStep,
    Unit,
)
from pytest_ttsperf.records import CapacityLevel, LoadWindow, Outcome

Misses = Callable[[LoadWindow], Iterable[str]]
"""What a window misses, in words; nothing for a good one."""


def levels_of(walk: CapacityWalk, misses: Misses) -> Iterator[CapacityLevel]:
    """All levels that were tried, upwards."""
    for place, windows in sorted(walk.windows.items()):
        if not windows.counted and not windows.explored:
            continue
        yield CapacityLevel(
            level=walk.levels[place],
            windows=tuple(windows.counted),
            explored=tuple(windows.explored),
            good=sum(map(walk.is_good, windows.counted)),
            outcome=_outcome_at(walk, place),
            reasons=_reasons(windows, misses),
        )


def level_at(walk: CapacityWalk, place: int | None) -> float | None:
    """The level of a place; None without one."""
    return None if place is None else walk.levels[place]


def level_text(level: float, unit: Unit) -> str:
    """`6 listeners`, `1 listener`, `3.5 requests/s`."""
    if unit == "listeners" and level == 1:
        return "1 listener"
    return f"{level:g} {unit}"


def _outcome_at(walk: CapacityWalk, place: int) -> Outcome:
    """What holds at a level holds below it, and what fails at one fails above it."""
    if walk.proven is not None and place <= walk.proven:
        return Outcome.PASS
    if walk.refuted is not None and place >= walk.refuted:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE


def _reasons(windows: LevelWindows, misses: Misses) -> tuple[str, ...]:
    """What its bad windows have missed, most frequent first."""
    counts: Counter[str] = Counter()
    for window in (*windows.counted, *windows.explored):
        counts.update(misses(window))
    return tuple(words for words, _ in counts.most_common())


# The answer


def sentence(
    walk: CapacityWalk,
    unit: Unit,
    confidence: float,
    wanted: float | None,
    cut_short_at: SearchStep | None,
) -> str:
    """`at least 6 listeners, 95 % sure; 8 fails in 3 of 3 windows`.

    `cut_short_at` is the window that was not run any more, if the search did not come to its end.
    """
    parts = []
    if walk.proven is not None:
        proven = level_text(walk.levels[walk.proven], unit)
        parts.append(f"at least {proven}, {100 * confidence:g} % sure")
    elif wanted is None:
        parts.append(f"no number of {unit} is proven")
    elif walk.refuted is None:
        parts.append(f"{level_text(wanted, unit)}: neither proven nor refuted")
    if walk.refuted is not None:
        parts.append(_refutation_text(walk, walk.refuted))
    if wanted is not None:
        parts += _exploring_text(walk, wanted)
    if cut_short_at is not None:
        parts.append(_cut_short_text(cut_short_at, unit))
    return "; ".join(parts)


def _cut_short_text(step: SearchStep, unit: Unit) -> str:
    """How far the search was; `cut short at 8 listeners, after 12 of 18 windows`."""
    if step.phase == "refuting":
        return "cut short before a level failed"
    if step.phase == "exploring" or step.wanted is None:
        return "cut short while exploring"
    place = level_text(step.level, unit)
    return f"cut short at {place}, after {step.window - 1} of {step.wanted} windows"


def pace_text(walk: CapacityWalk, step: SearchStep, spent_s: float) -> str:
    """Which time would have done, for a search that had none left before this window.

    It is what further windows take that all speak for the claim, as long as those so far: no less
    will do. Nothing before the first window, and where no further one would prove anything.
    """
    done = 0
    for windows in walk.windows.values():
        done += len(windows.explored) + len(windows.counted)
    if not done or step.phase == "refuting":
        return ""
    aim = "a proof"
    left = PROVING[0]
    if step.phase == "deciding":
        aim = "a decision"
    if step.wanted is not None:
        left = step.wanted - step.window + 1
    window_s = spent_s / done
    minutes = math.ceil((spent_s + left * window_s) / 60)
    return f"; at {window_s:.0f} s a window, {aim} takes {minutes} min or more"


def _refutation_text(walk: CapacityWalk, refuted: int) -> str:
    refutation = walk.refutation
    lowest = min(refutation.places)
    share = f"{refutation.in_favour} of {len(refutation.places)} windows"
    level = walk.levels[refuted]
    if lowest == refuted:
        return f"{level:g} fails in {share}"
    return f"{level:g} fails, as {share} at {walk.levels[lowest]:g} to {level:g} do"


def _exploring_text(walk: CapacityWalk, wanted: float) -> Iterator[str]:
    """Where one level was in question, how far the limits seem to be from there."""
    explored = level_at(walk, walk.explored_good)
    if explored is not None and explored != wanted:
        yield f"a short window at {explored:g} was good, which proves nothing"


def evidence_text(walk: CapacityWalk, unit: Unit) -> str | None:
    """The windows that the proof rests on: `25 of 26 windows at 8 to 9 listeners were good`.

    None where nothing is proven.
    """
    if walk.proven is None:
        return None
    proof = walk.proof
    verb = "was" if proof.in_favour == 1 else "were"
    span = _span_text(walk, proof.places, unit)
    return f"{proof.in_favour} of {len(proof.places)} windows at {span} {verb} good"


def why_open(walk: CapacityWalk, unit: Unit, wanted: float | None) -> str | None:
    """Why no level was found that fails; None where one was, or none was looked for."""
    if walk.refuted is not None or (wanted is not None and walk.proven is not None):
        return None
    if walk.proven == walk.top:
        return f"more than {level_text(walk.levels[walk.top], unit)} were not to be tried"
    if walk.faults:
        return f"the generator was the bottleneck where windows were bad: {walk.faults[-1]}"
    evidence = walk.refutation
    if not evidence.places:
        return None
    share = f"{evidence.in_favour} of {len(evidence.places)} windows"
    return f"{share} were bad at {_span_text(walk, evidence.places, unit)}, which refutes nothing"


def _span_text(walk: CapacityWalk, places: Sequence[int], unit: Unit) -> str:
    lowest, highest = walk.levels[min(places)], walk.levels[max(places)]
    if lowest == highest:
        return level_text(lowest, unit)
    return f"{lowest:g} to {level_text(highest, unit)}"
