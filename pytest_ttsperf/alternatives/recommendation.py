"""What follows from a comparison of alternatives, in a sentence: only what is proven is said. Pure.

A provider is recommended warm where a figure of its speed is better and none is worse. The start is
judged apart: who is better warm and worse cold is a choice that the reader has to make.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from pytest_ttsperf.metrics import validity
from pytest_ttsperf.records import (
    Alternative,
    AlternativesReport,
    Outcome,
    PairComparison,
    PairFigure,
    Phase,
)

SPEED = ("ttfa p50", "rtf p50", "ttfa p95")
"""First the one whose ratio a sentence gives, where it is proven."""
COST = {"rss peak": "memory", "cpu p50": "processor time"}
WHERE = {"warm": "warm", "cold": "from a cold start"}
CLOSE = 1.15
"""A ratio below is said in per cent."""
LARGE = 100.0
Winner = Literal["alternative", "reference", "neither", "mixed"]


class PhaseOutcome(NamedTuple):
    """Who is proven to be faster in one phase, and the figures that say so."""

    phase: Phase
    winner: Winner
    figures: tuple[PairFigure, ...]


def idle_lines(report: AlternativesReport) -> list[str]:
    """Who ran 0 nodes: what anybody has to read first, as all its figures would be the CPU's."""
    lines = []
    for alternative in report.alternatives:
        if alternative.is_idle:
            ran = validity.nodes_text(alternative.placement or {})
            lines.append(
                f"0 nodes ran on {alternative.name}: it opens, and all is done elsewhere ({ran}), "
                "so it was not compared"
            )
    return lines


def missing_lines(report: AlternativesReport) -> list[str]:
    """Who does not open, and why."""
    return [
        f"{alternative.name} does not open: {alternative.error}"
        for alternative in report.alternatives
        if alternative.error is not None
    ]


def sentence(report: AlternativesReport, alternative: Alternative) -> str:
    """What is proven of one alternative that was compared, and what to choose."""
    pairs = report.comparisons_of(alternative.name)
    names = (report.reference.name, alternative.name)
    compared = [pair for pair in pairs if pair.reason is None]
    gaps = [f"{WHERE[pair.phase]}: {pair.reason}" for pair in pairs if pair.reason is not None]
    if not compared:
        return f"no recommendation between {' and '.join(names)}: {'; '.join(gaps)}"
    differing = _differing_work(compared)
    if differing is not None:
        return f"no recommendation: {names[1]} does not say the same as {names[0]} ({differing})"
    outcomes = [_outcome_of(pair) for pair in compared]
    parts = [_recommendation(outcomes, names), *_cost_texts(names[1], compared)]
    parts += [f"not compared {gap}" for gap in gaps]
    return "; ".join(parts)


def _differing_work(pairs: Iterable[PairComparison]) -> str | None:
    """What of the speech is surely not the same; None where nothing is."""
    for pair in pairs:
        for figure in pair.figures:
            if figure.metric.is_work and figure.change.outcome is Outcome.FAIL:
                return f"{figure.metric.label}: {figure.change.reason}"
    return None


def _outcome_of(pair: PairComparison) -> PhaseOutcome:
    found = [pair.figure(label) for label in SPEED]
    figures = tuple(figure for figure in found if figure is not None)
    directions = {figure.direction for figure in figures}
    winner: Winner = "neither"
    if {"better", "worse"} <= directions:
        winner = "mixed"
    elif "better" in directions:
        winner = "alternative"
    elif "worse" in directions:
        winner = "reference"
    return PhaseOutcome(pair.phase, winner, figures)


def _recommendation(outcomes: Sequence[PhaseOutcome], names: tuple[str, str]) -> str:
    """`names` are those of the reference and of the alternative."""
    reference, alternative = names
    proven = [outcome for outcome in outcomes if outcome.winner != "neither"]
    winners = {outcome.winner for outcome in proven}
    if not winners:
        return f"no recommendation between {reference} and {alternative}: {_why_open(outcomes)}"
    if winners == {"alternative"}:
        return f"{alternative}: {_amounts_text(proven)} than {reference}"
    if winners == {"reference"}:
        return f"{reference}: {_amounts_text(proven)}; {alternative} gives nothing here"
    return f"no recommendation, but a choice: {_choice_text(proven, names)}"


def _amounts_text(proven: Iterable[PhaseOutcome]) -> str:
    """`1.9 times faster warm, 4 times faster from a cold start`."""
    parts = [f"{_amount_text(outcome)} faster {WHERE[outcome.phase]}" for outcome in proven]
    return ", ".join(parts)


def _choice_text(proven: Sequence[PhaseOutcome], names: tuple[str, str]) -> str:
    """What speaks for which of the two, where each has something for it."""
    parts = []
    by_winner = {"reference": names[0], "alternative": names[1]}
    for outcome in proven:
        where = WHERE[outcome.phase]
        if outcome.winner == "mixed":
            parts.append(f"{where} {_mixed_text(names[1], outcome.figures)}")
        else:
            name = by_winner[outcome.winner]
            parts.append(f"{name} is {_amount_text(outcome)} faster {where}")
    return "; ".join(parts)


def _amount_text(outcome: PhaseOutcome) -> str:
    """By how much the first figure that is proven differs, as the winner would say it."""
    direction = "better" if outcome.winner == "alternative" else "worse"
    figure = next(each for each in outcome.figures if each.direction == direction)
    ratio = figure.ratio
    if ratio is None or ratio <= 0:
        return "surely"
    return times_text(1 / ratio if direction == "better" else ratio)


def _mixed_text(alternative: str, figures: Iterable[PairFigure]) -> str:
    labels: dict[str, list[str]] = {"better": [], "worse": []}
    for figure in figures:
        if figure.direction in labels:
            labels[figure.direction].append(figure.metric.label)
    better = ", ".join(labels["better"])
    worse = ", ".join(labels["worse"])
    return f"{alternative} is better in {better} and worse in {worse}"


def _cost_texts(alternative: str, pairs: Iterable[PairComparison]) -> list[str]:
    """Memory and processor time, as far as they are proven to differ."""
    found = []
    for pair in pairs:
        for label, word in COST.items():
            figure = pair.figure(label)
            if figure is None or figure.ratio is None:
                continue
            if figure.direction in ("better", "worse"):
                found.append(f"{alternative} takes {figure.ratio:.2g} times the {word}")
    return found


def _why_open(outcomes: Iterable[PhaseOutcome]) -> str:
    """What is missing for one, where nothing is proven."""
    labels = []
    for outcome in outcomes:
        for figure in outcome.figures:
            if figure.direction == "open":
                labels.append(f"{figure.metric.label} {WHERE[outcome.phase]}")
    if not labels:
        return "the second is surely not slower, and not proven to be faster"
    return f"not decided in this time: {', '.join(labels)}; --ttsperf-budget allows more"


def times_text(ratio: float) -> str:
    """`1.9 times`, `120 times`, or `8 %` of a ratio that is a little above 1."""
    if ratio < CLOSE:
        return f"{100 * (ratio - 1):.2g} %"
    if ratio >= LARGE:
        return f"{ratio:.0f} times"
    return f"{ratio:.2g} times"


def proven_figures(pairs: Iterable[PairComparison]) -> list[PairFigure]:
    """The figures that are proven to differ, but for those of the work itself."""
    found = []
    for pair in pairs:
        for figure in pair.figures:
            is_proven = figure.direction in ("better", "worse")
            if is_proven and not figure.metric.is_work:
                found.append(figure)
    return found
