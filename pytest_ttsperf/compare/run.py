"""Candidate against baseline: runs blocks until each metric can be judged, or the time is over.

How a block is measured is `blocks`' matter; what follows from blocks, and how surely, `decision`'s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain

from msgspec import structs

from pytest_ttsperf.compare import decision, work
from pytest_ttsperf.compare.blocks import (
    BlockRunner,
    BlockTrials,
    ComparedCell,
    ComparisonSpec,
    refuse_silent_baseline,
    summarise_block,
)
from pytest_ttsperf.compare.incomparable import Incomparable
from pytest_ttsperf.compare.listening import BlockListener
from pytest_ttsperf.compare.metrics import why_ungated
from pytest_ttsperf.errors import WrongTree
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.judge.statistics.estimators import effects
from pytest_ttsperf.machine.cpu_idle import inhibit_cpu_idle
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    Block,
    ChangeVerdict,
    ComparedMetric,
    Comparison,
    Look,
    Outcome,
    Statistic,
    UngatedChange,
    Verdict,
)

OVERRUN = 1.5
"""How far beyond its budget a comparison may go when blocks get slower on the way."""
Tell = Callable[[str], None]
CellVerdicts = dict[str, tuple[ChangeVerdict, ...]]
"""By cell id, one for each of its metrics."""


def compare(spec: ComparisonSpec, tell: Tell) -> dict[str, Comparison]:
    """Run blocks within the budget and judge each cell, by cell id.

    What is new in the candidate is INCONCLUSIVE with the reason, a baseline that does not run is
    INVALID; TargetError when the candidate fails.
    """
    return ComparisonRun(spec, tell).run()


class CellBlocks:
    """The blocks of one cell: their trials, and the numbers by metric."""

    def __init__(self, cell: ComparedCell) -> None:
        self._is_same_work = cell.is_same_work
        self.trials: list[BlockTrials] = []
        self.by_metric: dict[str, list[Block]] = {}
        for metric in (*cell.metrics, *cell.ungated):
            self.by_metric[metric.metric] = []

    def add(self, trials: BlockTrials) -> None:
        """Add one block."""
        self.trials.append(trials)
        for metric, blocks in self.by_metric.items():
            block = summarise_block(trials, metric, is_same_work=self._is_same_work)
            blocks.append(block)

    def texts_of(self, metric: ComparedMetric) -> list[list[str]]:
        """The texts that a metric is measured of, by block."""
        return [block.texts_of(metric.metric) for block in self.trials]


class ComparisonRun:
    """One comparison from its first block to its verdicts."""

    def __init__(self, spec: ComparisonSpec, tell: Tell) -> None:
        self.spec = spec
        self.tell = tell
        self.listener = BlockListener(spec)
        self.runner = BlockRunner(spec, self.listener.draw)
        self.blocks = {cell_id: CellBlocks(cell) for cell_id, cell in spec.cells.items()}
        self._started_s = REAL.monotonic()

    def run(self) -> dict[str, Comparison]:
        """All of it; see `compare`."""
        try:
            with self.listener, inhibit_cpu_idle() as is_inhibited:
                verdicts = self._run_blocks()
                verdicts = self.confirm(verdicts)
        except (Incomparable, WrongTree) as error:
            return self._explain(error)
        finally:
            self.tell("")
        return {
            cell_id: self._comparison(cell_id, changes, cpu_idle_inhibited=is_inhibited)
            for cell_id, changes in verdicts.items()
        }

    def confirm(self, verdicts: CellVerdicts) -> CellVerdicts:
        """Judge FAILs again, with as many fresh blocks, where a run has many gates."""
        doubtful = []  # in the order of the cells, which a set would lose
        for cell_id, changes in verdicts.items():
            if any(map(self._needs_confirmation, changes)):
                doubtful.append(cell_id)
        if not doubtful:
            return verdicts
        count = max(len(self.blocks[cell_id].trials) for cell_id in doubtful)
        self._run_fresh_blocks(doubtful, count)
        confirmed = dict(verdicts)
        for cell_id in doubtful:
            confirmed[cell_id] = self._confirm_cell(cell_id, verdicts[cell_id], count)
        return confirmed

    def _run_blocks(self) -> CellVerdicts:
        """Fill `blocks` and judge them. Incomparable where there are too few to look at."""
        plan = self._run_until_planned()
        while True:
            self._tell_progress(plan)
            done = len(self.runner.durations_s)
            if done == plan.early_at:
                verdicts = self._judge("early")
                if _are_all_decided(verdicts):
                    self._refuse_silent_baseline()
                    return verdicts
            if sum(self.runner.durations_s) > OVERRUN * self.spec.budget_s:
                self.runner.notes.append(
                    f"stopped after {done} of {plan.blocks} blocks, which got slower"
                )
                break
            if done >= plan.blocks:
                break
            self._run_next(self.spec)
        self._refuse_silent_baseline()
        return self._judge("end")

    def _run_until_planned(self) -> t_rule.BlockPlan:
        plan: t_rule.BlockPlan | None = None
        while plan is None:
            self._run_next(self.spec)
            plan = plan_blocks(self.spec.budget_s, self.runner.durations_s)
        if plan.shortfall is not None:
            self._refuse_silent_baseline()
            raise Incomparable(plan.shortfall, Outcome.INCONCLUSIVE)
        return plan

    def _run_next(self, spec: ComparisonSpec) -> None:
        trials = self.runner.run_next(spec)
        start_s = REAL.monotonic()
        for cell_id, block in self.listener.listen(trials, self._blocks_left()).items():
            self.blocks[cell_id].add(block)
        self.runner.durations_s[-1] += REAL.monotonic() - start_s

    def _blocks_left(self) -> int:
        """How many more the budget holds, if they take as long as those so far; at least one."""
        spent_s = sum(self.runner.durations_s)
        per_block_s = spent_s / len(self.runner.durations_s)
        return max(1, round((self.spec.budget_s - spent_s) / per_block_s))

    def _tell_progress(self, plan: t_rule.BlockPlan) -> None:
        done = len(self.runner.durations_s)
        spent_s = sum(self.runner.durations_s)
        left_s = (plan.blocks - done) * spent_s / done
        self.tell(
            f"against {self.spec.against}: {done} of {plan.blocks} blocks, "
            f"about {max(1, round(left_s))} s left"
        )

    def _refuse_silent_baseline(self) -> None:
        trials = {cell_id: blocks.trials for cell_id, blocks in self.blocks.items()}
        refuse_silent_baseline(self.spec, trials)

    def _judge(self, look: Look) -> CellVerdicts:
        return {cell_id: self._judge_cell(cell_id, look) for cell_id in self.spec.cells}

    def _judge_cell(
        self,
        cell_id: str,
        look: Look,
    ) -> tuple[ChangeVerdict, ...]:
        blocks = self.blocks[cell_id]
        changes = [
            decision.decide(
                blocks.by_metric[metric.metric],
                metric,
                look,
                blocks.texts_of(metric),
            )
            for metric in self.spec.cells[cell_id].metrics
        ]
        return decision.void_by_control(changes, self.spec.cells[cell_id].metrics)

    def _judge_ungated(self, cell_id: str) -> tuple[UngatedChange, ...]:
        """What is shown of a cell besides its gates."""
        shown = []
        for metric in self.spec.cells[cell_id].ungated:
            change = decision.decide(self.blocks[cell_id].by_metric[metric.metric], metric)
            change = decision.as_ungated(change, why_ungated(metric))
            shown.append(UngatedChange(metric=metric, change=change))
        return tuple(shown)

    def _needs_confirmation(self, change: ChangeVerdict) -> bool:
        return decision.needs_confirmation(change, self.spec.gates_in_run)

    def _run_fresh_blocks(self, doubtful: Sequence[str], count: int) -> None:
        """As many blocks as there are already, of these cells alone."""
        cells = {cell_id: self.spec.cells[cell_id] for cell_id in doubtful}
        spec = replace(self.spec, cells=cells)
        for done in range(count):
            self.tell(
                f"against {self.spec.against}: confirming a FAIL, {done} of {count} fresh blocks"
            )
            self._run_next(spec)

    def _confirm_cell(
        self,
        cell_id: str,
        changes: Sequence[ChangeVerdict],
        count: int,
    ) -> tuple[ChangeVerdict, ...]:
        """The verdicts of a cell, with those confirmed that need it by what follows `count`."""
        confirmed = []
        for metric, change in zip(self.spec.cells[cell_id].metrics, changes, strict=True):
            if self._needs_confirmation(change):
                cell = self.blocks[cell_id]
                blocks = cell.by_metric[metric.metric]
                texts = cell.texts_of(metric)
                change = decision.confirm(blocks[:count], blocks[count:], metric, texts)
            confirmed.append(change)
        return decision.void_by_control(confirmed, self.spec.cells[cell_id].metrics)

    def _with_own_rtf(
        self,
        cell_id: str,
        metric: ComparedMetric,
        change: ChangeVerdict,
    ) -> ChangeVerdict:
        """An RTF with what it would be by each version's own audio, which is another length."""
        if metric.metric != "rtf" or change.effect is None:
            return change
        by_own = [summarise_block(trials, "rtf").metric for trials in self.blocks[cell_id].trials]
        readable = [arms for arms in by_own if arms.is_readable()]
        candidate, _ = effects(readable, metric.statistic, metric.scale)
        own_change = math.expm1(float(candidate.mean()))
        text = f"{change.reason}; by each version's own audio it is {100 * own_change:+.1f} %"
        return structs.replace(change, reason=text)

    def _base_comparison(self) -> Comparison:
        """What is the same for all cells."""
        return Comparison(
            against=self.spec.against,
            revision=self.spec.revision,
            seconds=REAL.monotonic() - self._started_s,
            seed=self.spec.seed,
        )

    def _explain(self, error: Incomparable | WrongTree) -> dict[str, Comparison]:
        """Why there is no comparison, for each cell."""
        outcome = error.outcome if isinstance(error, Incomparable) else Outcome.INVALID
        empty = structs.replace(self._base_comparison(), outcome=outcome, reason=str(error))
        return {
            cell_id: structs.replace(empty, gates=cell.metrics)
            for cell_id, cell in self.spec.cells.items()
        }

    def _comparison(
        self,
        cell_id: str,
        changes: tuple[ChangeVerdict, ...],
        *,
        cpu_idle_inhibited: bool,
    ) -> Comparison:
        blocks = self.blocks[cell_id]
        metrics = self.spec.cells[cell_id].metrics
        if work.is_other_length(changes, metrics):
            changes = tuple(
                self._with_own_rtf(cell_id, metric, change)
                for metric, change in zip(metrics, changes, strict=True)
            )
        return structs.replace(
            self._base_comparison(),
            blocks=len(blocks.trials),
            cpu_idle_inhibited=cpu_idle_inhibited,
            notes=tuple(dict.fromkeys(self.runner.notes)),
            gates=metrics,
            changes=work.void_by_work(changes, metrics),
            ungated=self._judge_ungated(cell_id),
            measured={metric: tuple(each) for metric, each in blocks.by_metric.items()},
        )


