"""How often slow texts, rare events and coarse clocks are judged rightly: simulated, by the judge.

    python benchmarks/tail_simulation.py [--part tails] [--runs 400] [--noise real]
    python benchmarks/tail_simulation.py --tree ../before

Blocks are drawn at random and judged by the shipped `compare.decision.decide`, at the end of the
budget. `--tree` asks the judge of another tree instead, in a process of its own, about as many arms
as that compares. The rows are in docs/measurements/late-share.md.

Noise: `real` is that of docs/measurements/change-detection.md (trials scatter by 2 %, processes by
0.7 %, and 2.8 % of the trials are late by 15 to 50 %, in spells of several that follow one another,
whatever arm they are of), `normal` is 7.5 % a trial, `t3` and `pareto` have heavy tails.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from other_tree import run_in_tree
from scipy.stats import binomtest

from pytest_ttsperf.compare import decision, metrics
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.records import Arms, Block, ComparedMetric, Outcome

Array = npt.NDArray[np.float64]
NAMES = ("baseline", "control", "candidate", "candidate_control")
BASELINE_ARMS = 2
ARMS = 4 if "candidate_control" in Arms.__struct_fields__ else 3
"""As many as the judge of the tree compares."""
TYPICAL_MS = 64.0
PROCESS = 0.007
"""Standard deviation of logs, between processes of the same code."""
LATE_SHARE = 0.028
SPELL = 4
"""Trials that follow one another in a spell, on average."""
PARTS = ("tails", "budgets", "counts", "clocks")
MARGINS = {"ttfa_late": 0.02, "underruns": 0.005}


class Shape(NamedTuple):
    """How many blocks of how many texts a budget holds."""

    budget: str
    blocks: int
    texts: int
    arms: int = ARMS

    @property
    def name(self) -> str:
        """As rows have it."""
        return f"{self.budget}, {self.blocks} blocks of {self.texts}, {self.arms} arms"


class Change(NamedTuple):
    """What the candidate is slower by, in one text of so many."""

    percent: int
    one_in: int

    @property
    def name(self) -> str:
        """As rows have it."""
        return f"1 of {self.one_in} by +{self.percent} %" if self.percent else "unchanged"


SHAPES = (
    Shape("60 s", 9, 38),
    Shape("180 s", 24, 38),
    Shape("300 s", 40, 38),
)
CHANGES = (
    Change(0, 1),
    *(Change(percent, one_in) for one_in in (10, 20, 50) for percent in (10, 20, 30, 50)),
)


# Noise: logs, [blocks, arms, texts]


def real_noise(rng: np.random.Generator, shape: Shape, spell: float = SPELL) -> Array:
    """Mostly quiet, with spells of so many late trials on average."""
    size = (shape.blocks, shape.arms, shape.texts)
    lateness = np.log1p(rng.uniform(0.15, 0.5, size))
    return np.asarray(rng.normal(0, 0.02, size) + lateness * late_in_spells(rng, shape, spell))


def late_in_spells(
    rng: np.random.Generator, shape: Shape, spell: float = SPELL
) -> npt.NDArray[np.bool_]:
    """Which trials are late: a text is spoken by all arms in turns, in random order."""
    trials = shape.texts * shape.arms
    ends = 1 / spell
    starts = ends * LATE_SHARE / (1 - LATE_SHARE)
    in_time = np.zeros((shape.blocks, trials), dtype=bool)
    is_late = rng.random(shape.blocks) < LATE_SHARE
    for trial in range(trials):
        in_time[:, trial] = is_late
        draws = rng.random(shape.blocks)
        is_late = np.where(is_late, draws >= ends, draws < starts)
    by_text = in_time.reshape(shape.blocks, shape.texts, shape.arms)
    turns = rng.random(by_text.shape).argsort(axis=2)
    return np.take_along_axis(by_text, turns, axis=2).transpose(0, 2, 1)


def normal_noise(rng: np.random.Generator, shape: Shape) -> Array:
    """7.5 % a trial."""
    return rng.normal(0, 0.075, (shape.blocks, shape.arms, shape.texts))


def t3_noise(rng: np.random.Generator, shape: Shape) -> Array:
    """Student's t with three degrees of freedom, 3 % times."""
    return 0.03 * rng.standard_t(3, (shape.blocks, shape.arms, shape.texts))


