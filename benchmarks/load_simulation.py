"""How often a comparison under load would be right: simulated windows, judged by the shipped rule.

    python benchmarks/load_simulation.py [--count 100] [--only 'unchanged' ...] [--weather 'rough']

A server with two cores speaks in pieces of .4 s, first in, first out among the utterances, to eight
listeners who ask again when they have listened to their answers, or to arrivals by chance at 80 %
of its capacity. A session of comparison is blocks of four windows (`load/pairs.py`), which replay
one trace; each window is a process of its own that is faster or slower as long as it lives, on a
machine whose mood drifts from window to window. Each row is one change of the candidate: how often
it is red, how often all figures pass, and after how many windows.
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
from tables import proportion, to_table

from pytest_ttsperf.load import pair_looks, pairs, window_blocks
from pytest_ttsperf.metrics import load_figures
from pytest_ttsperf.records import ChangeVerdict, GeneratorHealth, LoadWindow, Outcome

PIECE_S = 0.4
"""Of audio, which a server makes in one go."""
LEAD_S, COUNTED_S = 5.0, 20.0
FEWEST_REQUESTS = 60
CORES = 2
UTILISATION = 0.7
"""Of the cores, by eight listeners; arrivals by chance have `RATE_UTILISATION`."""
RATE_UTILISATION = 0.8
LISTENERS = 8
AUDIO_MEDIAN_S, AUDIO_LOG_DEVIATION = 3.0, 0.35
BUFFERED_S = 0.1
"""In the player, before a late piece is a stall."""
OVERHEAD_S = 8.0
"""Of a window: to open and warm a process, to follow the last answers, and to be quiet."""
BUDGET_S = 900.0


# The server


@dataclass(frozen=True, slots=True)
class Server:
    """What a version does with a crowd; a change is another of these."""

    name: str = "unchanged"
    slower: float = 0.0
    """Share of the time of each piece more."""
    cores: int = CORES
    """1 for a lock around the model."""
    whole: bool = False
    """Whether an utterance is made in one go, so that others wait behind it."""
    pool: int | None = None
    """How many utterances may be at work at once."""
    serial_s: float = 0.0
    """Of each piece, in which nothing else is done: a busy event loop."""
    left_behind: float = 0.0
    """Threads that stay after each request."""


UNCHANGED = Server()
CHANGES = (
    UNCHANGED,
    Server("RTF +5 %", slower=0.05),
    Server("RTF +10 %", slower=0.10),
    Server("lock around the model", cores=1),
    Server("first in, first out, whole", whole=True),
    Server("pool one too small", pool=CORES - 1),
    Server("busy loop, 5 ms a piece", serial_s=0.005),
    Server("a thread leaked a request", left_behind=1.0),
)


class Weather(NamedTuple):
    """Standard deviations, in logs."""

    name: str
    piece: float
    """From piece to piece."""
    process: float
    """From process to process."""
    mood: float
    """Of the machine, from one window to the next; it goes back to its mean slowly."""
    spell: float = 0.0
    """Share of the time in which another process takes 40 % of the machine, .5 s on average."""
    slow_lives: float = 0.0
    """Share of the processes that are slower by 8 % as long as they live."""


WEATHERS = (
    Weather("calm", piece=0.03, process=0.007, mood=0.01),
    Weather("usual", piece=0.08, process=0.01, mood=0.02, spell=0.02),
    Weather("rough", piece=0.15, process=0.02, mood=0.04, spell=0.05),
    Weather("processes +8 % in half of their lives", 0.08, 0.01, 0.02, 0.02, slow_lives=0.5),
    Weather("processes +8 % in a tenth of them", 0.08, 0.01, 0.02, 0.02, slow_lives=0.1),
)
MOOD_STAYS = 0.8
SLOW_LIFE = 0.08


class Request(NamedTuple):
    """What a trace says of one request."""

    listener: int
    audio_s: float
    at_s: float | None
    """None in a closed loop."""


@dataclass(slots=True)
class Answer:
    """One utterance under way."""

    request: Request
    at_s: float
    pieces: int
    ready_s: list[float]


class Simulation:
    """One window on one server: events in the order of time."""

    def __init__(
        self,
        server: Server,
        piece_s: float,
        factor: float,
        weather: Weather,
        random: np.random.Generator,
    ) -> None:
        self.server = server
        self.piece_s = piece_s * factor * (1 + server.slower)
        self.weather = weather
        self.random = random
        self.events: list[tuple[float, int, str, Answer]] = []
        self.waiting: deque[Answer] = deque()
        self.outside: deque[Answer] = deque()
        """Not let in yet, as the pool is empty."""
        self.free_cores = server.cores
        self.inside = 0
        self.serial_until_s = 0.0
        self.count = 0
        self.answers: list[Answer] = []
        self.turns: dict[int, Iterator[Request]] = {}
        self.spells = self._draw_spells()

    def run(self, trace: Sequence[Request], end_s: float) -> list[Answer]:
        """All answers to what arrives before `end_s`, followed to their ends."""
        if trace[0].at_s is None:
            for listener in range(LISTENERS):
                turns = iter([each for each in trace if each.listener == listener])
                self.turns[listener] = turns
                self._arrive(next(turns), listener / LISTENERS, end_s)
        else:
            for request in trace:
                self._arrive(request, request.at_s or 0.0, end_s)
        while self.events:
            now_s, _, kind, answer = heapq.heappop(self.events)
            if kind == "arrives":
                self._admit(answer, now_s)
            else:
                self._finish(answer, now_s, end_s)
        return self.answers

    def _arrive(self, request: Request, at_s: float, end_s: float) -> None:
        if at_s >= end_s:
            return
        pieces = max(1, math.ceil(request.audio_s / PIECE_S))
        answer = Answer(request, at_s, pieces, [])
        self.answers.append(answer)
        self._push(at_s, "arrives", answer)

    def _push(self, at_s: float, kind: str, answer: Answer) -> None:
        self.count += 1
        heapq.heappush(self.events, (at_s, self.count, kind, answer))

    def _admit(self, answer: Answer, now_s: float) -> None:
        if self.server.pool is not None and self.inside >= self.server.pool:
            self.outside.append(answer)
            return
        self.inside += 1
        self.waiting.append(answer)
        self._start(now_s)

    def _start(self, now_s: float) -> None:
        while self.free_cores and self.waiting:
            self.free_cores -= 1
            answer = self.waiting.popleft()
            noise = math.exp(self.random.normal(0.0, self.weather.piece))
            busy_s = self.piece_s * noise * self._slowness(now_s)
            if self.server.serial_s:
                begin_s = max(now_s, self.serial_until_s)
                self.serial_until_s = begin_s + self.server.serial_s
                busy_s += self.serial_until_s - now_s
            self._push(now_s + busy_s, "piece", answer)

    def _finish(self, answer: Answer, now_s: float, end_s: float) -> None:
        self.free_cores += 1
        answer.ready_s.append(now_s)
        if len(answer.ready_s) < answer.pieces:
            if self.server.whole:
                self.waiting.appendleft(answer)
            else:
                self.waiting.append(answer)
        else:
            self._leave(answer, now_s, end_s)
        self._start(now_s)

    def _leave(self, answer: Answer, now_s: float, end_s: float) -> None:
        self.inside -= 1
        if self.outside:
            self.inside += 1
            self.waiting.append(self.outside.popleft())
        listener = answer.request.listener
        if listener in self.turns:
            played_s = answer.ready_s[0] + answer.request.audio_s + sum(stalls_s(answer))
            self._arrive(next(self.turns[listener]), max(now_s, played_s), end_s)

    def _draw_spells(self) -> list[tuple[float, float]]:
        spells = []
        if self.weather.spell:
            at_s = 0.0
            while at_s < 2 * (LEAD_S + COUNTED_S):
                at_s += self.random.exponential(0.5 / self.weather.spell)
                length_s = self.random.exponential(0.5)
                spells.append((at_s, at_s + length_s))
        return spells

    def _slowness(self, now_s: float) -> float:
        for begin_s, end_s in self.spells:
            if begin_s <= now_s < end_s:
                return 1 / 0.6
        return 1.0


def stalls_s(answer: Answer) -> list[float]:
    """How long the player waits for each piece, after it started with the first."""
    due_s = answer.ready_s[0] + BUFFERED_S
    waits = []
    for ready_s in answer.ready_s:
        wait_s = max(0.0, ready_s - due_s)
        if wait_s:
            waits.append(wait_s)
        due_s = max(due_s, ready_s) + PIECE_S
    return waits


# Windows


@dataclass(frozen=True, slots=True)
class Crowd:
    """How it is loaded, and how long a piece takes on one core for that."""

    name: str
    rate: float | None = None

    @property
    def piece_s(self) -> float:
        """Seconds of a core, so that the cores are used as far as they should be."""
        mean_s = AUDIO_MEDIAN_S * math.exp(AUDIO_LOG_DEVIATION**2 / 2)
        if self.rate is None:
            return UTILISATION * CORES * PIECE_S / LISTENERS
        return RATE_UTILISATION * CORES * PIECE_S / (self.rate * (mean_s + PIECE_S / 2))

    @property
    def counted_s(self) -> float:
        """Long enough for 60 requests."""
        mean_s = AUDIO_MEDIAN_S * math.exp(AUDIO_LOG_DEVIATION**2 / 2)
        rate = LISTENERS / mean_s if self.rate is None else self.rate
        return max(COUNTED_S, FEWEST_REQUESTS / rate)

    def draw_trace(self, random: np.random.Generator) -> list[Request]:
        """Lengths of answers, and in an open loop their instants, drawn beforehand."""
        end_s = LEAD_S + self.counted_s
        requests = []
        if self.rate is None:
            for turn in range(40 * LISTENERS):
                audio_s = _draw_audio_s(random)
                requests.append(Request(turn % LISTENERS, audio_s, None))
            return requests
        at_s = random.exponential(1 / self.rate)
        while at_s < end_s:
            requests.append(Request(len(requests), _draw_audio_s(random), at_s))
            at_s += random.exponential(1 / self.rate)
        return requests


CROWDS = (Crowd("8 listeners"), Crowd("4 a second", rate=4.0))


def _draw_audio_s(random: np.random.Generator) -> float:
    return float(AUDIO_MEDIAN_S * math.exp(random.normal(0.0, AUDIO_LOG_DEVIATION)))


def simulate_window(
    crowd: Crowd,
    server: Server,
    trace: Sequence[Request],
    weather: Weather,
    mood: float,
    random: np.random.Generator,
) -> LoadWindow:
    """One fresh process under load, and the figures of it."""
    factor = math.exp(mood + random.normal(0.0, weather.process))
    if random.random() < weather.slow_lives:
        factor *= 1 + SLOW_LIFE
    simulation = Simulation(server, crowd.piece_s, factor, weather, random)
    answers = simulation.run(trace, LEAD_S + crowd.counted_s)
    counted = [answer for answer in answers if answer.at_s >= LEAD_S]
    ttfas_ms = [1e3 * (answer.ready_s[0] - answer.at_s) for answer in counted]
    stalled = [bool(stalls_s(answer)) for answer in counted]
    handles = 30 + int(random.integers(0, 3))
    return LoadWindow(
        index=0,
        seconds=crowd.counted_s,
        offered=len(counted),
        answered=len(counted),
        ttfa_p50_ms=float(np.quantile(ttfas_ms, 0.5)),
        ttfa_p95_ms=float(np.quantile(ttfas_ms, 0.95)),
        ttfa_sound_p95_ms=float(np.quantile(ttfas_ms, 0.95)),
        ttfa_sound_typical_ms=float(np.exp(np.log(ttfas_ms).mean())),
        stalled=sum(stalled),
        handles_before=30,
        handles_after=handles + round(server.left_behind * len(answers)),
        generator=GeneratorHealth(sends=len(answers)),
    )


def simulate_blocks(
    crowd: Crowd,
    change: Server,
    weather: Weather,
    count: int,
    random: np.random.Generator,
) -> list[window_blocks.WindowBlock]:
    """Blocks of four windows each, in the order ABBA or BAAB; the mood goes on through all."""
    blocks = []
    mood = random.normal(0.0, weather.mood)
    for _ in range(count):
        trace = crowd.draw_trace(random)
        order = window_blocks.draw_order(random)
        found = {}
        for arm in order:
            server = change if arm.startswith("candidate") else UNCHANGED
            found[arm] = simulate_window(crowd, server, trace, weather, mood, random)
            step = weather.mood * math.sqrt(1 - MOOD_STAYS**2)
            mood = MOOD_STAYS * mood + random.normal(0.0, step)
        blocks.append(window_blocks.WindowBlock(tuple(found[arm] for arm in window_blocks.ARMS)))
    return blocks


# Sessions


P95 = list(load_figures.FIGURES).index("ttfa_p95")


class Session(NamedTuple):
    """How one comparison ended."""

    verdicts: tuple[ChangeVerdict, ...]
    failed: tuple[str, ...]
    """The figures that failed."""
    blocks: int
    deviation: float
    """Of a pair of windows of the same code, by the controls, of the p95."""

    @property
    def is_pass(self) -> bool:
        """Whether all figures pass."""
        return all(verdict.outcome is Outcome.PASS for verdict in self.verdicts)


def simulate_session(
    crowd: Crowd,
    change: Server,
    weather: Weather,
    seed: int,
) -> Session:
    """One comparison within the budget, by the product's looks."""
    random = np.random.default_rng(seed)
    window_s = LEAD_S + crowd.counted_s + OVERHEAD_S
    plan = pairs.plan_blocks(BUDGET_S, len(window_blocks.ARMS) * window_s, math.inf)
    metrics = window_blocks.choose_metrics(is_same_work=False)
    blocks: list[window_blocks.WindowBlock] = []
    # Blocks are drawn as they are needed: most sessions end after the third.
    for wanted in range(pairs.FEWEST_SESSIONS, 2 * plan.blocks + 1):
        missing = wanted - len(blocks)
        blocks += simulate_blocks(crowd, change, weather, missing, random)
        looks, used = pair_looks.replay(blocks, metrics, plan)
        if used < len(blocks) or looks.is_settled:
            break
        if used >= plan.blocks and not looks.fresh_blocks_wanted(used):
            break
    failed = []
    for metric, verdict in zip(metrics, looks.verdicts, strict=True):
        if verdict.outcome is Outcome.FAIL:
            failed.append(metric.label)
    deviation = window_blocks.pair_deviation(blocks, metrics[P95]) or math.nan
    return Session(looks.verdicts, tuple(failed), used, deviation)


