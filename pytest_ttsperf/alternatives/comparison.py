"""All alternatives of a target: each is opened once and described, then compared with the first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_ttsperf.alternatives.candidates import Candidate, probe, refuse_unfit
from pytest_ttsperf.alternatives.pairs import PairPlan, Tell, compare_pair
from pytest_ttsperf.compare import metrics
from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    Alternative,
    AlternativeKind,
    AlternativesReport,
    ComparedMetric,
    PairComparison,
    Phase,
)

ALPHA = 0.05
"""How likely a report calls anything better or worse at all where nothing differs, at most."""
BESIDE = ("cpu_p50", "rss_peak")
"""What is compared beside the usual figures of versions."""
COLD = "ttfa p50"
"""All that a single start tells surely enough."""
PROVIDER_BUDGET_S = 180.0
"""Of one pair: a provider that compiles its graphs takes long to open, and a block opens two."""
SETTING_BUDGET_S = 60.0
BOTH_PHASES: tuple[Phase, ...] = ("warm", "cold")
WARM: tuple[Phase, ...] = ("warm",)


@dataclass(frozen=True, slots=True)
class AlternativesPlan:
    """What is compared, by which texts and for how long."""

    kind: AlternativeKind
    text: str
    budget_s: float
    """For one pair in one phase."""
    phases: tuple[Phase, ...]
    texts_from: int = 0
    margins: tuple[tuple[str, float], ...] = ()
    """The smallest changes that count, where they are not the usual ones, by figure."""


def default_budget_s(kind: AlternativeKind) -> float:
    """The longest time for one pair in one phase, where nobody says it."""
    return PROVIDER_BUDGET_S if kind == "provider" else SETTING_BUDGET_S


def usual_phases(kind: AlternativeKind, source: TargetFactory) -> tuple[Phase, ...]:
    """Providers start cold too; a setting is of the warm target, if it is ever warm."""
    if source.lifecycle == "per_text":
        return ("cold",)
    return BOTH_PHASES if kind == "provider" else WARM


def figures_of(
    phase: Phase,
    margins: Sequence[tuple[str, float]] = (),
) -> tuple[ComparedMetric, ...]:
    """What alternatives are compared by, and what of the sound has to stay the same."""
    named = {name: metrics.ALL[name].margin for name in BESIDE}
    named.update(margins)
    chosen = metrics.choose_metrics(phase, named)
    if phase == "cold":
        return tuple(metric for metric in chosen if metric.label == COLD)
    return metrics.with_work(chosen, phase)


def longest_s(plan: AlternativesPlan, alternatives: int) -> float:
    """How long comparing so many takes at the most, beside opening each once."""
    return (alternatives - 1) * len(plan.phases) * plan.budget_s


def refuse_endless(plan: AlternativesPlan) -> None:
    """MeasurementError for a budget without an end."""
    if math.isinf(plan.budget_s):
        raise MeasurementError(
            "alternatives are measured for a time that is known beforehand; name one instead of "
            "'open', as --ttsperf-budget=5min"
        )


def compare_alternatives(
    candidates: Sequence[Candidate],
    plan: AlternativesPlan,
    tell: Tell = lambda _: None,
) -> AlternativesReport:
    """Describe all and compare each with the first, in turns.

    MeasurementError for targets that cannot be, for a budget without an end, and where the
    reference does not open.
    """
    started_s = REAL.monotonic()
    reference, *others = candidates
    refuse_unfit(reference.source)
    refuse_endless(plan)
    described = []
    for candidate in candidates:
        tell(f"opening {candidate.name}")
        described.append(probe(candidate))
    tell("")
    _refuse_silent_reference(described[0])
    comparable = [
        candidate
        for candidate, alternative in zip(others, described[1:], strict=True)
        if alternative.is_comparable
    ]
    level = level_of(plan, len(comparable))
    comparisons: list[PairComparison] = []
    for candidate in comparable:
        comparisons += _compare(reference, candidate, plan, level, tell)
    return AlternativesReport(
        kind=plan.kind,
        target=reference.source.spec.label,
        text=plan.text,
        level=level,
        alternatives=tuple(described),
        comparisons=tuple(comparisons),
        seconds=REAL.monotonic() - started_s,
    )


def _refuse_silent_reference(reference: Alternative) -> None:
    """MeasurementError where there is nothing to compare with."""
    if reference.error is not None:
        raise MeasurementError(
            f"{reference.name}, which the others are compared with, does not open: "
            f"{reference.error}"
        )
    if reference.is_idle:
        raise MeasurementError(
            f"{reference.name}, which the others are compared with, runs 0 nodes; name one first "
            "that runs some: --ttsperf-provider=cpu,..."
        )


def level_of(plan: AlternativesPlan, pairs: int) -> float:
    """The level of each figure in each direction, so that a report keeps to ALPHA (Bonferroni)."""
    figures = 0
    for phase in plan.phases:
        judged = [metric for metric in figures_of(phase, plan.margins) if not metric.is_work]
        figures += len(judged)
    directions = 2 * figures * pairs
    return ALPHA / max(1, directions)


def _compare(
    reference: Candidate,
    candidate: Candidate,
    plan: AlternativesPlan,
    level: float,
    tell: Tell,
) -> list[PairComparison]:
    """One alternative against the reference, in each phase."""
    found = []
    for phase in plan.phases:
        pair = PairPlan(
            text=plan.text,
            phase=phase,
            metrics=figures_of(phase, plan.margins),
            budget_s=plan.budget_s,
            level=level,
            texts_from=plan.texts_from,
        )
        found.append(compare_pair(reference, candidate, pair, tell))
    return found
