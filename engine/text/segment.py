# ruff: noqa: RUF001 - quotation marks and dashes of every kind are what this file is about
"""Text -> segments: cleaned, cut at sentences, and no longer than the model likes.

Cuts fall between words only, so that joining the segments with spaces gives every word back.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

from ..errors import OptionTypeError, TextEmpty

MAX_SEGMENT_CHARS = 300  # about twenty seconds of speech

LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
OPENERS = "\"'“‘«([{<*_-–—¿¡"
CLOSERS = "\"'”’»)]}>*_"
SENTENCE_ENDS = "!?…。！？"
CLAUSE_ENDS = (",", ";", ":", "—", "–", ")", "]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Before a name or a number, and so never the end of a sentence.
NEVER_LAST = _words(
    """
    Mr Mrs Ms Mx Messrs Dr Prof Rev Hon Fr Sen Rep Gov Pres Gen Col Maj Capt Cmdr Lt Sgt Cpl Adm
    Mt Ft e.g i.e E.g I.e vs Vs cf viz al approx
    """
)
# Only before a number: "No. 5", but "No. Never."
BEFORE_NUMBERS = _words("No no NO Nos nos NOS Fig fig FIG Vol vol Ch Sec Eq p pp Jan Feb Aug Sept")
# The end of a sentence only if what follows looks like the start of one.
MAYBE_LAST = _words(
    """
    St Ave Blvd Rd Ln Hwy Sq Apt Bldg Ste Jr Sr Inc Ltd Co Corp Bros Dept Univ Assn Govt
    Jan Feb Apr Aug Sept Oct Nov etc est min max
    """
)
STARTERS = _words(
    """
    A After All Although An And Are As At Because Before But By Can Did Do Does Even For From Had
    Has Have He Her Here His How However I If In Is It Its Later Many Maybe Meanwhile Most My Next
    No Not Now Of On Once One Or Our Perhaps She Since So Some Soon Still Such That The Their Then
    There These They This Those Though To Today Two Under Until Was We Well Were What When Where
    Which While Who Why Will With Would Yes Yet You Your
    """
)


def segments(text: str) -> list[str]:
    """The text in pieces to be spoken one by one; at least one.

    Raises OptionTypeError for anything but a str, TextEmpty for a text without a visible character.
    """
    _check_type(text, "a text")
    pieces = [" ".join(words) for words in _pieces(normalise(text))]
    if not pieces:
        raise TextEmpty(
            f"found a text of {len(text)} characters, none of them visible; wanted at least one "
            "word; do not send blank text to the engine"
        )
    return pieces


def _check_type(text: object, what: str) -> None:
    if not isinstance(text, str):
        raise OptionTypeError(
            f"found {what} of type {type(text).__name__}, wanted str; decode bytes with .decode()"
        )


def _pieces(text: str) -> list[list[str]]:
    """The segments of a cleaned text, as words."""
    pieces: list[list[str]] = []
    for line in _lines(text):
        for sentence in _sentences(line):
            pieces.extend(_fit(sentence))
    return pieces


def incoming(parts: Iterable[str]) -> Iterator[str]:
    """segments() of a text that arrives in parts, each as soon as it is certain to be whole.

    The first is the first clause, so that something is heard soon; then whole sentences follow.
    Raises OptionTypeError for a part that is not a str, TextEmpty if nothing visible ever came.
    """
    waiting = ""
    has_begun = False
    for part in parts:
        _check_type(part, "a part of a text")
        waiting = normalise(waiting + part)
        # The last word may go on with the next part.
        end = max(waiting.rfind(" "), waiting.rfind("\n")) + 1
        for piece in _final_pieces(waiting[:end], has_begun):
            yield " ".join(piece)
            waiting = _drop_words(waiting, len(piece))
            has_begun = True
    if not has_begun or waiting.strip():
        yield from segments(waiting)


def _final_pieces(text: str, has_begun: bool) -> list[list[str]]:
    """The segments, as words, that nothing behind this text can change."""
    pieces = _pieces(text)
    if len(pieces) == 1 and not has_begun:
        clause = _first_clause(pieces[0])
        return [clause] if clause else []
    return pieces[:-1]


def _first_clause(words: list[str]) -> list[str]:
    """The words of the first clause; none if it may go on. A single word is no clause."""
    for count, (word, following) in enumerate(pairwise(words), 1):
        ends_clause = count > 1 and word.endswith(CLAUSE_ENDS)
        if ends_clause and not _one_number(word, following):
            return words[:count]
    return []


def _drop_words(text: str, count: int) -> str:
    """The text without its first words."""
    for _ in range(count):
        text = text.lstrip()
        word = text.split(maxsplit=1)[0]
        text = text[len(word) :]
    return text


# Cleaning ---------------------------------------------------------------------------------------


class _Cleaner(dict[int, str]):
    """What each character becomes: worked out once a character, looked up from then on."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        if char in LINE_BREAKS:
            clean = "\n"
        elif char.isspace() or category in ("Cc", "Cs"):  # NUL, other controls, lone surrogates
            clean = " "
        elif category == "Cf":  # zero width: soft hyphens, joiners, byte order marks
            clean = ""
        else:
            clean = char
        self[code] = clean
        return clean


