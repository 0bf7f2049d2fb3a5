"""One text as both versions spoke it, to be looked at: the one whose change is the usual one.

No verdict rests on it. It is chosen as the middle of all texts by the ratio of the times to the
first sound, so that what a page draws one above the other differs as the versions do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf.compare.blocks import BlockTrials
from pytest_ttsperf.metrics import definitions
from pytest_ttsperf.records import Trial

METRIC = "ttfa_sound_ms"


class SpokenPair(NamedTuple):
    """A text of one block, by the baseline and by the candidate."""

    ratio: float
    baseline: Trial
    candidate: Trial


def find_typical(blocks: Sequence[BlockTrials]) -> dict[str, Trial]:
    """The trials of `baseline` and `candidate`, without their sound; empty where none has both."""
    pairs = sorted(_list_pairs(blocks), key=lambda pair: pair.ratio)
    if not pairs:
        return {}
    pair = pairs[(len(pairs) - 1) // 2]
    return {"baseline": _without_pcm(pair.baseline), "candidate": _without_pcm(pair.candidate)}


def _list_pairs(blocks: Sequence[BlockTrials]) -> Iterator[SpokenPair]:
    """The texts in which both versions made a sound."""
    metric = definitions.METRICS[METRIC]
    for block in blocks:
        arms = (block.by_arm.get("baseline", ()), block.by_arm.get("candidate", ()))
        for baseline, candidate in zip(*arms, strict=False):
            old_ms = metric.of(baseline, 0.0)
            new_ms = metric.of(candidate, 0.0)
            if old_ms is None or new_ms is None or old_ms <= 0:
                continue
            yield SpokenPair(new_ms / old_ms, baseline, candidate)


def _without_pcm(trial: Trial) -> Trial:
    if trial.recording is None:
        return trial
    return structs.replace(trial, recording=trial.recording.without_pcm())
