"""What a text becomes: the text to be said, and where each piece of it was written.

Positions are characters of the text that was normalised, the end one behind the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

LETTER_A = "\uff21"
"""Stands for the letter A inside a reading: a plain A would be taken for the article."""
LETTER_A_SAID = "eh"
"""What every voice says as the name of that letter."""
LETTERS_PLURAL = "\ue003"
"""Stands for the s of ATMs: a voice is given "A.T.M's", and A T Ms is what is written."""
SPELLED = re.compile(rf"(?<![^\W_])[A-Z{LETTER_A}](?:\.[A-Z{LETTER_A}])+(?![^\W_])")
WORD = re.compile(r"\S+")


class TextSpan(NamedTuple):
    """Some characters of the text that was normalised: from start to before end."""

    start: int
    end: int


class Piece(NamedTuple):
    """A piece of what is said, and the characters it was read from."""

    text: str
    start: int
    end: int


class Unreadable(NamedTuple):
    """What no voice says: the characters, where they stand, and what they are."""

    text: str
    start: int
    end: int
    kind: str


class SpokenText(NamedTuple):
    """A word as it goes to a voice, and the characters it was read from."""

    text: str
    span: TextSpan


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it is said.

    source: what was written. text: what a voice reads; letters that are said by their names are
    joined by full stops ("F.B.I"), as all voices say those alike. pieces: text in order.
    unreadable: what was left out, as there is no way to say it.
    """

    source: str
    text: str
    pieces: tuple[Piece, ...]
    unreadable: tuple[Unreadable, ...] = ()

    def words(self) -> str:
        """The words as somebody would write down what is said: F B I, plan A."""
        spaced = SPELLED.sub(lambda match: match[0].replace(".", " "), "".join(self._texts()))
        return spaced.replace(LETTER_A, "A").replace(LETTERS_PLURAL, "s")

    def spans(self) -> list[SpokenText]:
        """What stands between spaces in `text`, each with the characters it came from."""
        if self.text is self.source:
            return [
                SpokenText(match[0], TextSpan(*match.span())) for match in WORD.finditer(self.text)
            ]
        spans = []
        starts = self._piece_starts()
        first = 0
        for match in WORD.finditer(self.text):
            while first + 1 < len(starts) and starts[first + 1] <= match.start():
                first += 1
            spans.append(SpokenText(match[0], self._locate(match.span(), first, starts)))
        return spans

    def _texts(self) -> Iterator[str]:
        for piece in self.pieces:
            yield piece.text

    def _piece_starts(self) -> list[int]:
        """Where each piece begins in `text`."""
        starts = []
        at = 0
        for piece in self.pieces:
            starts.append(at)
            at += len(to_said(piece.text))
        return starts

    def _locate(self, where: tuple[int, int], first: int, starts: list[int]) -> TextSpan:
        """The characters that a stretch of `text` came from, which begins in piece `first`."""
        start, end = where
        lowest = len(self.source)
        highest = 0
        for piece, at in zip(self.pieces[first:], starts[first:], strict=True):
            if at >= end:
                break
            found = TextSpan(piece.start, piece.end)
            if self.source[piece.start : piece.end] == piece.text:
                low = piece.start + max(0, start - at)
                found = TextSpan(low, min(piece.end, piece.start + end - at))
            lowest = min(lowest, found.start)
            highest = max(highest, found.end)
        return TextSpan(lowest, max(lowest, highest))


def to_said(text: str) -> str:
    """The text of a piece as a voice reads it."""
    said = text.replace(LETTERS_PLURAL, "'s")
    # Between full stops A is a letter to every voice, by itself it is not.
    if LETTER_A not in said:
        return said
    joined = SPELLED.sub(lambda match: match[0].replace(LETTER_A, "A"), said)
    return joined.replace(LETTER_A, LETTER_A_SAID)


def spell(letters: str) -> str:
    """Letters to be said one by one: FBI -> F.B.I."""
    upper = [char.upper() for char in letters if char.isalpha()]
    return ".".join(LETTER_A if char == "A" else char for char in upper)