def row_of(crowd: Crowd, change: Server, weather: Weather, count: int) -> list[str]:
    """One line of the table."""
    window_s = LEAD_S + crowd.counted_s + OVERHEAD_S
    block_min = len(window_blocks.ARMS) * window_s / 60
    sessions = []
    for seed in range(count):
        sessions.append(simulate_session(crowd, change, weather, seed))
    red = [session for session in sessions if session.failed]
    passed = [session.is_pass for session in sessions]
    p95 = [session.verdicts[P95].effect or 0.0 for session in sessions]
    minutes = [block_min * session.blocks for session in sessions]
    by_figure: dict[str, int] = {}
    for session in red:
        for label in session.failed:
            by_figure[label] = by_figure.get(label, 0) + 1
    figures = ", ".join(f"{label} {number}" for label, number in by_figure.items())
    deviation = math.sqrt(float(np.mean(np.square([each.deviation for each in sessions]))))
    return [
        crowd.name,
        weather.name,
        change.name,
        proportion([bool(session.failed) for session in sessions], 1),
        figures or "-",
        proportion(passed),
        f"{100 * median(p95):+.0f} %",
        f"{100 * deviation:.1f} %",
        f"{median(minutes):.1f} / {max(minutes):.1f}",
    ]


HEADS = (
    "load",
    "weather",
    "change",
    "red",
    "by figure",
    "all pass",
    "p95",
    "a pair deviates by",
    "minutes, median / most",
)


def main() -> None:
    """Print the table, a row as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="sessions of each row")
    parser.add_argument("--only", nargs="*", help="changes whose names contain one of these")
    parser.add_argument("--weather", nargs="*", help="the same of weathers")
    parser.add_argument("--load", nargs="*", help="the same of loads")
    args = parser.parse_args()
    head, rule = to_table(HEADS, [])
    print(head)
    print(rule)
    for crowd in CROWDS:
        for weather in WEATHERS:
            for change in CHANGES:
                if not _is_wanted(crowd.name, args.load):
                    continue
                if not _is_wanted(weather.name, args.weather):
                    continue
                if not _is_wanted(change.name, args.only):
                    continue
                row = row_of(crowd, change, weather, args.count)
                print(to_table(HEADS, [row])[-1], flush=True)


def _is_wanted(name: str, parts: Sequence[str] | None) -> bool:
    return not parts or any(part in name for part in parts)


if __name__ == "__main__":
    main()
