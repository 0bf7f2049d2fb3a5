"""What repeated looks at the figures of one cell have settled, whatever its blocks are made of.

A PASS is settled as soon as it is reached. A FAIL waits for fresh blocks, and is judged again on
all blocks together: no single look accuses a version. Pure: starts, reads and writes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from pytest_ttsperf.records import ChangeVerdict, ComparedMetric, Outcome


class RepeatedLooks(ABC):
    """One verdict for each figure of a cell, and which of them further blocks may change.

    How a look judges, and after how many blocks it can confirm a FAIL, is a subclass's affair.
    """

    def __init__(self, metrics: Sequence[ComparedMetric]) -> None:
        self.metrics = tuple(metrics)
        self._verdicts: list[ChangeVerdict | None] = [None] * len(self.metrics)
        self._failed_after: dict[int, int] = {}
        """By figure: with how many blocks it failed first, and has not been confirmed since."""

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
        """How many more confirm every FAIL, where the cell has `done`; 0 for none."""
        wanted = 0
        for failed_after in self._failed_after.values():
            wanted = max(wanted, self._confirmed_after(failed_after) - done)
        return wanted

    def _is_settled(self, index: int) -> bool:
        verdict = self._verdicts[index]
        # What passed while its control fired goes on, lest it void the FAILs of others for good.
        if verdict is None or verdict.control_fired:
            return False
        is_confirmed = verdict.outcome is Outcome.FAIL and verdict.confirmed
        return verdict.outcome is Outcome.PASS or is_confirmed

    @abstractmethod
    def _confirmed_after(self, failed_after: int) -> int:
        """With how many blocks a FAIL that rests on so many can be confirmed."""
