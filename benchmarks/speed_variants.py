"""Which way of speaking fast is understood best, for a voice of the piper family.

    pip install -e '.[piper,quality]'
    python benchmarks/speed_variants.py [--voice joe] [--speed 2] [--sentences 20] [--seed 9]

Each variant says the same sentences at the same real speed: the model's durations up to its limit,
Sonic beyond. A row for each: the limit, the evenness (EVENNESS of engine/models/windows.py: the
lower, the more long sounds and pauses give), how a phoneme and the pad behind it are timed, the
share of the voice's noise, seconds times speed over those at 1, and the words that pocketsphinx has
otherwise than the text. Variants are compared sentence by sentence, so the last column is how many
sentences have fewer words misheard than with the first variant, and how many have more.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from kokoro_quality import sentences

from engine import Audio, Engine
from engine.models import windows
from engine.models.base import SpeedRange
from engine.models.piper import model as piper
from engine.models.windows import ALONE, Pairing
from pytest_ttsperf.sound_quality.pocketsphinx_recognizer import recognize
from pytest_ttsperf.sound_quality.words import count_word_errors

WITH_PAD = Pairing(2, 1)
WITHOUT_PAD = Pairing(2, 0)


class Variant(NamedTuple):
    """How fast speech is made. The defaults are the first ones of the engine."""

    name: str
    fastest: float = 1.5
    evenness: float = 0.3
    pairing: Pairing = ALONE
    noise: float = 1.0


VARIANTS = (
    Variant("as it was"),
    Variant(
        "as it is",
        fastest=piper.FASTEST,
        evenness=windows.EVENNESS,
        pairing=piper.PAIRING,
        noise=piper.FAST_NOISE,
    ),
    Variant("model to 1.15", fastest=1.15),
    Variant("model to 1.3", fastest=1.3),
    Variant("pauses first", fastest=1.15, evenness=0.0),
    Variant("more uneven", evenness=0.0),
    Variant("more uneven to 1.3", fastest=1.3, evenness=0.0),
    Variant("with its pad", pairing=WITH_PAD),
    Variant("with its pad to 1.3", fastest=1.3, pairing=WITH_PAD),
    Variant("... 0.7 of the noise", fastest=1.3, pairing=WITH_PAD, noise=0.7),
    Variant("... a quarter of the noise", fastest=1.3, pairing=WITH_PAD, noise=0.25),
    Variant("pads may vanish", pairing=WITHOUT_PAD),
    Variant("pads may vanish, to 1.75", fastest=1.75, pairing=WITHOUT_PAD),
    Variant("half the noise", noise=0.5),
    Variant("half the noise, pads may vanish", pairing=WITHOUT_PAD, noise=0.5),
    Variant("hardly any noise", noise=0.1),
)


class Found(NamedTuple):
    """What a variant came to. errors: misheard words of each sentence."""

    ratio: float
    errors: list[int]
    words: int


@contextmanager
def in_force(variant: Variant) -> Iterator[None]:
    """Have the engine speak so while the body runs."""
    before = (piper.FASTEST, windows.EVENNESS, piper.PAIRING, piper.FAST_NOISE)
    piper.FASTEST = variant.fastest
    piper.PiperModel.speeds = SpeedRange(piper.SLOWEST, variant.fastest)
    windows.EVENNESS = variant.evenness
    piper.PAIRING = variant.pairing
    piper.FAST_NOISE = variant.noise
    try:
        yield
    finally:
        piper.FASTEST = before[0]
        piper.PiperModel.speeds = SpeedRange(piper.SLOWEST, piper.FASTEST)
        windows.EVENNESS = before[1]
        piper.PAIRING = before[2]
        piper.FAST_NOISE = before[3]


def speak_all(engine: Engine, texts: Sequence[str], speed: float) -> list[Audio]:
    """Each of the texts."""
    return [engine.synthesize(text, speed=speed) for text in texts]


def total_s(sounds: Sequence[Audio]) -> float:
    """How long they last together."""
    return sum(sound.duration_s for sound in sounds)


def measure(engine: Engine, texts: Sequence[str], speed: float, natural_s: float) -> Found:
    """Speak the texts and listen."""
    sounds = speak_all(engine, texts, speed)
    errors = []
    words = 0
    for text, sound in zip(texts, sounds, strict=True):
        found = count_word_errors(text, recognize(sound.samples, sound.sample_rate))
        errors.append(found.errors)
        words += found.words
    return Found(total_s(sounds) * speed / natural_s, errors, words)


def describe(variant: Variant, found: Found, first: Found) -> str:
    """A row."""
    pairing = "alone" if variant.pairing == ALONE else f"{variant.pairing.least} at least"
    better = worse = 0
    for errors, errors_first in zip(found.errors, first.errors, strict=True):
        better += errors < errors_first
        worse += errors > errors_first
    misheard = sum(found.errors)
    return (
        f"{variant.name:32} {variant.fastest:5.2f} {variant.evenness:5.2f} {pairing:>10} "
        f"{variant.noise:5.2f} {found.ratio:6.3f} {misheard / found.words:6.3f} ({misheard:3d}) "
        f"{better:3d} {worse:3d}"
    )


def main() -> int:
    """Print a row for each variant."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--voice", default="joe", help="of the piper family; default: %(default)s")
    parser.add_argument("--speed", type=float, default=2.0)
    parser.add_argument("--sentences", type=int, default=20)
    parser.add_argument("--seed", type=int, default=9)
    options = parser.parse_args()
    texts = sentences(options.sentences, options.seed)
    print(f"{len(texts)} sentences, seed {options.seed}, {options.voice} at {options.speed:g}")
    print(
        f"{'variant':32} {'model':>5} {'even':>5} {'pads':>10} {'noise':>5} {'ratio':>6} misheard "
        "      better worse"
    )
    first: Found | None = None
    with Engine(options.voice) as engine:
        natural_s = total_s(speak_all(engine, texts, 1.0))
        for variant in VARIANTS:
            with in_force(variant):
                found = measure(engine, texts, options.speed, natural_s)
            first = first or found
            print(describe(variant, found, first), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
