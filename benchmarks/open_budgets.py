"""How often the rules for open budgets and for reruns err, and how soon they decide: simulated.

`python benchmarks/open_budgets.py always-valid` looks after every one of 500 blocks by the rule of
`judge/statistics/always_valid.py`, and `... tails` judges trials by it, a p95 among them.
`... reruns` gives a comparison a second, third and fourth budget on the blocks of those before, by
each of the rules that could be used there. But for the tails, only the logs of four processes a
block are drawn: their trials are taken as measured without error.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pytest_ttsperf.compare import metrics
from pytest_ttsperf.compare.looks import FEWEST_FRESH, FRESH_SHARE, replay
from pytest_ttsperf.judge.statistics.always_valid import (
    OPEN,
    OpenPlan,
    SequentialEstimate,
    log_e_value,
)
from pytest_ttsperf.judge.statistics.estimators import Estimate
from pytest_ttsperf.judge.statistics.t_rule import BlockPlan, Levels
from pytest_ttsperf.records import Arms, Block, ComparedMetric

Array = npt.NDArray[np.float64]
Noise = Callable[[np.random.Generator, tuple[int, ...]], Array]
MARGIN = math.log(1.03)
ARMS = 4
LOOKS = 500
TAIL_LOOKS = 30
TAIL_TEXTS = 38
SEED = 20261129


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Processes as the t test assumes them."""
    return rng.normal(size=shape)