def pareto_noise(rng: np.random.Generator, shape: Shape) -> Array:
    """2 %, and a spike of 10 % or far more in 3 % of the trials."""
    size = (shape.blocks, shape.arms, shape.texts)
    spikes = np.log1p(0.1 * (1 + rng.pareto(1.5, size))) * (rng.random(size) < 0.03)
    return np.asarray(rng.normal(0, 0.02, size) + spikes)


NOISES: dict[str, Callable[[np.random.Generator, Shape], Array]] = {
    "real": real_noise,
    "normal": normal_noise,
    "t3": t3_noise,
    "pareto": pareto_noise,
}
SPELLS = (1, 2, 8)
"""Of other lengths than in `real`; those of 1 are single trials."""
for _spell in SPELLS:
    NOISES[f"spells of {_spell}"] = functools.partial(real_noise, spell=_spell)


def draw_times(
    rng: np.random.Generator,
    noise: str,
    shape: Shape,
    change: Change,
    spread: float = 0.2,
) -> Array:
    """[blocks, arms, texts] in ms; `spread` is the standard deviation of logs between texts."""
    logs = NOISES[noise](rng, shape)
    logs += rng.normal(0, PROCESS, (shape.blocks, shape.arms, 1))
    logs += rng.normal(0, spread, (shape.blocks, 1, shape.texts))
    is_slow = rng.random((shape.blocks, 1, shape.texts)) < 1 / change.one_in
    logs[:, BASELINE_ARMS:] += np.log1p(change.percent / 100) * is_slow
    return np.asarray(TYPICAL_MS * np.exp(logs))


# Judging


def find_metric(name: str) -> ComparedMetric | None:
    """A figure of the judge, with the margins of this simulation; None where it has none such."""
    if name not in metrics.ALL:
        return None
    margin = MARGINS.get(name, metrics.ALL[name].margin)
    chosen = metrics.choose_metrics("warm", {name: margin})
    return next(metric for metric in chosen if metric.label == metrics.ALL[name].label)


def as_blocks(values: Array) -> list[Block]:
    """Of [blocks, arms, texts]."""
    blocks = []
    for arms in values.tolist():
        by_name = dict(zip(NAMES, map(tuple, arms), strict=False))
        blocks.append(Block(metric=Arms(**by_name)))
    return blocks


def judge(values: Array, metric: ComparedMetric) -> Outcome:
    """What the judge says at the end of a budget of so many blocks."""
    blocks = as_blocks(values)
    plan = t_rule.plan_blocks(float(len(blocks)), 1.0)
    if not hasattr(plan, "end"):  # of a tree that has the same levels for each budget
        return decision.decide(blocks, metric).outcome
    return decision.decide(blocks, metric, plan.end).outcome


def share_text(hits: Sequence[bool]) -> str:
    """`53 % (48-58)`, the interval by Wilson."""
    if not hits:
        return "-"
    interval = binomtest(sum(hits), len(hits)).proportion_ci(method="wilson")
    share = sum(hits) / len(hits)
    return f"{100 * share:.3g} % ({100 * interval.low:.1f}-{100 * interval.high:.1f})"


def count(outcomes: Sequence[Outcome], wanted: Outcome) -> str:
    """How many of them are that."""
    return share_text([outcome is wanted for outcome in outcomes])


# Slow texts


TAIL_HEADS = (
    "noise",
    "budget",
    "change",
    "p95 FAIL",
    "p95 PASS",
    "late FAIL",
    "late PASS",
    "either FAIL",
    "all PASS",
)


def tail_rows(noise: str, runs: int, changes: Sequence[Change]) -> Iterator[str]:
    """A row for each change and budget: of p95, of the late share, and of both."""
    yield f"| {' | '.join(TAIL_HEADS)} |"
    yield "|---" * len(TAIL_HEADS) + "|"
    for shape in SHAPES:
        for change in changes:
            yield tail_row(noise, shape, change, runs)


