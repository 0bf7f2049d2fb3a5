"""Order of trials, and when warming up is over."""

from __future__ import annotations

import pytest

from pytest_ttsperf.measure.schedule import (
    MAX_WARMUPS,
    Steady,
    schedule_cold_trials,
    schedule_trials,
)


def test_warm_steps_share_a_process_and_cold_ones_do_not() -> None:
    warm = list(schedule_trials(["a", "b"], "trial", first=5))
    assert [(s.index, s.process, s.text) for s in warm] == [(5, 0, "a"), (6, 0, "b")]
    assert [s.process for s in schedule_trials(["a", "b"], "probe", process=3)] == [3, 3]
    cold = list(schedule_cold_trials(["a", "b"], first=5))
    assert [(s.index, s.process, s.kind) for s in cold] == [(5, 5, "trial"), (6, 6, "trial")]


@pytest.mark.parametrize(
    ("rtfs", "reached"),
    [
        ([1.0, 1.0, 1.0], False),
        ([1.0, 1.0, 1.0, 1.0], True),
        ([9.0, 1.0, 1.0, 1.0], False),
        ([9.0, 1.0, 1.0, 1.0, 1.0], True),
        ([1.0, 1.0, 0.8, 0.8], False),
        ([1.0, 1.0, 0.9, 0.9], True),
        ([1.0, 1.0, 3.0, 3.0], True),
        ([None, None, None, None], False),
        ([1.0, 1.0, 1.0, None], False),
    ],
)
def test_steady(rtfs: list[float | None], reached: bool) -> None:
    steady = Steady()
    for rtf in rtfs:
        steady.feed(rtf)
    assert steady.reached is reached


def test_a_target_that_never_gets_steady_is_not_waited_for_forever() -> None:
    steady = Steady()
    for power in range(MAX_WARMUPS):
        steady.feed(0.5**power)
        assert not steady.reached
