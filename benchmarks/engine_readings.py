"""Readings by kind: of how many texts each voice says the right words, and in the right sounds.

    python benchmarks/engine_readings.py                       the table that rules are built with
    python benchmarks/engine_readings.py held_out.toml         another one of tests/engine/readings
    python benchmarks/engine_readings.py --voice joe --wrong   also the texts that are read wrongly

A text is right for a voice if its words are those of a reading of the table, marks of pause too
where the table says so, and its phonemes those that the voice has for this reading.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.engine import Engine  # noqa: E402
from engine.text.normalise import normalise  # noqa: E402
from engine.text.segmentation import Pause, segments  # noqa: E402
from tests.engine.readings.cases import (  # noqa: E402
    FOLDER,
    Case,
    find_reading,
    join_letters,
    load,
)

BETWEEN = {Pause.CLAUSE: " ", Pause.STOP: " . ", Pause.PARAGRAPH: " ¶ "}
SILENT = re.compile(r"[ˈˌː ʲ.,;:!?…—\"“”()]")
REPEATS = 7


def say(text: str) -> str:
    """The words of a text, with a mark behind each segment."""
    said = ""
    for segment in segments(text):
        said += normalise(segment).words() + BETWEEN[segment.pause]
    return said


def sounds_right(case: Case, engine: Engine) -> bool:
    """Whether the words are right, and the voice's phonemes are those it has for them."""
    reading = find_reading(case, say(case.text))
    if reading is None:
        return False
    found = list_phonemes(case.text, engine)
    return any(found == list_phonemes(words, engine) for words in (reading, join_letters(reading)))


def list_phonemes(text: str, engine: Engine) -> str:
    """A text's phonemes, without stress, marks and spaces."""
    readings = engine.read(text.replace("¶", "\n\n"))
    return SILENT.sub("", "".join(reading.phonemes for reading in readings))


def time_segments(cases: Sequence[Case]) -> list[float]:
    """Milliseconds that each segment takes to normalise, the fastest of several times."""
    times_ms = []
    for case in cases:
        for segment in segments(case.text):
            runs_ns = []
            for _ in range(REPEATS):
                began_ns = time.perf_counter_ns()
                normalise(segment)
                runs_ns.append(time.perf_counter_ns() - began_ns)
            times_ms.append(min(runs_ns) / 1e6)
    return sorted(times_ms)


def main() -> None:
    """Print the shares, and what the normaliser costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", default="build.toml")
    parser.add_argument("--voice", action="append", help="default: heart and joe")
    parser.add_argument("--wrong", action="store_true", help="print the texts read wrongly")
    options = parser.parse_args()
    cases = load(FOLDER / options.table)
    voices = options.voice or ["heart", "joe"]
    right = {}
    for voice in voices:
        with Engine(voice) as engine:
            good = [case for case in cases if sounds_right(case, engine)]
        right[voice] = Counter(case.kind for case in good)
        if options.wrong:
            print_wrong(voice, [case for case in cases if case not in good])
    print_shares(cases, right)
    times_ms = time_segments(cases)
    median_ms = statistics.median(times_ms)
    print(f"normalising a segment: {median_ms:.3f} ms median, {times_ms[-1]:.3f} ms at most")


def print_wrong(voice: str, cases: Sequence[Case]) -> None:
    """A line for each."""
    for case in cases:
        print(f"{voice}: {case.kind}: {case.text!r} -> {say(case.text)!r}")


def print_shares(cases: Sequence[Case], right: dict[str, Counter[str]]) -> None:
    """A row a kind, and one for all."""
    kinds = Counter(case.kind for case in cases)
    print(f"| kind | texts | {' | '.join(right)} |")
    print(f"|---|--:|{'--:|' * len(right)}")
    for kind, count in kinds.items():
        print(f"| {kind} | {count} | {' | '.join(str(right[voice][kind]) for voice in right)} |")
    shares = [f"{100 * counts.total() / len(cases):.1f} %" for counts in right.values()]
    print(f"| all | {len(cases)} | {' | '.join(shares)} |")


if __name__ == "__main__":
    main()
