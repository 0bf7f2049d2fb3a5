# ruff: noqa: RUF001 - phonemes look like other letters
"""Segment -> phonemes -> ids, by the voice package's own reading rules.

The reading rules are good with ordinary words and brittle with the rest: they raise on numbers of
forty digits, take seconds over a long run of slashes, and read only the first letters of a very
long unknown word. This module feeds them nothing they choke on, and loses nothing on the way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ..cache import Cache
from ..errors import OptionError, OptionTypeError
from .g2p_rules import Token, open_net, open_rules


class _Unlabel(dict[int, int]):
    """Where label characters go back to."""

    def __missing__(self, code: int) -> int:
        return code - LABEL


PAD_ID = 0
MAX_PHONEMES = 400  # the longest string the model was made for
MAX_WORD_CHARS = 32  # longer words are read in parts
MAX_REPEATS = 3  # of one symbol: a ruler of a hundred dashes says no more than three
MAX_LETTERS = 24  # what the net for unknown words sees of a word

BREAKS = (".!?…", ";:,—", "")  # where to cut too long a phoneme string, best first
STRESSES = "ˈˌ"
QUIET = ';:,.!?—…"()“” ː'
SILENT = frozenset(QUIET + STRESSES)
# While phonemes are filtered and cut, each word's text stands before its phonemes, in private
# characters: the start of a label, then the text's characters, moved up by as much.
LABEL = 0xF0000
LABEL_END = 0xFFFFD
LABELS = re.compile(f"{chr(LABEL)}([{chr(LABEL + 1)}-{chr(LABEL_END)}]*)")
UNLABEL = _Unlabel()

Reader = Callable[[str], str | None]


class WordSpan(NamedTuple):
    """A word as read, and which of the ids are its own: first to, not including, stop."""

    text: str
    first: int
    stop: int


class ModelInput(NamedTuple):
    """What the model is given at once: ids, padded at both ends, and the words they came from."""

    ids: list[int]
    words: tuple[WordSpan, ...]


class Phonemizer:
    """Turns segments into ids. `read` is text -> phonemes; `vocabulary` is phoneme -> id.

    The phonemes may be labelled() with the words they belong to.
    """

    def __init__(self, read: Reader, vocabulary: Mapping[str, int]) -> None:
        self._read = read
        self._vocabulary = vocabulary

    @classmethod
    def open(
        cls,
        vocabulary: Path,
        language: str,
        *,
        lexicon: Mapping[str, str] | None = None,
        cache: Cache | None = None,
    ) -> Phonemizer:
        """Load the reading rules for en-US or en-GB.

        lexicon: pronunciations by word or words, in the voice's phonemes; a key in lower case
        stands for the word in any case. Raises OptionError for a phoneme the voice does not know.
        """
        known: dict[str, int] = json.loads(vocabulary.read_text("utf-8"))
        british = language == "en-GB"
        net = open_net(vocabulary.with_name("oov_gb.onnx" if british else "oov.onnx"))
        given = check_lexicon(lexicon or {}, known)
        rules = open_rules(vocabulary.parent, british, to_the_end(net), given, cache or Cache())
        return cls(lambda text: label_words(rules(text)), known)

    def __call__(self, segment: str) -> list[list[int]]:
        """The ids of read(), without the words."""
        return [speech.ids for speech in self.read(segment)]

    def read(self, segment: str) -> list[ModelInput]:
        """The segment in as many parts as the model needs; none if it says nothing.

        A segment without a letter or a digit says nothing: a ruler of equals signs is no sum.
        Phonemes the model does not know are dropped: it has no sound for them.
        """
        if not any(map(str.isalnum, segment)):
            return []
        readable = " ".join(part for word in segment.split() for part in word_parts(word))
        plain, words = strip_labels(read_around(self._read, readable), self._vocabulary)
        speech = []
        at = 0
        for part in fit(plain, MAX_PHONEMES):
            at = plain.index(part, at)
            if not SILENT.issuperset(part):
                ids = [PAD_ID, *(self._vocabulary[p] for p in part), PAD_ID]
                speech.append(ModelInput(ids, _within(words, at, at + len(part))))
            at += len(part)
        return speech


def check_lexicon(lexicon: Mapping[str, str], vocabulary: Mapping[str, int]) -> dict[str, str]:
    """The lexicon, if the voice knows every phoneme in it. Raises OptionError."""
    if not isinstance(lexicon, Mapping):
        raise OptionTypeError(f"found lexicon={lexicon!r}, wanted a mapping of words to phonemes")
    for word, phonemes in lexicon.items():
        if not isinstance(word, str) or not isinstance(phonemes, str):
            raise OptionTypeError(f"found lexicon entry {word!r}: {phonemes!r}, wanted two strings")
        unknown = sorted({p for p in phonemes if p not in vocabulary})
        if unknown or not word.strip() or SILENT.issuperset(phonemes):
            raise OptionError(
                f"found lexicon entry {word!r}: {phonemes!r} with {unknown or 'nothing to say'}, "
                f"wanted phonemes of {''.join(sorted(vocabulary))!r}"
            )
    return dict(lexicon)


def label_words(tokens: Iterable[Token]) -> str:
    """Tokens -> phonemes, each word's text before its own. A word goes up to the next space."""
    done = []
    text = spoken = ""
    for token in tokens:
        text += token.text
        spoken += "".join(p for p in token.phonemes if not LABEL <= ord(p) <= LABEL_END)
        if token.spaced:
            done.append(_label(text) + spoken)
            text = spoken = ""
    return " ".join([*done, _label(text) + spoken]).strip()


def _label(text: str) -> str:
    core = text.strip("".join(c for c in set(text) if not c.isalnum()))
    if not core:
        return ""
    return chr(LABEL) + "".join(chr(LABEL + ord(c)) for c in core if LABEL + ord(c) <= LABEL_END)


def strip_labels(phonemes: str, vocabulary: Container[str]) -> tuple[str, list[WordSpan]]:
    """Labelled phonemes -> those the vocabulary knows, single-spaced, and where each word lies.

    A word ends with its last sound; one without any sound is left out.
    """
    plain = ""
    words: list[WordSpan] = []
    first, *others = LABELS.split(phonemes)
    for label, own in zip(["", *others[::2]], [first, *others[1::2]], strict=True):
        known = "".join(p for p in own if p in vocabulary or p.isspace())
        own = " ".join(known.split())
        before = bool(plain) and (known[:1].isspace() or plain.endswith(" "))
        plain = plain.rstrip() + " " * before
        sound = own.lstrip(QUIET)
        core = sound.rstrip(QUIET + STRESSES)
        if core:
            start = len(plain) + len(own) - len(sound)
            words.append(WordSpan(label.translate(UNLABEL), start, start + len(core)))
        plain += own + " " * known[-1:].isspace()
    return plain.rstrip(), [word for word in words if word.text]


def _within(words: Iterable[WordSpan], start: int, stop: int) -> tuple[WordSpan, ...]:
    """The words that begin between start and stop, counted as ids, which have a pad in front."""
    return tuple(
        WordSpan(word.text, word.first - start + 1, min(word.stop, stop) - start + 1)
        for word in words
        if start <= word.first < stop
    )


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
