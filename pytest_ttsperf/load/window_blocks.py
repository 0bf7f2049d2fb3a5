"""Blocks of four windows that replay one trace, and the figures that versions are compared by.

All listeners of a window share its queue, so they are no independent witnesses: a window gives one
number of each figure. The baseline has two windows of a block and the candidate two, each in fresh
processes. These are two pairs, and each version against itself is a control (docs/adr/0045). Pure:
starts, reads and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from msgspec import structs

from pytest_ttsperf.judge.statistics.estimators import effects
from pytest_ttsperf.metrics import definitions
from pytest_ttsperf.metrics import load as load_metrics
from pytest_ttsperf.metrics import stages as metrics_stages
from pytest_ttsperf.metrics.load_figures import FIGURES
from pytest_ttsperf.records import (
    Arms,
    Block,
    ComparedMetric,
    LoadWindow,
    Trial,
)

ARMS = ("baseline", "control", "candidate", "candidate_control")
BASELINE_ARMS = ARMS[:2]
SLOWEST = 0.1
"""Of the answers of a window: those whose stages are compared, as a p95 is made by them."""
HALF = 0.5
"""Added to the good answers of a window, so that a window without any has a number."""


class StageTimes(NamedTuple):
    """Where an answer, or the mean of some, spent its time to the first sound; in ms."""

    elapsed_ms: float
    stages_ms: dict[str, float]


class WindowBlock(NamedTuple):
    """Four windows that have replayed one trace; the tuples are in the order of `ARMS`."""

    windows: tuple[LoadWindow, ...]
    stages: tuple[StageTimes | None, ...] = (None, None, None, None)
    speech_s: tuple[float | None, ...] = (None, None, None, None)
    """Geometric mean of how long is spoken, of the texts that all four have answered."""
    fault: str | None = None
    """Why nothing is to be concluded from it, as that the generator was the bottleneck."""


# Figures


def count_served(window: LoadWindow) -> int:
    """Answers that were listened to, to their ends or until somebody hung up."""
    return window.answered + window.hung_up


def _field(name: str, block: WindowBlock, arm: int) -> float | None:
    value: float | None = getattr(block.windows[arm], name)
    return value


def _stalled_share(block: WindowBlock, arm: int) -> float | None:
    window = block.windows[arm]
    if window.stalled is None or not count_served(window):
        return None
    return window.stalled / count_served(window)


def _good_answer_s(block: WindowBlock, arm: int) -> float | None:
    """Seconds for each answer that meets the limits of the test: the inverse of goodput."""
    window = block.windows[arm]
    if not window.offered:
        return None
    good = float(count_served(window))
    if window.goodput is not None:
        good = window.goodput * window.seconds
    return window.seconds / (good + HALF)


def _left_behind(block: WindowBlock, arm: int) -> float | None:
    """Threads and descriptors that the target has more after the window, for each request."""
    window = block.windows[arm]
    if window.handles_before is None or window.handles_after is None or not window.offered:
        return None
    return (window.handles_after - window.handles_before) / window.offered


def _speech_s(block: WindowBlock, arm: int) -> float | None:
    return block.speech_s[arm]


READERS: Mapping[str, Callable[[WindowBlock, int], float | None]] = {
    "ttfa_typical": partial(_field, FIGURES["ttfa_typical"].metric),
    "ttfa_p95": partial(_field, FIGURES["ttfa_p95"].metric),
    "stalled": _stalled_share,
    "goodput": _good_answer_s,
    "left_behind": _left_behind,
    "speech": _speech_s,
}
"""By the name of a figure: its number, from a block and the place of an arm in it."""
READERS_BY_METRIC = {FIGURES[name].metric: reader for name, reader in READERS.items()}
TTFA = frozenset({FIGURES["ttfa_typical"].metric, FIGURES["ttfa_p95"].metric})
"""Those whose change is attributed to stages."""


def choose_metrics(
    margins: Mapping[str, float] | None = None,
    *,
    is_same_work: bool = True,
) -> tuple[ComparedMetric, ...]:
    """All figures, with the usual smallest changes that count or those of `margins`, by name.

    Two different targets may say more or less for the same text: without `is_same_work` this is
    compared only where it is named.
    """
    margins = margins or {}
    chosen = []
    for name, figure in FIGURES.items():
        if figure.is_work and not is_same_work and name not in margins:
            continue
        chosen.append(
            ComparedMetric(
                label=figure.label,
                metric=figure.metric,
                statistic="value",
                scale=figure.scale,
                unit=figure.unit,
                margin=margins.get(name, figure.margin),
                both_ways=figure.is_work,
                is_work=figure.is_work,
            )
        )
    return tuple(chosen)


# From trials


def add_figures(window: LoadWindow, trials: Iterable[Trial]) -> LoadWindow:
    """The window with the figures that only a comparison needs."""
    counted = [trial for trial in trials if trial.kind == "trial"]
    ttfas_ms = load_metrics.measured(load_metrics.sample("ttfa_sound_ms", counted))
    positive_ms = [value for value in ttfas_ms if value > 0]
    return structs.replace(window, ttfa_sound_typical_ms=_geometric_mean(positive_ms))


def slowest_stages(trials: Iterable[Trial]) -> StageTimes | None:
    """Mean times of the slowest tenth of the counted answers; None without stages."""
    answers = _answers_with_stages(trials)
    if not answers:
        return None
    answers.sort(key=lambda answer: -answer.elapsed_ms)
    slowest = answers[: max(1, math.ceil(SLOWEST * len(answers)))]
    by_stage = {}
    for name in _stage_names(slowest):
        by_stage[name] = sum(each.stages_ms.get(name, 0.0) for each in slowest) / len(slowest)
    elapsed_ms = sum(each.elapsed_ms for each in slowest) / len(slowest)
    return StageTimes(elapsed_ms, by_stage)


def _answers_with_stages(trials: Iterable[Trial]) -> list[StageTimes]:
    """The times of each counted answer that tells its stages."""
    answers = []
    for trial in trials:
        if trial.kind != "trial" or not load_metrics.is_served(trial):
            continue
        found = metrics_stages.stages_ms(trial, whole=False)
        if found is not None:
            elapsed_ms, stages_ms = found
            answers.append(StageTimes(elapsed_ms, stages_ms))
    return answers


def _stage_names(times: Iterable[StageTimes]) -> list[str]:
    """All that any of them names, sorted."""
    names: set[str] = set()
    for each in times:
        names.update(each.stages_ms)
    return sorted(names)


def common_speech_s(trials: Sequence[Sequence[Trial]]) -> tuple[float | None, ...]:
    """How long each arm speaks on average, of the texts that all have answered to their end.

    Geometric means; None for all where there is no such text.
    """
    by_arm = [_speech_by_text(of_arm) for of_arm in trials]
    common = set(by_arm[0])
    for by_text in by_arm[1:]:
        common &= set(by_text)
    means = []
    for by_text in by_arm:
        means.append(_geometric_mean([by_text[text] for text in sorted(common)]))
    return tuple(means)


def _speech_by_text(trials: Iterable[Trial]) -> dict[str, float]:
    """Of a text that came twice, the last."""
    speech = definitions.METRICS["speech_s"]
    by_text = {}
    for trial in load_metrics.whole_answers(trials):
        seconds = speech.of(trial, 0.0)
        if seconds is not None and seconds > 0:
            by_text[trial.text] = seconds
    return by_text


def _geometric_mean(values: Sequence[float]) -> float | None:
    if not values:
        return None
    return float(np.exp(np.log(values).mean()))


# Blocks


def draw_order(random: np.random.Generator, *, may_swap: bool = True) -> tuple[str, ...]:
    """In which order the arms of a block are loaded: ABBA or BAAB.

    Either version's two are drawn too, unless they are one process that is loaded twice: then the
    control is its second time, and shows what it remembers of the first.
    """
    baselines = list(ARMS[:2])
    candidates = list(ARMS[2:])
    if may_swap:
        random.shuffle(baselines)
        random.shuffle(candidates)
    outer, inner = baselines, candidates
    if random.random() < HALF:
        outer, inner = candidates, baselines
    return outer[0], *inner, outer[1]


def to_block(block: WindowBlock, metric: ComparedMetric) -> Block:
    """One number of each window, None where it was not measured, and where their time went."""
    if block.fault is not None:
        return Block(metric=_arms([None] * len(ARMS)))
    read = READERS_BY_METRIC[metric.metric]
    found = Block(metric=_arms([read(block, arm) for arm in range(len(ARMS))]))
    stages = [each for each in block.stages if each is not None]
    if metric.metric not in TTFA or len(stages) < len(ARMS):
        return found
    elapsed = _arms([each.elapsed_ms for each in stages])
    return structs.replace(found, elapsed_ms=elapsed, stages_ms=_stage_arms(stages))


def _stage_arms(stages: Sequence[StageTimes]) -> dict[str, Arms]:
    """By stage: its time in each window, 0 where a window names others alone."""
    by_stage = {}
    for name in _stage_names(stages):
        by_stage[name] = _arms([each.stages_ms.get(name, 0.0) for each in stages])
    return by_stage


def _arms(values: Sequence[float | None]) -> Arms:
    baseline, control, candidate, candidate_control = values
    return Arms(
        baseline=(baseline,),
        control=(control,),
        candidate=(candidate,),
        candidate_control=(candidate_control,),
    )


def pair_deviation(blocks: Sequence[WindowBlock], metric: ComparedMetric) -> float | None:
    """How much a pair of windows of the *same* code deviates, by both controls; None without any.

    Their mean is 0 by design, so it is the root of the mean square: a log on the scale `ratio`.
    """
    arms = [to_block(block, metric).metric for block in blocks]
    readable = [each for each in arms if each.is_readable()]
    if not readable:
        return None
    controls = np.concatenate(effects(readable, metric.statistic, metric.scale).controls)
    return float(np.sqrt(np.square(controls).mean()))
