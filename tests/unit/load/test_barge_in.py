"""What is limited after a hanging up, judged on records."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.load import barge_in
from pytest_ttsperf.records import BargeIn, Outcome, Threshold

FOUND = BargeIn(hang_ups=30, stop_p95_ms=41.0, next_ttfa_ms=105.0, idle_ttfa_ms=100.0)
STOP = Threshold(
    marker="barge_in", keyword="stop_p95_ms", metric="barge_in_stop_ms", statistic="p95", limit=50
)
NEXT = Threshold(
    marker="barge_in", keyword="next_ttfa", metric="barge_in_next_ttfa", statistic="value",
    limit=0.1,
)  # fmt: skip


@pytest.mark.parametrize(
    ("found", "limit", "outcome"),
    [
        (FOUND, STOP, Outcome.PASS),
        (structs.replace(FOUND, stop_p95_ms=51.0), STOP, Outcome.FAIL),
        (FOUND, NEXT, Outcome.PASS),
        (structs.replace(FOUND, next_ttfa_ms=120.0), NEXT, Outcome.FAIL),
        (structs.replace(FOUND, next_ttfa_ms=90.0), NEXT, Outcome.PASS),
        (structs.replace(FOUND, idle_ttfa_ms=None), NEXT, Outcome.FAIL),
        (None, STOP, Outcome.FAIL),
    ],
)
def test_each_limit_is_of_its_figure(
    found: BargeIn | None, limit: Threshold, outcome: Outcome
) -> None:
    verdict = barge_in.judge(found, limit)
    assert verdict.outcome is outcome
    assert verdict.threshold == limit


def test_what_could_not_be_measured_says_why() -> None:
    found = BargeIn(hang_ups=0, reason="its processes cannot be read")
    assert "its processes cannot be read" in barge_in.judge(found, STOP).reason
    assert barge_in.NO_REASON in barge_in.judge(None, STOP).reason
