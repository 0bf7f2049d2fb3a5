"""The one error for two versions that cannot be compared."""

from __future__ import annotations

from pytest_ttsperf.records import Outcome


class Incomparable(Exception):
    """There is no comparison; `reason` says why, `outcome` what that is worth as a verdict.

    INCONCLUSIVE where nothing is wrong, as for what is new; INVALID where something is.
    """

    def __init__(
        self,
        reason: str,
        outcome: Outcome = Outcome.INVALID,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.outcome = outcome
