"""On what the comparison's protocol rests: how much trials, processes and blocks differ.

    python benchmarks/gate_noise.py tests/recorded_blocks/heart.xz
    python benchmarks/gate_noise.py gate.jsonl --joined 2

Blocks of unchanged code are recorded by record_blocks.py. All is computed from its file: the
deviations, and what the shipped judge says of disjoint groups of these real blocks, for several
numbers of texts in each and as many blocks as a budget holds. Slow-downs are put into the recorded
numbers there, so these rates are a replay; benchmarks/gate_quality.py has those of the gate as it
runs.

`--joined` takes the quiet, unchanged blocks from a log of benchmarks/gate_quality.py instead, so
many together as one longer block: its processes are those of the first.
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from block_packing import arms_of, read_file, unpack
from gate_replay import disjoint_groups, judge
from gate_table import all_blocks, blocks_of, read_lines, unchanged_lines
from tables import proportion

from pytest_ttsperf.compare import metrics
from pytest_ttsperf.compare.blocks import BASELINE_ARMS
from pytest_ttsperf.judge.statistics.estimators import contrasts, levels, trim_mean
from pytest_ttsperf.records import Arms, Block, Outcome

SHAPES = (8, 16, 24, 38, 48, 64)
BUDGETS_S = (60.0, 180.0)
SLOWER = (0.05, 0.10)
TAIL, ONE_IN = 0.30, 10
GATES = metrics.choose_metrics("warm")
METRICS = tuple(dict.fromkeys(gate.metric for gate in GATES))


class Recorded(NamedTuple):
    """One block: its seconds in all and in trials, and what the arms measured, by metric."""

    seconds: float
    trials_s: float
    blocks: dict[str, Block]


def read(path: Path) -> list[Recorded]:
    """All blocks of a file."""
    recorded = []
    for block in read_file(path).blocks:
        blocks = {}
        for metric in METRICS:
            blocks[metric] = Block(metric=arms_of(block.metrics[metric].array()))
        seconds = block.opening_s + block.trials_s
        recorded.append(Recorded(seconds, block.trials_s, blocks))
    return recorded


def join_blocks(log: Path, by: int) -> list[Recorded]:
    """Of gate_quality.py's log; what a block and a text took is fitted to its comparisons.

    Those that are too short for the longest of SHAPES are left out.
    """
    lines = unchanged_lines(read_lines(log))
    opening_s, text_s = fit_durations(lines)
    recorded = []
    for parts in disjoint_groups(all_blocks(lines), by):
        block = _as_one(parts)
        size = count_texts(block)
        if size >= max(SHAPES):
            spoken_s = text_s * size
            recorded.append(Recorded(seconds=opening_s + spoken_s, trials_s=spoken_s, blocks=block))
    return recorded


def fit_durations(lines: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Seconds that a block and that each of its texts took, by least squares."""
    counts = []
    for line in lines:
        sizes = [count_texts(block) for block in blocks_of(unpack(line["measured"]))]
        counts.append([len(sizes), sum(sizes)])
    fit, *_ = np.linalg.lstsq(np.array(counts), [line["compared_s"] for line in lines])
    return float(fit[0]), float(fit[1])


def count_texts(block: Mapping[str, Block]) -> int:
    """How many texts each of its arms spoke."""
    return len(block[METRICS[0]].metric.baseline)


def _as_one(parts: Sequence[Mapping[str, Block]]) -> dict[str, Block]:
    """All texts of all parts, with each arm at the level that it has in the first."""
    joined = {}
    for metric in METRICS:
        arms = [part[metric].metric for part in parts]
        joined[metric] = Block(metric=_levelled_arms(arms))
    return joined


def _levelled_arms(parts: Sequence[Arms]) -> Arms:
    levelled = levels([np.log(arms.array()) for arms in parts])
    factors = np.exp(levelled[0] - levelled)
    values = []
    for arms, part_factors in zip(parts, factors, strict=True):
        values.append(arms.array() * part_factors[:, np.newaxis])
    return arms_of(np.concatenate(values, axis=1))


# Deviations


def deviations(recorded: Sequence[Recorded], metric: str) -> dict[str, float]:
    """In shares: of a trial within its process and text, of a process, of a block's level.

    The two baselines of a block spoke the same texts with the same code: their differences, text by
    text, vary by both trials and processes; the trimmed mean of them varies by the processes and by
    what is left of the trials.
    """
    logs = [np.log(one.blocks[metric].metric.array()) for one in recorded]
    apart = [contrasts(arms)[1] for arms in logs]
    trial = np.sqrt(np.mean([np.var(each, ddof=1) for each in apart]) / 2)
    texts = float(np.mean([each.size for each in apart]))
    left = float(np.mean([_trimmed_variance(each) for each in apart]))
    process = np.sqrt(max(0.0, float(np.var(trim_mean(apart), ddof=1)) - left) / 2)
    return {
        "trial": float(trial),
        "process": float(process),
        "block": float(np.std([np.median(arms[:2]) for arms in logs], ddof=1)),
        "new against old": float(np.std(contrasts(levels(logs).T)[0], ddof=1)),
        "texts": texts,
    }


