"""What is measured of each request: figures of the last ones, and counters of all of them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from .admission import AdmissionQueue

MAX_LAST = 200
MIN_FOR_P95 = 20
TTFA_BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
RTF_BUCKETS = (0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0, 2.0)

Outcome = Literal["done", "cached", "refused", "failed", "disconnected", "stalled"]


@dataclass(slots=True)
class RequestMetrics:
    """One request.

    ttfa_ms: from the request's head to handing its first audio to the connection; None if it ended
    before that. work_s: time spent on synthesis and encoding. audio_s: duration of the audio.
    underruns: chunks that came later than a client needed them which began to play with the first.
    """

    ttfa_ms: float | None = None
    work_s: float = 0.0
    audio_s: float = 0.0
    underruns: int = 0
    outcome: Outcome = "disconnected"

    @property
    def rtf(self) -> float | None:
        """Seconds of work per second of audio, None without either."""
        if not self.audio_s or not self.work_s:
            return None
        return self.work_s / self.audio_s

    def add_chunk(self, elapsed_s: float, audio_s: float, work_s: float) -> None:
        """Count a chunk that is handed to the connection `elapsed_s` after the request's head."""
        if self.ttfa_ms is None:
            self.ttfa_ms = elapsed_s * 1e3
        elif audio_s and elapsed_s - self.ttfa_ms / 1e3 > self.audio_s:
            self.underruns += 1
        self.audio_s += audio_s
        self.work_s += work_s


class RequestStats:
    """Metrics of the last requests, and Prometheus metrics in a registry of their own."""

    def __init__(self, admission: AdmissionQueue) -> None:
        self._last: deque[RequestMetrics] = deque(maxlen=MAX_LAST)
        self._outcomes: defaultdict[str, int] = defaultdict(int)
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter(
            "tts_requests",
            "Speech requests by outcome.",
            ["outcome"],
            registry=registry,
        )
        self._audio = Counter(
            "tts_audio_seconds",
            "Sound handed over.",
            registry=registry,
        )
        self._underruns = Counter(
            "tts_underruns",
            "Chunks too late for a listener.",
            registry=registry,
        )
        self._ttfa = Histogram(
            "tts_ttfa_seconds",
            "Request to first audio.",
            buckets=TTFA_BUCKETS_S,
            registry=registry,
        )
        self._rtf = Histogram(
            "tts_rtf",
            "Work per second of sound.",
            buckets=RTF_BUCKETS,
            registry=registry,
        )
        active = Gauge("tts_speaking", "Streams being made.", registry=registry)
        active.set_function(lambda: admission.active_count)
        waiting = Gauge("tts_waiting", "Requests waiting for a place.", registry=registry)
        waiting.set_function(lambda: admission.waiting_count)

    def add(self, request: RequestMetrics) -> None:
        """Count a request that has ended."""
        self._last.append(request)
        self._outcomes[request.outcome] += 1
        self._requests.labels(request.outcome).inc()
        self._audio.inc(request.audio_s)
        self._underruns.inc(request.underruns)
        if request.ttfa_ms is not None:
            self._ttfa.observe(request.ttfa_ms / 1e3)
        if request.outcome == "done" and request.rtf is not None:
            self._rtf.observe(request.rtf)

    def to_prometheus(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def to_status(self) -> dict[str, Any]:
        """Outcomes since the start and figures of the last requests, as shown by /status."""
        played = [request for request in self._last if request.ttfa_ms is not None]
        underruns = sum(request.underruns for request in played)
        return {
            "requests": dict(sorted(self._outcomes.items())),
            "last": {
                "count": len(played),
                "ttfa_ms": _summarize(request.ttfa_ms for request in played),
                "rtf": _summarize(request.rtf for request in played if request.outcome == "done"),
                "underruns": underruns if played else None,
            },
        }


def _summarize(values: Iterable[float | None]) -> dict[str, float | None]:
    measured = [value for value in values if value is not None]
    summary: dict[str, float | None] = {"p50": None, "p95": None, "max": None}
    if measured:
        summary["p50"] = round(float(np.median(measured)), 3)
        summary["max"] = round(max(measured), 3)
    if len(measured) >= MIN_FOR_P95:
        summary["p95"] = round(float(np.quantile(measured, 0.95)), 3)
    return summary
