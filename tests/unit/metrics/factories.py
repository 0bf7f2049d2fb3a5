"""Scripted recordings and synthesised sound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.records import Kind, Level, Recording, Sound, Span, Trial, Usage

RATE = 24_000
T0 = 5_000_000_000
MS = 1_000_000


def recording(
    chunks: Sequence[tuple[float, float]],
    *,
    rate: int = RATE,
    end_ms: float | None = None,
    spans: Sequence[tuple[str, float, float]] = (),
    samples: NDArray[np.float32] | None = None,
) -> Recording:
    """Chunks as (arrival in ms after the request, duration in ms); spans as (stage, from, to)."""
    last = max((at for at, _ in chunks), default=0.0)
    kept = {} if samples is None else {"pcm": samples.astype("<f4").tobytes()}
    return Recording(
        request_ns=T0,
        arrivals_ns=tuple(T0 + round(at * MS) for at, _ in chunks),
        frame_counts=tuple(round(ms * rate / 1000) for _, ms in chunks),
        end_ns=T0 + round((last if end_ms is None else end_ms) * MS),
        sample_rate=rate,
        spans=tuple(
            Span(stage=stage, start_ns=T0 + round(a * MS), end_ns=T0 + round(b * MS))
            for stage, a, b in spans
        ),
        **kept,
    )


def sound(
    onset_frame: int | None = 0, silence_share: float = 0.1, last_frame: int | None = RATE
) -> Sound:
    return Sound(
        onset_frame=onset_frame,
        last_frame=None if onset_frame is None else last_frame,
        silence_share=silence_share,
        active_level_dbfs=-20.0,
    )


def trial(
    rec: Recording | None,
    *,
    index: int = 0,
    kind: Kind = "trial",
    text: str | None = None,
    heard: Sound | None = None,
    level: Level | None = None,
    usage: Usage | None = None,
    error: str | None = None,
) -> Trial:
    return Trial(
        index=index,
        kind=kind,
        process=0,
        text=f"text {index}" if text is None else text,
        recording=rec,
        sound=heard,
        level=level,
        usage=usage,
        error=error,
    )


def usage(rss_mb: float, peak_mb: float = 0.0, uss_mb: float | None = None, cpu_s: float = 0.1):
    return Usage(
        rss_bytes=round(rss_mb * 1e6),
        rss_peak_bytes=round(max(peak_mb, rss_mb) * 1e6),
        uss_bytes=None if uss_mb is None else round(uss_mb * 1e6),
        cpu_s=cpu_s,
    )


def silence(ms: float, rate: int = RATE) -> NDArray[np.float32]:
    return np.zeros(round(ms * rate / 1000), dtype=np.float32)


def tone(ms: float, dbfs: float = -20.0, rate: int = RATE, hz: float = 220.0):
    """A sine whose RMS is `dbfs`."""
    t = np.arange(round(ms * rate / 1000)) / rate
    wave = np.sqrt(2) * 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * t)
    return wave.astype(np.float32)


def joined(*parts: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate(parts)
