"""The recogniser that needs nothing but a package: pocketsphinx, with its own English model."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.quality.packages import import_package
from pytest_ttsperf.quality.resampling import resample

SAMPLE_RATE = 16_000


def recognize(samples: NDArray[np.float32], sample_rate: int) -> str:
    """What pocketsphinx hears, in small letters.

    `samples` has shape (frames,), full scale 1.0, `sample_rate` is in Hz. Its features are
    normalized over each call by itself, so that speech is heard alike whatever came before; in
    silence it hears a word or two, and not always the same. QualityError where pocketsphinx is not installed.
    """
    audio = np.clip(resample(samples, sample_rate, SAMPLE_RATE), -1, 1)
    if not audio.size:
        return ""
    decoder = _open_decoder()
    decoder.start_utt()
    try:
        decoder.process_raw((audio * 32767).astype("<i2").tobytes(), full_utt=True)
    finally:
        decoder.end_utt()
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis else ""


@functools.cache
def _open_decoder() -> Any:
    return import_package("pocketsphinx").Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
