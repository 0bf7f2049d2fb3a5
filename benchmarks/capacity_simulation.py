"""How often a search for capacity is wrong, and how well it repeats, on simulated servers.

    python benchmarks/capacity_simulation.py [--searches 40] [--only fifo] [--seed 1]
    python benchmarks/capacity_simulation.py --rule upwards

The shipped search runs on windows of servers whose truth is found by many windows more. A server
has two cores and computes answers piece by piece: first in, first out, or all at once with the
cores shared out evenly (as threads share them). A window begins with an idle server and has a speed
of its own, with a standard deviation of 3 %. A claim "at least N" is wrong where one window in five
or more is bad at N in the long run, a claim "M fails" where fewer are.

A *coin* is a server of which the same share of windows is bad at many levels, on the very border:
what a search claims of it is always wrong, so that the share of claims is the error at its worst.

`--rule upwards` searches as the rule does that was rejected: 14 of 14 good windows, or 28 of 29, at
one level after the other, from a level below the one that exploring found. `--rule wald` proves by
Wald's sequential test, with the error of the shipped rule, against one bad window in fifty.
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import mean, median, median_low
from typing import Literal, NamedTuple, Protocol

import numpy as np
from tables import proportion, to_table

from pytest_ttsperf.load import capacity, capacity_cell, capacity_search
from pytest_ttsperf.load.capacity import CapacityLimits
from pytest_ttsperf.load.capacity_search import Unit
from pytest_ttsperf.load.staircase import Staircase
from pytest_ttsperf.load.traces import WindowPlan
from pytest_ttsperf.records import Capacity, GeneratorHealth, LoadWindow

CORES = 2
WORK_SD = 0.1
"""Of the log of a piece's work."""
SPEED_SD = 0.03
"""Of the log of a window's speed."""
MOST_PIECES = 4
FIRST_S = 1.0
"""Within which listeners begin."""
BETWEEN_S = 4.0
"""Until a window is drained and the machine quiet."""
START = {"listeners": 4.0, "requests/s": 0.5}
MOST = {"listeners": 200.0, "requests/s": 50.0}
TRUTH_WINDOWS = 600
COIN_SEARCHES = 10_000
COIN_MOST = 64.0
GROUP = 5

HEALTH = GeneratorHealth(sends=1)


LONG = WindowPlan()
"""A window of any other cell under load: 20 s in which requests count, or until there are 60."""


class Server(NamedTuple):
    """What is simulated, and the limit that it is to meet."""

    name: str
    discipline: Literal["fifo", "shared"]
    piece_s: float
    """Of one core, for a piece."""
    audio_s: float
    """Of a piece."""
    ttfa_p95_ms: float
    unit: Unit = "listeners"

    @property
    def limits(self) -> CapacityLimits:
        return CapacityLimits(ttfa_p95_ms=self.ttfa_p95_ms, stall=0.01)


SERVERS = (
    Server("fifo", "fifo", 0.4, 1.6, 1500.0),
    Server("shared", "shared", 0.4, 1.6, 1500.0),
    Server("fifo, fast", "fifo", 0.1, 1.6, 300.0),
    Server("shared, fast", "shared", 0.1, 1.6, 300.0),
    Server("fifo, by rate", "fifo", 0.4, 1.6, 1500.0, "requests/s"),
)


# A server


@dataclass(slots=True)
class Stream:
    """One answer under way."""

    due_s: float
    listener: int
    pieces: int
    """Still to come."""
    play_end_s: float | None = None
    """Until when what came can be played."""
    ttfa_s: float = 0.0
    has_stalled: bool = False


class Cores(Protocol):
    """What computes pieces."""

    def submit(self, now_s: float, work_s: float, stream: Stream) -> None: ...

    def next_end_s(self) -> float: ...

    def finish(self) -> Stream: ...


class FirstInFirstOut:
    """Each core computes one piece to its end, and then the one that waits longest."""

    def __init__(self) -> None:
        self._running: list[tuple[float, int, Stream]] = []
        self._waiting: deque[tuple[float, Stream]] = deque()
        self._numbers = count()

    def submit(self, now_s: float, work_s: float, stream: Stream) -> None:
        """Compute a piece, or have it wait."""
        if len(self._running) < CORES:
            heapq.heappush(self._running, (now_s + work_s, next(self._numbers), stream))
        else:
            self._waiting.append((work_s, stream))

    def next_end_s(self) -> float:
        """When the next piece is ready; infinite if none is computed."""
        return self._running[0][0] if self._running else math.inf

    def finish(self) -> Stream:
        """The stream whose piece is ready."""
        now_s, _, stream = heapq.heappop(self._running)
        if self._waiting:
            work_s, waiting = self._waiting.popleft()
            self.submit(now_s, work_s, waiting)
        return stream


