"""On what the comparison's protocol rests: how much trials, processes and blocks differ.

    python benchmarks/gate_noise.py noise.jsonl --record 20 [--texts 64]
    python benchmarks/gate_noise.py noise.jsonl
    python benchmarks/gate_noise.py gate.jsonl --joined 2

`--record` runs blocks of unchanged code for so many minutes, with the default voice, by the shipped
route: three fresh processes each. All the rest is computed from the file: the deviations, and what
the shipped judge says of disjoint groups of these real blocks, for several numbers of texts in each
and as many blocks as a budget holds. Slow-downs are put into the recorded numbers there, so these
rates are a replay; benchmarks/gate_quality.py has those of the gate as it runs.

`--joined` takes the quiet, unchanged blocks from a log of benchmarks/gate_quality.py instead, so
many together as one longer block: its processes are those of the first.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from gate_table import ARMS, CASES, blocks_of, judged, proportion

from pytest_ttsperf.compare import blocks as compare_blocks
from pytest_ttsperf.compare import metrics
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.judge.statistics.estimators import contrasts, levels, trim_mean
from pytest_ttsperf.records import Arms, Block, Outcome, TargetSpec

SHAPES = (8, 16, 24, 38, 48, 64)
BUDGETS_S = (60.0, 180.0)
SLOWER = (0.05, 0.10)
TAIL, ONE_IN = 0.30, 10
GATES = metrics.choose_metrics("warm")
METRICS = tuple(dict.fromkeys(gate.metric for gate in GATES))


class Recorded(msgspec.Struct, frozen=True):
    """One block: its seconds in all and in trials, and what the arms measured, by metric."""

    seconds: float
    trials_s: float
    blocks: dict[str, Block]


def unchanged(texts: int) -> compare_blocks.ComparisonSpec:
    """The default voice with itself, in one cell named `cell`."""
    source = TargetFactory(spec=TargetSpec(spec="engine:Engine"))
    return compare_blocks.ComparisonSpec(
        baseline=source,
        candidate=source,
        cells={
            "cell": compare_blocks.ComparedCell(Plan("noise", "short", "stream", "warm", 0), GATES)
        },
        against="itself",
        budget_s=60,
        gates_in_run=len(GATES),
        texts=texts,
    )


def record(path: Path, minutes: float, texts: int) -> None:
    """Append blocks to the file until the time is over."""
    contest = unchanged(texts)
    series = compare_blocks.BlockRunner(contest)
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until:
        spoken = series.run_next(contest)["cell"]
        line = Recorded(
            seconds=series.durations_s[-1],
            trials_s=spoken.duration_s,
            blocks={metric: compare_blocks.summarise_block(spoken, metric) for metric in METRICS},
        )
        with path.open("ab") as log:
            log.write(msgspec.json.encode(line) + b"\n")


def read(path: Path) -> list[Recorded]:
    """All blocks of a file."""
    return [msgspec.json.decode(line, type=Recorded) for line in path.read_bytes().splitlines()]


def joined(log: Path, by: int) -> list[Recorded]:
    """Of gate_quality.py's log; what a block and a text took is fitted to its comparisons.

    Those that are too short for the longest of SHAPES are left out.
    """
    names = {case.name for case in CASES if case.percent == 0 and not case.busy}
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    own = [line for line in lines if line["case"] in names and line["measured"]]
    parts = [list(blocks_of(line["measured"])) for line in own]
    texts = [[len(block[METRICS[0]].metric.baseline) for block in each] for each in parts]
    spent = np.array([[len(each), sum(each)] for each in texts])
    (opening_s, text_s), *_ = np.linalg.lstsq(spent, [line["compared_s"] for line in own])
    every = [block for each in parts for block in each]
    longer = [_as_one(every[at : at + by]) for at in range(0, len(every) - by + 1, by)]
    sizes = [len(each[METRICS[0]].metric.baseline) for each in longer]
    return [
        Recorded(seconds=opening_s + text_s * size, trials_s=text_s * size, blocks=each)
        for each, size in zip(longer, sizes, strict=True)
        if size >= max(SHAPES)
    ]


def _as_one(parts: Sequence[Mapping[str, Block]]) -> dict[str, Block]:
    """All texts of all parts, with each arm at the level that it has in the first."""
    one = {}
    for metric in parts[0]:
        arms = [part[metric].metric for part in parts]
        levelled = levels([np.log(each.array()) for each in arms])
        factors = np.exp(levelled[0] - levelled)
        one[metric] = Block(
            metric=Arms(
                **{
                    name: tuple(
                        value if value is None else value * factor
                        for each, factor in zip(arms, factors[:, at], strict=True)
                        for value in getattr(each, name)
                    )
                    for at, name in enumerate(ARMS)
                }
            )
        )
    return one


# Deviations


def deviations(recorded: Sequence[Recorded], metric: str) -> dict[str, float]:
    """In shares: of a trial within its process and text, of a process, of a block's level.

    The twins of a block spoke the same texts with the same code: their differences, text by text,
    vary by both trials and processes; the trimmed mean of them varies by the processes and by what
    is left of the trials.
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


