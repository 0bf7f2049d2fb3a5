"""How often the gate would be right in rough weather: simulated blocks, judged by the shipped rule.

    python benchmarks/gate_simulation.py [--count 200] [--only 'real' ...] [--budgets 60 180]
    python benchmarks/gate_simulation.py --tree ../before [--count 200]

A comparison is a test with its gates, in blocks of as many texts as the tool itself would choose
for these times to open a process and to speak a text. Each row is one kind of noise: how often a
test of the same code is red, how often a run of 50 such tests is (whole runs of the tests
simulated), in how many all gates pass and after how many seconds, and how often a slow-down of 5 %
is found by which gate, and when.

`--tree` simulates the same on another tree, with the rule that is there: one that looks twice at
three processes confirms FAILs in a run of many gates alone, so there a test by itself and one of
fifty are not judged alike.
"""

from __future__ import annotations

import argparse
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from other_tree import run_in_tree
from tables import proportion, to_table

from pytest_ttsperf.compare import blocks as compare_blocks
from pytest_ttsperf.compare import decision, metrics
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.records import Arms, Block, ComparedMetric, Outcome

try:
    from pytest_ttsperf.compare import looks
except ImportError:  # a tree that looks twice
    looks = None  # type: ignore[assignment]

Logs = npt.NDArray[np.float64]
ARMS = ("baseline", "control", "candidate", "candidate_control")
TESTS_OF_A_RUN = 50
OPENING_S, TRIAL_S = 0.55, 0.027
"""Of one process, and of one trial in it: what the default voice takes on two cores or so."""
SLOWER = 0.05
GATES = metrics.choose_metrics("warm")


# Noise


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviations and shares, as logs; of a machine and of the processes on it."""

    name: str
    draw_trials: Callable[[np.random.Generator, tuple[int, int]], Logs]
    process: float = 0.007
    late: float = 0.0
    """Share of the moments that are late by 15 to 50 %, a few trials at a time."""
    slow_lives: float = 0.0
    """Share of the processes that are slower by 8 % as long as they live."""
    bias: float = 0.0
    """Of the candidate's processes, as of where its code lies."""
    drift: float = 0.0
    """Over a block, up or down."""
    bursts: float = 0.0
    """Share of the moments in which all takes 40 % longer, twelve trials at a time."""
    steps: float = 0.0
    """By which the clock of the processors changes once in every other block."""


def draw_normal(deviation: float, random: np.random.Generator, shape: tuple[int, int]) -> Logs:
    """Independent trials."""
    return random.normal(0.0, deviation, shape)


def draw_t3(deviation: float, random: np.random.Generator, shape: tuple[int, int]) -> Logs:
    """Student's t with three degrees of freedom, to this standard deviation."""
    return np.asarray(deviation * random.standard_t(3, shape) / math.sqrt(3))


def draw_spikes(deviation: float, random: np.random.Generator, shape: tuple[int, int]) -> Logs:
    """Trials of which one in 35 is late by a Pareto amount, without a bound."""
    spikes = 0.15 * (1 + random.pareto(1.5, shape)) * (random.random(shape) < 1 / 35)
    return np.asarray(random.normal(0.0, deviation, shape) + np.log1p(spikes))


REAL = partial(draw_normal, 0.02)
NOISES = (
    Noise("real", REAL, late=0.028),
    Noise("normal", partial(draw_normal, 0.075)),
    Noise("t3", partial(draw_t3, 0.075)),
    Noise("Pareto spikes", partial(draw_spikes, 0.02)),
    Noise("processes +8 % in 10 % of lives", REAL, late=0.028, slow_lives=0.1),
    Noise("processes +8 % in 50 % of lives", REAL, late=0.028, slow_lives=0.5),
    Noise("tree biased by 2 %", REAL, late=0.028, bias=0.02),
    Noise("drift of 30 % in a block", REAL, late=0.028, drift=0.3),
    Noise("bursts of 40 %", REAL, late=0.028, bursts=0.05),
    Noise("steps of 15 %", REAL, late=0.028, steps=0.15),
)
BY_NAME = {noise.name: noise for noise in NOISES}


class Change(NamedTuple):
    """What the candidate does otherwise: a share of its time more, in one text of so many."""

    name: str
    share: float = 0.0
    one_in: int = 1


SAME, FIVE = Change("same code"), Change("+5 %", SLOWER)
TEXTS_20 = Change("1 of 20 texts +20 %", 0.20, 20)


def simulate_block(
    noise: Noise, change: Change, arms: int, texts: int, random: np.random.Generator
) -> dict[str, Block]:
    """One block of every metric; a moment of the machine is late in all of them."""
    usual = random.normal(0.0, 0.3, texts)
    lives = _draw_lives(noise, arms, random)
    moments = _draw_moments(noise, arms, texts, random)
    is_slow = random.random(texts) < 1 / change.one_in
    slower = np.log1p(change.share) * is_slow
    found = {}
    for metric in dict.fromkeys(gate.metric for gate in GATES):
        logs = usual + lives[:, np.newaxis] + moments + noise.draw_trials(random, (arms, texts))
        logs[2:] += slower
        found[metric] = Block(metric=_arms(np.exp(logs)))
    return found