class SharedEvenly:
    """All pieces are computed at once, none by more than one core.

    Time is counted in work that each piece has got; a piece ends at so much.
    """

    def __init__(self) -> None:
        self._running: list[tuple[float, int, Stream]] = []
        self._numbers = count()
        self._work_s = 0.0
        self._now_s = 0.0

    @property
    def _speed(self) -> float:
        return min(1.0, CORES / len(self._running)) if self._running else 0.0

    def submit(self, now_s: float, work_s: float, stream: Stream) -> None:
        """Compute a piece beside the others."""
        self._work_s += (now_s - self._now_s) * self._speed
        self._now_s = now_s
        heapq.heappush(self._running, (self._work_s + work_s, next(self._numbers), stream))

    def next_end_s(self) -> float:
        """When the next piece is ready; infinite if none is computed."""
        if not self._running:
            return math.inf
        return self._now_s + (self._running[0][0] - self._work_s) / self._speed

    def finish(self) -> Stream:
        """The stream whose piece is ready."""
        self._now_s = self.next_end_s()
        self._work_s, _, stream = heapq.heappop(self._running)
        return stream


# A window


class Window:
    """One window of a server: arrivals, each followed to its end."""

    def __init__(
        self, server: Server, level: float, length: WindowPlan, seed: Sequence[int]
    ) -> None:
        self._server = server
        self._lead_s = length.lead_s
        self._rng = np.random.default_rng(seed)
        self._work_s = server.piece_s * float(np.exp(self._rng.normal(0, SPEED_SD)))
        self._cores: Cores = FirstInFirstOut()
        if server.discipline == "shared":
            self._cores = SharedEvenly()
        self._numbers = count()
        self.counted_s = max(length.counted_s, length.least_requests / self._rate(level))
        self._arrivals = list(self._draw_arrivals(level))
        heapq.heapify(self._arrivals)
        self._counted: list[Stream] = []
        self.ttfas_ms: list[float] = []
        """Of answers that count, once it has run."""

    def _rate(self, level: float) -> float:
        """Requests a second, about."""
        if self._server.unit == "requests/s":
            return level
        return level / (self._server.audio_s * (1 + MOST_PIECES) / 2)

    @property
    def _end_s(self) -> float:
        return self._lead_s + self.counted_s

    def _draw_arrivals(self, level: float) -> Iterator[tuple[float, int]]:
        """Instants with the number of the listener: of a closed loop only the first of each."""
        if self._server.unit == "listeners":
            first_s = self._rng.uniform(0, FIRST_S, int(level))
            for listener, at_s in enumerate(first_s.tolist()):
                yield at_s, listener
            return
        at_s = float(self._rng.exponential(1 / level))
        while at_s < self._end_s:
            yield at_s, next(self._numbers)
            at_s += float(self._rng.exponential(1 / level))

    def run(self) -> LoadWindow:
        """Follow all to the end, and sum up."""
        while self._arrivals or self._cores.next_end_s() < math.inf:
            end_s = self._cores.next_end_s()
            if self._arrivals and self._arrivals[0][0] <= end_s:
                self._begin(*heapq.heappop(self._arrivals))
            else:
                self._take_piece(end_s, self._cores.finish())
        return self._summary()

    def _begin(self, now_s: float, listener: int) -> None:
        stream = Stream(now_s, listener, int(self._rng.integers(1, MOST_PIECES + 1)))
        if now_s >= self._lead_s:
            self._counted.append(stream)
        self._compute(now_s, stream)

    def _compute(self, now_s: float, stream: Stream) -> None:
        work_s = self._work_s * math.exp(self._rng.normal(0, WORK_SD))
        self._cores.submit(now_s, work_s, stream)

    def _take_piece(self, now_s: float, stream: Stream) -> None:
        if stream.play_end_s is None:
            stream.ttfa_s = now_s - stream.due_s
            stream.play_end_s = now_s
        elif now_s > stream.play_end_s:
            stream.has_stalled = True
            stream.play_end_s = now_s
        stream.play_end_s += self._server.audio_s
        stream.pieces -= 1
        if stream.pieces:
            self._compute(now_s, stream)
        elif self._server.unit == "listeners" and stream.play_end_s < self._end_s:
            heapq.heappush(self._arrivals, (stream.play_end_s, stream.listener))

    def _summary(self) -> LoadWindow:
        self.ttfas_ms = [1000 * stream.ttfa_s for stream in self._counted]
        answered = len(self._counted)
        return LoadWindow(
            index=0,
            seconds=self.counted_s,
            offered=answered,
            answered=answered,
            ttfa_p50_ms=float(np.quantile(self.ttfas_ms, 0.50)) if answered else None,
            ttfa_p95_ms=float(np.quantile(self.ttfas_ms, 0.95)) if answered else None,
            stalled=sum(stream.has_stalled for stream in self._counted),
            generator=HEALTH,
        )


