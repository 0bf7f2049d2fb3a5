"""Late trials: how many take much longer than their text usually does, in each arm of a block.

A quantile says how late the late ones are. Where few texts are slow it hardly moves, however slow
they are: with one text in fifty it does not move at all. The share of late trials does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pytest_ttsperf.judge.statistics.estimators import Array, drop_incomplete
from pytest_ttsperf.judge.statistics.exact_counts import ArmCounts, count_events
from pytest_ttsperf.records import Arms


def find_late(values: Array, band: float) -> npt.NDArray[np.bool_]:
    """Which of [arms, texts] are later than exp(band) times the median of their text.

    The median is that of the arms, of four the lower one: with two arms of each version the middle
    would lie between the versions. Each arm has an equal part in it. What makes a text or a moment
    slow for all of them is in it too, and makes none late.
    """
    arm_count, _ = values.shape
    lower_median = np.sort(values, axis=0)[(arm_count - 1) // 2]
    return np.asarray(values > math.exp(band) * lower_median)


def count_late(blocks: Sequence[Arms], band: float) -> ArmCounts:
    """Count the late trials of each block and arm, of the texts that all arms measured."""
    return count_events([find_late(drop_incomplete(arms), band) for arms in blocks])