def _draw_lives(noise: Noise, arms: int, random: np.random.Generator) -> Logs:
    lives = random.normal(0.0, noise.process, arms)
    lives += math.log(1.08) * (random.random(arms) < noise.slow_lives)
    lives[2:] += math.log1p(noise.bias)
    return lives


def _draw_moments(noise: Noise, arms: int, texts: int, random: np.random.Generator) -> Logs:
    """What befell each trial of [arms, texts], which take turns at every text in an order drawn."""
    count = arms * texts
    at = np.zeros(count)
    at += _draw_spells(random, count, noise.late, 3, (0.15, 0.5))
    at += _draw_spells(random, count, noise.bursts, 12, (0.4, 0.4))
    at += noise.drift * np.linspace(0.0, random.choice([-1.0, 1.0]), count)
    if noise.steps and random.random() < 0.5:
        at[random.integers(count) :] += random.choice([-1.0, 1.0]) * noise.steps
    turns = random.permuted(np.tile(np.arange(arms), (texts, 1)), axis=1)
    moments = np.empty((arms, texts))
    for text in range(texts):
        moments[turns[text], text] = at[text * arms : (text + 1) * arms]
    return moments


def _draw_spells(
    random: np.random.Generator,
    count: int,
    share: float,
    length: int,
    amounts: tuple[float, float],
) -> Logs:
    """Logs of moments of which a share is late, so many at a time on average."""
    late = np.zeros(count)
    for start in np.flatnonzero(random.random(count) < share / length):
        end = start + random.geometric(1 / length)
        late[start:end] = math.log1p(random.uniform(*amounts))
    return late


def _arms(values: Logs) -> Arms:
    rows = [tuple(row) for row in values.tolist()]
    return Arms(**dict(zip(ARMS, rows, strict=False)))


# The rule of the tree


class Setting(NamedTuple):
    """A budget as blocks, and what they are made of."""

    arms: int
    texts: int
    block_s: float
    blocks: int


def setting_of(budget_s: float, opening_s: float, trial_s: float) -> Setting:
    """What the tool of this tree would do with a budget, by what a process and a trial take."""
    arms = len(compare_blocks.ARMS)
    worth: Callable[..., int] = compare_blocks.texts_worth
    times = (arms * opening_s, arms * trial_s, budget_s)  # not every tree asks for the budget
    texts = worth(*times[: len(inspect.signature(worth).parameters)])
    block_s = arms * (opening_s + texts * trial_s)
    return Setting(arms, texts, block_s, int(budget_s / block_s))


class Judged(NamedTuple):
    """One test: outcome and blocks to its decision by gate, and whether it is red among fifty."""

    outcomes: dict[str, Outcome]
    blocks: dict[str, int]
    is_red_in_a_run: bool

    @property
    def is_red(self) -> bool:
        """By itself."""
        return Outcome.FAIL in self.outcomes.values()


class SimulatedBlocks:
    """Blocks of one test, by metric, as many as are wanted."""

    def __init__(
        self, noise: Noise, change: Change, setting: Setting, random: np.random.Generator
    ) -> None:
        self._draw = partial(simulate_block, noise, change, setting.arms, setting.texts, random)
        self._blocks: list[dict[str, Block]] = []

    def first(self, count: int) -> dict[str, list[Block]]:
        """So many of each metric; the same each time."""
        while len(self._blocks) < count:
            self._blocks.append(self._draw())
        found: dict[str, list[Block]] = {}
        for name in self._blocks[0]:
            found[name] = [block[name] for block in self._blocks[:count]]
        return found


def judge_after_each(blocks: SimulatedBlocks, setting: Setting) -> Judged:
    """By looks after every block: red is red, whatever else there is in the run."""
    plan = t_rule.plan_blocks(float(setting.blocks), 1.0)
    cell, used = looks.replay(blocks.first(setting.blocks), GATES, plan)
    wanted = cell.fresh_blocks_wanted(used)
    if wanted:
        cell, used = looks.replay(blocks.first(used + wanted), GATES, plan)
    outcomes = {}
    decided = {}
    for gate, verdict in zip(GATES, cell.verdicts, strict=True):
        outcomes[gate.label] = verdict.outcome
        decided[gate.label] = verdict.blocks
    return Judged(outcomes, decided, Outcome.FAIL in outcomes.values())


