"""Candidate against baseline: runs blocks until each metric is settled, or the time is over.

How a block is measured is `blocks`' matter; when to look, `looks`'; what follows from blocks, and
how surely, `decision`'s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from msgspec import structs

from pytest_ttsperf.compare import decision, forecast, work
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
from pytest_ttsperf.compare.looks import CellLooks
from pytest_ttsperf.compare.metrics import why_ungated
from pytest_ttsperf.errors import WrongTree
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.judge.statistics.estimators import effects
from pytest_ttsperf.judge.statistics.t_rule import Levels
from pytest_ttsperf.machine.cpu_idle import inhibit_cpu_idle
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    Block,
    ChangeVerdict,
    ComparedMetric,
    Comparison,
    Outcome,
    Statistic,
    UngatedChange,
    Verdict,
)

OVERRUN = 1.5
"""How far beyond its budget a comparison may go when blocks get slower on the way."""
Tell = Callable[[str], None]


def compare(spec: ComparisonSpec, tell: Tell) -> dict[str, Comparison]:
    """Run blocks within the budget and judge each cell, by cell id.

    What is new in the candidate is INCONCLUSIVE with the reason, a baseline that does not run is
    INVALID; TargetError when the candidate fails.
    """
    return ComparisonRun(spec, tell).run()


class CellBlocks:
    """The blocks of one cell: their trials, the numbers by metric, and what they settle."""

    def __init__(self, cell: ComparedCell) -> None:
        self._is_same_work = cell.is_same_work
        self._looks = CellLooks(cell.metrics)
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

    @property
    def verdicts(self) -> tuple[ChangeVerdict, ...]:
        """Of the last look, one for each metric."""
        return self._looks.verdicts

    @property
    def is_settled(self) -> bool:
        """Whether more blocks would change nothing."""
        return self._looks.is_settled

    @property
    def fresh_blocks_wanted(self) -> int:
        """How many more blocks confirm its FAILs."""
        return self._looks.fresh_blocks_wanted(len(self.trials))

    def look(self, levels: Levels, end: Levels, elapsed_s: float) -> None:
        """Judge what is not settled yet."""
        texts = self._texts()
        self._looks.look(self.by_metric, levels, end, elapsed_s=elapsed_s, texts=texts)

    def confirm(self, end: Levels, elapsed_s: float) -> None:
        """Judge again what failed, now that there are fresh blocks."""
        self._looks.confirm(self.by_metric, end, elapsed_s=elapsed_s, texts=self._texts())

    def _texts(self) -> dict[str, work.Texts]:
        """The texts that each metric is measured of, by block."""
        texts: dict[str, work.Texts] = {}
        for metric in self.by_metric:
            texts[metric] = [block.texts_of(metric) for block in self.trials]
        return texts


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
                plan = self._run_blocks()
                self._confirm(plan)
        except (Incomparable, WrongTree) as error:
            return self._explain(error)
        finally:
            self.tell("")
        return {
            cell_id: self._comparison(cell_id, cpu_idle_inhibited=is_inhibited)
            for cell_id in self.spec.cells
        }

    def _run_blocks(self) -> t_rule.BlockPlan:
        """Fill `blocks` and look at them. Incomparable where there are too few to look at."""
        plan = self._run_until_planned()
        while True:
            self._tell_progress(plan)
            is_over = self._is_over(plan)
            self._look(plan, is_over=is_over)
            if is_over or not self._unsettled():
                break
            self._run_next(self._only(self._unsettled()))
        self._refuse_silent_baseline()
        return plan

    def _is_over(self, plan: t_rule.BlockPlan) -> bool:
        done = len(self.runner.durations_s)
        if done >= plan.blocks:
            return True
        if sum(self.runner.durations_s) <= OVERRUN * self.spec.budget_s:
            return False
        note = f"stopped after {done} of {plan.blocks} blocks, which got slower"
        self.runner.notes.append(note)
        return True

    def _look(self, plan: t_rule.BlockPlan, *, is_over: bool) -> None:
        levels = plan.levels_after(len(self.runner.durations_s))
        if is_over:
            levels = plan.end
        if levels is None:
            return
        for cell_id in self._unsettled():
            self.blocks[cell_id].look(levels, plan.end, self._elapsed_s())

    def _confirm(self, plan: t_rule.BlockPlan) -> None:
        """Judge FAILs again that the last blocks brought, with fresh ones beyond the budget."""
        wanted = {}  # in the order of the cells
        for cell_id, blocks in self.blocks.items():
            if blocks.fresh_blocks_wanted:
                wanted[cell_id] = blocks.fresh_blocks_wanted
        count = max(wanted.values(), default=0)
        for done in range(count):
            self.tell(
                f"against {self.spec.against}: confirming a FAIL, {done} of {count} fresh blocks"
            )
            self._run_next(self._only(wanted))
        for cell_id in wanted:
            self.blocks[cell_id].confirm(plan.end, self._elapsed_s())

    def _unsettled(self) -> list[str]:
        return [cell_id for cell_id, blocks in self.blocks.items() if not blocks.is_settled]

    def _only(self, cell_ids: Iterable[str]) -> ComparisonSpec:
        """The comparison of these cells alone."""
        cells = {cell_id: self.spec.cells[cell_id] for cell_id in cell_ids}
        return replace(self.spec, cells=cells)

    def _elapsed_s(self) -> float:
        return REAL.monotonic() - self._started_s

    def _run_until_planned(self) -> t_rule.BlockPlan:
        shortfall = forecast.shortfall(self.spec)
        if shortfall is not None:
            raise Incomparable(shortfall, Outcome.INCONCLUSIVE)
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

    def _judge_ungated(self, cell_id: str) -> tuple[UngatedChange, ...]:
        """What is shown of a cell besides its gates."""
        shown = []
        for metric in self.spec.cells[cell_id].ungated:
            change = decision.decide(self.blocks[cell_id].by_metric[metric.metric], metric)
            change = decision.as_ungated(change, why_ungated(metric))
            shown.append(UngatedChange(metric=metric, change=change))
        return tuple(shown)

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
        by_own_audio = effects(readable, metric.statistic, metric.scale)
        own_change = math.expm1(float(by_own_audio.candidate.mean()))
        text = f"{change.reason}; by each version's own audio it is {100 * own_change:+.1f} %"
        return structs.replace(change, reason=text)

    def _base_comparison(self) -> Comparison:
        """What is the same for all cells."""
        return Comparison(
            against=self.spec.against,
            revision=self.spec.revision,
            seconds=self._elapsed_s(),
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
        *,
        cpu_idle_inhibited: bool,
    ) -> Comparison:
        blocks = self.blocks[cell_id]
        changes = blocks.verdicts
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
        reason=_timed_reason(change),
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


def _timed_reason(change: ChangeVerdict) -> str:
    """The reason, with how soon it was decided."""
    if change.decided_s is None:
        return change.reason
    return f"{change.reason}; decided after {change.decided_s:.0f} s"


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