def tail_row(noise: str, shape: Shape, change: Change, runs: int) -> str:
    """`all PASS` is of p50, p95 and the late share, and only of unchanged code."""
    by_name = simulate_tails(noise, shape, change, runs)
    parts = [noise, shape.name, change.name]
    for name in ("ttfa_p95", "ttfa_late"):
        outcomes = by_name.get(name, [])
        parts += [count(outcomes, Outcome.FAIL), count(outcomes, Outcome.PASS)]
    judged = list(zip(*by_name.values(), strict=True))
    parts.append(share_text([Outcome.FAIL in each for each in judged]))
    passed = [set(each) == {Outcome.PASS} for each in judged]
    all_pass = share_text([] if change.percent else passed)
    return f"| {' | '.join([*parts, all_pass])} |"


def simulate_tails(noise: str, shape: Shape, change: Change, runs: int) -> dict[str, list[Outcome]]:
    """What the judge says of each run, by figure; of unchanged code of the median too."""
    names = ["ttfa_p95", "ttfa_late"]
    if not change.percent:
        names.append("ttfa_p50")
    found: dict[str, list[Outcome]] = {name: [] for name in names if name in metrics.ALL}
    for run in range(runs):
        rng = np.random.default_rng([run, shape.blocks, change.percent, change.one_in])
        values = draw_times(rng, noise, shape, change)
        for name, outcomes in found.items():
            metric = find_metric(name)
            if metric is not None:
                outcomes.append(judge(values, metric))
    return found


# From which budget on it is gated


BUDGETS = (
    Shape("60 s", 9, 38),
    Shape("120 s", 18, 38),
    Shape("180 s", 24, 38),
    Shape("300 s", 40, 38),
)


def budget_rows(noises: Sequence[str], runs: int) -> Iterator[str]:
    """Unchanged code: how often the late share passes, and all three of p50, p95 and late do."""
    yield "| noise | budget | p50 and p95 PASS | late PASS | all PASS | any FAIL |"
    yield "|---" * 6 + "|"
    for noise in noises:
        for shape in BUDGETS:
            yield budget_row(noise, shape, runs)


def budget_row(noise: str, shape: Shape, runs: int) -> str:
    """A row each."""
    by_name = simulate_tails(noise, shape, CHANGES[0], runs)
    judged = list(zip(*by_name.values(), strict=True))
    quantiles = list(zip(by_name["ttfa_p50"], by_name["ttfa_p95"], strict=True))
    parts = [
        noise,
        shape.name,
        share_text([set(each) == {Outcome.PASS} for each in quantiles]),
        count(by_name.get("ttfa_late", []), Outcome.PASS),
        share_text([set(each) == {Outcome.PASS} for each in judged]),
        share_text([Outcome.FAIL in each for each in judged]),
    ]
    return f"| {' | '.join(parts)} |"


# Rare events


class Rarity(NamedTuple):
    """Underruns in so many texts, as shares of them."""

    blocks: int
    texts: int
    new: float
    old: float

    @property
    def name(self) -> str:
        """As rows have it."""
        return f"{self.blocks * self.texts} texts, {self.new:.1%} with the new, {self.old:.1%} old"


RARITIES = (
    Rarity(5, 8, 0.01, 0.0),
    Rarity(9, 38, 0.01, 0.0),
    Rarity(24, 38, 0.01, 0.0),
    Rarity(24, 38, 0.005, 0.0),
    Rarity(24, 38, 0.01, 0.005),
    Rarity(24, 38, 0.0, 0.0),
    Rarity(24, 38, 0.01, 0.01),
    Rarity(24, 38, 0.03, 0.0),
    Rarity(24, 38, 0.03, 0.01),
)


def simulate_rarity(rarity: Rarity, runs: int) -> list[Outcome]:
    """With a margin of 0.005 underruns a text."""
    metric = find_metric("underruns")
    if metric is None:
        return []
    by_arm = [rarity.old] * BASELINE_ARMS + [rarity.new] * (ARMS - BASELINE_ARMS)
    shares = np.array(by_arm)[:, np.newaxis]
    outcomes = []
    for run in range(runs):
        rng = np.random.default_rng(run)
        draws = rng.random((rarity.blocks, shares.size, rarity.texts))
        outcomes.append(judge((draws < shares).astype(float), metric))
    return outcomes


