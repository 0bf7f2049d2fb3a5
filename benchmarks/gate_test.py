"""The tests that gate_quality.py runs: one for the gate, one for pytest-benchmark."""

from __future__ import annotations

import itertools
from typing import Any

from gate_target import Slowed

from pytest_ttsperf.measure import corpus

ROUNDS = 20


def test_gate(perf: Any) -> None:
    """Its median and p95 of TTFA, and its median RTF, are compared with another version."""
    perf.stream("short")


def test_ttfa(benchmark: Any) -> None:
    """What a user of pytest-benchmark would write."""
    engine = Slowed()
    engine.warm()
    texts = itertools.cycle(corpus.texts("short", ROUNDS))

    def first_chunk() -> None:
        stream = engine.stream(next(texts))
        next(stream)
        stream.close()

    benchmark.pedantic(first_chunk, rounds=ROUNDS, warmup_rounds=3)
    engine.close()
