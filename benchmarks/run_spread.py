"""How far the median length and level of speech move from run to run of unchanged code.

    python benchmarks/run_spread.py [--voices heart joe] [--runs 6] [--texts 59]

A run that is repeated with its own texts shows what the voice alone moves (`same`). Each run speaks
others, though: blocks of 5 texts show how far the texts alone move a median (`other`).
docs/adr/0036 rests on these figures.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import numpy as np

from engine import Engine
from pytest_ttsperf.measure import corpus
from pytest_ttsperf.metrics.audio import measure_sound

BLOCK = 5
PREFIXES = (5, 10, 20)


class SpeechFigures(NamedTuple):
    """One text as it was spoken: seconds from the first sound to the last, and its level."""

    speech_s: float
    level_dbfs: float


def speak(engine: Engine, text: str) -> SpeechFigures:
    """Speak a text and measure its sound as a run does."""
    sound = measure_sound(engine.synthesize(text).samples, engine.sample_rate)
    assert sound.onset_frame is not None
    assert sound.last_frame is not None
    assert sound.active_level_dbfs is not None
    frames = sound.last_frame - sound.onset_frame
    return SpeechFigures(frames / engine.sample_rate, sound.active_level_dbfs)


def speak_all(engine: Engine, texts: Sequence[str]) -> list[SpeechFigures]:
    """One run: each text once."""
    return [speak(engine, text) for text in texts]


def medians(runs: Sequence[Sequence[SpeechFigures]]) -> list[SpeechFigures]:
    """The median length and level of each run."""
    found = []
    for run in runs:
        lengths = [speech.speech_s for speech in run]
        levels = [speech.level_dbfs for speech in run]
        found.append(SpeechFigures(median(lengths), median(levels)))
    return found


def describe(middles: Sequence[SpeechFigures]) -> str:
    """Spread, and the farthest from the median of all."""
    lengths = [math.log(middle.speech_s) for middle in middles]
    levels = [middle.level_dbfs for middle in middles]
    farthest = max(abs(length - median(lengths)) for length in lengths)
    farthest_db = max(abs(level - median(levels)) for level in levels)
    return (
        f"length sd {np.std(lengths, ddof=1):6.2%} most {math.expm1(farthest):6.2%}   "
        f"level sd {np.std(levels, ddof=1):5.3f} dB most {farthest_db:5.3f} dB"
    )


def main() -> None:
    """Print a few lines for each voice and preset."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voices", nargs="+", default=["heart", "joe"])
    parser.add_argument("--presets", nargs="+", default=["short", "medium", "long"])
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--texts", type=int, default=59)
    options = parser.parse_args()
    for voice in options.voices:
        with Engine(voice) as engine:
            for preset in options.presets:
                texts = corpus.texts(preset, options.texts)
                runs = [speak_all(engine, texts) for _ in range(options.runs)]
                blocks = [
                    runs[0][at : at + BLOCK] for at in range(0, len(texts) - BLOCK + 1, BLOCK)
                ]
                few = [run[:BLOCK] for run in runs]
                prefixes = [runs[0][:count] for count in PREFIXES]
                label = f"{voice} {preset}"
                print(f"{label:13} same {options.texts:3} texts: {describe(medians(runs))}")
                print(f"{label:13} same   5 texts: {describe(medians(few))}")
                print(f"{label:13} other  5 texts: {describe(medians(blocks))}")
                print(f"{label:13} first 5/10/20 : {describe(medians(prefixes))}", flush=True)


if __name__ == "__main__":
    main()
