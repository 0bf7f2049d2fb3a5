"""The recogniser that needs nothing but a package: pocketsphinx, with its own English model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.sound_quality.packages import import_package
from pytest_ttsperf.sound_quality.resampling import resample

SAMPLE_RATE = 16_000


def recognize(samples: NDArray[np.float32], sample_rate: int) -> str:
    """What pocketsphinx hears, in small letters, whatever it heard before.

    `samples` has shape (frames,), full scale 1.0, `sample_rate` is in Hz. In silence it hears a
    word. QualityError where pocketsphinx is not installed.
    """
    audio = np.clip(resample(samples, sample_rate, SAMPLE_RATE), -1, 1)
    if not audio.size:
        return ""
    # A decoder that is used again hears a few words otherwise, so each call opens its own.
    decoder = import_package("pocketsphinx").Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw((audio * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis else ""