# The truth


class Truth:
    """What holds of a server in the long run, found out where it is asked for."""

    def __init__(self, server: Server, windows: int, counted: WindowPlan) -> None:
        self._server = server
        self._count = windows
        self._counted = counted
        self._windows: dict[float, list[LoadWindow]] = {}
        self._ttfas_ms: dict[float, list[float]] = {}

    def at(self, level: float) -> list[LoadWindow]:
        """Many windows at a level."""
        if level not in self._windows:
            self._windows[level] = []
            self._ttfas_ms[level] = []
            for number in range(self._count):
                seed = (7, round(1000 * level), number)
                window = Window(self._server, level, self._counted, seed)
                self._windows[level].append(window.run())
                self._ttfas_ms[level] += window.ttfas_ms
        return self._windows[level]

    def bad_share(self, level: float) -> float:
        """Of windows."""
        return mean(not self._server.limits.is_met(window) for window in self.at(level))

    def misses_limits(self, level: float) -> bool:
        """Whether all answers of all windows together miss a limit."""
        windows = self.at(level)
        stalled = sum(window.stalled or 0 for window in windows)
        answered = sum(window.answered for window in windows)
        p95_ms = float(np.quantile(self._ttfas_ms[level], 0.95))
        return p95_ms > self._server.ttfa_p95_ms or stalled > self._server.limits.stall * answered


# Searches


class Outcome(NamedTuple):
    """A search, and what it took."""

    found: Capacity
    windows: int
    seconds: float


class UpwardWalk(capacity_search.CapacityWalk):
    """The rule that was rejected: a fixed sequence of levels, upwards."""

    proven: int | None = None

    def search(self, start: float) -> None:
        """Prove one level after the other, from below where the limits are missed."""
        self._narrow(*self._bracket(self._place_of(start)))
        place = max((self._place_to_prove() or 0) - 1, 0)
        while place <= self.top and self._is_proven(place):
            self.proven = place
            place += 1
        self._refute(self._place_to_refute())

    def _is_proven(self, place: int) -> bool:
        proof = Staircase(capacity_search.PROVING_ONE)
        while not proof.is_over:
            is_good = self._count_window("proving", place, proof)
            proof.count(is_for=is_good)
            self.proof.count(place, is_for=is_good)
        return proof.has_proven


WALD_BAD_SHARE = 0.02
WALD_ERROR = 0.041


def wald_boundary(steps: int) -> tuple[int, ...]:
    """How many windows prove a level, by how many are bad; claimed at odds of 1 / error."""
    for_each_good = math.log((1 - WALD_BAD_SHARE) / (1 - capacity_search.WORST_BAD_SHARE))
    for_each_bad = math.log(capacity_search.WORST_BAD_SHARE / WALD_BAD_SHARE)
    needed = []
    for bad in range(steps):
        good = (math.log(1 / WALD_ERROR) + bad * for_each_bad) / for_each_good
        needed.append(math.ceil(good) + bad)
    return tuple(needed)


