"""The gates of one cell, each judged after a block until it is settled.

Whoever measures, replays or simulates goes through here, so that all three look alike. Pure:
starts, reads and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import structs

from pytest_ttsperf.compare import decision, work
from pytest_ttsperf.judge.statistics.looks import RepeatedLooks
from pytest_ttsperf.judge.statistics.t_rule import BlockPlan, Levels
from pytest_ttsperf.records import Block, ChangeVerdict, ComparedMetric, Outcome

FRESH_SHARE = 0.5
"""Of the blocks that a FAIL rests on: so many fresh ones confirm it, at the least."""
FEWEST_FRESH = 2


class CellLooks(RepeatedLooks):
    """What the looks at one cell have settled so far.

    What waits for fresh blocks is judged again by the levels of the end.
    """

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
        if waiting is not None and len(blocks) < self._confirmed_after(failed_after):
            return waiting
        del self._failed_after[index]
        return decision.confirm(blocks, fresh, metric, end, texts)

    def _confirmed_after(self, failed_after: int) -> int:
        return failed_after + max(FEWEST_FRESH, math.ceil(FRESH_SHARE * failed_after))

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
