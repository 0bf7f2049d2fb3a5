# ruff: noqa: RUF001 - quotation marks and dashes of every kind
"""One pass over a text, from left to right: what is written in full is skipped, the rest is read.

A chunk (what stands between two spaces) that is a plain word is not looked at. In any other chunk
the rules are tried, in order, wherever a letter run, a digit run or a symbol begins: the first that
reads something takes as many characters as it matched, over spaces too, and the pass goes on behind
them. What no rule reads is said as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence

from .reading import Piece, Reading, Unreadable, to_said
from .rules import ANY_LETTER, ANY_SYMBOL, PAUSE, SHORT_WORDS, UNREADABLE, Rule

CHUNK = re.compile(r"\S+")
PLAIN = re.compile(r"[\"“]?[A-Za-z][a-z]+(?:['’-][a-z]+)*[,;:!?]?[\"”]?|I|I['’][a-z]+,?|a")
LAST_PLAIN = re.compile(r"[A-Za-z]?[a-z]+(?:['’-][a-z]+)*[.]?[\"”]?")
ATOM = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|.", re.DOTALL)
VOWEL = re.compile("[aeiouy]")
AROUND = "\"'“”‘’()[]{},.;:!?"
MARKS = ",.;:!?)"
MAX_CHUNK = 400
"""Characters: no written form is longer, and patterns would take long over what is."""


class Scanner:
    """Reads texts by rules. `special` are plain words that rules have to look at all the same."""

    def __init__(self, rules: Iterable[Rule], special: frozenset[str]) -> None:
        table: dict[str, list[Rule]] = {}
        for rule in rules:
            for char in rule.first:
                table.setdefault(char, []).append(rule)
        for char in table:
            if char > "\x7f" and char not in (ANY_LETTER, ANY_SYMBOL):
                table[char].extend(table.get(_group_of(char), ()))
        self._rules: Mapping[str, Sequence[Rule]] = table
        self._special = special

    def read(self, text: str, keep: Container[str] = frozenset()) -> Reading:
        """The text as it is said; the very text, if it is written in full.

        keep: chunks that stay as they are, in lower case and without the marks around them.
        """
        output = Output(text)
        for match in CHUNK.finditer(text):
            if match.end() <= output.position or self._is_plain(match):
                continue
            if len(match[0]) > MAX_CHUNK or match[0].strip(AROUND).lower() in keep:
                continue
            self._read_chunk(output, match.end())
        return output.finish()

    def _is_plain(self, match: re.Match[str]) -> bool:
        chunk = match[0]
        if not PLAIN.fullmatch(chunk):
            is_last = match.end() == len(match.string)
            if not (is_last and LAST_PLAIN.fullmatch(chunk)):
                return False
        word = chunk.strip('("“,;:!?.”)').lower()
        return word not in self._special and not _may_be_letters(word)

    def _read_chunk(self, output: Output, end: int) -> None:
        """Try the rules from where the output has come to up to the end of a chunk."""
        text = output.source
        at = max(output.position, text.rfind(" ", 0, end) + 1)
        while at < end:
            found = self._find(text, at)
            if found is None:
                atom = ATOM.match(text, at)
                assert atom is not None, "an atom is at least one character"
                at = atom.end()
                continue
            words, stop, kind = found
            output.replace(at, stop, words, kind)
            at = stop

    def _find(self, text: str, at: int) -> tuple[str, int, str] | None:
        """What the first rule that reads something here says, where it ends, and its kind."""
        char = text[at]
        if char > "\x7f" and char not in self._rules:
            char = _group_of(char)
        for rule in self._rules.get(char, ()):
            match = rule.pattern.match(text, at)
            if match is None or match.end() == at:
                continue
            words = rule.read(match)
            if words is not None:
                return words, match.end(), rule.kind
        return None


def _may_be_letters(word: str) -> bool:
    """Whether a word in small letters may be several letters: npm, or mx in an equation."""
    if len(word) == 2:
        return word not in SHORT_WORDS
    return VOWEL.search(word) is None


def _group_of(char: str) -> str:
    """Which rules look at a character beyond ASCII, behind those that name it."""
    return ANY_LETTER if char.isalpha() else ANY_SYMBOL


class Output:
    """The pieces read so far; `position` is where in the source they end."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self._pieces: list[Piece] = []
        self._unreadable: list[Unreadable] = []
        self._last = ""  # the last character put out
        self._has_gap = False  # something was left out behind it
        self._has_comma = False  # a pause was the last that was put out

    def replace(
        self,
        start: int,
        stop: int,
        words: str,
        kind: str,
    ) -> None:
        """Say `words` for the characters from start to stop, after what stands before them."""
        self._copy(start)
        if kind == UNREADABLE:
            self._unreadable.append(Unreadable(self.source[start:stop], start, stop, words))
            words = ""
        self._put(words, start, stop)
        self._has_gap = self._has_gap or not words
        self.position = stop

    def finish(self) -> Reading:
        """The reading of all of the source."""
        if not self.position:
            whole = Piece(self.source, 0, len(self.source))
            return Reading(self.source, self.source, (whole,))
        self._copy(len(self.source))
        text = "".join(to_said(piece.text) for piece in self._pieces)
        return Reading(self.source, text, tuple(self._pieces), tuple(self._unreadable))

    def _copy(self, stop: int) -> None:
        if stop > self.position:
            self._put(self.source[self.position : stop], self.position, stop)
            self.position = stop

    def _put(
        self,
        words: str,
        start: int,
        stop: int,
    ) -> None:
        """Put words out, apart from those before them, and close where something was left out."""
        if not words:
            return
        has_comma = False
        if words.startswith(PAUSE):
            self._drop_space()
            words = "," + words[len(PAUSE) :]
            has_comma = True
        elif self._has_gap and words.lstrip(" ").startswith(tuple(MARKS)):
            self._drop_space()
            words = words.lstrip(" ")
        if self._last in ("", " ") and words.startswith(" "):
            start += len(words) - len(words.lstrip(" ")) if start < stop else 0
            words = words.lstrip(" ")
        elif self._needs_space(words[:1]):
            self._pieces.append(Piece(" ", start, start))
        if words:
            self._pieces.append(Piece(words, start, stop))
            self._last = words[-1]
            self._has_gap = False
            self._has_comma = has_comma

    def _needs_space(self, first: str) -> bool:
        """Whether what comes next would run into what was put out."""
        if not first.isalnum() or not self._pieces:
            return False
        return self._last.isalnum() or (self._last == "," and self._has_comma)

    def _drop_space(self) -> None:
        """Take a space back that nothing but a mark follows."""
        if self._pieces and self._last == " ":
            last = self._pieces.pop()
            trimmed = last.text.rstrip(" ")
            end = last.end - (len(last.text) - len(trimmed))
            if trimmed:
                self._pieces.append(Piece(trimmed, last.start, max(last.start, end)))
                self._last = trimmed[-1]
