"""Which trials are late, and in which arm."""

from __future__ import annotations

import math

import numpy as np

from pytest_ttsperf.judge.statistics.late_share import count_late, find_late
from pytest_ttsperf.records import Arms
from tests.unit.judge.simulation import arms

BAND = math.log(1.15)


def test_late_is_what_takes_much_longer_than_its_text_does() -> None:
    values = np.full((3, 6), 70.0) * np.array([1.0, 2.0, 1.0, 1.0, 1.0, 1.0])
    values[2, 0] *= 1.2
    values[0, 1] *= 1.16
    values[1, 2] *= 1.14
    found = find_late(arms(values), BAND)
    assert np.argwhere(found).tolist() == [[0, 1], [2, 0]]


def test_a_moment_that_is_slow_for_all_makes_nobody_late() -> None:
    values = np.full((3, 4), 70.0)
    values[:, 1] *= 1.5
    values[:2, 2] *= 1.5
    assert not find_late(arms(values), BAND).any()


def test_what_one_arm_did_not_measure_is_nobodys() -> None:
    values = np.full((3, 4), 70.0)
    values[2, 0] = 140.0
    values[0, 0] = np.nan
    assert find_late(arms(values), BAND).shape == (3, 3)
    assert not find_late(arms(values), BAND).any()


def test_counts_are_by_block_and_arm() -> None:
    quick = Arms(baseline=(1.0,) * 4, control=(1.0,) * 4, candidate=(1.0,) * 4)
    slow = Arms(baseline=(1.0,) * 2, control=(1.0,) * 2, candidate=(1.0, 2.0))
    counts = count_late([quick, slow], BAND)
    assert counts.events.tolist() == [[0, 0, 0], [0, 0, 1]]
    assert counts.texts.tolist() == [4, 2]


def test_all_arms_are_alike() -> None:
    """With the median of all, no arm of the same code is late more often than another."""
    rng = np.random.default_rng(1)
    values = 70 * np.exp(rng.normal(0, 0.075, (3, 30_000)))
    shares = find_late(arms(values), BAND).mean(axis=1)
    assert np.ptp(shares) < 0.15 * shares.mean()
