# ruff: noqa: RUF001 - quotation marks and dashes of every kind
"""Text normalisation: written forms to words, before a voice's own reading rules see them.

    normalise("It costs -$40.").text == "It costs minus forty dollars."

It works on a segment: one sentence or a part of one. Markup and disguised letters go first
(markup.py), then one pass over the text (scan.py) reads what is not written in full, by rules that
are grouped by kind. Every piece of the reading knows the characters it came from (reading.py).
What cannot be said is left out and listed; emoji are said by their names where that is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence

from ..clauses import count_first_clause
from ..emoji_names import EmojiReading
from ..segmentation import Pause, Segment
from . import (
    abbreviations,
    acronyms,
    algebra,
    dates,
    inches,
    initialisms,
    money,
    names,
    network,
    numbered,
    phones,
    quantities,
    scripts,
    signs,
    states,
    symbols,
    times,
    titles,
    units,
    web,
)
from .markup import Prepared, prepare
from .named_emoji import make_rule
from .reading import Piece, Reading, SpokenText, TextSpan, Unreadable
from .scan import Scanner

__all__ = [
    "Piece",
    "Reading",
    "SpokenText",
    "TextSpan",
    "Unreadable",
    "find_unreadable",
    "normalise",
]

# The order decides where a text could be read by several kinds: the narrow ones come first.
RULES = (
    *scripts.RULES,
    *phones.RULES,
    *network.RULES,
    *web.RULES,
    *algebra.RULES,
    *times.RULES,
    *dates.RULES,
    *money.RULES,
    *inches.RULES,
    *units.RULES,
    *names.RULES,
    *states.RULES,
    *numbered.RULES,
    *titles.RULES,
    *abbreviations.RULES,
    *initialisms.RULES,
    *acronyms.RULES,
    *quantities.RULES,
    *symbols.RULES,
    *signs.RULES,
)
MAY_HIDE = re.compile(r"[&<`\\*_~\[^#]|\$(?!\d)|==")
"""Markup, behind which an emoji may be that nothing shows (&#128512;), and signs without a word."""
CLAUSE_END = re.compile(r"[,;:—–)\]] ")
SPECIAL = abbreviations.SPECIAL.union(
    acronyms.SPECIAL,
    dates.SPECIAL,
    initialisms.SPECIAL,
    money.SPECIAL,
    names.SPECIAL,
    numbered.SPECIAL,
    titles.SPECIAL,
)
SCANNER = Scanner(RULES, SPECIAL)
NAME_EMOJI = make_rule(lambda name: SCANNER.read(name).text)
SCANNERS: Mapping[EmojiReading, Scanner] = {
    "leave-out": SCANNER,
    "names": Scanner((NAME_EMOJI, *RULES), SPECIAL),
}


def normalise(
    text: str,
    keep: Container[str] = frozenset(),
    emoji: EmojiReading = "leave-out",
) -> Reading:
    """The text in words. One without written forms comes back as the very same text.

    keep: words, in lower case, that stay as they are written. emoji: whether they are left out or
    said by their names; PackageNotInstalled where there are none.

    It is read clause by clause, as a text that arrives in parts may be cut behind any of them; one
    that was cut is read as if more followed.
    """
    scanner = SCANNERS[emoji]
    if isinstance(text, Segment) and text.pause is Pause.CLAUSE:
        return _trim(text, _read_clauses(f"{text} ", keep, scanner))
    return _read_clauses(text, keep, scanner)


def _trim(source: str, reading: Reading) -> Reading:
    """The reading of a text and a space behind it, without that space."""
    if reading.text is reading.source:
        return Reading(source, source, (Piece(source, 0, len(source)),))
    pieces = []
    for piece in reading.pieces:
        end = min(piece.end, len(source))
        pieces.append(Piece(piece.text, min(piece.start, end), end))
    while pieces and not pieces[-1].text.strip():
        pieces.pop()
    if pieces:
        pieces[-1] = pieces[-1]._replace(text=pieces[-1].text.rstrip())
    return Reading(source, reading.text.rstrip(), tuple(pieces), reading.unreadable)


def _read_clauses(text: str, keep: Container[str], scanner: Scanner) -> Reading:
    starts = _clause_starts(text)
    if len(starts) == 1:
        return _read_clause(text, keep, scanner)
    readings = []
    # A clause that is not the last ends with a space: rules see that something follows.
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        readings.append(_read_clause(text[start:end], keep, scanner))
    if all(reading.text is reading.source for reading in readings):
        return Reading(text, text, (Piece(text, 0, len(text)),))
    return _join(text, starts, readings)


def _read_clause(text: str, keep: Container[str], scanner: Scanner) -> Reading:
    prepared = prepare(text)
    if prepared is None:
        return scanner.read(text, keep)
    return _restore(text, prepared, scanner.read(prepared.text, keep))


def find_unreadable(
    segment: str,
    emoji: EmojiReading = "leave-out",
) -> tuple[Unreadable, ...]:
    """What is left out of a segment. Most have nothing to look at: they are not read for it."""
    has_any = scripts.CANDIDATE.search(segment) or scripts.FACE.search(segment)
    if not (has_any or MAY_HIDE.search(segment)):
        return ()
    return normalise(segment, emoji=emoji).unreadable


def _clause_starts(text: str) -> list[int]:
    """Where each clause begins."""
    starts = [0]
    if not CLAUSE_END.search(text):
        return starts
    words = text.split(" ")
    while words:
        count = count_first_clause(words)
        if not count:
            break
        starts.append(starts[-1] + sum(map(len, words[:count])) + count)
        words = words[count:]
    return starts


def _join(
    text: str,
    starts: Sequence[int],
    readings: Sequence[Reading],
) -> Reading:
    """The readings of clauses, one after the other."""
    pieces: list[Piece] = []
    unreadable: list[Unreadable] = []
    for start, reading in zip(starts, readings, strict=True):
        for piece in reading.pieces:
            pieces.append(Piece(piece.text, piece.start + start, piece.end + start))
        for left_out in reading.unreadable:
            place = (left_out.start + start, left_out.end + start)
            unreadable.append(Unreadable(left_out.text, *place, left_out.kind))
    said = "".join(reading.text for reading in readings)
    return Reading(text, said, tuple(pieces), tuple(unreadable))


def _restore(
    source: str,
    prepared: Prepared,
    reading: Reading,
) -> Reading:
    """The reading of a prepared text, its pieces placed in the source."""
    pieces: list[Piece] = []
    for piece in reading.pieces:
        if prepared.text[piece.start : piece.end] == piece.text:
            pieces.extend(_restore_verbatim(source, prepared, piece))
        else:
            pieces.append(Piece(piece.text, *_place(prepared, piece.start, piece.end)))
    unreadable = []
    for left_out in reading.unreadable:
        start, end = _place(prepared, left_out.start, left_out.end)
        unreadable.append(Unreadable(source[start:end], start, end, left_out.kind))
    return Reading(source, reading.text, tuple(pieces), tuple(unreadable))


def _restore_verbatim(
    source: str,
    prepared: Prepared,
    piece: Piece,
) -> list[Piece]:
    """A piece that is said as written, cut where it was written otherwise, or markup was there."""
    pieces = []
    first = piece.start
    for at in range(piece.start, piece.end):
        is_last = at + 1 == piece.end
        if is_last or not _belong_together(source, prepared, at):
            text = prepared.text[first : at + 1]
            pieces.append(Piece(text, prepared.starts[first], prepared.ends[at]))
            first = at + 1
    return pieces


def _belong_together(source: str, prepared: Prepared, at: int) -> bool:
    """Whether two characters in a row were so in the source, or came from the same one there."""
    start, end = prepared.starts[at], prepared.ends[at + 1]
    if start == prepared.starts[at + 1]:
        return True
    return source[start:end] == prepared.text[at : at + 2]


def _place(prepared: Prepared, start: int, end: int) -> tuple[int, int]:
    """Characters of the prepared text -> characters of the source."""
    if start < end:
        return prepared.starts[start], prepared.ends[end - 1]
    if start < len(prepared.starts):
        return prepared.starts[start], prepared.starts[start]
    last = prepared.ends[-1] if prepared.ends else 0
    return last, last
