"""The default voice, with its vocoder slowed down if a file beside this one says so.

For gate_quality.py, which puts `gate_slow.json` into one of the two trees of a comparison. Neither
the engine nor the gate knows of it; the time is really spent, inside the engine's own stage.

    {"first_ms": 0.4, "one_in": 10, "per_audio_s": 0.0, "seed": 1}

first_ms: before the first chunk of a stream is there, in one stream of `one_in`; per_audio_s: for
each second of audio that is made.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.engine import Engine
from engine.models.hibari import vocoder

INSTRUCTION = Path(__file__).with_name("gate_slow.json")


class Slowed:
    """Engine, as slow as it is told to be."""

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
    draw = random.Random(time.time_ns())  # noqa: S311 - a choice of trials, no secret

    def slowed(self: Any, spectra: Any) -> Any:
        samples = push(self, spectra)
        wait_s = instruction["per_audio_s"] * len(samples) / vocoder.SAMPLE_RATE
        if not getattr(self, "_begun", False):
            self._begun = True
            is_slow = draw.random() < 1 / instruction["one_in"]
            wait_s += instruction["first_ms"] / 1e3 * is_slow
        spin(wait_s)
        return samples

    vocoder.Vocoder.push = slowed  # type: ignore[method-assign]


def spin(seconds: float) -> None:
    """Use a processor for that long, as computing does."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