def shortened(recorded: Recorded, texts: int, draw: random.Random) -> Recorded:
    """The block as if so many of its texts had been spoken."""
    size = len(recorded.blocks[METRICS[0]].metric.baseline)
    kept = sorted(draw.sample(range(size), texts))
    return Recorded(
        seconds=recorded.seconds - recorded.trials_s * (1 - texts / size),
        trials_s=recorded.trials_s * texts / size,
        blocks={
            name: Block(metric=_picked(block.metric, kept))
            for name, block in recorded.blocks.items()
        },
    )


def _picked(arms: Arms, kept: Sequence[int]) -> Arms:
    return Arms(**{name: tuple(getattr(arms, name)[at] for at in kept) for name in ARMS})


def slowed(arms: Arms, level: float, share: float, one_in: int, draw: random.Random) -> Arms:
    """`new` slower by a share of the usual level, in one text of so many."""
    return Arms(
        baseline=arms.baseline,
        control=arms.control,
        candidate=tuple(
            value if value is None else value + share * level * (draw.random() < 1 / one_in)
            for value in arms.candidate
        ),
    )


def verdicts(
    group: Sequence[Recorded], share: float, one_in: int, draw: random.Random
) -> list[Outcome]:
    """What the judge says of one group, made slower."""
    slower = {}
    for metric in METRICS:
        plain = [one.blocks[metric].metric for one in group]
        level = float(np.median([arms.array() for arms in plain]))
        slower[metric] = [Block(metric=slowed(arms, level, share, one_in, draw)) for arms in plain]
    return judged(slower, GATES)


def groups(
    recorded: Sequence[Recorded], texts: int, budget_s: float, resamples: int
) -> list[list[Recorded]]:
    """As many blocks as the budget holds: disjoint runs, or so many drawn with replacement."""
    draw = random.Random(texts)  # noqa: S311 - a choice of blocks, no secret
    short = [shortened(one, texts, draw) for one in recorded]
    count = int(budget_s / np.mean([one.seconds for one in short]))
    if resamples:
        return [draw.choices(short, k=count) for _ in range(resamples)]
    return [short[at : at + count] for at in range(0, len(short) - count + 1, count)]


def replay(recorded: Sequence[Recorded], resamples: int) -> Iterator[str]:
    """A table's rows."""
    labels = [gate.label for gate in GATES]
    yield (
        "| texts | budget | blocks | change | "
        + " | ".join(f"{label} FAIL | PASS" for label in labels)
        + " | all PASS |"
    )
    yield "|---" * (5 + 2 * len(labels)) + "|"
    size = min(len(one.blocks[METRICS[0]].metric.baseline) for one in recorded)
    cases = [("none", 0.0, 1), *((f"+{share:.0%}", share, 1) for share in SLOWER)]
    cases.append((f"+{TAIL:.0%} in one of {ONE_IN}", TAIL, ONE_IN))
    for texts in (each for each in SHAPES if each <= size):
        for budget_s in BUDGETS_S:
            own = groups(recorded, texts, budget_s, resamples)
            if not own:
                continue
            for name, share, one_in in cases:
                draw = random.Random(1)  # noqa: S311
                told = [verdicts(group, share, one_in, draw) for group in own]
                cells = [
                    proportion([each[at] is outcome for each in told])
                    for at in range(len(GATES))
                    for outcome in (Outcome.FAIL, Outcome.PASS)
                ]
                all_pass = proportion([all(c is Outcome.PASS for c in each) for each in told])
                yield (
                    f"| {texts} | {budget_s:.0f} s | {len(own[0])} | {name} | "
                    + " | ".join([*cells, all_pass])
                    + " |"
                )


def main() -> int:
    """Record, or print what the file says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--record", type=float, metavar="MINUTES")
    parser.add_argument("--texts", type=int, default=64, help="in each block")
    parser.add_argument("--joined", type=int, metavar="N", help="by N; FILE is of gate_quality.py")
    parser.add_argument("--resamples", type=int, default=0, help="draw groups (bootstrap)")
    told = parser.parse_args()
    if told.record:
        record(told.file, told.record, told.texts)
    recorded = joined(told.file, told.joined) if told.joined else read(told.file)
    each_s = np.mean([one.seconds for one in recorded])
    opening_s = np.mean([one.seconds - one.trials_s for one in recorded])
    print(f"{len(recorded)} blocks of {each_s:.1f} s, of which {opening_s:.1f} s are not trials")
    for metric in METRICS:
        shares = deviations(recorded, metric)
        texts = shares.pop("texts")
        told_shares = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
        print(f"{metric}, {texts:.0f} texts, deviations: {told_shares}")
    for row in replay(recorded, told.resamples):
        print(row)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
