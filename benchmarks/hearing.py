"""What of two recordings can be heard to differ: spectra, a recogniser's errors, predicted opinion.

The latter two need packages that nothing else does: pip install -e '.[hearing]'
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

# Before any engine is imported, which would tell the makers of its runtime while it is measured.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

SAMPLE_RATE = 24_000
JUDGE_RATE = 16_000
PACKAGES = ("jiwer", "pocketsphinx", "speechmos")
RESAMPLINGS = 2000
MEL_BANDS = 80
MEL_WINDOW = 1024
FLOOR_DB = -60.0

Samples = NDArray[np.float32]


class Score(NamedTuple):
    """Of one sentence: words misheard of how many, and the opinion from 1 to 5."""

    errors: int
    words: int
    opinion: float


class Listener:
    """Hears a sentence as a recogniser (pocketsphinx) and as an audience (DNSMOS) would."""

    def __init__(self) -> None:
        """Raises ImportError if a package is missing; see available()."""
        from pocketsphinx import Decoder
        from speechmos import dnsmos

        self._decoder: Any = Decoder(samprate=JUDGE_RATE, loglevel="FATAL")
        self._opinion: Any = dnsmos

    @staticmethod
    def available() -> bool:
        """Whether its packages are installed."""
        return all(importlib.util.find_spec(package) for package in PACKAGES)

    def score(self, samples: Samples, text: str) -> Score:
        """Samples at 24 kHz, and what they should say."""
        import jiwer

        low = np.clip(resample_poly(samples, 2, 3), -1, 1).astype(np.float32)
        self._decoder.start_utt()
        self._decoder.process_raw((low * 32767).astype("<i2").tobytes(), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        said = re.sub(r"[^a-z' ]", "", text.lower())
        result = jiwer.process_words(said, hypothesis.hypstr if hypothesis else "")
        errors = result.substitutions + result.deletions + result.insertions
        opinion = self._opinion.run(low, sr=JUDGE_RATE)["ovrl_mos"]
        return Score(errors, len(said.split()), float(opinion))


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
    hop = MEL_WINDOW // 4
    count = (len(samples) - MEL_WINDOW) // hop + 1
    frames = np.stack([samples[at * hop : at * hop + MEL_WINDOW] for at in range(count)])
    power = np.abs(np.fft.rfft(frames * np.hanning(MEL_WINDOW))) ** 2
    edges_mel = np.linspace(0, 2595 * np.log10(1 + 12_000 / 700), MEL_BANDS + 2)
    edges = 700 * (10 ** (edges_mel / 2595) - 1)
    hertz = np.fft.rfftfreq(MEL_WINDOW, 1 / SAMPLE_RATE)
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bank = np.maximum(0, np.minimum((hertz - low) / (mid - low), (high - hertz) / (high - mid)))
    level: NDArray[np.float64] = 10 * np.log10(power @ bank.T + 1e-12)
    floored: NDArray[np.float64] = np.maximum(level, level.max() + FLOOR_DB)
    return floored


def mel_distance_db(one: Samples, other: Samples) -> float:
    """Root mean square over frames and bands."""
    return float(np.sqrt(np.mean((mel_db(one) - mel_db(other)) ** 2)))
