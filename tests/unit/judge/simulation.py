"""Blocks as the project's kind of machine gives them (docs/adr/0020), and bounds for counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from pytest_ttsperf.records import Arms, Block

TRIAL, PROCESS, DRIFT = 0.08, 0.011, 0.11
"""Standard deviations of logs: between trials, between processes, between blocks."""
SHARES = {"text": 0.05, "decode": 0.35, "vocode": 0.55}
"""Of the time by stage; the rest lies in none."""


def arms(values) -> Arms:
    """From [3, texts] in the order baseline, control, candidate; nan becomes None."""
    baseline, control, candidate = (
        tuple(None if x != x else x for x in row) for row in values.tolist()
    )
    return Arms(baseline=baseline, control=control, candidate=candidate)


def times(rng, blocks: int, *, slower=0.0, tail=0.0, texts=16, process=PROCESS, typical_ms=70.0):
    """[blocks, 3, texts] in ms, and what of them was added to the candidate.

    `slower` is a share of every new trial, `tail` one of every tenth.
    """
    log = (
        rng.normal(0, TRIAL, (blocks, 3, texts))
        + rng.normal(0, process, (blocks, 3, 1))
        + rng.normal(0, DRIFT, (blocks, 1, 1))
    )
    base = typical_ms * np.exp(log)
    slowed = slower + tail * (rng.random((blocks, texts)) < 0.1)
    added = np.zeros_like(base)
    added[:, 2] = base[:, 2] * slowed
    return base + added, added


def speak(rng, blocks: int, **how) -> list[Block]:
    """Blocks without stages."""
    return [Block(metric=arms(each)) for each in times(rng, blocks, **how)[0]]


def speak_in_stages(rng, blocks: int, stage: str | None, **how) -> list[Block]:
    """Blocks in which one stage, or none of them, took what was added."""
    total, added = times(rng, blocks, **how)
    parts = {name: (total - added) * share for name, share in SHARES.items()}
    noise = {name: part * rng.normal(1, 0.05, part.shape) for name, part in parts.items()}
    if stage is not None:
        noise[stage] = noise[stage] + added
    return [
        Block(
            metric=arms(total[i]),
            elapsed_ms=arms(total[i]),
            stages_ms={name: arms(part[i]) for name, part in noise.items()},
        )
        for i in range(blocks)
    ]


def wilson(hits: Sequence[bool], confidence=0.95) -> tuple[float, float]:
    """Bounds of the share of hits."""
    test = stats.binomtest(int(np.sum(hits)), len(hits))
    interval = test.proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)
