"""Slices of a soak, by what changes from one to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_ttsperf.records import SoakResult, SoakSlice, SoakSpec, Usage

SLICES = 32
MINUTES = 20.0


def usage(uss_mb: float) -> Usage:
    return Usage(
        rss_bytes=round(1e6 * (uss_mb + 50)),
        rss_peak_bytes=round(1e6 * (uss_mb + 60)),
        uss_bytes=round(1e6 * uss_mb),
        cpu_s=10.0,
    )


def one_slice(index: int, **figures: Any) -> SoakSlice:
    values: dict[str, Any] = {
        "session": 0,
        "seconds": 60 * MINUTES / SLICES,
        "requests": 400,
        "failed": 0,
        "audio_s": 1600.0,
        "underruns": 0,
        "ttfa_ms": 12.0,
        "rtf": 0.05,
        "null_ms": 20.0,
        "usage": usage(200.0),
        "handles": 30,
        **figures,
    }
    return SoakSlice(index=index, **values)


def drifting(per_20_min: float, *, scatter: float = 0.005, seed: int = 0) -> Callable[[int], float]:
    """A factor for each slice: it grows evenly, by so much from the first quarter to the last."""
    noise = np.random.default_rng(seed).normal(0.0, scatter, SLICES)
    # The middles of the outer quarters are three quarters of the soak apart.
    rate = np.log1p(per_20_min) / (0.75 * SLICES)

    def factor(index: int) -> float:
        return float(np.exp(rate * index + noise[index]))

    return factor


def slices(count: int = SLICES, **figures: Any) -> list[SoakSlice]:
    """Each figure a value, or a function of the number of the slice."""
    found = []
    for index in range(count):
        values = {}
        for name, value in figures.items():
            values[name] = value(index) if callable(value) else value
        found.append(one_slice(index, **values))
    return found


def soak_of(of: list[SoakSlice], **more: Any) -> SoakResult:
    return SoakResult(spec=SoakSpec(minutes=MINUTES), slices=tuple(of), **more)
