"""Where the milliseconds of voice `heart` go, and what the settings change.

    python benchmarks/engine_stages.py [--rounds 41]

Variants are interleaved round by round, so that what else the machine does falls on all of them;
quote ratios. Then the opening from a filled and from an empty cache, the memory, and the floor:
the least arithmetic that the first chunk needs, at the rate this machine reaches in one product.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from engine.cache import VARIABLE
from engine.engine import Engine
from engine.models.hibari.architecture import (
    DECODE_LAYERS,
    DECODE_LOOKAHEAD,
    DECODE_WIDTH,
    FEATURE_WIDTH,
    FRAMES_PER_STEP,
    KERNEL_SIZE,
    PROSODY_DILATIONS,
    PROSODY_LOOKAHEAD,
    PROSODY_WIDTH,
    REACH,
    SPECTRA_WIDTH,
)
from engine.models.hibari.model import HibariModel
from engine.models.hibari.vocoder import HOP

TEXTS = {
    "short": "This is a short test sentence.",
    "medium": "The quick brown fox jumps over the lazy dog while seven wizards watch from a hill.",
    "long": "On the third of March, twelve people paid nine dollars each to hear it read aloud, "
    "and nobody asked for the money back when the reader lost her place.",
}
VARIANTS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "2 threads": {"threads": 2},
    "2 threads, no spinning": {"threads": 2, "session": {"spinning": False}},
    "no arena": {"session": {"arena": False}},
    "memory pattern": {"session": {"memory_pattern": True}},
}
OPEN = """
import json, sys, time
began = time.perf_counter()
from engine import Engine
engine = Engine()
opened = time.perf_counter()
next(iter(engine.stream("This is a short test sentence.")))
first = time.perf_counter()
stages = {span.stage: (span.end_ns - span.start_ns) / 1e6 for span in engine.stages()}
import psutil
print(json.dumps({
    "import and open": (opened - began) * 1e3, "first chunk": (first - opened) * 1e3,
    "memory MB": psutil.Process().memory_full_info().uss / 1e6}))
