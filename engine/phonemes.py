"""Segment -> phonemes -> ids, by the voice package's own reading rules.

The reading rules are good with ordinary words and brittle with the rest: they raise on numbers of
forty digits, take seconds over a long run of slashes, and read only the first letters of a very
long unknown word. This module feeds them nothing they choke on, and loses nothing on the way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

PAD_ID = 0
MAX_PHONEMES = 400  # the longest string the model was made for
MAX_WORD_CHARS = 32  # longer words are read in parts
MAX_REPEATS = 3  # of one symbol: a ruler of a hundred dashes says no more than three
MAX_LETTERS = 24  # what the net for unknown words sees of a word

BREAKS = (".!?…", ";:,—", "")  # where to cut too long a phoneme string, best first
SILENT = frozenset(';:,.!?—…"()“” ˈˌː')

Reader = Callable[[str], str | None]


class Phonemizer:
    """Turns segments into ids. `read` is text -> phonemes; `vocabulary` is phoneme -> id."""

    def __init__(self, read: Reader, vocabulary: Mapping[str, int]) -> None:
        self._read = read
        self._vocabulary = vocabulary

    @classmethod
    def open(cls, vocabulary: Path, language: str) -> Phonemizer:
        """Load the reading rules for en-US or en-GB: a third of a second, so do it once."""
        from hibari.g2p import G2P
        from hibari.g2p.oov import OOV

        british = language == "en-GB"
        net = OOV(str(vocabulary.with_name("oov_gb.onnx" if british else "oov.onnx")))
        rules = G2P(oov=to_the_end(net), british=british)
        return cls(rules, json.loads(vocabulary.read_text("utf-8")))

    def __call__(self, segment: str) -> list[list[int]]:
        """Ids, padded at both ends, in as many lists as the model needs; none if it says nothing.

        A segment without a letter or a digit says nothing: a ruler of equals signs is no sum.
        Phonemes the model does not know are dropped: it has no sound for them.
        """
        if not any(map(str.isalnum, segment)):
            return []
        readable = " ".join(part for word in segment.split() for part in word_parts(word))
        known = "".join(p for p in read_around(self._read, readable) if p in self._vocabulary)
        return [
            [PAD_ID, *(self._vocabulary[p] for p in part), PAD_ID]
            for part in fit(" ".join(known.split()), MAX_PHONEMES)
            if not SILENT.issuperset(part)
        ]


def to_the_end(net: Reader) -> Reader:
    """The net for unknown words, reading a word to its end rather than to its 24th letter."""

    def read(word: str) -> str:
        parts = (word[at : at + MAX_LETTERS] for at in range(0, len(word), MAX_LETTERS))
        return "".join(net(part) or "" for part in parts)

    return read


def word_parts(word: str) -> list[str]:
    """A word in parts short enough to be read, cut behind a symbol where there is one."""
    word = _squeeze(word)
    parts = []
    while len(word) > MAX_WORD_CHARS:
        head = word[:MAX_WORD_CHARS]
        symbol = max((at for at, char in enumerate(head) if not char.isalnum()), default=-1)
        cut = symbol + 1 or MAX_WORD_CHARS
        parts.append(word[:cut])
        word = word[cut:]
    return [*parts, word]


def _squeeze(word: str) -> str:
    runs = ((char, len(list(run))) for char, run in groupby(word))
    return "".join(char * (n if char.isalnum() else min(n, MAX_REPEATS)) for char, n in runs)


def read_around(read: Reader, text: str) -> str:
    """Phonemes of the text, halved again and again around whatever makes the rules raise."""
    try:
        return read(text) or ""
    except Exception:
        if len(text) < 2:
            return ""
    middle = len(text) // 2
    space = text.rfind(" ", 1, middle)
    cut = space if space > 0 else middle
    halves = (read_around(read, half) for half in (text[:cut], text[cut:]))
    return " ".join(half for half in halves if half)


def fit(phonemes: str, limit: int) -> Iterator[str]:
    """The string in pieces of at most `limit`, cut behind a pause if there is one, else a word."""
    while len(phonemes) > limit:
        cut = _last_break(phonemes[: limit + 1], limit)
        yield phonemes[:cut].rstrip()
        phonemes = phonemes[cut:].lstrip()
    if phonemes:
        yield phonemes


def _last_break(window: str, limit: int) -> int:
    for marks in BREAKS:
        cut = max((window.rfind(f"{mark} ") + 1 for mark in marks), default=0)
        if cut > limit // 4:
            return cut
    return window.rfind(" ") if " " in window[1:] else limit
