"""Late trials: how many take much longer than their text usually does, in each arm of a block.

A quantile says how late the late ones are. Where few texts are slow it hardly moves, however slow
they are: with one text in fifty it does not move at all. The share of late trials does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pytest_ttsperf.judge.statistics.estimators import drop_incomplete
from pytest_ttsperf.judge.statistics.exact_counts import ArmCounts, count_events
from pytest_ttsperf.records import Arms


def find_late(arms: Arms, band: float) -> npt.NDArray[np.bool_]:
    """[arms, texts]: which trials are later than exp(band) times their text's median over the arms.

    Of the texts that all arms measured. What makes a text or a moment slow for all of them is in
    the median too, and makes none late.
    """
    values = drop_incomplete(arms)
    usual = np.median(values, axis=0)
    return np.asarray(values > math.exp(band) * usual)


def count_late(blocks: Sequence[Arms], band: float) -> ArmCounts:
    """Count the late trials of each block and arm."""
    return count_events([find_late(arms, band) for arms in blocks])