def normalise(text: str) -> str:
    """Composed characters, plain spaces and plain line breaks, nothing invisible."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").translate(_Cleaner()))


# Sentences --------------------------------------------------------------------------------------


def _lines(text: str) -> Iterator[list[str]]:
    """Words, line by line. A line that goes on in lower case was only wrapped for the page."""
    line: list[str] = []
    for words in map(str.split, text.split("\n")):
        wrapped = words and words[0][0].islower()
        if line and not wrapped:
            yield line
            line = []
        line.extend(words)
    if line:
        yield line


def _sentences(words: list[str]) -> Iterator[list[str]]:
    """The sentences of a line. Emoji, dashes and lone quotes stay with the sentence before them."""
    sentence: list[str] = []
    count = 0  # words of this sentence that can be read
    ending = ""  # the last word of it that could end it
    for word in words:
        is_readable = any(map(str.isalnum, word))
        if is_readable and count and _ends_sentence(ending, word, is_first=count == 1):
            yield sentence
            sentence = []
            count = 0
            ending = ""
        sentence.append(word)
        if is_readable:
            count += 1
        if is_readable or word[0] in SENTENCE_ENDS + ".":
            ending = word
    if sentence:
        yield sentence


def _ends_sentence(
    word: str,
    following: str,
    *,
    is_first: bool,
) -> bool:
    """Whether a sentence ends with `word` when `following` comes next."""
    core = word.rstrip(CLOSERS)
    start = following.lstrip(OPENERS)
    if start[:1].islower():  # "Really?" she said ... and so on
        return False
    if core.endswith((*SENTENCE_ENDS, "..")):
        return True
    if not core.endswith("."):
        return False
    return not _is_abbreviation(core.lstrip(OPENERS)[:-1], start, is_first=is_first)


def _is_abbreviation(
    stem: str,
    start: str,
    *,
    is_first: bool,
) -> bool:
    """Whether the full stop behind `stem` belongs to the word and not to the sentence."""
    if stem.isdigit():
        return is_first  # "1. Open the door."
    if stem in NEVER_LAST:
        return True
    if stem in BEFORE_NUMBERS and start[:1].isdigit():
        return True
    if stem in MAYBE_LAST or _initials(stem):
        return _bare(start) not in STARTERS
    return False


def _initials(stem: str) -> bool:
    """J, U.S, a.m, Ph.D: single letters with stops between them; the first part may be two."""
    head, *rest = stem.split(".")
    max_length = 2 if rest else 1
    if not head.isalpha() or len(head) > max_length:
        return False
    return all(part.isalpha() and len(part) == 1 for part in rest)


def _bare(word: str) -> str:
    """It's, -> It. A full stop stays: the "I." of "J. I. Smith" starts no sentence."""
    for apostrophe in "'’":
        word = word.split(apostrophe)[0]
    return word.rstrip(",;:")


# Length -----------------------------------------------------------------------------------------


def _fit(words: list[str]) -> Iterator[list[str]]:
    """A sentence in pieces of at most MAX_SEGMENT_CHARS; a longer word is a piece of its own."""
    while True:
        count = _count_fitting(words)
        if count == len(words):
            yield words
            return
        cut = _best_cut(words, count)
        yield words[:cut]
        words = words[cut:]


def _count_fitting(words: list[str]) -> int:
    """How many of the words fit into one segment; at least one."""
    length = -1
    for count, word in enumerate(words):
        length += 1 + len(word)
        if length > MAX_SEGMENT_CHARS:
            return max(1, count)
    return len(words)


def _best_cut(words: list[str], count: int) -> int:
    """Behind the last clause of the later two thirds, else between words, never in a number."""
    best = 0
    for cut in range(count, 0, -1):
        word = words[cut - 1]
        if _belong_together(word, words[cut]):
            continue
        if cut > count // 3 and word.endswith(CLAUSE_ENDS):
            return cut
        best = best or cut
    return best or count


def _belong_together(left: str, right: str) -> bool:
    """Whether the words are a number in two, or "No." and its number."""
    if _one_number(left, right):
        return True
    stem = left.lstrip(OPENERS)
    is_numbering = stem.endswith(".") and stem[:-1] in BEFORE_NUMBERS
    return is_numbering and right.lstrip(OPENERS)[:1].isdigit()


def _one_number(left: str, right: str) -> bool:
    """Whether "1" and "000" are one number written with a space."""
    digits = right.rstrip(CLOSERS + ".,;:!?")
    return left[-1].isdigit() and digits.isdigit() and len(digits) == 3