def rarity_rows(runs: int) -> Iterator[str]:
    """A row each."""
    yield "| underruns, margin 0.005 a text | PASS | FAIL | INCONCLUSIVE |"
    yield "|---" * 4 + "|"
    for rarity in RARITIES:
        yield outcome_row(rarity.name, simulate_rarity(rarity, runs))


def outcome_row(name: str, outcomes: Sequence[Outcome]) -> str:
    """How many are PASS, FAIL and INCONCLUSIVE."""
    wanted = (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)
    parts = [count(outcomes, one) for one in wanted]
    return f"| {' | '.join([name, *parts])} |"


# Coarse clocks


class Clock(NamedTuple):
    """One that advances by steps, and the texts that it times."""

    step_ms: float
    is_rounding: bool
    """Rounds each time by itself, or reads both ends of it, wherever between two steps."""
    spread: float
    """Standard deviation of logs between texts."""
    percent: int

    @property
    def name(self) -> str:
        """As rows have it."""
        kind = "rounded to" if self.is_rounding else "read in steps of"
        return (
            f"{kind} {self.step_ms:g} ms, texts of {TYPICAL_MS:g} ms ± {self.spread:.0%}, "
            f"{self.percent:+d} %"
        )


CLOCKS = tuple(
    Clock(step_ms, is_rounding, spread, percent)
    for step_ms, is_rounding, spread in (
        (15.6, True, 0.0),
        (15.6, True, 0.2),
        (15.6, False, 0.0),
        (15.6, False, 0.2),
        (4.0, True, 0.0),
        (1.0, True, 0.0),
    )
    for percent in (0, 3, 5)
)


def read_clock(rng: np.random.Generator, times_ms: Array, clock: Clock) -> Array:
    """What it shows of these times."""
    if clock.is_rounding:
        return np.asarray(np.round(times_ms / clock.step_ms) * clock.step_ms)
    start_steps = rng.random(times_ms.shape)
    return np.asarray(np.floor(start_steps + times_ms / clock.step_ms) * clock.step_ms)


def simulate_clock(clock: Clock, runs: int) -> list[Outcome]:
    """Of the median in 60 s, on a quiet machine; the margin is 3 %."""
    metric = find_metric("ttfa_p50")
    if metric is None:
        return []
    shape = SHAPES[0]
    outcomes = []
    for run in range(runs):
        rng = np.random.default_rng(run)
        times_ms = draw_times(rng, "real", shape, Change(clock.percent, 1), clock.spread)
        outcomes.append(judge(read_clock(rng, times_ms, clock), metric))
    return outcomes


def clock_rows(runs: int) -> Iterator[str]:
    """A row each."""
    yield "| ttfa p50, margin 3 % | PASS | FAIL | INCONCLUSIVE |"
    yield "|---" * 4 + "|"
    for clock in CLOCKS:
        yield outcome_row(clock.name, simulate_clock(clock, runs))


def tables(
    parts: Sequence[str],
    noises: Sequence[str] | None,
    runs: int,
    changes: Sequence[Change],
) -> Iterator[Iterator[str]]:
    """The rows of each table."""
    if "tails" in parts:
        for noise in noises or ("real", "normal", "t3", "pareto"):
            yield tail_rows(noise, runs, changes)
    if "budgets" in parts:
        yield budget_rows(noises or tuple(NOISES), runs)
    if "counts" in parts:
        yield rarity_rows(runs)
    if "clocks" in parts:
        yield clock_rows(runs)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--noise", choices=tuple(NOISES), action="append")
    parser.add_argument("--runs", type=int, default=400, help="of each row")
    parser.add_argument("--unchanged", action="store_true", help="only rows without a change")
    parser.add_argument("--tree", type=Path, help="judge by the package in this folder")
    options = parser.parse_args()
    if options.tree is not None:
        return run_in_tree(options.tree)
    parts = options.part or PARTS
    changes = CHANGES[:1] if options.unchanged else CHANGES
    for rows in tables(parts, options.noise, options.runs, changes):
        for row in rows:
            print(row, flush=True)
        print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
