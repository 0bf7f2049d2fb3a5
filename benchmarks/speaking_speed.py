"""Whether speed means what it says: seconds and word errors of each voice at each speed.

    pip install -e '.[kokoro,piper,quality]'
    python benchmarks/speaking_speed.py [--voices heart,joe] [--speeds 0.5,2] [--sentences 24]
        [--seed 7] [--no-words]

Of each voice and speed: how long the sentences last together, times the speed, over what they last
at 1 (1.000 is what is promised); the sentence that is furthest off; and the share of words that
pocketsphinx has otherwise than the text. It was made for speech at normal speed, so the share grows
with speed for any voice; it is for comparing versions at one speed. Another version of the engine
is measured with PYTHONPATH=<its tree>. Exits with 1 if a voice at a speed is off by more than 3 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from kokoro_quality import sentences

from engine import Audio, Engine
from pytest_ttsperf.sound_quality.pocketsphinx_recognizer import recognize
from pytest_ttsperf.sound_quality.words import count_word_errors

VOICES = "heart,joe,jf_alpha"
SPEEDS = "0.25,0.5,0.8,1,1.2,1.5,2,3,4"
ALLOWED = 0.03


class SpeedRow(NamedTuple):
    """A voice at a speed. ratio, furthest: of seconds times speed to seconds at 1."""

    voice: str
    speed: float
    seconds: float
    ratio: float
    furthest: float
    errors: int | None
    words: int | None

    def line(self) -> str:
        """As it is printed."""
        share = f"{'-':>12}"
        if self.errors is not None and self.words is not None:
            share = f"{self.errors / self.words:6.3f} {self.errors:5d}"
        return (
            f"{self.voice:10} {self.speed:5.2f} {self.seconds:9.2f} {self.ratio:7.3f} "
            f"{self.furthest:9.3f} {share}"
        )


def count_errors(texts: Sequence[str], sounds: Sequence[Audio]) -> tuple[int, int]:
    """Words misheard, and words."""
    errors = words = 0
    for text, sound in zip(texts, sounds, strict=True):
        found = count_word_errors(text, recognize(sound.samples, sound.sample_rate))
        errors += found.errors
        words += found.words
    return errors, words


def measure(
    engine: Engine, voice: str, texts: Sequence[str], speeds: Sequence[float], *, hears: bool
) -> list[SpeedRow]:
    """A row for each speed, printed as soon as it is there."""
    natural = np.array([engine.synthesize(text).duration_s for text in texts])
    rows = []
    for speed in speeds:
        sounds = [engine.synthesize(text, speed=speed) for text in texts]
        seconds = np.array([sound.duration_s for sound in sounds])
        ratios = seconds * speed / natural
        furthest = ratios[np.argmax(np.abs(ratios - 1))]
        errors = words = None
        if hears:
            errors, words = count_errors(texts, sounds)
        ratio = float(seconds.sum() * speed / natural.sum())
        row = SpeedRow(voice, speed, float(seconds.sum()), ratio, float(furthest), errors, words)
        print(row.line(), flush=True)
        rows.append(row)
    return rows


def main() -> int:
    """Print a row for each voice and speed; exit 1 if one is off by more than 3 %."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--voices", default=VOICES)
    parser.add_argument("--speeds", default=SPEEDS)
    parser.add_argument("--sentences", type=int, default=24)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--no-words", action="store_true", help="leave the recogniser out")
    options = parser.parse_args()
    speeds = [float(speed) for speed in options.speeds.split(",")]
    texts = sentences(options.sentences, options.seed)
    print(f"{len(texts)} sentences, seed {options.seed}")
    print(f"{'voice':10} {'speed':>5} {'seconds':>9} {'ratio':>7} {'furthest':>9} word errors")
    rows: list[SpeedRow] = []
    for voice in options.voices.split(","):
        with Engine(voice) as engine:
            rows += measure(engine, voice, texts, speeds, hears=not options.no_words)
    return int(any(abs(row.ratio - 1) > ALLOWED for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
