"""An alternative against the reference: blocks of four processes, judged once, when all are there.

The blocks are those in which versions are compared. How many there are follows from how long they
take and never from what they show, so that a gain is found as surely as a loss; a comparison of
versions, which asks for a loss alone, ends as soon as there is surely none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pytest_ttsperf.alternatives.candidates import Candidate
from pytest_ttsperf.compare import budget, decision, work
from pytest_ttsperf.compare.blocks import (
    BlockRunner,
    BlockTrials,
    ComparedCell,
    ComparisonSpec,
    refuse_silent_baseline,
    summarise_block,
)
from pytest_ttsperf.compare.incomparable import Incomparable
from pytest_ttsperf.errors import TargetError, WrongTree
from pytest_ttsperf.experiment.plan import Plan
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.machine.cpu_idle import inhibit_cpu_idle
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    Block,
    ChangeVerdict,
    ComparedMetric,
    Direction,
    Outcome,
    PairComparison,
    PairFigure,
    Phase,
)

CELL = "alternative"
OVERRUN = 1.5
"""How far beyond its budget a pair may go: for the fewest blocks, or where blocks get slower."""
Tell = Callable[[str], None]


class PairPlan(NamedTuple):
    """How a pair is measured, and how surely it is judged."""

    text: str
    phase: Phase
    metrics: tuple[ComparedMetric, ...]
    budget_s: float
    level: float
    """How likely one figure is called better, or worse, at most, where nothing differs."""
    texts_from: int = 0


def compare_pair(
    reference: Candidate,
    candidate: Candidate,
    plan: PairPlan,
    tell: Tell = lambda _: None,
) -> PairComparison:
    """Measure both in turns for as long as the budget says, and judge each figure.

    Where one does not run, or the budget is too short, the result says so. `tell` gets how far it
    is, and an empty text in the end.
    """
    started_s = REAL.monotonic()
    runner = BlockRunner(_comparison_spec(reference, candidate, plan))
    blocks: list[BlockTrials] = []
    reason = None
    try:
        with inhibit_cpu_idle():
            _run_blocks(runner, reference, candidate, plan, blocks, tell)
    except (Incomparable, WrongTree) as error:
        reason = str(error)
    except TargetError as error:
        reason = f"{candidate.name} failed while it was compared: {error}"
    finally:
        tell("")
    figures: tuple[PairFigure, ...] = ()
    measured: dict[str, tuple[Block, ...]] = {}
    if reason is None:
        measured = summarise(blocks, plan.metrics)
        figures = judge(measured, plan.metrics, plan.level, _texts(blocks, plan.metrics))
        reason = _silence_of(figures, candidate.name)
    return PairComparison(
        alternative=candidate.name,
        reference=reference.name,
        phase=plan.phase,
        blocks=len(blocks),
        seconds=REAL.monotonic() - started_s,
        reason=reason,
        notes=tuple(dict.fromkeys(runner.notes)),
        figures=figures,
        measured=measured,
    )


def _comparison_spec(
    reference: Candidate,
    candidate: Candidate,
    plan: PairPlan,
) -> ComparisonSpec:
    cell = ComparedCell(
        plan=Plan(
            test=CELL,
            text=plan.text,
            mode="stream",
            phase=plan.phase,
            trials=0,
            texts_from=plan.texts_from,
        ),
        metrics=plan.metrics,
    )
    return ComparisonSpec(
        baseline=reference.source,
        candidate=candidate.source,
        cells={CELL: cell},
        against=reference.name,
        budget_s=plan.budget_s,
        seed=plan.texts_from,
    )


def _run_blocks(
    runner: BlockRunner,
    reference: Candidate,
    candidate: Candidate,
    plan: PairPlan,
    blocks: list[BlockTrials],
    tell: Tell,
) -> None:
    """Fill `blocks` with as many as the budget holds. Incomparable where these are too few."""
    spec = _comparison_spec(reference, candidate, plan)
    count: int | None = None
    while count is None or len(blocks) < count:
        of = "" if count is None else f" of {count}"
        tell(f"{candidate.name} against {reference.name}, {plan.phase}: {len(blocks)}{of} blocks")
        blocks.append(runner.run_next(spec)[CELL])
        if count is None:
            count = _count_blocks(runner.durations_s, plan.budget_s)
        elif _is_overrun(runner.durations_s, plan.budget_s):
            break
    refuse_silent_baseline(spec, {CELL: blocks})


def _count_blocks(durations_s: Sequence[float], budget_s: float) -> int | None:
    """How many blocks there will be; None while it is too early. Incomparable for too few."""
    found = budget.plan_blocks(budget_s, durations_s)
    if found is None:
        return None
    if found.shortfall is None:
        return found.blocks
    if _fewest_blocks_s(durations_s) <= OVERRUN * budget_s:
        return t_rule.MIN_BLOCKS
    raise Incomparable(f"{found.shortfall} ({budget.OPTION})", Outcome.INCONCLUSIVE)


def _fewest_blocks_s(durations_s: Sequence[float]) -> float:
    """How long the fewest blocks take that can decide."""
    return durations_s[0] + (t_rule.MIN_BLOCKS - 1) * budget.mean_block_s(durations_s)


def _is_overrun(durations_s: Sequence[float], budget_s: float) -> bool:
    has_enough = len(durations_s) >= t_rule.MIN_BLOCKS
    return has_enough and sum(durations_s) > OVERRUN * budget_s


def summarise(
    blocks: Sequence[BlockTrials],
    metrics: Sequence[ComparedMetric],
) -> dict[str, tuple[Block, ...]]:
    """The numbers of each block, by metric."""
    is_same_work = any(metric.is_work for metric in metrics)
    measured = {}
    for metric in metrics:
        measured[metric.metric] = tuple(
            summarise_block(trials, metric.metric, is_same_work=is_same_work) for trials in blocks
        )
    return measured


def _texts(
    blocks: Sequence[BlockTrials],
    metrics: Sequence[ComparedMetric],
) -> dict[str, work.Texts]:
    """The texts that each metric is measured of, by block."""
    texts: dict[str, work.Texts] = {}
    for metric in metrics:
        texts[metric.metric] = [trials.texts_of(metric.metric) for trials in blocks]
    return texts


def judge(
    measured: dict[str, tuple[Block, ...]],
    metrics: Sequence[ComparedMetric],
    level: float,
    texts: dict[str, work.Texts] | None = None,
) -> tuple[PairFigure, ...]:
    """How the alternative stands to the reference in each figure, from all its blocks."""
    levels = t_rule.END._replace(fail=level)
    changes = []
    for metric in metrics:
        of_metric = (texts or {}).get(metric.metric, ())
        changes.append(decision.decide(measured[metric.metric], metric, levels, of_metric))
    changes = list(decision.void_by_control(changes, metrics))
    changes = list(work.void_by_work(changes, metrics))
    figures = []
    for metric, change in zip(metrics, changes, strict=True):
        figures.append(
            PairFigure(metric=metric, change=change, direction=direction_of(change, level))
        )
    return tuple(figures)


def direction_of(change: ChangeVerdict, level: float) -> Direction:
    """Better or worse where it is proven at the level, in either direction alike."""
    if change.outcome is Outcome.FAIL:
        return "worse"
    is_proven = change.p_slower is not None and change.p_slower >= 1 - level
    if change.improved and is_proven and not change.control_fired:
        return "better"
    return "alike" if change.outcome is Outcome.PASS else "open"


def _silence_of(figures: Sequence[PairFigure], name: str) -> str | None:
    """Why nothing follows from the figures, where the alternative leaves texts unspoken."""
    for figure in figures:
        change = figure.change
        if change.outcome is Outcome.FAIL and change.effect is None and not figure.metric.is_work:
            return f"{name}: {change.reason}"
    return None
