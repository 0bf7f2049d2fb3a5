"""What was measured of the last requests, and counters of all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

KEPT = 200
LEAST_FOR_P95 = 20
TTFA_BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
RTF_BUCKETS = (0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0, 2.0)

Outcome = Literal["done", "cached", "refused", "failed", "disconnected", "stalled"]


@dataclass(slots=True)
class RequestMetrics:
    """One request. None is what it did not live to see.

    ttfa_ms: from its head to its first audio handed to the connection, making_s: spent on speaking,
    underruns: chunks made later than a listener needed them who began with the first one.
    """

    ttfa_ms: float | None = None
    making_s: float = 0.0
    audio_s: float = 0.0
    underruns: int = 0
    outcome: Outcome = "disconnected"
    _first_s: float | None = field(default=None, repr=False)

    @property
    def rtf(self) -> float | None:
        """Seconds of work per second of sound."""
        return self.making_s / self.audio_s if self.audio_s and self.making_s else None

    def hands_over(self, now_s: float, began_s: float, chunk_s: float) -> None:
        """Another chunk of so many seconds is made, and leaves."""
        if self._first_s is None:
            self._first_s = now_s
            self.ttfa_ms = (now_s - began_s) * 1e3
        elif chunk_s and now_s - self._first_s > self.audio_s:
            self.underruns += 1
        self.audio_s += chunk_s


class RequestStats:
    """Accounts of the last requests, and Prometheus metrics of its own registry."""

    def __init__(self, speaking: Callable[[], int], waiting: Callable[[], int]) -> None:
        self._kept: deque[RequestMetrics] = deque(maxlen=KEPT)
        self._outcomes: dict[str, int] = {}
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "tts_requests", "Speech requests by outcome.", ["outcome"], registry=self._registry
        )
        self._audio = Counter("tts_audio_seconds", "Sound handed over.", registry=self._registry)
        self._underruns = Counter(
            "tts_underruns", "Chunks too late for a listener.", registry=self._registry
        )
        self._ttfa = Histogram(
            "tts_ttfa_seconds", "Request to first audio.",
            buckets=TTFA_BUCKETS_S, registry=self._registry,
        )  # fmt: skip
        self._rtf = Histogram(
            "tts_rtf", "Work per second of sound.", buckets=RTF_BUCKETS, registry=self._registry
        )
        for name, help_text, read in (
            ("tts_speaking", "Streams being made.", speaking),
            ("tts_waiting", "Requests waiting for a place.", waiting),
        ):
            Gauge(name, help_text, registry=self._registry).set_function(read)

    def add(self, account: RequestMetrics) -> None:
        """One request is over."""
        self._kept.append(account)
        self._outcomes[account.outcome] = self._outcomes.get(account.outcome, 0) + 1
        self._requests.labels(account.outcome).inc()
        self._audio.inc(account.audio_s)
        self._underruns.inc(account.underruns)
        if account.ttfa_ms is not None:
            self._ttfa.observe(account.ttfa_ms / 1e3)
        if account.outcome == "done" and account.rtf is not None:
            self._rtf.observe(account.rtf)

    def metrics(self) -> bytes:
        """Everything in Prometheus' text form."""
        return generate_latest(self._registry)

    def status(self) -> dict[str, Any]:
        """JSON-able: outcomes since the start, and figures of the last requests."""
        heard = [account for account in self._kept if account.ttfa_ms is not None]
        return {
            "requests": dict(sorted(self._outcomes.items())),
            "last": {
                "count": len(heard),
                "ttfa_ms": _figures(a.ttfa_ms for a in heard),
                "rtf": _figures(a.rtf for a in heard if a.outcome == "done"),
                "underruns": sum(account.underruns for account in heard) if heard else None,
            },
        }


def _figures(found: Iterable[float | None]) -> dict[str, float | None]:
    values = [value for value in found if value is not None]
    enough = len(values) >= LEAST_FOR_P95
    return {
        "p50": round(float(np.median(values)), 3) if values else None,
        "p95": round(float(np.quantile(values, 0.95)), 3) if enough else None,
        "max": round(max(values), 3) if values else None,
    }