"""


def median_ms(values: list[float]) -> str:
    """Of seconds."""
    return f"{statistics.median(values) * 1e3:7.2f}"


def first_and_whole(engine: Engine, text: str) -> tuple[float, float]:
    """Seconds to the first chunk and to the last."""
    began = time.perf_counter()
    stream = iter(engine.stream(text))
    next(stream)
    first = time.perf_counter() - began
    for _ in stream:
        pass
    return first, time.perf_counter() - began


def stages(engine: Engine, rounds: int) -> None:
    """What each stage takes of the first chunk and of the whole."""
    print("milliseconds by stage, median: first chunk / whole")
    for name, text in TEXTS.items():
        first: dict[str, list[float]] = defaultdict(list)
        whole: dict[str, list[float]] = defaultdict(list)
        for _ in range(rounds):
            total = first_and_whole(engine, text)
            sums: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
            for span in engine.stages():
                seconds = (span.end_ns - span.start_ns) / 1e9
                sums[1][span.stage] += seconds  # type: ignore[assignment]
                sums[0][span.stage] += seconds if not span.chunk else 0  # type: ignore[assignment]
            for side, seconds_of, all_of_it in zip((first, whole), sums, total, strict=True):
                for stage, seconds in seconds_of.items():
                    side[stage].append(seconds)
                side["all"].append(all_of_it)
        for stage in first:
            print(f"  {name:7} {stage:9} {median_ms(first[stage])} {median_ms(whole[stage])}")


def variants(rounds: int) -> None:
    """The settings side by side."""
    engines = {name: Engine(**how) for name, how in VARIANTS.items()}
    for engine in engines.values():
        engine.warm()
    taken: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for _ in range(rounds):
        for text, (name, engine) in itertools.product(TEXTS, engines.items()):
            taken[name, text].append(first_and_whole(engine, TEXTS[text]))
    print("first chunk / whole, ratio to the engine as shipped")
    for name in VARIANTS:
        ratios = [
            f"{text}: {median_ratios(taken[name, text], taken['as shipped', text])}"
            for text in TEXTS
        ]
        print(f"  {name:24} " + "   ".join(ratios))
    for engine in engines.values():
        engine.close()


def median_ratios(
    seconds: Sequence[tuple[float, float]], shipped: Sequence[tuple[float, float]]
) -> str:
    """Of the first chunk and of the whole, paired by round."""
    ratios = np.array(seconds) / np.array(shipped)
    return " / ".join(f"{ratio:.2f}" for ratio in np.median(ratios, axis=0))


def listening(engine: Engine, rounds: int) -> None:
    """How late a chunk comes to a listener who takes a while over each."""
    print("a listener who takes 20 ms over each chunk waits for the next, median ms by chunk")
    waits: dict[int, list[float]] = defaultdict(list)
    for _ in range(rounds // 2):
        stream = engine.stream(TEXTS["medium"])
        for number in range(5):
            began = time.perf_counter()
            next(stream)
            waits[number].append(time.perf_counter() - began)
            time.sleep(0.02)
        stream.close()
    print("  " + " ".join(median_ms(wait) for wait in waits.values()))


def openings() -> None:
    """Each in a process of its own."""
    print("opening, a process each")
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, VARIABLE: folder}
        for label in ("empty cache", "filled cache", "filled cache"):
            run = subprocess.run(
                [sys.executable, "-c", OPEN], env=environment, capture_output=True, check=True
            )
            figures = json.loads(run.stdout)
            print(f"  {label:13}" + ", ".join(f"{k} {v:.0f}" for k, v in figures.items()))


def rate(rows: int, kind: type[np.generic]) -> float:
    """Multiplications a second in one product of the size that decode has."""
    from onnx import TensorProto

    from engine.runtime.graph import Builder
    from engine.runtime.providers import CPU, SessionOptions
    from engine.runtime.session import Session

    build = Builder({})
    weights = np.ones((DECODE_WIDTH, SPECTRA_WIDTH), kind)
    whole = kind is np.int8
    value = build.input("x", ["n", DECODE_WIDTH], TensorProto.UINT8 if whole else TensorProto.FLOAT)
    product = value.apply("MatMulInteger" if whole else "MatMul", weights)
    build.output("y", product, ["n", "m"], TensorProto.INT32 if whole else TensorProto.FLOAT)
    session = Session(build.model("product"), CPU, SessionOptions())
    feeds = {"x": np.ones((rows, DECODE_WIDTH), np.uint8 if whole else np.float32)}
    taken = []
    for _ in range(60):
        began = time.perf_counter()
        session.run(feeds)
        taken.append(time.perf_counter() - began)
    return rows * weights.size / min(taken)


def rows_of_layers(frames: int) -> Iterator[tuple[str, int]]:
    """Multiplications of the first chunk's window, layer by layer, and of which kind."""
    block = 2 * DECODE_WIDTH * 3 * DECODE_WIDTH
    first_layer = frames + DECODE_LOOKAHEAD - REACH
    yield "float", first_layer * KERNEL_SIZE * FEATURE_WIDTH * DECODE_WIDTH
    for layer in range(DECODE_LAYERS):
        yield "bytes", (frames + (DECODE_LAYERS - 1 - layer) * REACH) * block
    yield "bytes", frames * DECODE_WIDTH * SPECTRA_WIDTH
    ahead = PROSODY_LOOKAHEAD
    for layer, dilation in enumerate(PROSODY_DILATIONS):
        ahead -= REACH * dilation
        steps = (frames + DECODE_LOOKAHEAD) // FRAMES_PER_STEP + ahead
        yield "bytes" if layer < 4 else "float", steps * 4 * PROSODY_WIDTH**2


def floor(engine: Engine) -> None:
    """The least arithmetic of the first chunk."""
    model = engine._require_open()
    assert isinstance(model, HibariModel)
    rates = {"bytes": rate(60, np.int8), "float": rate(60, np.float32)}
    print("floor: " + ", ".join(f"{k} {v / 1e9:.0f} G multiplications/s" for k, v in rates.items()))
    for name, text in TEXTS.items():
        (speech,) = model.read(text)
        encoded = model.encode(speech.ids)
        frames = encoded.onset()[1] // HOP + 8 + 2
        needs: Counter[str] = Counter()
        for kind, count in rows_of_layers(frames):
            needs[kind] += count
        phonemes = len(speech.ids)
        # Ten layers of attention and one net each: 3 + 1 + 2 + 2 squares of the width.
        needs["bytes"] += 10 * phonemes * 8 * PROSODY_WIDTH**2
        least = sum(count / rates[kind] for kind, count in needs.items())
        print(
            f"  {name:7} {sum(needs.values()) / 1e6:.0f} M multiplications, "
            f"{least * 1e3:.2f} ms of arithmetic"
        )


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=41)
    rounds = parser.parse_args().rounds
    with Engine() as engine:
        engine.warm()
        stages(engine, rounds)
        listening(engine, rounds)
        floor(engine)
    variants(rounds)
    openings()


if __name__ == "__main__":
    main()
