"""New against old, side by side: runs blocks until each gate can be judged, or the time is over.

How a block is measured is blocks' matter; what follows from them, and how surely, judge.change's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from msgspec import structs

from pytest_ttsperf.compare import decision
from pytest_ttsperf.compare.absence import NotThereError, OldFailedError
from pytest_ttsperf.compare.blocks import (
    BlockRunner,
    BlockTrials,
    CachedError,
    ComparisonSpec,
    TracedError,
    refuse_silent_old,
    summarise_block,
)
from pytest_ttsperf.errors import WrongTree
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.machine.cpu_idle import inhibit_cpu_idle
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import ChangeVerdict, ComparedMetric, Comparison, Look, Outcome, Verdict

OVERRUN = 1.5
"""How far beyond its budget a comparison may go when blocks get slower on the way."""
Tell = Callable[[str], None]


Blocks = dict[str, list[BlockTrials]]


def compare(contest: ComparisonSpec, tell: Tell) -> dict[str, Comparison]:
    """Run blocks within the budget and judge each cell, by cell id.

    What is new in the new code is INCONCLUSIVE with the reason, old code that does not run is
    INVALID; TargetError when the new code fails.
    """
    begun = REAL.monotonic()
    blocks: Blocks = {cell: [] for cell in contest.cells}
    series = BlockRunner(contest)
    outcome, judged = Outcome.INCONCLUSIVE, {}
    try:
        with inhibit_cpu_idle() as cpu_idle_inhibited:
            look, reason = _run(contest, series, blocks, tell)
            refuse_silent_old(contest, blocks)
            judged = {
                cell: _judge(contest, cell, blocks[cell], look)
                for cell in (contest.cells if reason is None else ())
            }
            judged = _confirm(contest, series, blocks, judged, tell)
    except NotThereError as error:
        reason = str(error)
    except (WrongTree, CachedError, OldFailedError, TracedError) as error:
        outcome, reason = Outcome.INVALID, str(error)
    finally:
        tell("")
    if reason is not None:
        empty = Comparison(
            against=contest.against,
            revision=contest.revision,
            seconds=REAL.monotonic() - begun,
            seed=contest.seed,
            outcome=outcome,
            reason=reason,
        )
        return {
            cell: structs.replace(empty, gates=gates) for cell, (_, gates) in contest.cells.items()
        }
    return {
        cell: Comparison(
            against=contest.against,
            revision=contest.revision,
            blocks=len(blocks[cell]),
            seconds=REAL.monotonic() - begun,
            seed=contest.seed,
            cpu_idle_inhibited=cpu_idle_inhibited,
            notes=tuple(dict.fromkeys(series.notes)),
            gates=tuple(gate for gate, _ in changes),
            changes=tuple(structs.replace(found, raw=()) for _, found in changes),
            measured={
                gate.metric: tuple(summarise_block(one, gate.metric) for one in blocks[cell])
                for gate, _ in changes
            },
        )
        for cell, changes in judged.items()
    }


def verdicts(comparison: Comparison) -> list[Verdict]:
    """One verdict for each gate of a comparison."""
    if comparison.reason is not None:
        return [
            Verdict(
                subject=f"against {comparison.against}",
                outcome=comparison.outcome,
                reason=comparison.reason,
                gate="trust" if comparison.outcome is Outcome.INVALID else "change",
            )
        ]
    return [
        Verdict(
            subject=f"{gate.label} against {comparison.against}",
            outcome=found.outcome,
            reason=found.reason,
            gate="change",
            metric=gate.metric,
            statistic=gate.statistic if gate.statistic != "value" else None,
            improved=found.improved,
            value=found.effect,
            limit=found.margin,
            unit=gate.unit,
            n=found.blocks,
            p_value=found.p_slower,
        )
        for gate, found in zip(comparison.gates, comparison.changes, strict=True)
    ]


def plan_blocks(budget_s: float, seconds: Sequence[float]) -> t_rule.BlockPlan | None:
    """How many blocks there will be, by how long the first took; None while it is too early.

    The first block is not like the others: it also fills the page cache, and has its own number of
    texts.
    """
    first, *others = seconds
    if others:
        return t_rule.plan_blocks(budget_s - first + others[0], others[0])
    return t_rule.plan_blocks(budget_s, first) if 2 * first > budget_s else None


def _run(
    contest: ComparisonSpec, series: BlockRunner, blocks: Blocks, tell: Tell
) -> tuple[Look, str | None]:
    """Fill `blocks`. Gives the look they are for, and why there are too few to look at."""
    plan: t_rule.BlockPlan | None = None
    while plan is None or len(series.seconds) < plan.blocks:
        _add(blocks, series.block(contest))
        plan = plan or plan_blocks(contest.budget_s, series.seconds)
        if plan is None:
            continue
        if plan.shortfall:
            return "end", plan.shortfall
        done, spent_s = len(series.seconds), sum(series.seconds)
        left_s = (plan.blocks - done) * spent_s / done
        tell(
            f"against {contest.against}: {done} of {plan.blocks} blocks, "
            f"about {max(1, round(left_s))} s left"
        )
        if done == plan.early_at and _is_decided(contest, blocks):
            return "early", None
        if spent_s > OVERRUN * contest.budget_s:
            series.notes.append(f"stopped after {done} of {plan.blocks} blocks, which got slower")
            break
    return "end", None


def _is_decided(contest: ComparisonSpec, blocks: Blocks) -> bool:
    """Whether every gate of every cell is decided at the early look."""
    return all(
        found.outcome is not Outcome.INCONCLUSIVE
        for cell in contest.cells
        for _, found in _judge(contest, cell, blocks[cell], "early")
    )


def _judge(
    contest: ComparisonSpec, cell: str, blocks: Sequence[BlockTrials], look: Look
) -> list[tuple[ComparedMetric, ChangeVerdict]]:
    _, gates = contest.cells[cell]
    found = [
        decision.decide(
            [summarise_block(spoken, gate.metric) for spoken in blocks],
            margin=gate.margin,
            statistic=gate.statistic,
            scale=gate.scale,
            unit=gate.unit,
            look=look,
        )
        for gate in gates
    ]
    return list(zip(gates, decision.void_by_control(found), strict=True))


def _confirm(
    contest: ComparisonSpec,
    series: BlockRunner,
    blocks: Blocks,
    judged: dict[str, list[tuple[ComparedMetric, ChangeVerdict]]],
    tell: Tell,
) -> dict[str, list[tuple[ComparedMetric, ChangeVerdict]]]:
    """FAILs judged once more, with as many fresh blocks, where a run has many gates."""
    doubted = [  # in the order of the cells, which a set would lose
        cell
        for cell, changes in judged.items()
        if any(decision.needs_confirmation(found, contest.gates_in_run) for _, found in changes)
    ]
    if not doubted:
        return judged
    again = replace(contest, cells={cell: contest.cells[cell] for cell in doubted})
    count = max(len(blocks[cell]) for cell in doubted)
    fresh: Blocks = {cell: [] for cell in doubted}
    for at in range(count):
        tell(f"against {contest.against}: confirming a FAIL, {at} of {count} fresh blocks")
        _add(fresh, series.block(again))
    for cell in doubted:
        pooled = [
            decision.confirm(found, [summarise_block(one, gate.metric) for one in fresh[cell]])
            if decision.needs_confirmation(found, contest.gates_in_run)
            else found
            for gate, found in judged[cell]
        ]
        gates = contest.cells[cell][1]
        judged[cell] = list(zip(gates, decision.void_by_control(pooled), strict=True))
        blocks[cell] += fresh[cell]
    return judged


def _add(blocks: Blocks, one: Mapping[str, BlockTrials]) -> None:
    for cell, spoken in one.items():
        blocks[cell].append(spoken)
