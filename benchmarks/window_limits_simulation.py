"""How often a limit under load is judged wrongly, by windows and by requests.

    python benchmarks/window_limits_simulation.py [--count 500] [--seed 1] [--windows 6]

Windows come from a simulated server and are judged by the shipped functions. The server has two
cores; answers come piece by piece, first in, first out, each piece taking a core for .4 s. Requests
arrive as a Poisson process at a share of what it can do; a window begins with an idle server, has a
lead of 5 s, counts 60 requests, and has a speed of its own, with a standard deviation of 3 %.

*By windows* is the rule of the product, and the limit lies at so many times the p95 of the typical
window (geometric mean over many). The others judge all requests of the windows together, with the
limit at so many times their p95 in the long run: *independent* as k of n that know nothing of each
other, *spells* by the rule for one listener, which sees that late ones come together. At 1.00 times
every PASS and every FAIL is a wrong one. Figures are percent.
"""

from __future__ import annotations

import argparse
import heapq
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tables import to_table

from pytest_ttsperf.judge import limits
from pytest_ttsperf.judge.statistics import quantiles
from pytest_ttsperf.load import window_limits
from pytest_ttsperf.load.window_limits import WindowValue
from pytest_ttsperf.records import Outcome, Sample, Threshold

Array = NDArray[np.float64]

CORES = 2
PIECE_S = 0.4
PIECES = 4
WORK_SD = 0.1
"""Of the log of a piece's work."""
SPEED_SD = 0.03
"""Of the log of a window's speed."""
LEAD_S = 5.0
REQUESTS = 60
LOADS = (0.5, 0.7, 0.85)
"""Shares of what the server can do."""
TIMES = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)
"""The limit, in units of the truth."""
HEADS = (
    "load", "limit / p95", "windows: PASS", "FAIL", "independent: PASS", "FAIL", "spells: PASS",
    "FAIL",
)  # fmt: skip


class Piece(NamedTuple):
    """One piece of an answer, which waits for a core."""

    request: int
    number: int


def simulate_window(load: float, rng: np.random.Generator) -> Array:
    """Times to first audio of the counted requests of one window, in ms."""
    rate = load * CORES / (PIECE_S * PIECES)
    speed = float(np.exp(rng.normal(0, SPEED_SD)))
    window_s = LEAD_S + REQUESTS / rate
    arrivals = np.cumsum(rng.exponential(1 / rate, int(2 * rate * window_s) + 20))
    arrivals = arrivals[arrivals < window_s]
    work = speed * PIECE_S * np.exp(rng.normal(0, WORK_SD, (arrivals.size, PIECES)))
    first_s = first_pieces(arrivals, work)
    return 1000 * (first_s - arrivals)[arrivals >= LEAD_S]


def first_pieces(arrivals: Array, work: Array) -> Array:
    """When the first piece of each request is ready; `work` has the shape (requests, pieces)."""
    ready = np.full(arrivals.size, np.inf)
    waiting: deque[Piece] = deque()
    running: list[tuple[float, Piece]] = []
    next_arrival = 0
    while next_arrival < arrivals.size or running:
        arrival_s = arrivals[next_arrival] if next_arrival < arrivals.size else np.inf
        if running and running[0][0] <= arrival_s:
            now_s, piece = heapq.heappop(running)
            if piece.number == 0:
                ready[piece.request] = now_s
            if piece.number + 1 < PIECES:
                waiting.append(Piece(piece.request, piece.number + 1))
        else:
            now_s = arrival_s
            waiting.append(Piece(next_arrival, 0))
            next_arrival += 1
        while waiting and len(running) < CORES:
            piece = waiting.popleft()
            end_s = now_s + work[piece.request, piece.number]
            heapq.heappush(running, (end_s, piece))
    return ready


def new_limit(limit_ms: float) -> Threshold:
    """A p95 of the TTFA."""
    return Threshold(
        marker="ttfa", keyword="p95_ms", metric="ttfa_ms", statistic="p95", limit=limit_ms
    )


def judge_by_windows(windows: Sequence[Array], limit_ms: float) -> Outcome:
    """As the product does."""
    values = []
    for ttfa_ms in windows:
        over = int(np.count_nonzero(ttfa_ms > limit_ms))
        values.append(WindowValue(float(np.quantile(ttfa_ms, 0.95)), ttfa_ms.size, over, 0))
    return window_limits.judge_windows(new_limit(limit_ms), values).outcome


def judge_independently(windows: Sequence[Array], limit_ms: float) -> Outcome:
    """As k of n, whatever their order."""
    test = quantiles.limit_test(np.concatenate(windows).tolist(), limit_ms, 0.95)
    if test.p_greater <= quantiles.ALPHA:
        return Outcome.FAIL
    if test.p_less <= quantiles.ALPHA:
        return Outcome.PASS
    return Outcome.INCONCLUSIVE


def judge_by_requests(windows: Sequence[Array], limit_ms: float) -> Outcome:
    """As with one listener: each request a trial."""
    everything = np.concatenate(windows)
    sample = Sample(metric="ttfa_ms", values=tuple(everything.tolist()))
    return limits.judge(new_limit(limit_ms), sample, everything.size).outcome


def simulate_rows(count: int, windows: int, seed: int) -> Iterator[list[str]]:
    """A row for each load and each place of the limit."""
    for load in LOADS:
        rng = np.random.default_rng([seed, round(100 * load)])
        drawn = [simulate_window(load, rng) for _ in range(count * windows)]
        p95_ms = np.array([np.quantile(ttfa_ms, 0.95) for ttfa_ms in drawn])
        typical_ms = float(np.exp(np.log(p95_ms).mean()))
        long_run_ms = float(np.quantile(np.concatenate(drawn), 0.95))
        deviation = float(np.log(p95_ms).std(ddof=1))
        tests = [drawn[start : start + windows] for start in range(0, len(drawn), windows)]
        for times in TIMES:
            in_long_run_ms = times * long_run_ms
            cells = share_both(judge_by_windows(test, times * typical_ms) for test in tests)
            cells += share_both(judge_independently(test, in_long_run_ms) for test in tests)
            cells += share_both(judge_by_requests(test, in_long_run_ms) for test in tests)
            name = f"{load:g} (windows deviate by {deviation:.0%})" if times == TIMES[0] else ""
            yield [name, f"{times:.2f}", *cells]


def share_both(outcomes: Iterable[Outcome]) -> list[str]:
    """How many pass, and how many fail, in percent."""
    counts = Counter(outcomes)
    shares = [counts[outcome] / counts.total() for outcome in (Outcome.PASS, Outcome.FAIL)]
    return [f"{100 * share:.1f}" for share in shares]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=500, help="simulated tests of each load")
    parser.add_argument("--windows", type=int, default=6, help="of each test")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rows = list(simulate_rows(arguments.count, arguments.windows, arguments.seed))
    print("\n".join(to_table(HEADS, rows)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
