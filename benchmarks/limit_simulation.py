"""How often the verdict on a p95 limit is wrong, for engines that lie exactly on it.

    python benchmarks/limit_simulation.py [--only spells] [--count 1000] [--seed 1]
    python benchmarks/limit_simulation.py --tree ../older

Trials are drawn and judged by the shipped functions, those of another checkout with `--tree`; no
engine speaks. Exactly one trial in twenty exceeds the limit in the long run, so each PASS and each
FAIL is a false one in the long run. "Wrong in these minutes, too" are those that the engine and its
machine, as they were while they were measured, did not bear out either.

Slow spells are of so many trials each, at random times. *Rare*: all that is slow is in spells, and
exceeds the limit. *Graded*: three times as many spells, each late by another amount, of which one
in three exceeds it. *Drift* is the standard deviation from run to run. With *reruns*, a test that
has not passed is measured again, up to so many times, as with `--reruns`.

Then the price: how often engines that are well within their limit pass, and how often, and after
how many trials, engines fail that are not.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import numpy.typing as npt
from other_tree import run_in_tree
from scipy import stats

from pytest_ttsperf.experiment import cell as cell_run
from pytest_ttsperf.experiment import plan
from pytest_ttsperf.judge import limits
from pytest_ttsperf.records import (
    Cell,
    CellResult,
    Outcome,
    Recording,
    Sample,
    Sound,
    Threshold,
    Trial,
)

Array = npt.NDArray[np.float64]

LIMIT_MS = 500.0
LEVEL = 0.95
THRESHOLD = Threshold(
    marker="ttfa", keyword="p95_ms", metric="ttfs_ms", statistic="p95", limit=LIMIT_MS
)
CELL = Cell(
    test="simulated", target="x:X", provider="default", voice="default", preset="short",
    mode="stream", phase="warm",
)  # fmt: skip
TRIAL_SD = 0.08
"""Of logs, between independent trials."""
CORE_SD = 0.02
"""The same where what is slow is in spells."""
LEAST_LATE, MOST_LATE = 0.15, 0.50
"""Of logs, in a spell."""


class Draw(NamedTuple):
    """Trials of one run: how far each is above the limit, in logs, and what was true of them."""

    log_excess: Array
    share_over: float
    """Of the trials that these minutes would give, were there many more."""


Engine = Callable[[np.random.Generator, int], Draw]


# Engines


def independent(over: float = 1 - LEVEL) -> Engine:
    """Trials that know nothing of each other; so many exceed the limit."""
    margin = float(stats.norm.isf(over)) * TRIAL_SD

    def draw(rng: np.random.Generator, n: int) -> Draw:
        return Draw(rng.normal(-margin, TRIAL_SD, n), over)

    return draw


def rare_spells(length: int) -> Engine:
    """One trial in twenty is in a spell, and every trial in a spell exceeds the limit."""

    def draw(rng: np.random.Generator, n: int) -> Draw:
        is_slow = draw_spells(rng, n, 1 - LEVEL, length) >= 0
        late = np.where(is_slow, 2 * LEAST_LATE, 0.0)
        log_excess = rng.normal(-LEAST_LATE, CORE_SD, n) + late
        return Draw(log_excess, float(is_slow.mean()))

    return draw


def graded_spells(length: int, share: float = 0.15, over: float = 1 - LEVEL) -> Engine:
    """So large a share of trials is in spells, of which only the slowest exceed the limit."""
    limit = MOST_LATE - (MOST_LATE - LEAST_LATE) * over / share

    def draw(rng: np.random.Generator, n: int) -> Draw:
        spells = draw_spells(rng, n, share, length)
        each_late = rng.uniform(LEAST_LATE, MOST_LATE, spells.max() + 2)
        late = np.where(spells >= 0, each_late[spells], 0.0)
        log_excess = rng.normal(0, CORE_SD, n) + late - limit
        return Draw(log_excess, float((late > limit).mean()))

    return draw


def halved(engine: Engine) -> Engine:
    """Twice as fast: on the limit it is no more."""

    def draw(rng: np.random.Generator, n: int) -> Draw:
        drawn = engine(rng, n)
        return Draw(drawn.log_excess - math.log(2), 0.0)

    return draw


def drifting(sd: float) -> Engine:
    """Independent trials, of an engine that is faster in one run and slower in another."""
    margin = float(stats.norm.ppf(LEVEL)) * math.hypot(TRIAL_SD, sd)

    def draw(rng: np.random.Generator, n: int) -> Draw:
        run = rng.normal(-margin, sd)
        share_over = float(stats.norm.sf(-run / TRIAL_SD))
        return Draw(run + rng.normal(0, TRIAL_SD, n), share_over)

    return draw


def draw_spells(
    rng: np.random.Generator,
    n: int,
    share: float,
    length: int,
) -> npt.NDArray[np.int64]:
    """The number of the spell that each trial is in [n], from 0; -1 for those that are in none."""
    spells = np.full(n, -1)
    usual_gap = length * (1 - share) / share
    position = int(rng.geometric(1 / (1 + usual_gap))) - 1
    if rng.random() < share:
        position = -int(rng.integers(0, length))  # it has begun before the first trial
    number = 0
    while position < n:
        spells[max(position, 0) : position + length] = number
        number += 1
        position += length + int(rng.geometric(1 / (1 + usual_gap))) - 1
    return spells


# Judging


class Judged(NamedTuple):
    """How one simulated test ended."""

    outcome: Outcome
    is_early: bool
    trials: int
    share_over: float

    @property
    def is_wrong_now(self) -> bool:
        """Whether the verdict was wrong for these minutes, too."""
        if self.outcome is Outcome.PASS:
            return self.share_over > 1 - LEVEL
        return self.outcome is Outcome.FAIL and self.share_over <= 1 - LEVEL


@dataclass(frozen=True, slots=True)
class Case:
    """An engine, how many trials it gets (None: as shipped) and how often it is run again."""

    name: str
    engine: Engine
    trials: int | None = None
    reruns: int = 0


CASES = (
    Case("on the limit: independent trials", independent()),
    *(Case(f"on the limit: rare spells of {n}", rare_spells(n)) for n in (3, 6, 12)),
    *(Case(f"on the limit: graded spells of {n}", graded_spells(n)) for n in (3, 6, 12)),
    Case("on the limit: graded spells of 6, more trials", graded_spells(6), trials=153),
    Case("on the limit: graded spells of 12, more trials", graded_spells(12), trials=153),
    *(Case(f"on the limit: drift {sd} %", drifting(sd / 100)) for sd in (3, 6, 11)),
    *(Case(f"on the limit: independent, reruns: {n}", independent(), reruns=n) for n in (1, 2, 3)),
    Case("on the limit: graded spells of 6, reruns: 3", graded_spells(6), reruns=3),
    *(Case("within: 1 % over, independent", independent(0.01), trials=n) for n in (59, 93)),
    *(
        Case("within: 1 % over, graded spells of 6", graded_spells(6, over=0.01), trials=n)
        for n in (59, 93)
    ),
    Case("within: 1 % over, independent, reruns: 1", independent(0.01), reruns=1),
    Case("within: half of the limit, graded spells of 6", halved(graded_spells(6))),
    *(Case(f"beyond: {n} % over, independent", independent(n / 100)) for n in (15, 25, 50)),
    Case("beyond: 99.9 % over, independent", independent(0.999)),
)


def simulate(case: Case, rng: np.random.Generator) -> Judged:
    """One test, with its reruns."""
    if case.reruns:
        return simulate_reruns(case, rng)
    n = case.trials or default_trials()
    drawn = case.engine(rng, n)
    values = to_ms(drawn.log_excess)
    count = stop_early(values)
    if count is not None:
        return Judged(Outcome.FAIL, True, count, drawn.share_over)
    verdict = limits.judge(THRESHOLD, as_sample(values), n)
    return Judged(verdict.outcome, False, n, drawn.share_over)


def simulate_reruns(case: Case, rng: np.random.Generator) -> Judged:
    """As pytest and the plugin would do: measured again, and pooled, until it passes."""
    looks = 1 + case.reruns
    judged: CellResult | None = None
    for _ in range(looks):
        n = case.trials or default_trials(looks)
        drawn = case.engine(rng, n)
        result = as_result(to_ms(drawn.log_excess), looks)
        if judged is not None:
            result = pool(judged, result)
        judged = cell_run.judge(result)
        verdict = next(each for each in judged.verdicts if each.gate == "limit")
        if verdict.outcome is Outcome.PASS:
            break
    return Judged(verdict.outcome, result.stopped_early, len(result.counted), drawn.share_over)


def pool(earlier: CellResult, later: CellResult) -> CellResult:
    """As shipped, without the figures of the table: limits are judged by trials."""
    with mock.patch.object(cell_run, "derive", lambda result: result):
        return cell_run.pool(earlier, later)


def stop_early(values: Sequence[float]) -> int | None:
    """After how many trials the limit is refuted before all are made; None where it is not."""
    for index, value in enumerate(values):
        if value <= LIMIT_MS:
            continue  # evidence only grows with a trial that exceeds
        count = index + 1
        if limits.is_decided_early(THRESHOLD, as_sample(values[:count]), len(values)):
            return count
    return None


def default_trials(looks: int = 1) -> int:
    """As many as are shipped; older checkouts do not ask how many looks there may be."""
    if looks == 1:
        return plan.default_trials("warm", [THRESHOLD])
    try:
        return plan.default_trials("warm", [THRESHOLD], looks)
    except TypeError:
        return plan.default_trials("warm", [THRESHOLD])


def to_ms(log_excess: Array) -> list[float]:
    """Times to first audio."""
    values: list[float] = (LIMIT_MS * np.exp(log_excess)).tolist()
    return values


def as_sample(values: Sequence[float]) -> Sample:
    """One process's trials."""
    return Sample(metric=THRESHOLD.metric, values=tuple(values))


