# ruff: noqa: RUF001 - quotation marks
"""Words with their places in a text, read as the text arrives."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from .emoji_names import JOINER, PART_END, SYMBOL

LINE_BREAK = re.compile(r"\r\n|[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
TAGS_OF_LINES = "br|li|tr|dt|dd|option"
TAGS_OF_PARAGRAPHS = (
    "p|div|h[1-6]|ul|ol|dl|table|blockquote|pre|section|article|header|footer|main|aside|figure|hr"
)
LINE_TAG = re.compile(rf"</?(?:{TAGS_OF_LINES})\b[^<>]*>", re.IGNORECASE)
PARAGRAPH_TAG = re.compile(rf"</?(?:{TAGS_OF_PARAGRAPHS})\b[^<>]*>", re.IGNORECASE)
BLOCK = rf"</?(?:{TAGS_OF_LINES}|{TAGS_OF_PARAGRAPHS})\b[^<>]*>"
# What makes a terminal color what follows, or move.
COLOR = r"\x1b\[[0-?]*[ -/]*[@-~]"
# Blanks, controls, and halves of characters that lost the other half.
GAP = re.compile(rf"(?:{BLOCK}|{COLOR}|[\s\x00-\x1f\x7f-\x9f\ud800-\udfff])+", re.IGNORECASE)
# What may go on in the next part of a text: a tag, or a color.
OPEN = re.compile(r"</?[a-zA-Z][^<>]{0,200}$|<$|\x1b(?:\[[ -?]{0,40})?$")
FILE_ENDING = (
    "(?i:txt|pdf|docx?|xlsx?|pptx?|csv|jpe?g|png|gif|mov|avi|zip|exe|dll|html?|css|js|json|xml|py|md"
    "|log|ini|bat|com|org|net|edu|gov)"
)
RUN_ON = re.compile(
    r"(?P<first>[a-z]{2,}|[a-z]+['’][a-z]+|No|Yes|Oh|Okay|Mr|Mrs|Ms|Dr|St)[.!?]+[\"”’)]*"
    rf"(?P<second>(?!{FILE_ENDING}\b)(?:[A-Z][a-z]+|[IA])(?:['’][a-z]+)?)[,;:.!?…]*[\"”’)]*$"
)
EMOJI_JOINER = re.compile(f"(?<={PART_END}){JOINER}(?={SYMBOL})")


class PlacedWord(str):
    """A word without what is invisible in it.

    start, end: its characters in the text as it was sent. breaks: line breaks before it, 2 for a
    paragraph. line_words: how many words the line before has, where a new one begins.
    """

    __slots__ = ("breaks", "end", "line_words", "start")
    start: int
    end: int
    breaks: int
    line_words: int


class WordReader:
    """Finds the words of a text that arrives in parts. `words` are those that are whole so far."""

    def __init__(self) -> None:
        self.words: list[PlacedWord] = []
        self._tail = ""  # behind the last word that is whole
        self._offset = 0  # of the tail in the text
        self._breaks = 0  # since the last word
        self._line_words = 0  # on the line so far

    def append(self, part: str) -> None:
        """The next part of the text."""
        self._tail += part
        self._read(is_last=False)

    def end(self) -> None:
        """Nothing follows: the last word is whole."""
        self._read(is_last=True)

    def drop(self, count: int) -> None:
        """Forget the first words."""
        del self.words[:count]

    def _read(self, *, is_last: bool) -> None:
        text = self._tail
        at = 0
        for start, end, gap in _find_words(text, is_last=is_last):
            self._breaks = min(2, self._breaks + _count_breaks(text[at:start]))
            self._add(text[start:end], self._offset + start)
            at = end if gap else len(text)
        self._tail = text[at:]
        self._offset += at

    def _add(self, raw: str, start: int) -> None:
        """Add a word, or two that have no space between them."""
        for part in cut_run_on(raw):
            self._add_one(part, start)
            start += len(part)

    def _add_one(self, raw: str, start: int) -> None:
        clean = clean_word(raw)
        if not clean:
            return
        word = PlacedWord(clean)
        word.start = start
        word.end = start + len(raw)
        word.breaks = self._breaks
        word.line_words = self._line_words
        if self._breaks:
            self._line_words = 0
        self._line_words += 1
        self._breaks = 0
        self.words.append(word)


def _find_words(text: str, *, is_last: bool) -> Iterator[tuple[int, int, bool]]:
    """Where each whole word starts and ends, and whether something is behind it."""
    stop = len(text)
    if not is_last:
        unfinished = OPEN.search(text)
        if unfinished:
            stop = unfinished.start()
    start = 0
    for gap in GAP.finditer(text, 0, stop):
        if gap.start() > start:
            yield start, gap.start(), True
        start = gap.end()
    if is_last and start < len(text):
        yield start, len(text), False


def _count_breaks(gap: str) -> int:
    """Line breaks in what stands between two words, 2 for a paragraph."""
    if "<" in gap:
        if PARAGRAPH_TAG.search(gap):
            return 2
        gap = LINE_TAG.sub("\n", gap)
    return min(2, len(LINE_BREAK.findall(gap)))


def cut_run_on(raw: str) -> list[str]:
    """The word, cut where a sentence ends inside it: no.She -> no. She.

    Names of code and of files have dots as well, but seldom a capital right behind one, unless it
    is a class in a module of its name: decimal.Decimal.
    """
    match = RUN_ON.match(raw)
    if match is None:
        return [raw]
    second = match["second"].lower()
    if len(second) > 1 and match["first"].startswith(second):
        return [raw]
    cut = match.start("second")
    return [raw[:cut], raw[cut:]]


def clean_word(raw: str) -> str:
    """Composed characters, nothing invisible but what joins emoji to one."""
    if raw.isascii():
        return raw
    visible = raw
    if any(unicodedata.category(char) == "Cf" for char in raw):
        visible = "".join(_find_visible(raw))
    return unicodedata.normalize("NFC", visible)


def _find_visible(raw: str) -> Iterator[str]:
    joiners = {match.start() for match in EMOJI_JOINER.finditer(raw)}
    for at, char in enumerate(raw):
        if at in joiners or unicodedata.category(char) != "Cf":
            yield char