def judge_twice(blocks: SimulatedBlocks, setting: Setting) -> Judged:
    """By two looks at three processes; fresh blocks confirm a FAIL where a run has many gates."""
    rule: Any = decision  # of another tree, whose functions take other arguments
    plan: Any = t_rule.plan_blocks(float(setting.blocks), 1.0)
    done = setting.blocks
    changes: Sequence[Any] = ()
    if plan.early_at is not None:
        changes = _decide_all(rule, blocks.first(plan.early_at), "early")
        if all(change.outcome is not Outcome.INCONCLUSIVE for change in changes):
            done = plan.early_at
    if done == setting.blocks:
        changes = _decide_all(rule, blocks.first(done), "end")
    confirmed = list(changes)
    for index, gate in enumerate(GATES):
        if changes[index].outcome is Outcome.FAIL:
            pooled = blocks.first(2 * done)[gate.metric]
            confirmed[index] = rule.confirm(pooled[:done], pooled[done:], gate)
    in_a_run = rule.void_by_control(confirmed, GATES)
    return Judged(
        {gate.label: change.outcome for gate, change in zip(GATES, changes, strict=True)},
        {gate.label: done for gate in GATES},
        any(change.outcome is Outcome.FAIL for change in in_a_run),
    )


def _decide_all(rule: Any, blocks: Mapping[str, Sequence[Block]], look: str) -> Sequence[Any]:
    changes = [rule.decide(blocks[gate.metric], gate, look) for gate in GATES]
    judged: Sequence[Any] = rule.void_by_control(changes, GATES)
    return judged


def simulate_test(name: str, change: Change, setting: Setting, seed: int) -> Judged:
    """One test in that noise."""
    random = np.random.default_rng([seed, *map(ord, name)])
    blocks = SimulatedBlocks(BY_NAME[name], change, setting, random)
    return judge_after_each(blocks, setting) if looks is not None else judge_twice(blocks, setting)


# The table


def heads(change: Change) -> tuple[str, ...]:
    """Of the table of a change."""
    if change is SAME:
        return (
            "same code", "budget", "blocks of texts", "test red", "run of 50 red",
            "PASS of all", "seconds to PASS: p50, p95, rtf",
        )  # fmt: skip
    return (change.name, "budget", *(f"{gate.label} FAIL, seconds" for gate in GATES))


def row(
    name: str, change: Change, budget_s: float, setting: Setting, tests: Sequence[Judged]
) -> tuple[str, ...]:
    """What the tests of one noise came to."""
    if change is not SAME:
        cells = [_found(gate, setting, tests) for gate in GATES]
        return (name, f"{budget_s:.0f} s", *cells)
    starts = range(0, len(tests) - TESTS_OF_A_RUN + 1, TESTS_OF_A_RUN)
    red_runs = []
    for at in starts:
        run = tests[at : at + TESTS_OF_A_RUN]
        red_runs.append(any(test.is_red_in_a_run for test in run))
    seconds = [_seconds(gate, Outcome.PASS, setting, tests) for gate in GATES]
    return (
        name,
        f"{budget_s:.0f} s",
        f"{setting.blocks} of {setting.texts}",
        proportion([test.is_red for test in tests], 1),
        proportion(red_runs),
        proportion([set(test.outcomes.values()) == {Outcome.PASS} for test in tests]),
        ", ".join(seconds),
    )


def _found(gate: ComparedMetric, setting: Setting, tests: Sequence[Judged]) -> str:
    share = proportion([test.outcomes[gate.label] is Outcome.FAIL for test in tests])
    return f"{share}, {_seconds(gate, Outcome.FAIL, setting, tests)}"


def _seconds(
    gate: ComparedMetric, outcome: Outcome, setting: Setting, tests: Sequence[Judged]
) -> str:
    """Median over all tests, those that came to something else being the longest."""
    blocks = []
    for test in tests:
        is_decided = test.outcomes[gate.label] is outcome
        blocks.append(float(test.blocks[gate.label]) if is_decided else math.inf)
    middle = median(blocks)
    return "-" if middle == math.inf else f"{middle * setting.block_s:.0f} s"


def simulate(options: argparse.Namespace) -> None:
    """Print a table for each change, row by row."""
    names = options.only or list(BY_NAME)
    changes = [SAME, FIVE, TEXTS_20] if options.tails else [SAME, FIVE]
    with ProcessPoolExecutor(options.workers) as pool:
        for change in changes:
            print("\n".join(to_table(heads(change), [])), flush=True)
            for name in names:
                for budget_s in options.budgets:
                    setting = setting_of(budget_s, options.opening, options.trial)
                    run = partial(simulate_test, name, change, setting)
                    tests = list(pool.map(run, range(options.count), chunksize=10))
                    cells = row(name, change, budget_s, setting, tests)
                    print(f"| {' | '.join(cells)} |", flush=True)
            print()


def main() -> int:
    """Simulate, here or on another tree."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="tests of each row")
    parser.add_argument("--only", action="append", choices=list(BY_NAME), help="may be repeated")
    parser.add_argument("--budgets", type=float, nargs="+", default=[60.0, 180.0], metavar="S")
    parser.add_argument("--opening", type=float, default=OPENING_S, metavar="S")
    parser.add_argument("--trial", type=float, default=TRIAL_S, metavar="S")
    parser.add_argument("--tails", action="store_true", help="also a few texts that are slower")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tree", type=Path, help="another checkout, whose rule is simulated")
    options = parser.parse_args()
    if options.tree is not None:
        return run_in_tree(options.tree)
    simulate(options)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