def as_result(values: Sequence[float], looks: int) -> CellResult:
    """A measured cell, ended early where the shipped rule would end it."""
    count = stop_early(values)
    more: dict[str, Any] = {}
    if "looks" in CellResult.__struct_fields__:  # not in older checkouts
        more["looks"] = looks
    trials = [as_trial(index, value) for index, value in enumerate(values[:count])]
    return CellResult(
        cell=CELL,
        fingerprint="simulated",
        declared_trials=len(values),
        trials=tuple(trials),
        ready=None,
        thresholds=(THRESHOLD,),
        stopped_early=count is not None,
        **more,
    )


def as_trial(index: int, first_ms: float) -> Trial:
    """A second of sound, the first half of which is there after so long."""
    first_ns = int(first_ms * 1e6)
    return Trial(
        index=index, kind="trial", process=0, text=f"Text number {index} of a short preset.",
        recording=Recording(
            request_ns=0, arrivals_ns=(first_ns, first_ns + 50_000_000),
            frame_counts=(24_000, 24_000), end_ns=first_ns + 51_000_000, sample_rate=24_000,
        ),
        sound=Sound(onset_frame=0, last_frame=48_000, silence_share=0.0, active_level_dbfs=-20.0),
    )  # fmt: skip


# The table

HEADS = (
    "engine", "trials", "PASS", "FAIL early", "FAIL at the end", "wrong in these minutes, too",
    "trials made",
)  # fmt: skip


