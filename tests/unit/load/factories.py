"""Requests of a crowd, and babble that differs from text to text as speech does."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.records import (
    GeneratorHealth,
    LoadWindow,
    OfferedRequest,
    Recording,
    RequestEnd,
    Span,
    Trace,
    TrialLoad,
)

RATE = 16_000
MS = 1_000_000
S = 1_000_000_000
BEGUN = 7 * S
HEALTH = GeneratorHealth(sends=60, lateness_p99_ms=0.4, cpu_share=0.1)


def babble(text: str, *, pace: float = 1.0) -> NDArray[np.float32]:
    """A sound for each letter: two tones that the letter and its place in the text decide."""
    parts = [_letter_sound(letter, place % 7, pace) for place, letter in enumerate(text)]
    return np.concatenate(parts)


@functools.cache
def _letter_sound(letter: str, place: int, pace: float) -> NDArray[np.float32]:
    """A few hundred of them make up all texts."""
    generator = np.random.default_rng(crc32(f"{letter}{place}".encode()))
    low_hz, high_hz = generator.uniform(150, 1200), generator.uniform(1200, 6000)
    loudness = generator.uniform(0.02, 0.3)
    t = np.arange(round(0.06 * pace * RATE)) / RATE
    tones = np.sin(2 * np.pi * low_hz * t) + 0.5 * np.sin(2 * np.pi * high_hz * t)
    return (loudness * tones).astype(np.float32)


def recording(
    samples: NDArray[np.float32],
    *,
    request_ns: int = BEGUN,
    ttfa_ms: float = 100.0,
    chunks: int = 4,
    stall_ms: float = 0.0,
    queue_ms: float | None = None,
) -> Recording:
    """Chunks that come twice as fast as they play; the last one later, so that it stalls."""
    pieces = np.array_split(samples, chunks)
    frame_counts = tuple(piece.size for piece in pieces)
    at_ns = request_ns + round(ttfa_ms * MS)
    arrivals = []
    played_ns = at_ns
    for place, count in enumerate(frame_counts):
        if place and place == chunks - 1 and stall_ms:
            at_ns = played_ns + round(stall_ms * MS)
        arrivals.append(at_ns)
        at_ns += round(count / RATE / 2 * S)
        played_ns += round(count / RATE * S)
    spans: tuple[Span, ...] = ()
    if queue_ms is not None:
        end_ns = request_ns + round(queue_ms * MS)
        spans = (Span(stage="server.queue", start_ns=request_ns, end_ns=end_ns),)
    return Recording(
        request_ns=request_ns,
        arrivals_ns=tuple(arrivals),
        frame_counts=frame_counts,
        end_ns=arrivals[-1],
        sample_rate=RATE,
        spans=spans,
        pcm=samples.astype("<f4").tobytes(),
    )


def request(
    at_s: float,
    *,
    index: int = 0,
    listener: int = 0,
    text: str = "a text of some length, said by one voice",
    ended: RequestEnd = "answered",
    sound: NDArray[np.float32] | None = None,
    failure: str | None = None,
    late_ms: float = 0.2,
    **more: Any,
) -> Any:
    """One request of a window as the generator records it; `more` is for its recording."""
    due_ns = BEGUN + round(at_s * S)
    rec = None
    if ended in ("answered", "hung_up"):
        samples = babble(text) if sound is None else sound
        rec = recording(samples, request_ns=due_ns, **more)
    sent_ns = None if ended == "capped" else due_ns + round(late_ms * MS)
    return SimpleNamespace(
        request=OfferedRequest(index=index, listener=listener, text=text),
        load=TrialLoad(
            window=0,
            listener=listener,
            scheduled_ns=due_ns,
            sent_ns=sent_ns,
            end_ns=None if ended == "capped" else (rec.end_ns if rec else due_ns + 5 * MS),
            ended=ended,
            failure=failure,
        ),
        recording=rec,
        error=failure,
    )


def window_record(
    requests: Sequence[Any],
    *,
    lead_s: float = 5.0,
    counted_s: float = 20.0,
    health: GeneratorHealth = HEALTH,
) -> Any:
    """A window as the generator records it."""
    offered = tuple(each.request for each in requests)
    return SimpleNamespace(
        trace=Trace(seed=1, lead_s=lead_s, counted_s=counted_s, requests=offered),
        begun_ns=BEGUN,
        requests=tuple(requests),
        health=health,
    )


def window(index: int = 0, **more: Any) -> LoadWindow:
    """A window in figures."""
    figures: dict[str, Any] = {
        "seconds": 20.0,
        "offered": 60,
        "answered": 60,
        "ttfa_p50_ms": 100.0,
        "generator": HEALTH,
    }
    return LoadWindow(index=index, **{**figures, **more})