def _trimmed_variance(values: np.ndarray, share: float = 0.2) -> float:
    """Of a trimmed mean, from the winsorized variance (Tukey and McLaughlin 1963)."""
    cut = int(share * values.size)
    ordered = np.sort(values)
    bounded = np.clip(ordered, ordered[cut], ordered[values.size - cut - 1])
    return float(np.var(bounded, ddof=1) / (values.size * (1 - 2 * share) ** 2))


# Replay


def shorten(recorded: Recorded, texts: int, draw: random.Random) -> Recorded:
    """The block as if so many of its texts had been spoken."""
    size = count_texts(recorded.blocks)
    places = sorted(draw.sample(range(size), texts))
    return Recorded(
        seconds=recorded.seconds - recorded.trials_s * (1 - texts / size),
        trials_s=recorded.trials_s * texts / size,
        blocks={
            name: Block(metric=_pick(block.metric, places))
            for name, block in recorded.blocks.items()
        },
    )


def _pick(arms: Arms, places: Sequence[int]) -> Arms:
    """Of each arm the values at those places."""
    return arms_of(arms.array()[:, list(places)])


def slow_down(arms: Arms, level: float, share: float, one_in: int, draw: random.Random) -> Arms:
    """The candidate slower by a share of the usual level, in one trial of so many."""
    values = arms.array()
    for candidate in values[len(BASELINE_ARMS) :]:
        for place in range(candidate.size):
            if draw.random() < 1 / one_in:
                candidate[place] += share * level
    return arms_of(values)


class SlowDown(NamedTuple):
    """What is put into the candidate: a share of the usual level, in one text of so many."""

    name: str
    share: float
    one_in: int


SLOW_DOWNS = (
    SlowDown("none", 0.0, 1),
    *(SlowDown(f"+{share:.0%}", share, 1) for share in SLOWER),
    SlowDown(f"+{TAIL:.0%} in one of {ONE_IN}", TAIL, ONE_IN),
)


def judge_slower(group: Sequence[Recorded], slow: SlowDown, draw: random.Random) -> list[Outcome]:
    """What the judge says of one group, made slower."""
    slower = {}
    for metric in METRICS:
        plain = [one.blocks[metric].metric for one in group]
        level = float(np.median([arms.array() for arms in plain]))
        slower[metric] = [
            Block(metric=slow_down(arms, level, slow.share, slow.one_in, draw)) for arms in plain
        ]
    return list(judge(slower, GATES).outcomes.values())


def groups_of(
    recorded: Sequence[Recorded], texts: int, budget_s: float, resamples: int
) -> Sequence[Sequence[Recorded]]:
    """As many blocks as the budget holds: disjoint runs, or so many drawn with replacement."""
    draw = random.Random(texts)  # noqa: S311 - a choice of blocks, no secret
    short = [shorten(one, texts, draw) for one in recorded]
    count = int(budget_s / np.mean([one.seconds for one in short]))
    if resamples:
        return [draw.choices(short, k=count) for _ in range(resamples)]
    return disjoint_groups(short, count)


def replay(recorded: Sequence[Recorded], resamples: int) -> Iterator[str]:
    """A table's rows."""
    heads = [f"{gate.label} FAIL | PASS" for gate in GATES]
    yield f"| texts | budget | blocks | change | {' | '.join(heads)} | all PASS |"
    yield "|---" * (5 + 2 * len(heads)) + "|"
    size = min(count_texts(one.blocks) for one in recorded)
    shapes = [texts for texts in SHAPES if texts <= size]
    for texts, budget_s in itertools.product(shapes, BUDGETS_S):
        groups = groups_of(recorded, texts, budget_s, resamples)
        for slow in SLOW_DOWNS if groups else ():
            shares = " | ".join(replay_shares(groups, slow))
            yield f"| {texts} | {budget_s:.0f} s | {len(groups[0])} | {slow.name} | {shares} |"


def replay_shares(groups: Sequence[Sequence[Recorded]], slow: SlowDown) -> list[str]:
    """How many groups FAIL and PASS by each gate, and how many PASS by all."""
    draw = random.Random(1)  # noqa: S311
    outcomes = [judge_slower(group, slow, draw) for group in groups]
    shares = []
    for of_gate in zip(*outcomes, strict=True):
        for outcome in (Outcome.FAIL, Outcome.PASS):
            shares.append(proportion([each is outcome for each in of_gate]))
    shares.append(proportion([set(each) == {Outcome.PASS} for each in outcomes]))
    return shares


def print_deviations(recorded: Sequence[Recorded]) -> None:
    """How long a block takes, and how much its parts differ."""
    each_s = np.mean([one.seconds for one in recorded])
    opening_s = np.mean([one.seconds - one.trials_s for one in recorded])
    print(f"{len(recorded)} blocks of {each_s:.1f} s, of which {opening_s:.1f} s are not trials")
    for metric in METRICS:
        shares = deviations(recorded, metric)
        texts = shares.pop("texts")
        listed = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
        print(f"{metric}, {texts:.0f} texts, deviations: {listed}")


def main() -> int:
    """Print what the file says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--joined", type=int, metavar="N", help="by N; FILE is of gate_quality.py")
    parser.add_argument("--resamples", type=int, default=0, help="draw groups (bootstrap)")
    options = parser.parse_args()
    joined = options.joined
    recorded = join_blocks(options.file, joined) if joined else read(options.file)
    print_deviations(recorded)
    for row in replay(recorded, options.resamples):
        print(row)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
