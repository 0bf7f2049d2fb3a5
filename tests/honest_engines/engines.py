"""Honest engines in small: each has a trait that a guard against false numbers might trip over.

They speak no words, but their sound has what the guards look at: syllables with voice and
consonants, pauses where the text has commas and ends of sentences, and a length that goes with the
text. All of it is computed when it is asked for. Imports numpy alone, so that a scratch project can
have a copy of this file.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SECONDS_PER_LETTER = 0.075
PAUSE_S = 0.2
SENTENCE_PAUSE_S = 0.4
PITCH_HZ = 120.0
HARMONICS = 10
CONSONANT_SHARE = 0.25
"""Of a word: so much of its beginning is noise, and reaches up to half the sample rate."""
ROOM_LEVEL = 1e-4
"""-80 dBFS: pauses are not digital silence, as no recording is."""
LEVEL = 0.1
"""Of the first harmonic; where such a voice is active it has -22.6 dBFS."""
WORD = re.compile(r"[\w']+|[,;:.!?]")
SENTENCE = re.compile(r"[^.!?]+[.!?]*\s*")


class Speaker:
    """Streams in chunks of 80 ms, each computed when its turn comes."""

    sample_rate = 24_000
    chunk_s = 0.08
    level = LEVEL
    lead_in_s = 0.05
    seconds_per_letter = SECONDS_PER_LETTER
    effort = 0.0
    """Seconds of CPU that a second of audio costs at least; the sound alone costs some .003."""

    def __init__(self, provider: str = "cpu") -> None:
        self.provider = provider
        self.noise = np.random.default_rng()

    def stream(self, text: str) -> Iterator[Any]:
        """Chunks of sound, word by word as they become ready."""
        size = round(self.chunk_s * self.sample_rate)
        waiting = np.zeros(0, np.float32)
        for part in self.speak(text):
            waiting = np.concatenate([waiting, part])
            while waiting.size >= size:
                yield self.encode(waiting[:size].copy())
                waiting = waiting[size:]
        if waiting.size:
            yield self.encode(waiting)

    def synthesize(self, text: str) -> Any:
        """All of it at once."""
        return self.encode(np.concatenate(list(self.speak(text))))

    def encode(self, samples: Samples) -> Any:
        """A chunk as this engine hands it over."""
        return samples

    def placement(self) -> dict[str, Any]:
        """Where it runs, as our own engine tells it."""
        return {"nodes": {"CPUExecutionProvider": 1}, "provider": "CPUExecutionProvider"}

    def speak(self, text: str) -> Iterator[Samples]:
        """The sound of a text: silence ahead, then word by word and pause by pause."""
        yield self.room(self.lead_in_s)
        for token in WORD.findall(text):
            started_s = time.thread_time()
            part = self.pause(token) if token in ",;:.!?" else self.word(token)
            self.work_on(started_s, part)
            yield part

    def work_on(self, started_s: float, part: Samples) -> None:
        """Spend what is left of the CPU time that such a part costs."""
        until_s = started_s + self.effort * part.size / self.sample_rate
        while time.thread_time() < until_s:
            np.fft.rfft(self.noise.standard_normal(1024))

    def pause(self, mark: str) -> Samples:
        """After a comma, or longer after a sentence."""
        return self.room(SENTENCE_PAUSE_S if mark in ".!?" else PAUSE_S)

    def room(self, seconds: float, level: float = ROOM_LEVEL) -> Samples:
        """Noise of an empty room."""
        return self._noise(round(seconds * self.sample_rate), level)

    def word(self, letters: str) -> Samples:
        """A consonant and a vowel for every three letters."""
        syllables = max(1, round(len(letters) / 3))
        seconds = (len(letters) + 1) * self.seconds_per_letter / syllables
        return np.concatenate([self._syllable(seconds) for _ in range(syllables)])

    def _syllable(self, seconds: float) -> Samples:
        size = round(seconds * self.sample_rate)
        at_s = np.arange(size) / self.sample_rate
        voice = np.zeros(size)
        for harmonic in range(1, HARMONICS + 1):
            voice += np.sin(2 * np.pi * PITCH_HZ * harmonic * at_s) / harmonic
        consonant = round(CONSONANT_SHARE * size)
        voice[:consonant] = 0.3 * self.noise.standard_normal(consonant)
        rise = np.minimum(at_s, at_s[::-1]) / 0.02
        return (self.level * np.minimum(rise, 1.0) * voice).astype(np.float32) + self._noise(
            size, min(ROOM_LEVEL, self.level / 100)
        )

    def _noise(self, size: int, level: float) -> Samples:
        return (level * self.noise.standard_normal(size)).astype(np.float32)


class OneChunk(Speaker):
    """Has no stream: all sound comes at once."""

    def stream(self, text: str) -> Iterator[Any]:
        """A single chunk."""
        yield self.synthesize(text)


class Slow(Speaker):
    """As slow as Kokoro on two cores: half as long to make as to play, in chunks of a quarter."""

    chunk_s = 0.24
    effort = 0.5
    seconds_per_letter = 0.8 * SECONDS_PER_LETTER


class Fast(Speaker):
    """500 times faster than real time: two sines for a voice, which is little, and honest."""

    effort = 0.002

    def _syllable(self, seconds: float) -> Samples:
        at_s = np.arange(round(seconds * self.sample_rate), dtype=np.float32) / self.sample_rate
        phase = 2 * np.pi * PITCH_HZ * at_s
        rise = np.minimum(np.minimum(at_s, at_s[::-1]) / 0.02, 1.0)
        hum: Samples = (self.level * rise * (np.sin(phase) + np.sin(8 * phase))).astype(np.float32)
        return hum


class LeadIn(Speaker):
    """Half a second passes before it begins to speak, as with many trained voices."""

    lead_in_s = 0.5


class Quiet(Speaker):
    """A voice of -45 dBFS where it is active."""

    level = LEVEL / 13


class Breathing(Speaker):
    """Stops every few words for most of a second, and is heard to draw breath."""

    words_in_a_breath = 5
    pause_s = 0.7
    breath_s = 0.25
    breath_level = 10 ** (-50 / 20)

    def speak(self, text: str) -> Iterator[Samples]:
        """Words, and after some of them a breath."""
        for count, part in enumerate(super().speak(text)):
            yield part
            if (count + 1) % self.words_in_a_breath == 0:
                yield self.room((self.pause_s - self.breath_s) / 2)
                yield self.room(self.breath_s, self.breath_level)
                yield self.room((self.pause_s - self.breath_s) / 2)


class Int16(Speaker):
    """Hands over 16-bit samples."""

    def encode(self, samples: Samples) -> Any:
        """int16, full scale 32767."""
        return np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)


class Caching(Speaker):
    """Keeps what it has spoken, says so, and gives it again: no trial repeats a text."""

    def __init__(self, provider: str = "cpu") -> None:
        super().__init__(provider)
        self.answers: dict[str, list[Samples]] = {}

    def speak(self, text: str) -> Iterator[Samples]:
        """From the cache, if the text is in there."""
        if text not in self.answers:
            self.answers[text] = list(super().speak(text))
        yield from self.answers[text]

    def placement(self) -> dict[str, Any]:
        """Its cache stands among the options."""
        return {**super().placement(), "options": {"cache": "answers by text, in the process"}}


class Varying(Speaker):
    """Like a language model: each time another length, 5 % to and fro, for the same text too."""

    def __init__(self, provider: str = "cpu") -> None:
        super().__init__(provider)
        self.seconds_per_letter = SECONDS_PER_LETTER

    def speak(self, text: str) -> Iterator[Samples]:
        """At a pace drawn for this time."""
        factor = random.SystemRandom().gauss(1.0, 0.05)
        self.seconds_per_letter = SECONDS_PER_LETTER * min(max(factor, 0.85), 1.15)
        yield from super().speak(text)


class CdRate(Speaker):
    """44.1 kHz, and tells it with each chunk."""

    sample_rate = 44_100

    def encode(self, samples: Samples) -> Any:
        """A pair of samples and rate."""
        return samples, self.sample_rate


class StudioRate(Speaker):
    """48 kHz."""

    sample_rate = 48_000


class SmallChunks(Speaker):
    """20 ms in a chunk, as a codec has them."""

    chunk_s = 0.02


class Sentences(Speaker):
    """Whole sentences are chunks; a text of one sentence is one."""

    def stream(self, text: str) -> Iterator[Any]:
        """One chunk for each sentence."""
        for sentence in SENTENCE.findall(text):
            yield self.synthesize(sentence)
