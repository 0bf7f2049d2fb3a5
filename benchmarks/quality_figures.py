"""What the judges of quality say of our own voices, and what they cost; for docs/adr/0035.

    python benchmarks/quality_figures.py [--texts 20]

Timbre: distances between two versions of the same text. Words: errors of the default recogniser,
which are its own. Cost: seconds of this machine for a second of audio.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, lfilter

# Before any engine is imported, which would tell the makers of its runtime while it is measured.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from engine.engine import Engine
from pytest_ttsperf.measure import corpus
from pytest_ttsperf.sound_quality.loudness import integrated_lufs, true_peak_dbtp
from pytest_ttsperf.sound_quality.recognizer import Recognizer
from pytest_ttsperf.sound_quality.timbre import mel_profile, profile_distance_db
from pytest_ttsperf.sound_quality.words import count_word_errors

VOICES = ("heart", "joe")


class Speech(NamedTuple):
    """Audio of one text: samples of shape (frames,), and their rate in Hz."""

    samples: NDArray[np.float32]
    sample_rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.samples.size / self.sample_rate


def speak(voice: str, seed: int, texts: Sequence[str]) -> list[Speech]:
    """Each text by a voice."""
    speeches = []
    with Engine(voice, seed=seed) as engine:
        for text in texts:
            chunks = [chunk.samples for chunk in engine.stream(text)]
            speeches.append(Speech(np.concatenate(chunks), engine.sample_rate))
    return speeches


def low_pass(speech: Speech, hertz: float) -> Speech:
    """The same audio without what is above a frequency."""
    taps = firwin(301, hertz, fs=speech.sample_rate)
    return Speech(lfilter(taps, 1.0, speech.samples).astype(np.float32), speech.sample_rate)


def transpose(speech: Speech, factor: float) -> Speech:
    """The same audio faster and higher."""
    return Speech(speech.samples, round(speech.sample_rate * factor))


def distances(one: Sequence[Speech], other: Sequence[Speech]) -> list[float]:
    """Of each text, in dB."""
    found = []
    for first, second in zip(one, other, strict=True):
        profiles = (mel_profile(*first), mel_profile(*second))
        assert profiles[0] is not None
        assert profiles[1] is not None
        found.append(profile_distance_db(profiles[0], profiles[1]))
    return found


def print_row(name: str, values: Sequence[float]) -> None:
    """Median and range of distances."""
    print(f"  {name:32} {np.median(values):7.3f} {min(values):7.3f} {max(values):7.3f}")


def print_timbre(speeches: dict[str, list[Speech]], texts: Sequence[str]) -> None:
    """Distances of each voice to itself in other states, and of both."""
    print(f"  {'log-mel distance, dB':32} {'median':>7} {'least':>7} {'most':>7}")
    for voice in VOICES:
        original = speeches[voice]
        print_row(f"{voice}, another seed", distances(original, speak(voice, 1, texts)))
        print_row(f"{voice}, the next text", distances(original[:-1], original[1:]))
        for hertz in (8_000, 4_000):
            narrow = [low_pass(speech, hertz) for speech in original]
            print_row(f"{voice}, only below {hertz} Hz", distances(original, narrow))
        higher = [transpose(speech, 1.1) for speech in original]
        print_row(f"{voice}, 10 % higher", distances(original, higher))
    print_row("heart and joe", distances(speeches["heart"], speeches["joe"]))


def print_words(speeches: dict[str, list[Speech]], texts: Sequence[str]) -> None:
    """Errors of the recogniser, and how long it takes."""
    with Recognizer() as recognizer:
        recognizer.transcribe(*speeches["heart"][0])  # imports it
        for voice in VOICES:
            start_s = time.perf_counter()
            transcripts = [recognizer.transcribe(*speech) for speech in speeches[voice]]
            took_s = time.perf_counter() - start_s
            errors = [count_word_errors(*pair) for pair in zip(texts, transcripts, strict=True)]
            rate = sum(one.errors for one in errors) / sum(one.words for one in errors)
            runs = sorted(one.worst_run for one in errors)
            seconds = sum(speech.seconds for speech in speeches[voice])
            print(
                f"  {voice}: word error rate {rate:.0%}, longest runs {runs[0]} to {runs[-1]}, "
                f"median {runs[len(runs) // 2]}; {took_s / seconds:.2f} s for a second of audio"
            )


def print_cost(speeches: Sequence[Speech]) -> None:
    """CPU time of what runs in the process itself."""
    judges: dict[str, Callable[[Speech], Any]] = {
        "timbre": lambda speech: mel_profile(*speech),
        "loudness": lambda speech: integrated_lufs(*speech),
        "true peak": lambda speech: true_peak_dbtp(speech.samples),
    }
    seconds = sum(speech.seconds for speech in speeches)
    for name, judge in judges.items():
        judge(speeches[0])
        start_s = time.process_time()
        for speech in speeches:
            judge(speech)
        cost_ms = (time.process_time() - start_s) / seconds * 1e3
        print(f"  {name}: {cost_ms:.1f} ms of CPU time for a second of audio")


def main() -> None:
    """Print all three."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=int, default=20)
    options = parser.parse_args()
    texts = corpus.texts("medium", options.texts)
    speeches = {voice: speak(voice, 0, texts) for voice in VOICES}
    print_timbre(speeches, texts)
    print_words(speeches, texts)
    print_cost(speeches["heart"])


if __name__ == "__main__":
    main()
