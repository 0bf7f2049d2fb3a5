"""When to look at the blocks of a comparison under load, and what is settled.

Whoever measures, replays or simulates goes through here, so that all three look alike. Pure:
starts, reads and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import structs

from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.judge.statistics.looks import RepeatedLooks
from pytest_ttsperf.judge.statistics.t_rule import BlockPlan, Levels
from pytest_ttsperf.load.pairs import FEWEST_SESSIONS, decide, void
from pytest_ttsperf.load.window_blocks import WindowBlock
from pytest_ttsperf.records import ChangeVerdict, ComparedMetric, Outcome

FRESH_SHARE = 1 / 3
"""Of the blocks that a suspicion rests on: so many fresh ones confirm it, one at the least."""


class WindowLooks(RepeatedLooks):
    """What the looks at one cell under load have settled so far.

    A suspicion waits for fresh blocks, and is judged again on all blocks together by the levels of
    the end.
    """

    @property
    def is_settled(self) -> bool:
        """Whether more blocks would change nothing, or not the whole: one confirmed FAIL is red.

        What else is suspected by then is still confirmed; what is open stays so, as blocks take
        minutes.
        """
        if self._failed_after:
            return False
        for index, verdict in enumerate(self._verdicts):
            is_fail = verdict is not None and verdict.outcome is Outcome.FAIL
            if is_fail and self._is_settled(index):
                return True
        return super().is_settled

    def look(
        self,
        blocks: Sequence[WindowBlock],
        levels: Levels,
        end: Levels,
        *,
        elapsed_s: float | None = None,
    ) -> None:
        """Judge what is not settled, by the levels of this look; suspicions by those of the end."""
        for index in range(len(self.metrics)):
            if not self._is_settled(index):
                self._judge(index, blocks, levels, end, elapsed_s)
        self._void_by_control()

    def confirm(
        self,
        blocks: Sequence[WindowBlock],
        end: Levels,
        *,
        elapsed_s: float | None = None,
    ) -> None:
        """Judge again what waits for fresh blocks, after the last look, and nothing else."""
        for index in list(self._failed_after):
            self._judge(index, blocks, end, end, elapsed_s)
        self._void_by_control()

    def _judge(
        self,
        index: int,
        blocks: Sequence[WindowBlock],
        levels: Levels,
        end: Levels,
        elapsed_s: float | None,
    ) -> None:
        metric = self.metrics[index]
        failed_after = self._failed_after.get(index)
        if failed_after is None:
            verdict = decide(blocks, metric, levels)
            if verdict.outcome is Outcome.FAIL:
                self._failed_after[index] = len(blocks)
        elif len(blocks) < self._confirmed_after(failed_after):
            return
        else:
            del self._failed_after[index]
            verdict = _confirmed(decide(blocks, metric, end), len(blocks) - failed_after)
        self._verdicts[index] = structs.replace(verdict, decided_s=elapsed_s)

    def _confirmed_after(self, failed_after: int) -> int:
        fresh = max(1, math.ceil(FRESH_SHARE * failed_after - t_rule.ROUNDING))
        return max(FEWEST_SESSIONS, failed_after + fresh)

    def _void_by_control(self) -> None:
        """Take back all FAILs where a control fired; a suspicion among them starts anew.

        What disturbs the times says nothing of what is said, and the other way round.
        """
        fired: dict[bool, ChangeVerdict] = {}
        for metric, verdict in zip(self.metrics, self.verdicts, strict=True):
            if verdict.control_fired:
                fired.setdefault(metric.is_work, verdict)
        for index, verdict in enumerate(self.verdicts):
            is_work = self.metrics[index].is_work
            # One whose own control fired has been voided by it already.
            if is_work in fired and not verdict.control_fired:
                verdict = void(verdict, fired[is_work])
            if verdict.outcome is not Outcome.FAIL:
                self._failed_after.pop(index, None)
            if verdict.outcome is Outcome.INCONCLUSIVE:
                verdict = structs.replace(verdict, decided_s=None)
            self._verdicts[index] = verdict


def replay(
    blocks: Sequence[WindowBlock],
    metrics: Sequence[ComparedMetric],
    plan: BlockPlan,
    block_s: float | None = None,
) -> tuple[WindowLooks, int]:
    """What the looks settle on recorded blocks, and with how many of them the comparison ends.

    Verdicts say after how many seconds, where a block takes `block_s`. Blocks beyond the plan's are
    there to confirm a suspicion; without them it stays unconfirmed.
    """
    looks = WindowLooks(metrics)
    used = 0
    while used < min(plan.blocks, len(blocks)) and not looks.is_settled:
        used += 1
        levels = plan.levels_after(used)
        if levels is not None:
            elapsed_s = None if block_s is None else used * block_s
            looks.look(blocks[:used], levels, plan.end, elapsed_s=elapsed_s)
    wanted = looks.fresh_blocks_wanted(used)
    if wanted and used + wanted <= len(blocks):
        used += wanted
        elapsed_s = None if block_s is None else used * block_s
        looks.confirm(blocks[:used], plan.end, elapsed_s=elapsed_s)
    return looks, used


def _confirmed(pooled: ChangeVerdict, fresh: int) -> ChangeVerdict:
    verb = "is a fresh one" if fresh == 1 else "are fresh ones"
    reason = f"{pooled.reason}; {fresh} of the blocks {verb}, to confirm a FAIL"
    return structs.replace(pooled, confirmed=True, reason=reason)
