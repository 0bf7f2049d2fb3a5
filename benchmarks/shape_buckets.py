"""What graphs of fixed shapes cost: `shapes="buckets"` beside graphs that take any length.

    python benchmarks/shape_buckets.py [--rounds 41] [--provider cpu] [--provider-option NAME=VALUE]

Both engines are warm in one process, and say the same texts in turns, each first in every other
round. Printed are medians of both, and the median over the rounds of buckets / dynamic with the
quartiles of that ratio:

- first chunk and whole text, in milliseconds, and processor time of the whole text;
- how the sound differs: signal to difference in dB, or "the same to the last bit";
- what each runs where: sessions, nodes on the provider, pieces, operators left to the CPU.

Opening and memory are of fresh processes, in turns, with graphs that the cache has already.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from engine.engine import Engine
from engine.runtime.providers import parse_options

SHAPES = ("dynamic", "buckets")
TEXTS = {
    "one word": "Yes.",
    "short": "This is a short test sentence.",
    "medium": "The quick brown fox jumps over the lazy dog while seven wizards watch from a hill.",
    "long": "On the third of March, twelve people paid nine dollars each to hear it read aloud, "
    "and nobody asked for the money back when the reader lost her place.",
}
OPENINGS = 5
OPEN = """
import json, sys, time
import psutil
how = json.loads(sys.argv[1])
began = time.perf_counter()
from engine import Engine
engine = Engine(**how)
opened = time.perf_counter()
engine.synthesize("This is a short test sentence.")
memory = psutil.Process().memory_full_info().uss
print(json.dumps({"open ms": (opened - began) * 1e3, "memory MB": memory / 1e6}))
"""
EXACT_DB = 300.0


class Durations(NamedTuple):
    """Seconds that one text took."""

    first_s: float
    whole_s: float
    cpu_s: float


def say(engine: Engine, text: str) -> Durations:
    """Say a text to its end."""
    cpu_before = time.process_time()
    began = time.perf_counter()
    stream = iter(engine.stream(text))
    next(stream)
    first = time.perf_counter() - began
    for _ in stream:
        pass
    whole = time.perf_counter() - began
    return Durations(first, whole, time.process_time() - cpu_before)


def say_in_turns(
    engines: Mapping[str, Engine],
    text: str,
    rounds: int,
) -> dict[str, list[Durations]]:
    """The same text by both, each first in every other round."""
    durations: dict[str, list[Durations]] = {name: [] for name in engines}
    for number in range(rounds):
        order = list(engines) if number % 2 == 0 else list(engines)[::-1]
        for name in order:
            durations[name].append(say(engines[name], text))
    return durations


def ratio_text(ratios: Sequence[float]) -> str:
    """`1.12 (1.10 to 1.15)`: the median and the quartiles."""
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def times(engines: Mapping[str, Engine], rounds: int) -> None:
    """First chunk, whole text and processor time."""
    print(f"{'text':9} {'':11} {'dynamic':>9} {'buckets':>9}  buckets / dynamic (quartiles)")
    for name, text in TEXTS.items():
        durations = say_in_turns(engines, text, rounds)
        for field, label in zip(Durations._fields, ("first ms", "whole ms", "CPU ms"), strict=True):
            dynamic = [getattr(each, field) for each in durations["dynamic"]]
            buckets = [getattr(each, field) for each in durations["buckets"]]
            ratios = [one / other for one, other in zip(buckets, dynamic, strict=True)]
            print(
                f"{name:9} {label:11} {statistics.median(dynamic) * 1e3:9.2f} "
                f"{statistics.median(buckets) * 1e3:9.2f}  {ratio_text(ratios)}"
            )


def difference_db(engines: Mapping[str, Engine], text: str) -> float:
    """The power of the sound over that of the difference."""
    wanted, found = (engines[name].synthesize(text).samples for name in SHAPES)
    if len(wanted) != len(found):
        raise SystemExit(f"found {len(found)} samples, wanted {len(wanted)}, of {text!r}")
    difference = found.astype(np.float64) - wanted
    power = float(np.sum(difference**2))
    if power == 0:
        return EXACT_DB
    return 10 * float(np.log10(np.sum(wanted.astype(np.float64) ** 2) / power))


def sound(engines: Mapping[str, Engine]) -> None:
    """How the sound differs."""
    print("sound of buckets against dynamic")
    for name, text in TEXTS.items():
        decibels = difference_db(engines, text)
        said = f"{decibels:.0f} dB"
        if decibels == EXACT_DB:
            said = "the same to the last bit"
        print(f"  {name:9} {said}")


def placements(engines: Mapping[str, Engine]) -> None:
    """What runs where."""
    for name, engine in engines.items():
        placement = engine.placement()
        nodes = placement["nodes"] or {}
        print(
            f"{name}: {placement['sessions']} sessions, nodes {nodes}, "
            f"pieces {placement['partitions']}, left to the CPU {placement['cpu_operators']}"
        )


def openings(options: Mapping[str, Any]) -> None:
    """Opening, and memory after one text, in fresh processes."""
    found: dict[str, list[dict[str, float]]] = {shapes: [] for shapes in SHAPES}
    for _ in range(OPENINGS):
        for shapes in SHAPES:
            arguments = json.dumps({**options, "shapes": shapes})
            command = [sys.executable, "-c", OPEN, arguments]
            output = subprocess.run(command, check=True, capture_output=True).stdout
            found[shapes].append(json.loads(output))
    for label in ("open ms", "memory MB"):
        medians = []
        for shapes in SHAPES:
            figures = [opening[label] for opening in found[shapes]]
            medians.append(statistics.median(figures))
        print(f"{label:9} dynamic {medians[0]:8.1f}, buckets {medians[1]:8.1f}")


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description="cost of graphs of fixed shapes")
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--provider", default="cpu")
    parser.add_argument("--provider-option", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    options: dict[str, Any] = {"provider": arguments.provider}
    if arguments.provider_option:
        options["provider_options"] = parse_options(arguments.provider, arguments.provider_option)
    engines = {shapes: Engine(**options, shapes=shapes) for shapes in SHAPES}
    for engine in engines.values():
        engine.warm()
    placements(engines)
    sound(engines)
    times(engines, arguments.rounds)
    for engine in engines.values():
        engine.close()
    openings(options)


if __name__ == "__main__":
    main()