def search_once(server: Server, seed: int, counted: WindowPlan | None = None) -> Outcome:
    """One search, with the windows that ship unless others are wanted; the seed draws them all."""
    counted = counted or capacity_cell.search_window(server.unit)
    numbers = count()
    seconds = 0.0

    def run(level: float, length: WindowPlan) -> LoadWindow:
        nonlocal seconds
        window = Window(server, level, length, (seed, next(numbers)))
        seconds += length.lead_s + window.counted_s + BETWEEN_S
        return window.run()

    exploring = capacity_cell.exploring(counted)
    found = capacity.search(
        lambda level: run(level, counted),
        server.limits,
        unit=server.unit,
        start=START[server.unit],
        most=MOST[server.unit],
        explore_window=lambda level: run(level, exploring),
    )
    return Outcome(found, next(numbers), seconds)


# What came of it


class Tally(NamedTuple):
    """Whether claims are wrong, and whether searches repeat."""

    proven: list[bool]
    """Of each "at least N", whether N fails."""
    refuted: list[bool]
    """Of each "M fails", whether M holds."""
    missing: list[bool]
    """Of each "at least N", whether all answers at N together miss a limit."""
    near: list[bool]
    """Of each search, whether its answer is at most a step from the median."""
    groups: list[bool]
    """Of each five searches, whether at least four are so near to their median."""


def tally_of(server: Server, outcomes: Sequence[Outcome], truth: Truth) -> Tally:
    """What there is to be counted."""
    proven = [each.found.proven for each in outcomes if each.found.proven is not None]
    refuted = [each.found.refuted for each in outcomes if each.found.refuted is not None]
    border = capacity_search.WORST_BAD_SHARE
    return Tally(
        proven=[truth.bad_share(level) >= border for level in proven],
        refuted=[truth.bad_share(level) < border for level in refuted],
        missing=[truth.misses_limits(level) for level in proven],
        near=within_a_step(server, outcomes),
        groups=groups_that_repeat(server, outcomes),
    )


HEADS = (
    "server",
    "with an answer",
    "wrong: at least",
    "limits missed in the long run",
    "wrong: fails",
    "at least",
    "truth",
    "fails",
    "within a step of the median",
    "windows",
    "minutes (most)",
)


def row(server: Server, outcomes: Sequence[Outcome], truth: Truth) -> list[str]:
    """A line of the table."""
    tally = tally_of(server, outcomes, truth)
    minutes = [each.seconds / 60 for each in outcomes]
    return [
        server.name,
        f"{len(tally.proven)}/{len(outcomes)}",
        str(sum(tally.proven)),
        str(sum(tally.missing)),
        str(sum(tally.refuted)),
        span_text([each.found.proven for each in outcomes]),
        f"{highest_that_holds(server, truth):g}",
        span_text([each.found.refuted for each in outcomes]),
        f"{sum(tally.near)}/{len(tally.near)}",
        f"{mean(each.windows for each in outcomes):.0f}",
        f"{mean(minutes):.0f} ({max(minutes):.0f})",
    ]


def span_text(values: Sequence[float | None]) -> str:
    """`7 to 9, median 8`."""
    found = sorted(value for value in values if value is not None)
    if not found:
        return "-"
    return f"{found[0]:g} to {found[-1]:g}, median {median_low(found):g}"


def highest_that_holds(server: Server, truth: Truth) -> float:
    """The truth: the highest level below the first that fails; nan where the lowest fails."""
    highest = math.nan
    for level in capacity_search.ladder(server.unit, MOST[server.unit]):
        if level < START[server.unit]:
            continue
        if truth.bad_share(level) >= capacity_search.WORST_BAD_SHARE:
            return highest
        highest = level
    return highest


def within_a_step(server: Server, outcomes: Sequence[Outcome]) -> list[bool]:
    """Whether each search's answer is the median, or the level above or below it."""
    levels = capacity_search.ladder(server.unit, MOST[server.unit])
    places = []
    for each in outcomes:
        proven = each.found.proven
        places.append(-math.inf if proven is None else levels.index(proven))
    middle = median(places)
    return [abs(place - middle) <= 1 for place in places]


def groups_that_repeat(server: Server, outcomes: Sequence[Outcome]) -> list[bool]:
    """Whether of each five searches at least four are within a step of their median."""
    groups = []
    for first in range(0, len(outcomes) - GROUP + 1, GROUP):
        group = outcomes[first : first + GROUP]
        groups.append(sum(within_a_step(server, group)) >= GROUP - 1)
    return groups


# Coins


