"""On what the comparison's protocol rests: how much trials, processes and blocks differ.

    python benchmarks/gate_noise.py noise.jsonl --record 20 [--texts 48]
    python benchmarks/gate_noise.py noise.jsonl

`--record` runs blocks of unchanged code for so many minutes, with the default voice, by the shipped
route: three fresh processes each. All the rest is computed from the file: the deviations, and what
the shipped judge says of disjoint groups of these real blocks, for several numbers of texts in each
and as many blocks as a budget holds. Slow-downs are put into the recorded numbers there, so these
rates are a replay; benchmarks/gate_quality.py has those of the gate as it runs.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from gate_table import judged, proportion

from pytest_ttsperf import figures
from pytest_ttsperf.experiment import Plan, Source, blocks
from pytest_ttsperf.judge.blocks import contrasts, levels, trimmed
from pytest_ttsperf.records import Arms, Block, Outcome, TargetSpec

SHAPES = (8, 16, 24, 32, 48)
BUDGETS_S = (60.0, 180.0)
SLOWER = (0.05, 0.10)
TAIL, ONE_IN = 0.30, 10
GATES = figures.gates("warm")
METRICS = tuple(dict.fromkeys(gate.metric for gate in GATES))


class Recorded(msgspec.Struct, frozen=True):
    """One block: its seconds in all and in trials, and what the arms measured, by metric."""

    seconds: float
    trials_s: float
    blocks: dict[str, Block]


def record(path: Path, minutes: float, texts: int) -> None:
    """Append blocks to the file until the time is over."""
    source = Source(spec=TargetSpec(spec="engine:Engine"))
    contest = blocks.Contest(
        old=source,
        new=source,
        cells={"cell": (Plan("noise", "short", "stream", "warm", 0), GATES)},
        against="itself",
        budget_s=60,
        gates_in_run=len(GATES),
        texts=texts,
    )
    series = blocks.Series(contest)
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until:
        spoken = series.block(contest)["cell"]
        line = Recorded(
            seconds=series.seconds[-1],
            trials_s=spoken.seconds,
            blocks={metric: blocks.numbers(spoken, metric) for metric in METRICS},
        )
        with path.open("ab") as log:
            log.write(msgspec.json.encode(line) + b"\n")


def read(path: Path) -> list[Recorded]:
    """All blocks of a file."""
    return [msgspec.json.decode(line, type=Recorded) for line in path.read_bytes().splitlines()]


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
    process = np.sqrt(max(0.0, float(np.var(trimmed(apart), ddof=1)) - left) / 2)
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
    size = len(recorded.blocks[METRICS[0]].metric.old)
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
    return Arms(
        **{name: tuple(getattr(arms, name)[at] for at in kept) for name in ("old", "twin", "new")}
    )


def slowed(arms: Arms, level: float, share: float, one_in: int, draw: random.Random) -> Arms:
    """`new` slower by a share of the usual level, in one text of so many."""
    return Arms(
        old=arms.old,
        twin=arms.twin,
        new=tuple(
            value if value is None else value + share * level * (draw.random() < 1 / one_in)
            for value in arms.new
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
    size = len(recorded[0].blocks[METRICS[0]].metric.old)
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
    parser.add_argument("--texts", type=int, default=48, help="in each block")
    parser.add_argument("--resamples", type=int, default=0, help="draw groups (bootstrap)")
    told = parser.parse_args()
    if told.record:
        record(told.file, told.record, told.texts)
    recorded = read(told.file)
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
