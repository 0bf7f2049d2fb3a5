"""What gate_rivals.py has benchmatrix measure: the first chunk and the whole text, as a matrix."""

from __future__ import annotations

import itertools

from benchmatrix import BenchmarkCase, BenchmarkConfig, make_benchmark_test
from gate_target import Slowed

from pytest_ttsperf.measure import corpus

ROUNDS = 100
"""As many samples of a run as it wants for a tail."""

engine = Slowed()
engine.warm()
texts = itertools.cycle(corpus.texts("short", ROUNDS))


def first_chunk() -> None:
    """To the first chunk of a text."""
    stream = engine.stream(next(texts))
    next(stream)
    stream.close()


def whole_text() -> None:
    """To the last one."""
    engine.synthesize(next(texts))


test_matrix = make_benchmark_test(
    {"first chunk": first_chunk, "whole text": whole_text},
    [BenchmarkCase("short")],
    metrics=("single_call_latency", "tail_latency"),
    config=BenchmarkConfig(pedantic_rounds=ROUNDS, warmup_rounds=3),
)
