"""How often stored baselines are right, by simulation over the shipped screen: nothing is measured.

    python benchmarks/baseline_simulation.py [--samples 20000]
    python benchmarks/baseline_simulation.py --tree ../before

Each run is one figure, drawn as unchanged code gives it on a shared machine: logs with a standard
deviation of 11 % from run to run. The screen judges the next run by the earlier ones, as it does
with `--ttsperf-compare`. Some runs are poisoned (three times as slow, by a busy machine), or the
code gets slower from run to run. `--tree` judges the same runs by another tree of this repository,
as a worktree of an older commit: before and after come from one command. Brackets are Wilson's
95 % interval. docs/measurements/stored-baselines.md has the tables.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import structs
from other_tree import run_in_tree
from scipy.stats import binomtest

from pytest_ttsperf.baseline import prediction, screening, store
from pytest_ttsperf.records import (
    DEFINITIONS,
    Baseline,
    BaselineRun,
    Cell,
    CellResult,
    Outcome,
    Summary,
    Verdict,
)

DRIFT = 0.11
USUAL_MS = 80.0
POISON = 3.0
CREEP = 0.01
CREEPING_RUNS = 40
FOUND_BY = (20, 30, 40)
FINDABLE = 0.05
"""The least change that a comparison surely finds within a minute (docs/gate-quality.md)."""
BEGUN = datetime(2025, 10, 30, tzinfo=UTC)
CELL = Cell(
    test="simulated",
    target="simulated",
    provider="cpu",
    voice="none",
    preset="a text",
    mode="stream",
    phase="cold",
)
"""A cold one, as that is judged by medians alone."""
TRIALS = 59
NO_RUNS = Baseline(cell=CELL, fingerprint="simulated", runs=())


# Runs


def summarize(value_ms: float) -> dict[str, Summary]:
    """The one figure of a run."""
    figure = Summary(metric="ttfa_sound_ms", n=TRIALS, missing=0, p50=value_ms, p95=value_ms)
    return {"ttfa_sound_ms": figure}


def make_run(number: int, value_ms: float) -> BaselineRun:
    """A stored run, whose revision is its number."""
    return BaselineRun(
        saved=(BEGUN + timedelta(hours=number)).isoformat(),
        run=f"run {number}",
        revision=str(number),
        dirty=False,
        n=TRIALS,
        summary=summarize(value_ms),
        definitions=DEFINITIONS,
    )


def add_run(baseline: Baseline, run: BaselineRun) -> Baseline:
    """The baseline with one more run, and without those that its file has no room for."""
    baseline = structs.replace(baseline, runs=(*baseline.runs, run))
    drop_oldest: Callable[[Baseline], Baseline] | None = getattr(store, "drop_oldest", None)
    if drop_oldest is not None:
        return drop_oldest(baseline)
    return structs.replace(baseline, runs=baseline.runs[-store.KEPT_RUNS :])


def store_runs(values_ms: Sequence[float]) -> Baseline:
    """A baseline of these runs, oldest first."""
    baseline = NO_RUNS
    for number, value_ms in enumerate(values_ms):
        baseline = add_run(baseline, make_run(number, value_ms))
    return baseline


def screen(baseline: Baseline, value_ms: float) -> Verdict:
    """What the shipped screen says of a next run."""
    result = CellResult(
        cell=CELL,
        fingerprint=NO_RUNS.fingerprint,
        declared_trials=TRIALS,
        trials=(),
        ready=None,
        summary=summarize(value_ms),
        definitions=DEFINITIONS,
    )
    return screening.judge_against(baseline, result)[0]


def draw_ms(chance: np.random.Generator, runs: int, drift: float) -> list[float]:
    """Figures of unchanged code."""
    logs = chance.normal(math.log(USUAL_MS), drift, runs)
    return [float(value) for value in np.exp(logs)]


# One run after others


class StepCase(NamedTuple):
    """So many earlier runs, some of them poisoned, and then one that is slower by a factor."""

    name: str
    runs: int
    poisoned: int = 0
    factor: float = 1.0
    drift: float = DRIFT


STEPS = (
    StepCase("unchanged", 5),
    StepCase("unchanged", 10),
    StepCase("unchanged", 30),
    StepCase("unchanged", 60),
    StepCase("unchanged, drift of 5 %", 10, drift=0.05),
    StepCase("unchanged, drift of 15 %", 10, drift=0.15),
    StepCase("unchanged, drift of 20 %", 10, drift=0.20),
    StepCase("unchanged, drift of 20 %", 30, drift=0.20),
    StepCase("unchanged, 1 of 5 poisoned", 5, poisoned=1),
    StepCase("unchanged, 1 of 10 poisoned", 10, poisoned=1),
    StepCase("+70 %", 5, factor=1.7),
    StepCase("+70 %", 10, factor=1.7),
    StepCase("+70 %, 1 of 5 poisoned", 5, poisoned=1, factor=1.7),
    StepCase("+70 %, 1 of 10 poisoned", 10, poisoned=1, factor=1.7),
    StepCase("three times, 1 of 5 poisoned", 5, poisoned=1, factor=3.0),
    StepCase("three times, 1 of 10 poisoned", 10, poisoned=1, factor=3.0),
    StepCase("three times, 2 of 10 poisoned", 10, poisoned=2, factor=3.0),
)


def judge_step(case: StepCase, chance: np.random.Generator) -> Outcome:
    """The verdict on one history of this kind."""
    values_ms = draw_ms(chance, case.runs + 1, case.drift)
    for place in chance.choice(case.runs, case.poisoned, replace=False):
        values_ms[place] *= POISON
    *earlier_ms, last_ms = values_ms
    return screen(store_runs(earlier_ms), last_ms * case.factor).outcome


def step_rows(samples: int) -> Iterator[str]:
    """A table of how each case is judged."""
    yield "| next run | earlier runs | FAIL | in doubt | PASS |"
    yield "|---|---|---|---|---|"
    for case in STEPS:
        chance = np.random.default_rng(17)
        outcomes = [judge_step(case, chance) for _ in range(samples)]
        wanted = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
        shares = [share(outcomes.count(outcome), samples) for outcome in wanted]
        yield f"| {case.name} | {case.runs} | {' | '.join(shares)} |"


# Code that gets slower from run to run


class History(NamedTuple):
    """A cell over many runs, each of which was stored."""

    found_at: int | None
    """The first run in which a comparison was asked for that finds the change; None if none was."""
    doubts: int
    """Runs that were not PASS."""
    has_slope: bool
    """Whether a note on the slope stands beside the last run."""


def live(chance: np.random.Generator, per_run: float) -> History:
    """One history: code that gets slower by this share a run, on a machine that drifts."""
    baseline = NO_RUNS
    found_at = None
    doubts = 0
    for number, usual_ms in enumerate(draw_ms(chance, CREEPING_RUNS, DRIFT)):
        value_ms = usual_ms * (1 + per_run) ** number
        if number >= prediction.MIN_RUNS:
            verdict = screen(baseline, value_ms)
            doubts += verdict.outcome is not Outcome.PASS
            if found_at is None and has_found(verdict, number, per_run):
                found_at = number + 1
        baseline = add_run(baseline, make_run(number, value_ms))
    return History(found_at, doubts, has_slope(baseline))


def has_found(verdict: Verdict, number: int, per_run: float) -> bool:
    """Whether the verdict leads to a comparison with code that is slower by enough to be found."""
    if verdict.outcome is Outcome.PASS or verdict.revision is None:
        return False
    change = (1 + per_run) ** (number - int(verdict.revision)) - 1
    return change >= FINDABLE


def has_slope(baseline: Baseline) -> bool:
    """Whether the reader gets a note that figures rise; older trees have none."""
    find_slope = getattr(prediction, "find_slope", None)
    if find_slope is None:
        return False
    slope = find_slope(prediction.SCREENED_METRICS[0], baseline, None)
    return slope is not None and slope.is_significant


def creep_rows(samples: int) -> Iterator[str]:
    """A table of when a creep is found."""
    found = " | ".join(f"found by run {run}" for run in FOUND_BY)
    yield f"| a run | {found} | runs not PASS | note on the slope at run {CREEPING_RUNS} |"
    yield "|---" * (3 + len(FOUND_BY)) + "|"
    for per_run in (0.0, CREEP / 2, CREEP):
        chance = np.random.default_rng(18)
        histories = [live(chance, per_run) for _ in range(samples)]
        cells = [f"{per_run:+.1%}" if per_run else "unchanged"]
        for run in FOUND_BY:
            early = [one.found_at is not None and one.found_at <= run for one in histories]
            cells.append(share(sum(early), samples) if per_run else "-")
        judged = samples * (CREEPING_RUNS - prediction.MIN_RUNS)
        cells.append(f"{sum(one.doubts for one in histories) / judged:.1%}")
        cells.append(share(sum(one.has_slope for one in histories), samples))
        yield f"| {' | '.join(cells)} |"


# Tables


def share(hits: int, samples: int) -> str:
    """`4.10 % (3.84 to 4.38)`."""
    low, high = binomtest(hits, samples).proportion_ci(method="wilson")
    return f"{100 * hits / samples:.2f} % ({100 * low:.2f} to {100 * high:.2f})"


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--samples", type=int, default=20_000, help="of each case; a tenth of creep"
    )
    parser.add_argument("--tree", type=Path, metavar="PATH", help="whose screen judges (this one)")
    options = parser.parse_args()
    if options.tree is not None:
        return run_in_tree(options.tree)
    for row in step_rows(options.samples):
        print(row, flush=True)
    print()
    for row in creep_rows(max(1, options.samples // 10)):
        print(row, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