def rows(cases: Sequence[Case], count: int, seed: int) -> Iterator[tuple[str, ...]]:
    """Simulate each case so often; each has random numbers of its own."""
    for case in cases:
        number = CASES.index(case)
        rng = np.random.default_rng([seed, number])
        judged = [simulate(case, rng) for _ in range(count)]
        yield row(case, judged)


def row(case: Case, judged: Sequence[Judged]) -> tuple[str, ...]:
    """How often each verdict came out."""
    failed = [each.outcome is Outcome.FAIL for each in judged]
    early = [each.is_early and is_failed for each, is_failed in zip(judged, failed, strict=True)]
    late = [is_failed and not is_early for is_failed, is_early in zip(failed, early, strict=True)]
    return (
        case.name,
        str(case.trials or default_trials(1 + case.reruns)),
        proportion([each.outcome is Outcome.PASS for each in judged]),
        proportion(early),
        proportion(late),
        proportion([each.is_wrong_now for each in judged]),
        f"{np.mean([each.trials for each in judged]):.0f}",
    )


def proportion(values: Sequence[bool]) -> str:
    """`3/40, 7.5 % (2.6 % to 19.9 %)`, the interval by Wilson."""
    found = stats.binomtest(sum(values), len(values))
    low, high = found.proportion_ci(method="wilson")
    share = sum(values) / len(values)
    return (
        f"{sum(values)}/{len(values)}, {100 * share:.1f} % "
        f"({100 * low:.1f} % to {100 * high:.1f} %)"
    )


def print_line(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--count", type=int, default=1000, help="simulated tests of each case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tree", type=Path, help="judge by the functions of this checkout")
    arguments = parser.parse_args()
    if arguments.tree is not None:
        return run_in_tree(arguments.tree)
    cases = [case for case in CASES if arguments.only in case.name]
    if not cases:
        names = ", ".join(case.name for case in CASES)
        parser.error(f"found no case with {arguments.only!r} in its name; there are: {names}")
    print_line(HEADS)
    print_line(["---"] * len(HEADS))
    for cells in rows(cases, arguments.count, arguments.seed):
        print_line(cells)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
