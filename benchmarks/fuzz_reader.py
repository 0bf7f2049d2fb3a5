"""Texts of every odd kind through the readers: does one die, hang, raise, or take ever longer?

    python benchmarks/fuzz_reader.py [--texts 20000] [--way espeak] [--out fuzz.jsonl] [--seed 0]

Ways: `espeak` is the reader of piper voices, in a child process whose death is seen; after each
text a sentence is read that must sound as at first. `uncut` is the same without cutting what is
too much for it. `engine` is the public Engine with that voice, up to its first chunk. `rules` are
the reading rules of the other voices. The text of a number is always the same; lines are appended
to --out, one a text, and a run goes on behind those that are there. Prints how many are done, and
at the end what was found; exits with 1 if anything was.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.engine import Engine
from engine.errors import EngineError
from engine.models.piper.espeak import readable_parts
from engine.models.piper.espeak_process import EspeakProcess, ReaderError, command
from engine.text.phonemizer import Phonemizer
from engine.text.segmentation import segments
from engine.voices import find_voice

VOICE, LANGUAGE = "joe", "en-us"
CANARY = "Nothing to fear, he said at 5 p.m. to Mr. Brown."
SLOW_S = 2.0  # for a text of some hundred characters
SHOWN_EVERY = 500

Draw = random.Random
SCRIPTS = (
    (0x00C0, 0x024F), (0x0370, 0x03FF), (0x0400, 0x04FF), (0x0590, 0x05FF), (0x0600, 0x06FF),
    (0x0900, 0x097F), (0x0E00, 0x0E7F), (0x1100, 0x11FF), (0x3040, 0x30FF), (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3), (0xFF00, 0xFFEF), (0x1D400, 0x1D7FF), (0x10000, 0x103FF),
)  # fmt: skip
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
MARKS = ".,;:!?-–—…'\"()[]{}<>/\\|@#$%^&*_+=~`¿¡。、"  # noqa: RUF001
TAGS = ("<speak>", "</speak>", "<break time='1s'/>", "[[h@l'oU]]", "<p>", "&amp;", "<!--", "]]>")
WORDS = ("no.", "fig.", "e.g.", "the", "U.S.A.", "3.14", "Mr.", "I", "o'clock", "and", "p.m.", "a")


def several(draw: Draw, one: Callable[[], str], between: str = "", most: int = 120) -> str:
    """So many of them, most often few."""
    return between.join(one() for _ in range(draw.randint(1, draw.choice((8, 40, most)))))


def of_script(draw: Draw) -> str:
    first, last = draw.choice(SCRIPTS)
    return several(draw, lambda: chr(draw.randint(first, last)))


def dotted(draw: Draw) -> str:
    letters = draw.choice((LETTERS, "pm", "w", "éßñ", "яжд", "中文字", "\U0001d400\U0001d401"))
    between = draw.choice(("", " ", ", ", "  ", " . ", "-", "(", ".", "'s "))
    run = draw.randint(1, 5)
    return several(
        draw, lambda: "".join(f"{draw.choice(letters)}." for _ in range(run)), between, 300
    )


def digits(draw: Draw) -> str:
    between = draw.choice(("", " ", ".", ",", "-", "/", ":", " no. ", "$", "%", "°", "e"))
    return several(draw, lambda: str(draw.randint(0, 10 ** draw.randint(1, 12))), between)


def mixture(draw: Draw) -> str:
    kinds = [kind for kind in KINDS.values() if kind is not mixture]
    return draw.choice(("", " ", "\n", ". ")).join(
        draw.choice(kinds)(draw)[: draw.randint(1, 90)] for _ in range(draw.randint(2, 6))
    )


KINDS: dict[str, Callable[[Draw], str]] = {
    "dotted": dotted,
    "digits": digits,
    "marks": lambda draw: several(draw, lambda: draw.choice(MARKS) * draw.randint(1, 9)),
    "emoji": lambda draw: several(
        draw, lambda: chr(draw.randint(0x1F300, 0x1FAFF)) + "\ufe0f\u200d"
    ),
    "scripts": lambda draw: several(draw, lambda: of_script(draw), " ", 12),
    "tags": lambda draw: several(draw, lambda: draw.choice(TAGS) + draw.choice(WORDS)),
    "long_word": lambda draw: several(draw, lambda: draw.choice(LETTERS), most=3000),
    "controls": lambda draw: several(draw, lambda: chr(draw.randint(0, 0x9F))),
    "surrogates": lambda draw: several(draw, lambda: chr(draw.randint(0xD800, 0xDFFF)) + "a"),
    "words": lambda draw: several(draw, lambda: draw.choice(WORDS), " "),
    "anything": lambda draw: several(draw, lambda: chr(draw.randint(1, 0x1FFFF))),
    "mixture": mixture,
}


def text_of(number: int, seed: int) -> tuple[str, str]:
    """The kind and the text of a number."""
    draw = Draw(f"{seed} {number}")
    kind = list(KINDS)[number % len(KINDS)]
    return kind, KINDS[kind](draw)


class ByEspeak:
    """Reads as piper voices do, in a child. `read` returns what went wrong, if anything."""

    def __init__(self, *, cut: bool = True) -> None:
        self._cut = cut
        self._process = EspeakProcess(command, patience_s=30)
        self._canary = self._process.read(LANGUAGE, [CANARY])

    def read(self, text: str) -> str | None:
        for segment in segments(text):
            parts = readable_parts(segment) if self._cut else [segment]
            try:
                self._process.read(LANGUAGE, parts)
                if self._process.read(LANGUAGE, [CANARY]) != self._canary:
                    return "reads otherwise from now on"
            except ReaderError as error:
                return str(error)
        return None

    def close(self) -> None:
        self._process.close()


class ByEngine:
    """Speaks the first chunk."""

    def __init__(self) -> None:
        self._engine = Engine(VOICE)

    def read(self, text: str) -> str | None:
        with self._engine.stream(text) as stream:
            next(iter(stream))
        return None

    def close(self) -> None:
        self._engine.close()


class ByRules:
    """Reads as all other voices do."""

    def __init__(self) -> None:
        voice = find_voice("heart")
        self._phonemize = Phonemizer.open(voice.vocabulary, voice.language)

    def read(self, text: str) -> str | None:
        for segment in segments(text):
            self._phonemize.read(segment)
        return None

    def close(self) -> None:
        pass


WAYS: dict[str, Callable[[], Any]] = {
    "espeak": ByEspeak,
    "uncut": lambda: ByEspeak(cut=False),
    "engine": ByEngine,
    "rules": ByRules,
}


def outcome_of(way: Any, text: str) -> tuple[str | None, float]:
    """What went wrong, and seconds. The engine's own errors are answers, not faults."""
    began_s = time.perf_counter()
    try:
        fault = way.read(text)
    except EngineError as error:
        is_answer = type(error).__name__ in ("TextEmpty", "TextUnspeakable")
        fault = None if is_answer and "espeak-ng" not in str(error) else repr(error)[:200]
    except Exception as error:
        fault = f"raised {error!r}"[:200]
    took_s = time.perf_counter() - began_s
    if fault is None and took_s > SLOW_S:
        fault = f"slow: more than {SLOW_S:g} s"
    return fault, took_s