def verdicts(comparison: Comparison) -> list[Verdict]:
    """One verdict for each metric of a comparison, or one that says why there is none."""
    subject = f"against {comparison.against}"
    if comparison.reason is not None:
        is_invalid = comparison.outcome is Outcome.INVALID
        return [
            Verdict(
                subject=subject,
                outcome=comparison.outcome,
                reason=comparison.reason,
                gate="trust" if is_invalid else "change",
            )
        ]
    judged = []
    work_done = []
    for metric, change in zip(comparison.gates, comparison.changes, strict=True):
        if metric.is_work and change.outcome is not Outcome.FAIL:
            work_done.append((metric, change))
        else:
            judged.append(_verdict(metric, change, subject))
    if work_done:
        judged.append(_same_work_verdict(work_done, subject))
    return judged


def _verdict(metric: ComparedMetric, change: ChangeVerdict, subject: str) -> Verdict:
    statistic: Statistic | None = None
    if metric.statistic in ("p50", "p95", "p99"):
        statistic = metric.statistic
    return Verdict(
        subject=f"{metric.label} {subject}",
        outcome=change.outcome,
        reason=change.reason,
        gate="work" if metric.is_work else "change",
        metric=metric.metric,
        statistic=statistic,
        improved=change.improved,
        value=change.effect,
        limit=change.margin,
        unit=metric.unit,
        n=change.blocks,
        p_value=change.p_slower,
    )


