"""What of two recordings can be heard to differ: spectra, a recogniser's errors, predicted opinion.

The latter two need packages that nothing else does: pip install -e '.[hearing]'
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.sound_quality.opinion import PACKAGES as OPINION_PACKAGES
from pytest_ttsperf.sound_quality.opinion import predict_mos
from pytest_ttsperf.sound_quality.packages import require_package
from pytest_ttsperf.sound_quality.pocketsphinx_recognizer import recognize
from pytest_ttsperf.sound_quality.timbre import log_powers, mel_powers, split_frames
from pytest_ttsperf.sound_quality.words import count_word_errors

# Before any engine is imported, which would tell the makers of its runtime while it is measured.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

SAMPLE_RATE = 24_000
PACKAGES = ("jiwer", "pocketsphinx", *OPINION_PACKAGES)
RESAMPLINGS = 2000
MEL_BANDS = 80
MEL_WINDOW = 1024
RANGE_DB = 60.0

Samples = NDArray[np.float32]


class Score(NamedTuple):
    """Of one sentence: words misheard of how many, and the opinion from 1 to 5."""

    errors: int
    words: int
    opinion: float


class Listener:
    """Hears a sentence as a recogniser (pocketsphinx) and as an audience (DNSMOS) would."""

    def __init__(self) -> None:
        """Raises QualityError if a package is missing; see available()."""
        for package in PACKAGES:
            require_package(package)

    @staticmethod
    def available() -> bool:
        """Whether its packages are installed."""
        return all(importlib.util.find_spec(package) for package in PACKAGES)

    def score(self, samples: Samples, text: str) -> Score:
        """Samples at 24 kHz, and what they should say."""
        words = count_word_errors(text, recognize(samples, SAMPLE_RATE))
        return Score(words.errors, words.words, predict_mos(samples, SAMPLE_RATE))


class Comparison(NamedTuple):
    """One side against another over the same sentences; intervals are of the paired difference.

    error_rates, opinions: of one side and of the other.
    """

    error_rates: tuple[float, float]
    opinions: tuple[float, float]
    error_interval: tuple[float, float]
    opinion_interval: tuple[float, float]

    @property
    def worse(self) -> bool:
        """Whether the first side is worse in either, beyond noise."""
        return self.error_interval[0] > 0 or self.opinion_interval[1] < 0

    def table(self, names: tuple[str, str]) -> str:
        """A row for each side, and one for the difference."""
        rows = [f"  {'':20} {'word errors':>12} {'opinion':>9}"]
        for name, wrong, opinion in zip(names, self.error_rates, self.opinions, strict=True):
            rows.append(f"  {name:20} {wrong:12.3f} {opinion:9.3f}")
        (low, high), (least, most) = self.error_interval, self.opinion_interval
        rows.append(
            f"  difference, 95 %: word errors {low:+.3f} to {high:+.3f}, "
            f"opinion {least:+.3f} to {most:+.3f}"
        )
        return "\n".join(rows)


def compare(one: Sequence[Score], other: Sequence[Score]) -> Comparison:
    """Scores of the same sentences, in the same order."""
    words = sum(score.words for score in one)
    errors = np.stack([field_of(side, "errors") for side in (one, other)])
    opinions = np.stack([field_of(side, "opinion") for side in (one, other)])
    wrong, liked = errors.sum(axis=1) / words, opinions.mean(axis=1)
    return Comparison(
        (float(wrong[0]), float(wrong[1])),
        (float(liked[0]), float(liked[1])),
        interval((errors[0] - errors[1]) * len(one) / words),
        interval(opinions[0] - opinions[1]),
    )


def field_of(scores: Sequence[Score], field: str) -> NDArray[Any]:
    """One field of each score."""
    return np.array([getattr(score, field) for score in scores])


def interval(values: NDArray[Any]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean."""
    draw = np.random.default_rng(0).integers(0, len(values), (RESAMPLINGS, len(values)))
    low, high = np.quantile(values[draw].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def mel_db(samples: Samples) -> NDArray[np.float64]:
    """Log-mel frames in dB, floored."""
    frames = split_frames(samples, MEL_WINDOW, MEL_WINDOW // 4)
    powers = mel_powers(frames, SAMPLE_RATE, bands=MEL_BANDS, highest_hz=SAMPLE_RATE / 2)
    return log_powers(powers, RANGE_DB)


def mel_distance_db(one: Samples, other: Samples) -> float:
    """Root mean square over frames and bands."""
    return float(np.sqrt(np.mean((mel_db(one) - mel_db(other)) ** 2)))