def heavy(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Student's t with three degrees of freedom, of variance 1."""
    return np.asarray(rng.standard_t(3, size=shape) / math.sqrt(3), dtype=float)


def noisier(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """The candidate's processes scatter twice as much."""
    scales = np.array([1.0, 1.0, 2.0, 2.0]) / math.sqrt(2.5)
    return np.asarray(rng.normal(size=shape) * scales, dtype=float)


def bimodal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A tenth of the processes is slower by five times what the others scatter."""
    slow = rng.random(shape) < 0.1
    return (rng.normal(size=shape) + 5 * (slow - 0.1)) / math.sqrt(1 + 25 * 0.09)


def spells(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Some blocks scatter several times as much as others."""
    scales = np.exp(rng.normal(0, 0.6, size=(*shape[:-1], 1)))
    return rng.normal(size=shape) * scales / math.exp(0.36)


NOISES: dict[str, Noise] = {
    "normal": normal,
    "t3": heavy,
    "candidate twice as noisy": noisier,
    "bimodal": bimodal,
    "spells": spells,
}


class Series(NamedTuple):
    """What is known after each block: [comparisons, blocks] each, in logs."""

    mean: Array
    error: Array
    freedom: Array
    blocks: Array


def simulate(
    rng: np.random.Generator,
    comparisons: int,
    blocks: int,
    *,
    noise: Noise,
    scatter: float,
    effect: float,
) -> Series:
    """As `Estimate.pooled` has it of four arms; a process scatters by `scatter`."""
    processes = scatter * noise(rng, (comparisons, blocks, ARMS))
    processes[..., 2:] += effect
    baseline, control, candidate, second = np.moveaxis(processes, -1, 0)
    numbers = (candidate + second - baseline - control) / 2
    squares = ((baseline - control) ** 2 + (candidate - second) ** 2) / 2
    count = np.arange(1, blocks + 1)
    mean = numbers.cumsum(axis=1) / count
    deviations = (numbers**2).cumsum(axis=1) - count * mean**2
    freedom = np.asarray(3.0 * count - 1, dtype=float)
    variance = (deviations + squares.cumsum(axis=1)) / freedom
    alone = deviations / np.maximum(count - 1, 1)  # 0 of one block, which nobody judges
    error = np.sqrt(np.maximum(variance, alone) / count)
    return Series(mean, error, freedom, count.astype(float))


def first_true(hits: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Index of the first along the last axis; its length where there is none."""
    first = np.where(hits.any(axis=-1), hits.argmax(axis=-1), hits.shape[-1])
    return np.asarray(first, dtype=np.int64)


# The always-valid rule


def print_always_valid(comparisons: int) -> None:
    """Errors over all looks, and the blocks to a decision, for several bets."""
    rng = np.random.default_rng(SEED)
    print(
        f"false FAIL of a true 0 (level {OPEN.fail:.1%}) and false PASS of a true margin ", end=""
    )
    print(f"(level {OPEN.passes:.0%}), % of {comparisons} comparisons, {LOOKS} looks each")
    print(
        "| processes | scatter | e >= 1/alpha | FAIL | PASS | one t test each look: FAIL | PASS |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, noise in NOISES.items():
        for scatter in (0.01, 0.04):
            row = error_row(rng, comparisons, noise, scatter)
            print(f"| {name} | {scatter:.0%} | {' | '.join(f'{100 * rate:.2f}' for rate in row)} |")
    print("blocks to a decision, median (90th percentile), by the variance of the bet")
    print("| scatter | truth | decided | 0.25 | 1 | 4 |")
    print("|---|---|---|---|---|---|")
    for scatter in (0.007, 0.015, 0.03, 0.05):
        for effect in (0.0, 0.05):
            series = simulate(
                rng, 1000, LOOKS, noise=normal, scatter=scatter, effect=math.log1p(effect)
            )
            texts = [decision_text(series, effect, variance) for variance in (0.25, 1.0, 4.0)]
            word = "FAIL" if effect else "PASS"
            print(f"| {scatter:.1%} | {effect:+.0%} | {word} | {' | '.join(texts)} |")


def error_row(
    rng: np.random.Generator,
    comparisons: int,
    noise: Noise,
    scatter: float,
) -> list[float]:
    """Shares: e of a true 0 ever at the level of a FAIL, false FAIL, false PASS, by t alone."""
    batches = []
    for _ in range(math.ceil(comparisons / 1000)):
        unchanged = simulate(rng, 1000, LOOKS, noise=noise, scatter=scatter, effect=0.0)
        slower = simulate(rng, 1000, LOOKS, noise=noise, scatter=scatter, effect=MARGIN)
        batches.append([*_errors(unchanged, slower)])
    return [float(share) for share in np.mean(batches, axis=0)]


def _errors(unchanged: Series, slower: Series) -> Iterator[float]:
    is_late = unchanged.blocks >= OPEN.fewest
    p_unchanged = _p_of(SequentialEstimate, unchanged.mean / unchanged.error, unchanged)
    is_large = unchanged.mean > MARGIN
    yield _ever((p_unchanged <= OPEN.fail) & is_late)
    yield _ever((p_unchanged <= OPEN.fail) & is_late & is_large)
    t_below = (MARGIN - slower.mean) / slower.error
    yield _ever((_p_of(SequentialEstimate, t_below, slower) <= OPEN.passes) & is_late)
    p_once = _p_of(Estimate, unchanged.mean / unchanged.error, unchanged)
    yield _ever((p_once <= OPEN.fail) & is_late & is_large)
    yield _ever((_p_of(Estimate, t_below, slower) <= OPEN.passes) & is_late)


def _ever(hits: npt.NDArray[np.bool_]) -> float:
    return float(hits.any(axis=1).mean())


def _p_of(estimate: type[Estimate], t: Array, series: Series) -> Array:
    return estimate.p_of(t, series.blocks, series.freedom)


def decision_text(series: Series, effect: float, variance: float) -> str:
    """How many blocks it takes."""
    if effect:
        t = series.mean / series.error
        is_large = series.mean > MARGIN
        level = OPEN.fail
    else:
        t = (MARGIN - series.mean) / series.error
        is_large = np.ones_like(t, dtype=bool)
        level = OPEN.passes
    evidence = log_e_value(t, series.blocks, series.freedom, variance)
    hits = (evidence >= -math.log(level)) & is_large & (series.blocks >= OPEN.fewest)
    blocks = first_true(hits) + 1
    middle, most = np.percentile(blocks, [50, 90])
    return f"{middle:.0f} ({most:.0f})"


# Tails


def print_tails(comparisons: int) -> None:
    """The same for a p95 of trials, by the judge itself: a jackknife is no row of numbers."""
    p50, p95, *_ = metrics.choose_metrics("warm")
    print(f"% of {comparisons} comparisons of {TAIL_LOOKS} blocks, trials of {TAIL_TEXTS} texts")
    print("| gate | trials | false FAIL | false PASS | unchanged PASS | +5 % FAIL | blocks |")
    print("|---|---|---|---|---|---|---|")
    for gate in (p50, p95):
        for name, noise in (("normal, 7.5 %", rough_trials), ("2 %, a few late", late_trials)):
            row = tail_row(comparisons, gate, noise)
            print(f"| {gate.label} | {name} | {' | '.join(row)} |")


def rough_trials(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Logs of trials that scatter by 7.5 %."""
    return rng.normal(0, 0.075, size=shape)


def late_trials(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Logs of trials that scatter by 2 %; 2.8 of 100 are late by 15 to 50 %."""
    late = rng.random(shape) < 0.028
    return np.asarray(rng.normal(0, 0.02, size=shape) + late * rng.uniform(0.14, 0.4, size=shape))


def tail_row(comparisons: int, gate: ComparedMetric, noise: Noise) -> Iterator[str]:
    """Shares of each outcome, and the median of blocks until unchanged code passes."""
    plan = OpenPlan(blocks=TAIL_LOOKS, seconds=1.0)
    used = []
    cases = ((0.0, "FAIL"), (0.03, "PASS"), (0.0, "PASS"), (0.05, "FAIL"))
    for slower, wanted in cases:
        rng = np.random.default_rng(SEED)
        hits = 0
        for _ in range(comparisons):
            blocks = [speak_block(rng, noise, slower) for _ in range(2 * TAIL_LOOKS)]
            cell, count = replay({gate.metric: blocks}, [gate], plan)
            hits += cell.verdicts[0].outcome == wanted
            if wanted == "PASS" and not slower:
                used.append(count)
        yield f"{100 * hits / comparisons:.1f}"
    yield f"{np.median(used):.0f}"


def speak_block(rng: np.random.Generator, noise: Noise, slower: float) -> Block:
    """Four processes that differ by .7 %, the candidate's slower by a share."""
    logs = noise(rng, (ARMS, TAIL_TEXTS)) + rng.normal(0, 0.007, (ARMS, 1))
    times = 70 * np.exp(logs)
    times[2:] *= 1 + slower
    baseline, control, candidate, second = map(tuple, times.tolist())
    arms = Arms(baseline=baseline, control=control, candidate=candidate, candidate_control=second)
    return Block(metric=arms)


# Reruns

Plans = Callable[[BlockPlan, int], Callable[[int], Levels | None]]
"""The plan of a budget, which attempt it is (from 0) -> levels after so many of its blocks."""


def afresh(plan: BlockPlan, _attempt: int) -> Callable[[int], Levels | None]:
    """The whole rule again, on all blocks."""
    return plan.levels_after


def halved(plan: BlockPlan, attempt: int) -> Callable[[int], Levels | None]:
    """The same with half the levels for each further attempt."""

    def levels_after(done: int) -> Levels | None:
        levels = plan.levels_after(done)
        if levels is None:
            return None
        share = 0.5**attempt
        return levels._replace(fail=levels.fail * share, passes=levels.passes * share)

    return levels_after


def always_valid(share: float) -> Plans:
    """From the second attempt on always-valid, with that share of the levels of the end."""

    def plans(plan: BlockPlan, attempt: int) -> Callable[[int], Levels | None]:
        if not attempt:
            return plan.levels_after
        end = plan.end
        levels = OPEN._replace(fail=end.fail * share, passes=end.passes * share)
        return lambda _: levels

    return plans


RULES: dict[str, Plans] = {
    "afresh": afresh,
    "halved": halved,
    "always valid, all": always_valid(1.0),
    "always valid, half": always_valid(0.5),
}


def print_reruns(comparisons: int, attempts: int) -> None:
    """What is decided in how many attempts, and how much of it wrongly."""
    print(f"% of {comparisons} comparisons after 1, 2 ... {attempts} budgets, normal processes")
    print("| blocks | scatter | rule | false FAIL | false PASS | unchanged PASS | +5 % FAIL |")
    print("|---|---|---|---|---|---|---|")
    for blocks in (6, 9, 20):
        for scatter in (0.03, 0.045):
            for name, rule in RULES.items():
                row = rerun_row(comparisons, attempts, blocks, scatter, rule)
                print(f"| {blocks} | {scatter:.1%} | {name} | {' | '.join(row)} |")


def rerun_row(
    comparisons: int,
    attempts: int,
    blocks: int,
    scatter: float,
    rule: Plans,
) -> Iterator[str]:
    """Of the same processes for each rule."""
    cases = ((0.0, "FAIL"), (MARGIN, "PASS"), (0.0, "PASS"), (math.log(1.05), "FAIL"))
    for effect, outcome in cases:
        rng = np.random.default_rng(SEED)
        # What confirms the last FAIL comes beyond the last budget.
        series = simulate(
            rng, comparisons, 2 * attempts * blocks, noise=normal, scatter=scatter, effect=effect
        )
        words, ends = rerun(series, attempts, blocks, rule)
        shares = []
        for attempt in range(attempts):
            hits = (words == outcome) & (ends <= attempt)
            shares.append(f"{100 * hits.mean():.2g}")
        yield " ".join(shares)


def rerun(
    series: Series,
    attempts: int,
    blocks: int,
    rule: Plans,
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.int64]]:
    """What each comparison comes to, and in which attempt."""
    plan = BlockPlan(blocks=blocks, seconds=60.0)
    comparisons = len(series.mean)
    words = np.full(comparisons, "INCONCLUSIVE")
    ends = np.full(comparisons, attempts)
    done = 0
    for attempt in range(attempts):
        levels_after = rule(plan, attempt)
        end = levels_after(blocks)
        for step in range(1, blocks + 1):
            done += 1
            levels = levels_after(step)
            if levels is None or end is None or done < levels.fewest:
                continue
            is_fail, is_pass = outcomes(series, done, levels)
            # The blocks that confirm are within the budget here; the rule of the end judges them.
            fresh = max(FEWEST_FRESH, math.ceil(FRESH_SHARE * done))
            is_confirmed, is_passed_then = outcomes(series, done + fresh, end)
            is_open = ends == attempts
            has_failed = is_open & is_fail & is_confirmed
            has_passed = is_open & (is_pass | (is_fail & is_passed_then))
            words[has_failed] = "FAIL"
            words[has_passed] = "PASS"
            ends[has_failed | has_passed] = attempt
    return words, ends


def outcomes(
    series: Series,
    done: int,
    levels: Levels,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which comparisons fail and which pass at a look."""
    mean = series.mean[:, done - 1]
    error = series.error[:, done - 1]
    freedom = series.freedom[done - 1]
    p_slower = levels.estimate.p_of(mean / error, done, freedom)
    p_within = levels.estimate.p_of((MARGIN - mean) / error, done, freedom)
    return (mean > MARGIN) & (p_slower <= levels.fail), p_within <= levels.passes


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables of docs/adr/0044."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=("always-valid", "tails", "reruns"))
    parser.add_argument("--comparisons", type=int, default=20_000)
    parser.add_argument("--attempts", type=int, default=4)
    options = parser.parse_args(arguments)
    if options.table == "reruns":
        print_reruns(options.comparisons, options.attempts)
    elif options.table == "tails":
        print_tails(options.comparisons)
    else:
        print_always_valid(options.comparisons)


if __name__ == "__main__":
    main()
