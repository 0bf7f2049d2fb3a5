# ruff: noqa: RUF001 - quotation marks and dashes of every kind are what this file is about
"""Text -> segments: cleaned, cut at sentences, and no longer than the model likes.

Cuts fall between words only, so that joining the segments with spaces gives every word back.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

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
    if not isinstance(text, str):
        raise OptionTypeError(
            f"found a text of type {type(text).__name__}, wanted str; decode bytes with .decode()"
        )
    pieces = [
        " ".join(piece)
        for line in _lines(normalise(text))
        for sentence in _sentences(line)
        for piece in _fit(sentence)
    ]
    if not pieces:
        raise TextEmpty(
            f"found a text of {len(text)} characters, none of them visible; wanted at least one "
            "word; do not send blank text to the engine"
        )
    return pieces


def incoming(parts: Iterable[str]) -> Iterator[str]:
    """segments() of a text that arrives in parts, each as soon as it is known to be whole.

    The first is the first clause, so that something is heard soon; then whole sentences follow.
    Raises OptionTypeError for a part that is not a str, TextEmpty if nothing visible ever came.
    """
    waiting, begun = "", False
    for part in parts:
        if not isinstance(part, str):
            raise OptionTypeError(
                f"found a part of a text of type {type(part).__name__}, wanted str; "
                "decode bytes with .decode()"
            )
        waiting = normalise(waiting + part)
        # The last word may go on with the next part.
        settled = waiting[: max(waiting.rfind(" "), waiting.rfind("\n")) + 1]
        for piece in _settled_chars(settled, begun):
            yield " ".join(piece)
            waiting = _behind(waiting, len(piece))
            begun = True
    if not begun or waiting.strip():
        yield from segments(waiting)


def _settled_chars(text: str, begun: bool) -> list[list[str]]:
    """The segments, as words, that nothing behind this text can change."""
    pieces = [
        piece for line in _lines(text) for sentence in _sentences(line) for piece in _fit(sentence)
    ]
    whole, growing = pieces[:-1], pieces[-1:]
    if not whole and growing and not begun:
        clause = _first_clause(growing[0])
        return [growing[0][:clause]] if clause else []
    return whole


def _first_clause(words: list[str]) -> int:
    """How many words the first clause has; 0 if it may go on. A single word is none."""
    for count in range(2, len(words)):
        if words[count - 1].endswith(CLAUSE_ENDS) and not _one_number(
            *words[count - 1 : count + 1]
        ):
            return count
    return 0


def _behind(text: str, words: int) -> str:
    """The text without its first words."""
    for _ in range(words):
        text = text.lstrip()
        space = next((at for at, char in enumerate(text) if char.isspace()), len(text))
        text = text[space:]
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
    said = 0  # words of this sentence that say something
    ending = ""  # the last word of it that could end it
    for word in words:
        speaks = any(map(str.isalnum, word))
        if speaks and said and _ends_sentence(ending, word, first=said == 1):
            yield sentence
            sentence, said, ending = [], 0, ""
        sentence.append(word)
        said += speaks
        if speaks or word[0] in SENTENCE_ENDS + ".":
            ending = word
    if sentence:
        yield sentence


def _ends_sentence(word: str, following: str, *, first: bool) -> bool:
    """Whether a sentence ends with `word` when `following` comes next."""
    core = word.rstrip(CLOSERS)
    start = following.lstrip(OPENERS)
    if start[:1].islower():  # "Really?" she said ... and so on
        return False
    if core.endswith((*SENTENCE_ENDS, "..")):
        return True
    if not core.endswith("."):
        return False
    return not _is_abbreviation(core.lstrip(OPENERS)[:-1], start, first=first)


def _is_abbreviation(stem: str, start: str, *, first: bool) -> bool:
    """Whether the full stop behind `stem` belongs to the word and not to the sentence."""
    if stem.isdigit():
        return first  # "1. Open the door."
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
    if not head.isalpha() or len(head) > (2 if rest else 1):
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
    while (count := _fitting(words)) < len(words):
        cut = _best_cut(words, count)
        yield words[:cut]
        words = words[cut:]
    yield words


def _fitting(words: list[str]) -> int:
    """How many of the words fit into one segment; at least one."""
    length = -1
    for count, word in enumerate(words):
        length += 1 + len(word)
        if length > MAX_SEGMENT_CHARS:
            return max(1, count)
    return len(words)


def _best_cut(words: list[str], count: int) -> int:
    """Behind the last clause of the later two thirds, else between words, never in a number."""
    cuts = [at for at in range(1, count + 1) if not _one_whole(words[at - 1], words[at])]
    clauses = [at for at in cuts if at > count // 3 and words[at - 1].endswith(CLAUSE_ENDS)]
    return (clauses or cuts or [count])[-1]


def _one_whole(left: str, right: str) -> bool:
    """Whether the words are a number in two, or "No." and its number."""
    stem = left.lstrip(OPENERS)
    numbered = stem.endswith(".") and stem[:-1] in BEFORE_NUMBERS
    return _one_number(left, right) or (numbered and right.lstrip(OPENERS)[:1].isdigit())


def _one_number(left: str, right: str) -> bool:
    """Whether "1" and "000" are one number written with a space."""
    digits = right.rstrip(CLOSERS + ".,;:!?")
    return left[-1].isdigit() and digits.isdigit() and len(digits) == 3
