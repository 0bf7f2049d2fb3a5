"""Predicted opinion of listeners, from 1 to 5."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.errors import QualityError
from pytest_ttsperf.sound_quality.function_process import TIMEOUT_S, FunctionProcess
from pytest_ttsperf.sound_quality.packages import import_package, require_package
from pytest_ttsperf.sound_quality.resampling import resample

DNSMOS_RATE = 16_000
PACKAGES = ("librosa", "onnxruntime", "requests", "speechmos")
"""speechmos needs the others without saying so."""
FUNCTION = "pytest_ttsperf.sound_quality.opinion:predict_mos"


def predict_mos(samples: NDArray[np.float32], sample_rate: int) -> float:
    """Overall quality as DNSMOS P.835 predicts it (`ovrl_mos` of speechmos), from 1 to 5.

    `samples` has shape (frames,), full scale 1.0, `sample_rate` is in Hz; DNSMOS hears 16 kHz.
    QualityError without any samples, and where a package is not installed.
    """
    if not samples.size:  # speechmos would repeat them for ever, up to the length of its window
        raise QualityError("found no samples, wanted audio whose quality can be predicted")
    for package in PACKAGES:
        require_package(package)
    dnsmos = import_package("speechmos", "dnsmos")
    audio = np.clip(resample(samples, sample_rate, DNSMOS_RATE), -1, 1)
    return float(dnsmos.run(audio, sr=DNSMOS_RATE)["ovrl_mos"])


class OpinionPredictor(FunctionProcess):
    """`predict_mos` in a process of its own: a context manager."""

    def __init__(self, *, timeout_s: float = TIMEOUT_S) -> None:
        """QualityError where a package is missing."""
        for package in PACKAGES:
            require_package(package)
        super().__init__(FUNCTION, timeout_s=timeout_s)

    def predict(self, samples: NDArray[np.float32], sample_rate: int) -> float:
        """As `predict_mos`; QualityError as for `FunctionProcess.call` as well."""
        mos: Any = self.call(samples, sample_rate)
        return float(mos)
