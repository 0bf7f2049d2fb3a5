"""Which trials are late, and in which arm."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_ttsperf.judge.statistics.late_share import count_late, find_late
from pytest_ttsperf.records import Arms
from tests.unit.judge.simulation import arms

BAND = math.log(1.15)


def test_late_is_what_takes_much_longer_than_its_text_does() -> None:
    values = np.full((3, 6), 70.0) * np.array([1.0, 2.0, 1.0, 1.0, 1.0, 1.0])
    values[2, 0] *= 1.2
    values[0, 1] *= 1.16
    values[1, 2] *= 1.14
    found = find_late(values, BAND)
    assert np.argwhere(found).tolist() == [[0, 1], [2, 0]]


def test_a_moment_that_is_slow_for_all_makes_nobody_late() -> None:
    values = np.full((3, 4), 70.0)
    values[:, 1] *= 1.5
    values[:2, 2] *= 1.5
    assert not find_late(values, BAND).any()


def test_both_arms_of_a_version_may_be_late() -> None:
    values = np.full((4, 4), 70.0)
    values[2:, 1] *= 1.2
    assert np.argwhere(find_late(values, BAND)).tolist() == [[2, 1], [3, 1]]


def test_what_one_arm_did_not_measure_is_nobodys() -> None:
    values = np.full((3, 4), 70.0)
    values[2, 0] = 140.0
    values[0, 0] = np.nan
    counts = count_late([arms(values)], BAND)
    assert counts.events.tolist() == [[0, 0, 0]]
    assert counts.texts.tolist() == [3]


def test_counts_are_by_block_and_arm() -> None:
    quick = Arms(baseline=(1.0,) * 4, control=(1.0,) * 4, candidate=(1.0,) * 4)
    slow = Arms(baseline=(1.0,) * 2, control=(1.0,) * 2, candidate=(1.0, 2.0))
    counts = count_late([quick, slow], BAND)
    assert counts.events.tolist() == [[0, 0, 0], [0, 0, 1]]
    assert counts.texts.tolist() == [4, 2]


@pytest.mark.parametrize("arm_count", [3, 4])
def test_all_arms_are_alike(arm_count: int) -> None:
    """No arm of the same code is late more often than another, as all have a part in the median."""
    rng = np.random.default_rng(1)
    values = 70 * np.exp(rng.normal(0, 0.075, (arm_count, 30_000)))
    shares = find_late(values, BAND).mean(axis=1)
    assert np.ptp(shares) < 0.15 * shares.mean()