def coin_row(name: str, bad_share: Callable[[float], float], searches: int, seed: int) -> list[str]:
    """How often a search claims what is wrong of a server on the border."""
    rng = np.random.default_rng(seed)
    good = LoadWindow(index=0, seconds=1, offered=1, answered=1, stalled=0, generator=HEALTH)
    bad = LoadWindow(
        index=0, seconds=1, offered=1, answered=1, stalled=0, failed=1, generator=HEALTH
    )
    border = capacity_search.WORST_BAD_SHARE
    proven, refuted = [], []
    for _ in range(searches):
        found = capacity.search(
            lambda level: bad if rng.random() < bad_share(level) else good,
            CapacityLimits(),
            unit="listeners",
            start=START["listeners"],
            most=COIN_MOST,
        )
        proven.append(found.proven is not None and bad_share(found.proven) >= border)
        refuted.append(found.refuted is not None and bad_share(found.refuted) <= border)
    either = [one or other for one, other in zip(proven, refuted, strict=True)]
    return [name, *(proportion(values, 1) for values in (proven, refuted, either))]


COIN_HEADS = ("share of bad windows", "wrong: at least", "wrong: fails", "either")
COINS: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("20 % everywhere", lambda _: 0.2),
    ("0 % below 10 listeners, 20 % from there", lambda level: 0.0 if level < 10 else 0.2),
    ("5 % below 10 listeners, 20 % from there", lambda level: 0.05 if level < 10 else 0.2),
    ("20 % below 10 listeners, 100 % from there", lambda level: 0.2 if level < 10 else 1.0),
)


def print_sums(tallies: Sequence[Tally]) -> None:
    """All servers together."""
    names = (
        ("wrong: at least", "proven"),
        ("limits missed in the long run", "missing"),
        ("wrong: fails", "refuted"),
        ("within a step of the median", "near"),
        ("four of five within a step", "groups"),
    )
    for name, field in names:
        values: list[bool] = []
        for tally in tallies:
            values += getattr(tally, field)
        print(f"{name}: {proportion(values, 1)}")


def main() -> None:
    """Print the tables."""
    arguments = read_arguments()
    use_rule(arguments.rule)
    rows, tallies = [], []
    for server in SERVERS:
        if arguments.only is None or arguments.only in server.name:
            outcomes, truth = search_often(server, arguments)
            rows.append(row(server, outcomes, truth))
            tallies.append(tally_of(server, outcomes, truth))
    print("\n".join(to_table(HEADS, rows)))
    print()
    print_sums(tallies)
    if arguments.coins:
        coins = [coin_row(name, share, arguments.coins, arguments.seed) for name, share in COINS]
        print()
        print("\n".join(to_table(COIN_HEADS, coins)))


def use_rule(name: str) -> None:
    """Put another rule in the place of the one that ships, if one is named."""
    if name == "upwards":
        setattr(capacity, "CapacityWalk", UpwardWalk)  # noqa: B010
    if name == "wald":
        steps = len(capacity_search.PROVING)
        setattr(capacity_search, "PROVING", wald_boundary(steps))  # noqa: B010


def search_often(server: Server, arguments: argparse.Namespace) -> tuple[list[Outcome], Truth]:
    """So many searches of a server, and what holds of it."""
    counted = capacity_cell.search_window(server.unit)
    if arguments.window == "long":
        counted = LONG
    truth = Truth(server, arguments.windows, LONG if arguments.truth == "long" else counted)
    first = arguments.seed * 100_000
    outcomes = []
    for number in range(arguments.searches):
        outcomes.append(search_once(server, first + number, counted))
    return outcomes, truth


def read_arguments() -> argparse.Namespace:
    """As they are typed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--searches", type=int, default=40, help="of each server (40)")
    parser.add_argument("--coins", type=int, default=COIN_SEARCHES, help="searches of each coin")
    parser.add_argument("--windows", type=int, default=TRUTH_WINDOWS, help="of the truth")
    parser.add_argument("--window", choices=("shipped", "long"), default="shipped")
    parser.add_argument(
        "--truth", choices=("shipped", "long"), default="shipped", help="windows of the truth"
    )
    parser.add_argument("--only", help="servers whose name contains this")
    parser.add_argument("--rule", choices=("shipped", "upwards", "wald"), default="shipped")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
