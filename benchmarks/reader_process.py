"""What it costs to read for piper voices in a process of its own, against reading in the engine's.

    python benchmarks/reader_process.py [--texts N]

The same preset texts go through both ways, segment by segment, in turns: in odd pairs the one is
first, in even ones the other. Words seen before are remembered by either way, as in an engine.
Prints one line a text (raw), then medians, the extra time a text, and the memory of the process.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from engine.models.piper.espeak import Espeak, load, readable_parts
from engine.models.piper.espeak_process import (
    Clause,
    EspeakReader,
    find_espeak,
    find_version,
    shared,
)
from engine.models.piper.phonemizer import PiperPhonemizer
from engine.text.segmentation import segments
from engine.voices import find_voice

TEXTS = Path(__file__).resolve().parents[1] / "pytest_ttsperf" / "measure" / "texts"
VOICE = "joe"


def read_here(espeak: Espeak, language: str) -> Callable[[Sequence[str]], list[list[Clause]]]:
    """Texts -> clauses, in this process."""

    def read_one(text: str) -> list[Clause]:
        clauses: list[Clause] = []
        for part in readable_parts(text):
            clauses += itertools.starmap(Clause, espeak.read(language, part))
        return clauses

    return lambda texts: [read_one(text) for text in texts]


def took_ms(phonemizer: PiperPhonemizer, pieces: Sequence[str]) -> float:
    began_ns = time.perf_counter_ns()
    for piece in pieces:
        phonemizer.read(piece)
    return (time.perf_counter_ns() - began_ns) / 1e6


def lines_of(preset: str) -> list[tuple[str, str]]:
    """Each text of a preset, with the preset's name."""
    lines = (TEXTS / f"{preset}.txt").read_text("utf-8").splitlines()
    return [(preset, line) for line in lines]


def texts(count: int) -> list[tuple[str, str]]:
    """Texts of all presets in turn: preset, text."""
    presets = [lines_of(preset) for preset in ("short", "medium", "long")]
    return [one for several in zip(*presets, strict=True) for one in several][:count]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--texts", type=int, default=600)
    wanted = options.parse_args()
    config = json.loads(find_voice(VOICE).vocabulary.read_text("utf-8"))
    language, ids = config["espeak"]["voice"], config["phoneme_id_map"]
    began_ns = time.perf_counter_ns()
    reader = EspeakReader(language)
    opening_ms = (time.perf_counter_ns() - began_ns) / 1e6
    here = PiperPhonemizer(
        read_here(Espeak(load(*find_espeak()), find_version()), language), ids, {}
    )
    there = PiperPhonemizer(reader, ids, {}, reader.close)
    for phonemizer in (here, there):
        took_ms(phonemizer, ["Warm."])
    extra: dict[str, list[float]] = {}
    for number, (preset, text) in enumerate(texts(wanted.texts)):
        pieces = segments(text)
        if number % 2:
            here_ms, there_ms = took_ms(here, pieces), took_ms(there, pieces)
        else:
            there_ms, here_ms = took_ms(there, pieces), took_ms(here, pieces)
        extra.setdefault(preset, []).append(there_ms - here_ms)
        print(f"{number} {preset} here_ms={here_ms:.3f} there_ms={there_ms:.3f}", file=sys.stderr)
    assert shared.pid is not None
    memory = psutil.Process(shared.pid).memory_full_info()
    there.close()
    for preset, values in [*extra.items(), ("all", list(itertools.chain(*extra.values())))]:
        middle, p95 = statistics.median(values), statistics.quantiles(values, n=20)[-1]
        print(f"{preset}: n={len(values)}, extra ms a text: median {middle:.3f}, p95 {p95:.3f}")
    print(f"start and first answer: {opening_ms:.0f} ms")
    print(f"memory: {memory.rss / 1e6:.1f} MB, of it {memory.uss / 1e6:.1f} MB its own")


if __name__ == "__main__":
    main()
