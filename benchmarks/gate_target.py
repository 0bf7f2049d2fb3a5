"""The default voice, with its vocoder slowed down if a file beside this one says so.

For gate_quality.py, which puts `gate_slow.json` into one of the two trees of a comparison. Neither
the engine nor the gate knows of it; the time is really spent, inside the engine's own stage.

    {"first_ms": 0.4, "one_in": 10, "by_text": true, "per_audio_s": 0.0}

first_ms: before the first chunk of a stream is there, in one stream of `one_in`; with `by_text`,
for one text of so many, which is slow each time. per_audio_s: for each second of audio made.
"""

from __future__ import annotations

import functools
import json
import random
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.engine import Engine
from engine.models.hibari import vocoder

INSTRUCTION = Path(__file__).with_name("gate_slow.json")


class Slowed:
    """Engine, as slow as the file says."""

    def __init__(self, provider: str = "cpu", voice: str = "heart") -> None:
        self._engine = Engine(voice, provider)
        if INSTRUCTION.exists():
            slow_down(json.loads(INSTRUCTION.read_text("utf-8")))

    def __getattr__(self, name: str) -> Any:
        """Everything else is the engine's."""
        return getattr(self._engine, name)


def slow_down(instruction: dict[str, float]) -> None:
    """Have the vocoder take longer from now on, in this process."""
    push: Callable[..., Any] = vocoder.Vocoder.push
    is_slow = slow_texts(instruction) if instruction.get("by_text") else slow_trials(instruction)

    def slowed(self: Any, spectra: Any) -> Any:
        samples = push(self, spectra)
        wait_s = instruction["per_audio_s"] * len(samples) / vocoder.SAMPLE_RATE
        if not getattr(self, "_begun", False):
            self._begun = True
            wait_s += instruction["first_ms"] / 1e3 * is_slow()
        spin(wait_s)
        return samples

    vocoder.Vocoder.push = slowed  # type: ignore[method-assign]


def slow_trials(instruction: dict[str, float]) -> Callable[[], bool]:
    """One stream of so many, drawn."""
    draw = random.Random(time.time_ns())  # noqa: S311 - a choice of trials, no secret
    return lambda: draw.random() < 1 / instruction["one_in"]


def slow_texts(instruction: dict[str, float]) -> Callable[[], bool]:
    """Whether the text of the last stream is among one of so many, by its checksum."""
    stream: Callable[..., Any] = Engine.stream
    last = {"text": ""}

    @functools.wraps(stream)
    def noting(self: Any, text: Any, **options: Any) -> Any:
        last["text"] = str(text)
        return stream(self, text, **options)

    Engine.stream = noting  # type: ignore[method-assign]
    return lambda: zlib.crc32(last["text"].encode()) % instruction["one_in"] == 0


def spin(seconds: float) -> None:
    """Use a processor for that long, as computing does."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
