"""What load_quality.py measures: which fault of which server, under which load, how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from load_faults import FAULTS, SLOWER, Fault

OURS, PIPER, FASTKOKORO = "ours", "piper", "fastkokoro"
TARGETS = {
    OURS: "load_target:OurServer",
    PIPER: "load_target:PiperServer",
    FASTKOKORO: "load_target:FastkokoroServer",
}
LISTENERS = {OURS: 8, PIPER: 4, FASTKOKORO: 2}
"""Who ask again as soon as an answer is there, so that the server always has so many under way.

Of the peers fewer, as a server whose answers take seconds gives too few in a window."""
RATE_SHARE = 0.7
"""Of what a server gets through."""
WINDOW_S = {OURS: 10, PIPER: 20, FASTKOKORO: 60}
"""Enough for sixty answers, or nearly."""
CROWD_BUDGET_S = 900
LONG_BUDGET_S = 3600
SINGLE_BUDGET_S = 180
WITHIN_S = {True: 8 * 60, False: 15 * 60}
"""Longest time to a decision, by whether the effect is at least `LARGE`."""
LARGE = 0.3
TTFA = ("ttfa p95", "ttfa geometric mean")
SERVED = ("time per good answer", "share of stalled answers")
LEFT_BEHIND = "threads and descriptors left behind by a request"
WORSE = (*TTFA, *SERVED, LEFT_BEHIND)
ONE_LISTENER = ", one listener"
OVER_HTTP = ", two servers by address"


@dataclass(frozen=True, slots=True)
class LoadCase:
    """One row of the table: two versions of a server, or twice the same, under one load."""

    name: str
    count: int
    """Comparisons wanted."""
    server: str = OURS
    fault: str | None = None
    """None for the same code."""
    is_crowd: bool = True
    """Else there is one listener, who is to notice nothing."""
    is_open: bool = False
    """Whether requests come at a rate, and not from listeners."""
    is_http: bool = False
    """Whether both servers are reached by address, and started anew for each block."""
    budget_s: int = CROWD_BUDGET_S
    wanted: str = ""

    @property
    def is_unchanged(self) -> bool:
        """Whether both versions are the same code."""
        return self.fault is None

    @property
    def target(self) -> str:
        """As the plugin calls it."""
        return TARGETS[self.server]


@dataclass(frozen=True, slots=True)
class CapacityCase:
    """Searches for the capacity of one server."""

    name: str
    count: int
    server: str = OURS
    wanted: str = "within one step in 4 of 5"


NO_FAIL, ALL = "0 FAIL", "all"
FOUND = "all, in 8 min where the effect is >= 30 %, else in 15"


def crowd_cases() -> list[LoadCase]:
    """Each fault of our server: found in a crowd, and not noticed by one listener."""
    cases = []
    for fault in FAULTS:
        if fault.is_of_crowd:
            cases.append(LoadCase(fault.name, 12, fault=fault.name, wanted=FOUND))
    for fault in FAULTS:
        if fault.is_of_crowd:
            cases.append(_one_listener(fault))
    return cases


def _one_listener(fault: Fault) -> LoadCase:
    return LoadCase(
        fault.name + ONE_LISTENER,
        3,
        fault=fault.name,
        is_crowd=False,
        budget_s=SINGLE_BUDGET_S,
        wanted="no FAIL",
    )


CASES = (
    LoadCase("same code, 8 listeners", 10, wanted=NO_FAIL),
    LoadCase("same code, 70 % of its rate", 10, is_open=True, wanted=NO_FAIL),
    *crowd_cases(),
    LoadCase(SLOWER.name, 8, fault=SLOWER.name, is_open=True, wanted=">= 7 of 8"),
    LoadCase("same code" + OVER_HTTP, 4, is_http=True, wanted=NO_FAIL),
    LoadCase(
        "first in, first out" + OVER_HTTP, 2, fault="first in, first out", is_http=True,
        wanted=ALL,
    ),
    LoadCase("same code, piper", 6, PIPER, budget_s=LONG_BUDGET_S, wanted=NO_FAIL),
    LoadCase(
        "a lock around the model, piper", 3, PIPER, "a lock around the model",
        budget_s=LONG_BUDGET_S, wanted=ALL,
    ),
    LoadCase(
        "a pool of one, piper", 3, PIPER, "a pool of one", budget_s=LONG_BUDGET_S, wanted=ALL,
    ),
    LoadCase("same code, fastkokoro", 6, FASTKOKORO, budget_s=LONG_BUDGET_S, wanted=NO_FAIL),
    LoadCase(
        "first in, first out, fastkokoro", 3, FASTKOKORO, "first in, first out",
        budget_s=LONG_BUDGET_S, wanted=ALL,
    ),
    LoadCase(
        "warmed when shared, fastkokoro", 3, FASTKOKORO, "warmed when shared",
        budget_s=LONG_BUDGET_S, wanted=ALL,
    ),
)  # fmt: skip
CAPACITIES = (
    CapacityCase("capacity of our server", 5),
    CapacityCase("capacity of piper's server", 1, PIPER, wanted=""),
    CapacityCase("capacity of fastkokoro's server", 1, FASTKOKORO, wanted=""),
)
AnyLoadCase = LoadCase | CapacityCase


def named_cases(names: Sequence[str] | None) -> list[AnyLoadCase]:
    """The cases of those names, or all; SystemExit for a name that no case has."""
    cases: list[AnyLoadCase] = [*CASES, *CAPACITIES]
    unknown = set(names or ()) - {case.name for case in cases}
    if unknown:
        raise SystemExit(f"found {unknown}, wanted some of {[case.name for case in cases]}")
    return [case for case in cases if not names or case.name in names]
