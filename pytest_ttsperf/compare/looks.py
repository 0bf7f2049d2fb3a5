"""The gates of one cell, each judged after a block until it is settled.

Whoever measures, replays or simulates goes through here, so that all three look alike. Pure:
starts, reads and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import structs

from pytest_ttsperf.compare import decision, work
from pytest_ttsperf.judge.statistics.t_rule import BlockPlan, Levels
from pytest_ttsperf.records import Block, ChangeVerdict, ComparedMetric, Outcome

FRESH_SHARE = 0.5
"""Of the blocks that a FAIL rests on: so many fresh ones confirm it, at the least."""
FEWEST_FRESH = 2


class CellLooks:
    """What the looks at one cell have settled so far.

    A PASS is settled as soon as it is reached. A FAIL waits for fresh blocks, and is judged again
    on all blocks together by the levels of the end: no single look accuses a version.
    """

    def __init__(self, metrics: Sequence[ComparedMetric]) -> None:
        self.metrics = tuple(metrics)
        self._verdicts: list[ChangeVerdict | None] = [None] * len(self.metrics)
        self._failed_after: dict[int, int] = {}
        """By gate: with how many blocks it failed first, and has not been confirmed since."""

    @property
    def verdicts(self) -> tuple[ChangeVerdict, ...]:
        """One for each of the metrics; ValueError before the first look."""
        if None in self._verdicts:
            raise ValueError("found no look at this cell yet, wanted one before its verdicts")
        return tuple(verdict for verdict in self._verdicts if verdict is not None)

    @property
    def is_settled(self) -> bool:
        """Whether more blocks would change nothing."""
        return all(map(self._is_settled, range(len(self.metrics))))

    @property
    def is_unreadable(self) -> bool:
        """Whether none of the blocks so far says anything about what is not settled."""
        for index, verdict in enumerate(self._verdicts):
            has_blocks = verdict is None or verdict.blocks > 0
            if has_blocks and not self._is_settled(index):
                return False
        return True

    def fresh_blocks_wanted(self, done: int) -> int:
        """How many more confirm every FAIL, where the cell has so many; 0 for none."""
        wanted = 0
        for failed_after in self._failed_after.values():
            wanted = max(wanted, _confirmed_after(failed_after) - done)
        return wanted

    def look(
        self,
        blocks: Mapping[str, Sequence[Block]],
        levels: Levels,
        end: Levels,
        *,
        elapsed_s: float | None = None,
        texts: Mapping[str, work.Texts] | None = None,
    ) -> None:
        """Judge what is not settled, by the levels of this look; FAILs again by those of the end.

        `blocks` and `texts` are by metric.
        """
        for index, metric in enumerate(self.metrics):
            if self._is_settled(index):
                continue
            texts_of_metric = (texts or {}).get(metric.metric, ())
            verdict = self._judge(index, blocks[metric.metric], levels, end, texts_of_metric)
            self._verdicts[index] = structs.replace(verdict, decided_s=elapsed_s)
        self._void_by_control()

    def confirm(
        self,
        blocks: Mapping[str, Sequence[Block]],
        end: Levels,
        *,
        elapsed_s: float | None = None,
        texts: Mapping[str, work.Texts] | None = None,
    ) -> None:
        """Judge again what waits for fresh blocks, after the last look, and nothing else."""
        for index in list(self._failed_after):
            metric = self.metrics[index]
            texts_of_metric = (texts or {}).get(metric.metric, ())
            verdict = self._judge(index, blocks[metric.metric], end, end, texts_of_metric)
            self._verdicts[index] = structs.replace(verdict, decided_s=elapsed_s)
        self._void_by_control()

    def _is_settled(self, index: int) -> bool:
        verdict = self._verdicts[index]
        # What passed while its control fired goes on, lest it void the FAILs of others for good.
        if verdict is None or verdict.control_fired:
            return False
        is_confirmed = verdict.outcome is Outcome.FAIL and verdict.confirmed
        return verdict.outcome is Outcome.PASS or is_confirmed

    def _judge(
        self,
        index: int,
        blocks: Sequence[Block],
        levels: Levels,
        end: Levels,
        texts: work.Texts,
    ) -> ChangeVerdict:
        metric = self.metrics[index]
        failed_after = self._failed_after.get(index)
        if failed_after is None:
            verdict = decision.decide(blocks, metric, levels, texts)
            if verdict.outcome is Outcome.FAIL:
                self._failed_after[index] = len(blocks)
            return verdict
        fresh = len(blocks) - failed_after
        waiting = self._verdicts[index]
        if waiting is not None and len(blocks) < _confirmed_after(failed_after):
            return waiting
        del self._failed_after[index]
        return decision.confirm(blocks, fresh, metric, end, texts)

    def _void_by_control(self) -> None:
        """Take back what a control puts in doubt; a FAIL among it has to be found anew."""
        for index, verdict in enumerate(decision.void_by_control(self.verdicts, self.metrics)):
            if verdict.outcome is not Outcome.FAIL:
                self._failed_after.pop(index, None)
            if verdict.outcome is Outcome.INCONCLUSIVE:
                verdict = structs.replace(verdict, decided_s=None)
            self._verdicts[index] = verdict


def replay(
    blocks: Mapping[str, Sequence[Block]],
    metrics: Sequence[ComparedMetric],
    plan: BlockPlan,
) -> tuple[CellLooks, int]:
    """What the looks settle on recorded blocks, and with how many of them the comparison ends.

    `blocks` are by metric; more than the plan's are there to confirm a FAIL. What waits for fresh
    blocks when there are no more stays an unconfirmed FAIL.
    """
    cell = CellLooks(metrics)
    available = min(map(len, blocks.values()))
    used = 0
    while used < min(plan.blocks, available) and not cell.is_settled:
        used += 1
        levels = plan.levels_after(used)
        if levels is not None:
            cell.look(_first(blocks, used), levels, plan.end)
    wanted = cell.fresh_blocks_wanted(used)
    if wanted and used + wanted <= available:
        used += wanted
        cell.confirm(_first(blocks, used), plan.end)
    return cell, used


def _first(blocks: Mapping[str, Sequence[Block]], count: int) -> dict[str, Sequence[Block]]:
    return {metric: each[:count] for metric, each in blocks.items()}


def _confirmed_after(failed_after: int) -> int:
    """With how many blocks a FAIL that rests on so many can be confirmed."""
    return failed_after + max(FEWEST_FRESH, math.ceil(FRESH_SHARE * failed_after))