def lines_of(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def fuzz(name: str, count: int, seed: int, out: Path) -> None:
    """Go on behind the lines that are there, up to so many."""
    done = len(lines_of(out))
    with closing(WAYS[name]()) as way, out.open("a", encoding="utf-8") as file:
        for number in range(done, count):
            kind, text = text_of(number, seed)
            fault, took_s = outcome_of(way, text)
            line = {"n": number, "kind": kind, "chars": len(text), "s": round(took_s, 5)}
            file.write(json.dumps({**line, "fault": fault}) + "\n")
            file.flush()
            if (number + 1) % SHOWN_EVERY == 0:
                print(f"{number + 1} of {count}", flush=True)


def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--texts", type=int, default=20_000)
    options.add_argument("--way", choices=list(WAYS), default="espeak")
    options.add_argument("--out", type=Path)
    options.add_argument("--seed", type=int, default=0)
    wanted = options.parse_args()
    out = wanted.out or Path(f"fuzz-{wanted.way}-{wanted.seed}.jsonl")
    fuzz(wanted.way, wanted.texts, wanted.seed, out)
    lines = lines_of(out)
    faults = Counter((line["kind"], line["fault"]) for line in lines if line["fault"])
    slowest_s = max(line["s"] for line in lines)
    print(f"{len(lines)} texts, {faults.total()} faults, slowest {slowest_s} s")
    for (kind, fault), times in faults.most_common():
        print(f"{times} x {kind}: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
