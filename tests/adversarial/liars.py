"""Small real engines, each with one lie: its figures get better, or a check is got around.

A scratch project has a copy of this file, and `liar_server.py` serves the same classes over HTTP.
Every liar is an honest `Voice` but for its docstring. Which word each is caught by stands in the
table of `test_traps.py`.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 24_000
CHARACTERS_PER_S = 15
CHUNKS = 10
CPU_PROVIDER = "CPUExecutionProvider"

Samples = NDArray[np.float32]


def make_speech(seconds: float) -> Samples:
    """Sound that no two places of share, with four syllables a second, shape (frames,)."""
    frames = round(seconds * RATE)
    instants = np.arange(frames) / RATE
    noise = np.random.default_rng(4).normal(size=frames)
    hum = np.sin(2 * np.pi * 140 * instants + 3 * np.sin(2 * np.pi * 0.37 * instants))
    syllables = 0.6 - 0.4 * np.cos(2 * np.pi * 4 * instants)
    speech: Samples = (syllables * (0.3 * hum + 0.02 * noise)).astype(np.float32)
    return speech


SPEECH = make_speech(60.0)


def make_silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


class Voice:
    """Honest: speaks 15 characters a second, in ten chunks, and tells its stages and placement."""

    sample_rate = RATE
    first_s = 0.012
    chunk_s = 0.0005

    def __init__(self, provider: str = "cpu", voice: str = "hum") -> None:
        self.provider = provider
        self.voice = voice
        self.spans: list[tuple[str, int, int, int]] = []

    def speak(self, text: str) -> Samples:
        """The sound of a text, taken from a place of its own."""
        frames = RATE * len(text) // CHARACTERS_PER_S
        number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
        start = number % (len(SPEECH) - frames)
        return SPEECH[start : start + frames].copy()

    def stream(self, text: str) -> Iterator[Samples]:
        self.spans = []
        pieces = np.array_split(self.speak(text), CHUNKS)
        for index, piece in enumerate(pieces):
            start_ns = time.perf_counter_ns()
            time.sleep(self.chunk_s if index else self.first_s)
            self.spans.append(("vocode", index, start_ns, time.perf_counter_ns()))
            yield piece

    def stages(self) -> list[tuple[str, int, int, int]]:
        return self.spans

    def placement(self) -> dict[str, object] | None:
        return {"nodes": {CPU_PROVIDER: 12}, "provider": CPU_PROVIDER, "threads": 1}


# What comes first


class EmptyFirst(Voice):
    """Sends an empty chunk at once, as a header is, and its sound 60 ms later."""

    first_s = 0.06

    def stream(self, text: str) -> Iterator[Samples]:
        yield make_silence(0)
        yield from super().stream(text)


class SilenceFirst(Voice):
    """Sends 400 ms of silence before it has computed anything."""

    first_s = 0.04

    def stream(self, text: str) -> Iterator[Samples]:
        yield make_silence(0.4)
        yield from super().stream(text)


class ClickFirst(Voice):
    """Sends a click of 5 ms and 400 ms of silence before it has computed anything."""

    first_s = 0.04

    def stream(self, text: str) -> Iterator[Samples]:
        click = make_silence(0.4)
        click[: RATE // 200] = 0.3
        yield click
        yield from super().stream(text)


class HissFirst(Voice):
    """Sends 400 ms of a hiss that nobody hears before it has computed anything."""

    first_s = 0.04

    def stream(self, text: str) -> Iterator[Samples]:
        frames = round(0.4 * RATE)
        hiss = np.random.default_rng(1).normal(scale=0.0005, size=frames)
        yield hiss.astype(np.float32)
        yield from super().stream(text)


class Burst(Voice):
    """Sends 40 ms of sound at once, nothing for 100 ms, then all the rest as fast as it can."""

    scrap_s = 0.04
    wait_s = 0.1

    def stream(self, text: str) -> Iterator[Samples]:
        sound = self.speak(text)
        first = max(1, round(self.scrap_s * RATE))
        yield sound[:first]
        time.sleep(self.wait_s)
        yield from np.array_split(sound[first:], CHUNKS)

    def stages(self) -> list[tuple[str, int, int, int]]:
        return []


class OneFrame(Burst):
    """Sends a single sample at once, and nothing for 100 ms."""

    scrap_s = 0.0


# What was there before it was asked for


class Cache(Voice):
    """Serves a text that it has spoken before from memory."""

    first_s = 0.2  # so that a busy machine delays no answer from memory by half of it
    known: dict[str, list[Samples]]

    def __init__(self, provider: str = "cpu", voice: str = "hum") -> None:
        super().__init__(provider, voice)
        self.known = {}

    def stream(self, text: str) -> Iterator[Samples]:
        if text not in self.known:
            self.known[text] = list(super().stream(text))
        yield from self.known[text]


class DiskCache(Voice):
    """Serves a text that an earlier process has spoken from a file."""

    def stream(self, text: str) -> Iterator[Samples]:
        path = Path(f"cache-{hashlib.sha256(text.encode()).hexdigest()}")
        if not path.exists():
            time.sleep(0.1)
            path.touch()
        yield from super().stream(text)


class Precomputed(Voice):
    """Has its sound ready before any text is there."""

    def stream(self, text: str) -> Iterator[Samples]:
        yield self.speak(text)


class Foresight(Voice):
    """Knows the texts that speed is measured with, and has spoken them all beforehand."""

    def __init__(self, provider: str = "cpu", voice: str = "hum") -> None:
        super().__init__(provider, voice)
        from pytest_ttsperf.measure import corpus

        count = corpus.trial_count("short")
        self.known = {
            *corpus.texts("short", count),
            *corpus.warmup_texts("short", corpus.WARMUP_RESERVE),
        }

    def stream(self, text: str) -> Iterator[Samples]:
        if text not in self.known:
            time.sleep(0.2)
        yield from super().stream(text)


# What is said


class Truncated(Voice):
    """Says the first words only."""

    def speak(self, text: str) -> Samples:
        return super().speak(text[: len(text) // 3])


class Hollow(Voice):
    """Says the first words, then pauses, and ends with a syllable."""

    def speak(self, text: str) -> Samples:
        sound = super().speak(text)
        first = sound[: round(0.3 * len(sound))]
        return np.concatenate([first, make_silence(1.4), sound[-RATE // 5 :]])


class Hasty(Voice):
    """Speaks at 2.5 times the speed."""

    def speak(self, text: str) -> Samples:
        sound = super().speak(text)
        return sound[: round(len(sound) / 2.5)]


class Drawling(Voice):
    """Says everything three times, so that its time is for more sound."""

    def speak(self, text: str) -> Samples:
        return np.tile(super().speak(text), 3)


class WrongRate(Voice):
    """Tells a third of its sample rate, so that its sound seems to last three times as long."""

    sample_rate = RATE // 3


class Mute(Voice):
    """Sends zeros."""

    def speak(self, text: str) -> Samples:
        return np.zeros_like(super().speak(text))


class Offset(Voice):
    """Sends a constant, which is as silent as zeros."""

    def speak(self, text: str) -> Samples:
        return np.full_like(super().speak(text), 0.5)


class Whisper(Voice):
    """Speaks 80 dB too quietly."""

    def speak(self, text: str) -> Samples:
        return super().speak(text) * np.float32(1e-4)


class Nothing(Voice):
    """Ends without a chunk."""

    def stream(self, text: str) -> Iterator[Samples]:
        time.sleep(self.first_s)
        yield from ()


class Padded(Voice):
    """Sends four times as much silence behind each chunk."""

    def stream(self, text: str) -> Iterator[Samples]:
        for chunk in super().stream(text):
            yield np.concatenate([chunk, np.zeros(4 * len(chunk), np.float32)])


class PaddedBehind(Voice):
    """Sends all of its silence at the end."""

    def speak(self, text: str) -> Samples:
        return np.concatenate([super().speak(text), make_silence(8.0)])


class Hissing(Voice):
    """Pads with a hiss, which is no silence."""

    def speak(self, text: str) -> Samples:
        hiss = np.random.default_rng(2).normal(scale=0.01, size=12 * RATE)
        return np.concatenate([super().speak(text), hiss.astype(np.float32)])


class Clipped(Voice):
    """Twenty times too loud, and so cut off at full scale."""

    def speak(self, text: str) -> Samples:
        return np.clip(super().speak(text) * 20, -1, 1)


class NotANumber(Voice):
    """Has samples that are no numbers, as a model does whose arithmetic overflows."""

    def speak(self, text: str) -> Samples:
        sound = super().speak(text)
        sound[len(sound) // 2] = np.nan
        return sound


# What it tells of itself


class OtherProvider(Voice):
    """Takes any provider, and runs on the CPU."""


class Reticent(Voice):
    """Takes any provider, and does not tell what ran."""

    def placement(self) -> dict[str, object] | None:
        return None


class StoppedClock(Voice):
    """Stops the clocks of its process, so that everything takes no time."""

    first_s = 0.06

    def __init__(self, provider: str = "cpu", voice: str = "hum") -> None:
        super().__init__(provider, voice)
        at_ns = time.perf_counter_ns()
        at_s = time.perf_counter()
        time.perf_counter_ns = lambda: at_ns
        time.perf_counter = lambda: at_s
        time.monotonic_ns = lambda: at_ns
        time.monotonic = lambda: at_s

    def stages(self) -> list[tuple[str, int, int, int]]:
        return []


class ForeignStages(Voice):
    """Tells stages on a clock of its own, which are over long before the request."""

    def stages(self) -> list[tuple[str, int, int, int]]:
        return [("vocode", index, 0, 1) for index in range(CHUNKS)]


class Sliced(Voice):
    """Computes the whole answer and cuts it up afterwards."""

    def stream(self, text: str) -> Iterator[Samples]:
        yield from list(super().stream(text))


# When it fails, and when it works


class SomeRaise(Voice):
    """Raises over every third text, once it is warm."""

    def __init__(self, provider: str = "cpu", voice: str = "hum") -> None:
        super().__init__(provider, voice)
        self.count = 0

    def stream(self, text: str) -> Iterator[Samples]:
        self.count += 1
        if self.count > 6 and self.count % 3 == 0:
            raise ValueError("no such phoneme")
        yield from super().stream(text)


class Refusing(Voice):
    """Speaks whatever is said to warm it up, and nothing that is measured."""

    def __init__(self, provider: str = "cpu", voice: str = "hum") -> None:
        super().__init__(provider, voice)
        from pytest_ttsperf.measure import corpus

        self.refused = corpus.texts("short", corpus.trial_count("short"))

    def stream(self, text: str) -> Iterator[Samples]:
        if text in self.refused:
            raise ValueError("no such phoneme")
        yield from super().stream(text)


class Lazy(Voice):
    """Is ready at once, and loads when it is first asked to speak."""

    is_loaded = False

    def stream(self, text: str) -> Iterator[Samples]:
        if not self.is_loaded:
            time.sleep(0.5)
            self.is_loaded = True
        yield from super().stream(text)


class SlowWhenLong(Voice):
    """Is quick with short texts, and not with longer ones."""

    def stream(self, text: str) -> Iterator[Samples]:
        time.sleep(0.2 if len(text) > 100 else 0)
        yield from super().stream(text)


class WorkingOn(Voice):
    """Goes on working after its last chunk."""

    work_s = 3.0  # so long that a busy machine cannot miss it; a next text ends it

    def __init__(self, provider: str = "cpu", voice: str = "hum") -> None:
        super().__init__(provider, voice)
        self.end = threading.Event()

    def stream(self, text: str) -> Iterator[Samples]:
        self.end.set()
        yield from super().stream(text)
        self.end = threading.Event()
        threading.Thread(target=self.work, args=(self.end,), daemon=True).start()

    def work(self, end: threading.Event) -> None:
        end_s = time.monotonic() + self.work_s
        while not end.is_set() and time.monotonic() < end_s:
            pass


class NeverQuiet(Voice):
    """Warms something up in a process beside it for as long as it lives."""

    def __init__(self, provider: str = "cpu", voice: str = "hum") -> None:
        super().__init__(provider, voice)
        self.work = subprocess.Popen([sys.executable, "-c", "while True: pass"])

    def close(self) -> None:
        self.work.kill()
        self.work.wait()