def _same_work_verdict(
    judged: Sequence[tuple[ComparedMetric, ChangeVerdict]],
    subject: str,
) -> Verdict:
    """One for all figures of the work that did not fail: nobody reads ten rows of them."""
    same = []
    undecided = []
    for metric, change in judged:
        if change.outcome is Outcome.PASS:
            same.append(metric.label)
        else:
            undecided.append(f"{metric.label} ({change.reason})")
    parts = []
    if same:
        parts.append(f"as before: {', '.join(same)}")
    if undecided:
        parts.append(f"open: {'; '.join(undecided)}")
    _, first = judged[0]
    return Verdict(
        subject=f"same work {subject}",
        outcome=Outcome.INCONCLUSIVE if undecided else Outcome.PASS,
        reason="; ".join(parts),
        gate="work",
        n=first.blocks,
    )


def plan_blocks(budget_s: float, durations_s: Sequence[float]) -> t_rule.BlockPlan | None:
    """How many blocks there will be, by how long the first took; None while it is too early.

    The first block is not like the others: it also fills the page cache, and has its own number of
    texts.
    """
    first_s, *others_s = durations_s
    if others_s:
        second_s = others_s[0]
        return t_rule.plan_blocks(budget_s - first_s + second_s, second_s)
    if 2 * first_s > budget_s:
        return t_rule.plan_blocks(budget_s, first_s)
    return None


def _are_all_decided(verdicts: CellVerdicts) -> bool:
    changes = chain.from_iterable(verdicts.values())
    return all(change.outcome is not Outcome.INCONCLUSIVE for change in changes)
