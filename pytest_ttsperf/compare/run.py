"""Candidate against baseline: runs blocks until each metric is settled, or the time is over.

How a block is measured is `blocks`' matter; when to look, `looks`'; what follows from blocks, and
how surely, `decision`'s. A comparison outlives an attempt of its test: a rerun goes on from its
blocks, and looks at all of them together (docs/adr/0044).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from msgspec import structs

from pytest_ttsperf.compare import budget, decision, forecast, work
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
from pytest_ttsperf.compare.typical import find_typical
from pytest_ttsperf.errors import WrongTree
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.judge.statistics import always_valid, t_rule
from pytest_ttsperf.judge.statistics.estimators import effects
from pytest_ttsperf.judge.statistics.t_rule import Levels
from pytest_ttsperf.machine.cpu_idle import inhibit_cpu_idle
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    Block,
    ChangeVerdict,
    ComparedMetric,
    Comparison,
    Outcome,
    Phase,
    Statistic,
    UngatedChange,
    Verdict,
)
from pytest_ttsperf.records.cell import target_identity

OVERRUN = 1.5
"""How far beyond its budget a comparison may go when blocks get slower on the way."""
SURELY_SLOW = 2.0
"""A block that was foreseen may take half as long, or twice."""
FUTILE_AFTER = 20
"""Blocks: where none of them could be read, an open budget would not end."""
Tell = Callable[[str], None]
EarlierRuns = dict[tuple[str, Phase], "ComparisonRun"]
"""The comparisons of a test in its earlier attempts: with what, and warm or cold."""


def compare(
    spec: ComparisonSpec,
    tell: Tell,
    *,
    announce: Tell = lambda _: None,
    earlier: EarlierRuns | None = None,
) -> dict[str, Comparison]:
    """Run blocks within the budget and judge each cell, by cell id.

    What is new in the candidate is INCONCLUSIVE with the reason, a baseline that does not run is
    INVALID; TargetError when the candidate fails. `tell` gets how far it is, to be overwritten, and
    `announce` what everybody should read. `earlier` are the comparisons of the same test in its
    earlier attempts, and this one afterwards.
    """
    if earlier is None:
        earlier = {}
    phase: Phase = "cold" if spec.is_cold else "warm"
    comparison = earlier.get((spec.against, phase))
    if comparison is None or not comparison.may_go_on(spec):
        comparison = ComparisonRun(spec, tell, announce)
    earlier[spec.against, phase] = comparison
    return comparison.run(spec)


class CellBlocks:
    """The blocks of one cell: their trials, the numbers by metric, and what they settle."""

    def __init__(self, cell: ComparedCell) -> None:
        self._is_same_work = cell.is_same_work
        self._looks = CellLooks(cell.metrics)
        self.metrics = cell.metrics
        self.attempts: list[int] = []
        """Those that measured blocks of it."""
        self.trials: list[BlockTrials] = []
        self.by_metric: dict[str, list[Block]] = {}
        for metric in (*cell.metrics, *cell.ungated):
            self.by_metric[metric.metric] = []

    def add(self, trials: BlockTrials, attempt: int = 1) -> None:
        """Add one block, which an attempt of the test has measured."""
        if attempt not in self.attempts:
            self.attempts.append(attempt)
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
    def is_unreadable(self) -> bool:
        """Whether no block says anything about what is not settled."""
        return self._looks.is_unreadable

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
    """One comparison from its first block to its verdicts, over all attempts of its test."""

    def __init__(self, spec: ComparisonSpec, tell: Tell, announce: Tell = lambda _: None) -> None:
        self.spec = spec
        self.tell = tell
        self.announce = announce
        self.runner = BlockRunner(spec)
        self.blocks = {cell_id: CellBlocks(cell) for cell_id, cell in spec.cells.items()}
        self.attempt = 0
        self._listener = BlockListener(spec)
        self._cpu_idle_inhibited: bool | None = None
        self._is_void = False
        """Whether what was measured is not to be believed, and a rerun starts anew."""
        self._judged_after: int | None = None
        """How many blocks there were when a budget was first spent, and with it its levels."""
        self._first = 0
        """How many blocks there were when this attempt began."""
        self._earlier_s = 0.0
        self._started_s = REAL.monotonic()

    def may_go_on(self, spec: ComparisonSpec) -> bool:
        """Whether another attempt is about the same code, cells and metrics as its blocks."""
        if self._is_void or not spec.cells.keys() <= self.blocks.keys():
            return False
        for cell_id, cell in spec.cells.items():
            if cell.metrics != self.blocks[cell_id].metrics:
                return False
        is_same_baseline = _is_same_code(self.spec.baseline, spec.baseline)
        return is_same_baseline and _is_same_code(self.spec.candidate, spec.candidate)

    def run(self, spec: ComparisonSpec) -> dict[str, Comparison]:
        """One attempt, with the blocks of those before; see `compare`."""
        self._begin_attempt(spec)
        try:
            if self._unsettled():
                with self._listener, inhibit_cpu_idle() as self._cpu_idle_inhibited:
                    plan = self._run_blocks()
                    self._confirm(plan)
        except (Incomparable, WrongTree) as error:
            return self._explain(error)
        finally:
            self.tell("")
        return {cell_id: self._comparison(cell_id) for cell_id in spec.cells}

    def _begin_attempt(self, spec: ComparisonSpec) -> None:
        """Go on with this spec: a server that was started anew has another port in it."""
        if self.attempt:
            self._earlier_s = self._elapsed_s()
            self._listener = BlockListener(spec)
        self._started_s = REAL.monotonic()
        self.attempt += 1
        self.spec = spec
        self.runner.draw = self._listener.draw
        self._first = len(self.runner.durations_s)

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
        spent_s = self._spent_s()
        if self.spec.is_open:
            return self._is_open_over(done, spent_s)
        if spent_s <= OVERRUN * self.spec.budget_s:
            return False
        note = f"stopped after {done} of {plan.blocks} blocks, which got slower"
        self.runner.notes.append(note)
        return True

    def _is_open_over(self, done: int, spent_s: float) -> bool:
        """Whether a comparison without a budget ends all the same."""
        if spent_s >= self.spec.longest_s:
            note = f"stopped after {spent_s / 3600:.1f} hours, the longest without a budget"
            self.runner.notes.append(note)
            return True
        if done < FUTILE_AFTER:
            return False
        open_cells = [self.blocks[cell_id] for cell_id in self._unsettled()]
        if not all(cell.is_unreadable for cell in open_cells):
            return False
        note = f"stopped after {done} blocks, as none could be read of what is open"
        self.runner.notes.append(note)
        return True

    def _look(self, plan: t_rule.BlockPlan, *, is_over: bool) -> None:
        levels = plan.levels_after(len(self.runner.durations_s))
        if is_over:
            levels = plan.end
            self._judged_after = self._judged_after or len(self.runner.durations_s)
        if levels is None:
            return
        for cell_id in self._unsettled():
            self.blocks[cell_id].look(levels, plan.end, self._elapsed_s())

    def _confirm(self, plan: t_rule.BlockPlan) -> None:
        """Judge FAILs again that the last blocks brought, with fresh ones beyond the budget."""
        wanted = {}  # in the order of the cells
        for cell_id in self.spec.cells:
            blocks = self.blocks[cell_id]
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
        return [cell_id for cell_id in self.spec.cells if not self.blocks[cell_id].is_settled]

    def _only(self, cell_ids: Iterable[str]) -> ComparisonSpec:
        """The comparison of these cells alone."""
        cells = {cell_id: self.spec.cells[cell_id] for cell_id in cell_ids}
        return replace(self.spec, cells=cells)

    def _elapsed_s(self) -> float:
        """Of all attempts."""
        return self._earlier_s + REAL.monotonic() - self._started_s

    def _spent_s(self) -> float:
        """Of the budget of this attempt."""
        return sum(self.runner.durations_s[self._first :])

    def _run_until_planned(self) -> t_rule.BlockPlan:
        """Run blocks until it is clear how many there will be."""
        plan = self._plan_from_earlier()
        if plan is not None:
            self._refuse_shortfall(plan)
            self._run_next(self._only(self._unsettled()))
            return plan
        shortfall = forecast.shortfall(self.spec)
        if shortfall is not None:
            raise Incomparable(shortfall, Outcome.INCONCLUSIVE)
        while plan is None:
            self._run_next(self.spec)
            plan = self._plan_from_first()
        self._refuse_shortfall(plan)
        return plan

    def _plan_from_earlier(self) -> t_rule.BlockPlan | None:
        """How many blocks there will be with those of earlier attempts; None without any.

        Once a budget has been spent, what it allows to err is spent as well: all further looks
        share a level of their own, however many attempts they are.
        """
        if not self._first:
            return None
        if self.spec.is_open:
            return always_valid.open_plan(self.spec.longest_s)
        block_s = budget.mean_block_s(self.runner.durations_s)
        plan = t_rule.plan_blocks(self.spec.budget_s, block_s)
        blocks = self._first + max(1, plan.blocks)
        if self._judged_after is not None:
            return always_valid.further_plan(plan, self._judged_after, blocks)
        shortfall = plan.shortfall if blocks < t_rule.MIN_BLOCKS else None
        return structs.replace(plan, blocks=blocks, shortfall=shortfall)

    def _plan_from_first(self) -> t_rule.BlockPlan | None:
        """The same by the blocks of the first attempt; None while it is too early."""
        if self.spec.is_open:
            return always_valid.open_plan(self.spec.longest_s)
        durations_s = self.runner.durations_s
        if len(durations_s) == 1:
            self._foresee(durations_s[0])
        return budget.plan_blocks(self.spec.budget_s, durations_s)

    def _foresee(self, first_s: float) -> None:
        """Say after the first block if the budget is too short, and which is not.

        Incomparable where the others may take half as long as foreseen, and it still is.
        """
        budget_s = self.spec.budget_s
        block_s = self.runner.expected_block_s or first_s
        plan = budget.plan_after_first(budget_s, first_s, block_s)
        if plan.shortfall is None:
            return
        at_best = budget.plan_after_first(budget_s, first_s, block_s / SURELY_SLOW)
        if at_best.shortfall is not None:
            self._refuse_shortfall(plan)
        self.announce(
            f"against {self.spec.against}: {self._with_option(plan.shortfall)}; going on, as the "
            "first block may not be like the others"
        )

    def _refuse_shortfall(self, plan: t_rule.BlockPlan) -> None:
        if plan.shortfall is not None:
            self._refuse_silent_baseline()
            raise Incomparable(self._with_option(plan.shortfall), Outcome.INCONCLUSIVE)

    def _with_option(self, text: str) -> str:
        return f"{text} ({self.spec.budget_option})"

    def _run_next(self, spec: ComparisonSpec) -> None:
        trials = self.runner.run_next(spec)
        start_s = REAL.monotonic()
        for cell_id, block in self._listener.listen(trials, self._blocks_left()).items():
            self.blocks[cell_id].add(block, self.attempt)
        self.runner.durations_s[-1] += REAL.monotonic() - start_s

    def _blocks_left(self) -> int:
        """How many more the budget holds, if they take as long as those so far; at least one."""
        durations_s = self.runner.durations_s[self._first :]
        spent_s = sum(durations_s)
        per_block_s = spent_s / len(durations_s)
        return max(1, round((self.spec.longest_s - spent_s) / per_block_s))

    def _tell_progress(self, plan: t_rule.BlockPlan) -> None:
        done = len(self.runner.durations_s)
        text = f"against {self.spec.against}: "
        if self.spec.is_open:
            text += f"{plural(done, 'block')} in {self._elapsed_s():.0f} s, until all is settled"
        else:
            left_s = (plan.blocks - done) * budget.mean_block_s(self.runner.durations_s)
            text += f"{done} of {plan.blocks} blocks, about {max(1, round(left_s))} s left"
        self.tell(text)

    def _refuse_silent_baseline(self) -> None:
        trials = {cell_id: self.blocks[cell_id].trials for cell_id in self.spec.cells}
        refuse_silent_baseline(self.spec, trials)

    def _judge_ungated(self, cell_id: str) -> tuple[UngatedChange, ...]:
        """What is shown of a cell besides its gates."""
        shown = []
        for metric in self.spec.cells[cell_id].ungated:
            change = decision.decide(self.blocks[cell_id].by_metric[metric.metric], metric)
            change = decision.as_ungated(change, why_ungated(metric, self.spec.round_s))
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
        self._is_void = outcome is Outcome.INVALID
        empty = structs.replace(self._base_comparison(), outcome=outcome, reason=str(error))
        return {
            cell_id: structs.replace(empty, gates=cell.metrics)
            for cell_id, cell in self.spec.cells.items()
        }

    def _comparison(self, cell_id: str) -> Comparison:
        blocks = self.blocks[cell_id]
        metrics = self.spec.cells[cell_id].metrics
        changes = tuple(map(self._with_cost, blocks.verdicts))
        if work.is_other_length(changes, metrics):
            changes = tuple(
                self._with_own_rtf(cell_id, metric, change)
                for metric, change in zip(metrics, changes, strict=True)
            )
        notes = [*self.runner.notes, *self._attempt_notes(blocks)]
        return structs.replace(
            self._base_comparison(),
            blocks=len(blocks.trials),
            attempts=len(blocks.attempts),
            cpu_idle_inhibited=self._cpu_idle_inhibited,
            notes=tuple(dict.fromkeys(notes)),
            gates=metrics,
            changes=work.void_by_work(changes, metrics),
            ungated=self._judge_ungated(cell_id),
            measured={metric: tuple(each) for metric, each in blocks.by_metric.items()},
            typical=find_typical(blocks.trials),
        )

    def _with_cost(self, change: ChangeVerdict) -> ChangeVerdict:
        """An open verdict with how long the blocks take that it lacks."""
        is_open = change.outcome is Outcome.INCONCLUSIVE
        if not is_open or change.blocks_needed is None or not change.blocks:
            return change
        option = None if self.spec.is_open else self.spec.budget_option
        cost = budget.cost_text(change.blocks_needed, self.runner.durations_s, option)
        return decision.add_cost(change, cost)

    def _attempt_notes(self, blocks: CellBlocks) -> list[str]:
        """Which attempts of the test the blocks of a cell are from, where there were several."""
        notes = []
        if len(blocks.attempts) > 1:
            notes.append(f"pooled over {len(blocks.attempts)} attempts of the test")
        last = blocks.attempts[-1]
        if last < self.attempt:
            notes.append(f"settled in attempt {last} of the test, and not measured again")
        return notes


def _is_same_code(one: TargetFactory, other: TargetFactory) -> bool:
    """Whether two sources are the same; a server may have been started again on another port."""
    first, second = one.spec, other.spec
    if target_identity(first.spec) != target_identity(second.spec):
        return False
    return first.options == second.options and replace(one, spec=second) == other


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
    if change.decided_s is None or change.outcome is Outcome.INCONCLUSIVE:
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
