"""Text -> segments: cleaned, cut at sentences, and no longer than the model likes.

Cuts fall between words only, so that joining the segments with spaces gives every word back.
words.py finds the words of a text, sentences.py says where a sentence ends, clauses.py where it may
be cut before its end.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from ..errors import OptionTypeError, TextEmpty
from .clauses import (
    CLAUSE_ENDS,
    CLOSERS,
    OPENERS,
    belong_together,
    count_first_clause,
)
from .sentences import BEFORE_NUMBERS, SENTENCE_ENDS, ends_sentence
from .words import PlacedWord, WordReader

MAX_SEGMENT_CHARS = 300  # about twenty seconds of speech
SHORT_LINE = 3  # words: a line that is no longer was not wrapped for the page


class Pause(enum.IntEnum):
    """What stands behind a segment; the greater, the longer a reader pauses."""

    CLAUSE = 1
    STOP = 2
    PARAGRAPH = 3


class Segment(str):
    """A piece of text to be spoken at once: words with single spaces between them.

    words: those. pause: what follows it.
    """

    __slots__ = ("pause", "words")
    words: tuple[PlacedWord, ...]
    pause: Pause

    @classmethod
    def of(cls, words: Sequence[PlacedWord], pause: Pause) -> Self:
        """The segment of these words."""
        segment = cls(" ".join(words))
        segment.words = tuple(words)
        segment.pause = pause
        return segment

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """Characters of the segment -> characters of the text as it was sent.

        A word that something invisible was taken out of counts as a whole.
        """
        at = 0
        first: int | None = None
        last = 0
        for word in self.words:
            if at < end and start < at + len(word):
                begin, stop = _locate_in(word, start - at, end - at)
                first = begin if first is None else first
                last = stop
            at += len(word) + 1
        if first is None:
            first = last = self.words[-1].end if self.words else 0
        return first, last


def _locate_in(word: PlacedWord, start: int, end: int) -> tuple[int, int]:
    if word.end - word.start != len(word):
        return word.start, word.end
    return word.start + max(0, start), word.start + min(len(word), end)


def segments(text: str) -> list[Segment]:
    """The text in pieces to be spoken one by one; at least one.

    Raises OptionTypeError for anything but a str, TextEmpty for a text without a visible character.
    """
    _check_type(text, "a text")
    reader = WordReader()
    reader.append(text)
    reader.end()
    pieces = _pieces(reader.words)
    if not pieces:
        raise TextEmpty(
            f"found a text of {len(text)} characters, none of them visible; wanted at least one "
            "word; do not send blank text to the engine"
        )
    return _to_segments(pieces, None)


def _check_type(text: object, what: str) -> None:
    if not isinstance(text, str):
        raise OptionTypeError(
            f"found {what} of type {type(text).__name__}, wanted str; decode bytes with .decode()"
        )


Words = Sequence[PlacedWord]


def _pieces(words: Words) -> list[Words]:
    """The segments, as words."""
    pieces: list[Words] = []
    for line in _lines(words):
        for sentence in _sentences(line):
            pieces.extend(_fit(sentence))
    return pieces


def _to_segments(pieces: Sequence[Words], following: PlacedWord | None) -> list[Segment]:
    """Pieces with the pauses behind them; `following` is the word behind the last, if any."""
    segments = []
    for index, piece in enumerate(pieces):
        next_word = following
        if index + 1 < len(pieces):
            next_word = pieces[index + 1][0]
        segments.append(Segment.of(piece, _pause_behind(piece, next_word)))
    return segments


def _pause_behind(piece: Words, following: PlacedWord | None) -> Pause:
    """How long a reader pauses behind a piece."""
    if following is None:
        return Pause.STOP
    if following.breaks > 1:
        return Pause.PARAGRAPH
    if following.breaks:
        return Pause.STOP
    for word in reversed(piece):
        mark = word.rstrip(CLOSERS)[-1:]
        if mark in SENTENCE_ENDS + ".":
            return Pause.STOP
        if any(map(str.isalnum, word)):
            break
    return Pause.CLAUSE


def incoming(parts: Iterable[str]) -> Iterator[Segment]:
    """segments() of a text that arrives in parts, each as soon as it is certain to be whole.

    The first is the first clause, so that something is heard soon; then whole sentences follow.
    Raises OptionTypeError for a part that is not a str, TextEmpty if nothing visible ever came.
    """
    reader = WordReader()
    has_begun = False
    text_chars = 0
    for part in parts:
        _check_type(part, "a part of a text")
        text_chars += len(part)
        reader.append(part)
        for segment, count in _final_segments(reader.words, has_begun):
            yield segment
            reader.drop(count)
            has_begun = True
    reader.end()
    if reader.words:
        yield from _to_segments(_pieces(reader.words), None)
    elif not has_begun:
        segments(" " * text_chars)


def _final_segments(words: Words, has_begun: bool) -> list[tuple[Segment, int]]:
    """The segments that nothing behind these words can change, and how many words each has."""
    pieces = _pieces(words)
    if len(pieces) == 1 and not has_begun:
        count = count_first_clause(pieces[0])
        if not count:
            return []
        clause = pieces[0][:count]
        return [(Segment.of(clause, _pause_behind(clause, pieces[0][count])), count)]
    last = pieces[-1][0] if pieces else None
    final = _to_segments(pieces[:-1], last)
    return [(segment, len(piece)) for segment, piece in zip(final, pieces, strict=False)]


# Sentences --------------------------------------------------------------------------------------


def _lines(words: Words) -> Iterator[list[PlacedWord]]:
    """Words, line by line. A line that goes on in lower case was only wrapped for the page."""
    line: list[PlacedWord] = []
    for word in words:
        if line and word.breaks and not _is_wrapped(line[-1], word):
            yield line
            line = []
        line.append(word)
    if line:
        yield line


def _is_wrapped(before: PlacedWord, word: PlacedWord) -> bool:
    """Whether the line that a word begins goes on with the one before, which ends with `before`.

    Lines of a word or two are a list, unless a comma ends them, and so are those that begin with
    a) or b).
    """
    if word.breaks > 1 or not word[0].islower():
        return False
    if len(word) == 2 and word[1] in ").":
        return False
    return before.endswith(",") or word.line_words > SHORT_LINE


def _sentences(words: Words) -> Iterator[list[PlacedWord]]:
    """The sentences of a line. Emoji, dashes and lone quotes stay with the sentence before them."""
    sentence: list[PlacedWord] = []
    count = 0  # words of this sentence that can be read
    ending = ""  # the last word of it that could end it
    before = ""  # the word before that
    for word in words:
        is_readable = any(map(str.isalnum, word))
        if is_readable and count and ends_sentence(before, ending, word, is_first=count == 1):
            yield sentence
            sentence = []
            count = 0
            ending = ""
            before = ""
        sentence.append(word)
        if is_readable:
            count += 1
        if is_readable or word[0] in SENTENCE_ENDS + ".":
            before = ending
            ending = word
    if sentence:
        yield sentence


# Length -----------------------------------------------------------------------------------------


def _fit(words: Words) -> Iterator[Words]:
    """A sentence in pieces of at most MAX_SEGMENT_CHARS; a longer word is a piece of its own."""
    while True:
        count = _count_fitting(words)
        if count == len(words):
            yield words
            return
        cut = _best_cut(words, count)
        yield words[:cut]
        words = words[cut:]


def _count_fitting(words: Words) -> int:
    """How many of the words fit into one segment; at least one."""
    length = -1
    for count, word in enumerate(words):
        length += 1 + len(word)
        if length > MAX_SEGMENT_CHARS:
            return max(1, count)
    return len(words)


def _best_cut(words: Words, count: int) -> int:
    """Behind the last clause of the later two thirds, else between words, never in a number."""
    best = 0
    for cut in range(count, 0, -1):
        word = words[cut - 1]
        if _are_one_form(word, words[cut]):
            continue
        if cut > count // 3 and word.endswith(CLAUSE_ENDS):
            return cut
        best = best or cut
    return best or _cut_beside_numbers(words, count)


def _one_number(left: str, right: str) -> bool:
    """Whether "1" and "000" are one number written with a space."""
    digits = right.rstrip(CLOSERS + ".,;:!?")
    return left[-1].isdigit() and digits.isdigit() and len(digits) == 3


def _cut_beside_numbers(words: Words, count: int) -> int:
    for cut in range(count, 0, -1):
        if not _one_number(words[cut - 1], words[cut]):
            return cut
    return count


def _are_one_form(left: str, right: str) -> bool:
    """Whether the words may be one written form in two, as "No." and its number."""
    stem = left.lstrip(OPENERS)
    is_numbering = stem.endswith(".") and stem[:-1] in BEFORE_NUMBERS
    if is_numbering and right.lstrip(OPENERS)[:1].isdigit():
        return True
    return belong_together(left, right)
