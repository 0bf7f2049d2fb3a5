from __future__ import annotations

import numpy as np
import pytest

from pytest_ttsperf.metrics.audio import measure_level
from pytest_ttsperf.records import Level


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_level_of_ordinary_samples():
    found = measure_level(floats(0.5, -0.75, 0.0, 0.1))
    assert found == Level(peak=0.75, clipped_share=0.0, non_finite=0)


def test_clipped_share_counts_both_signs_and_full_scale_of_16_bits():
    found = measure_level(floats(1.0, -1.0, 32767 / 32768, 0.998))
    assert found.clipped_share == 0.75
    assert found.peak == 1.0


def test_samples_that_are_no_numbers_are_counted_apart():
    found = measure_level(floats(np.nan, np.inf, -np.inf, 0.5))
    assert found == Level(peak=0.5, clipped_share=0.0, non_finite=3)


@pytest.mark.parametrize(("samples", "non_finite"), [(floats(), 0), (floats(np.nan), 1)])
def test_nothing_finite_has_no_level(samples, non_finite):
    assert measure_level(samples) == Level(peak=None, clipped_share=None, non_finite=non_finite)
