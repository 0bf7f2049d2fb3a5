# ruff: noqa: RUF001 - quotation marks and dashes of every kind are what this file is about
"""Text -> segments: cleaned, cut at sentences, and no longer than the model likes.

Cuts fall between words only, so that joining the segments with spaces gives every word back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..errors import OptionTypeError, TextEmpty
from .clauses import (
    CLAUSE_ENDS,
    CLOSERS,
    OPENERS,
    belong_together,
    count_first_clause,
)
from .segments import Pause, PlacedWord, Segment, WordReader

MAX_SEGMENT_CHARS = 300  # about twenty seconds of speech
SHORT_LINE = 3  # words: a line that is no longer was not wrapped for the page

SENTENCE_ENDS = "!?…。！？"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Before a name or a number, and so never the end of a sentence.
NEVER_LAST = _words(
    """
    Mr Mrs Ms Mx Messrs Dr Drs Prof Profs Rev Hon Fr Msgr Sen Sens Rep Reps Gov Govs Pres Gen Col
    Maj Capt Cmdr Lt Sgt Cpl Pvt Adm Supt Det Insp Amb Atty MR MRS MS DR PROF
    Mt Ft e.g i.e E.g I.e vs Vs cf viz al approx Approx
    """
)
# Only before a number: "No. 5", but "No. Never."
BEFORE_NUMBERS = _words(
    """
    No no NO Nos nos NOS Fig fig FIG Figs figs Vol vol Vols vols Ch ch Chap chap Sec sec Sect sect
    Eq eq Art art p P pp Pp pg par para app App apt Apt Ste ste Rm rm ext Ext op Op ver c ca Rt Rte
    Hwy Rs Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec ed Ed tel Tel
    """
)
# The end of a sentence, unless a day, a month or a time zone follows.
ROMAN = frozenset("IVXLC")
HALVES_OF_DAYS = _words("a.m p.m A.M P.M am pm")
# The end of a sentence only if what follows looks like the start of one.
MAYBE_LAST = _words(
    """
    St Ave Blvd Rd Ln Hwy Sq Apt Bldg Ste Jr Sr Inc Ltd Co Corp Bros Dept Univ Assn Govt
    Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Thu Thurs Fri Sat Sun
    etc est min max ft in lb lbs oz mi yd hr hrs sec Pkwy Ct Pl Esq Mts Intl Natl Inst
    """
)
# Behind these a single letter is no initial: "plan B."
LETTERED = _words(
    """
    plan option vitamin grade type class section group team part point letter hepatitis exhibit
    appendix schedule version model step unit gate terminal
    """
)
BEHIND_TIMES = _words(
    """
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June
    July August September October November December Eastern Central Mountain Pacific Standard
    Daylight London Paris Tokyo Beijing Greenwich
    """
)
STARTERS = _words(
    """
    A After All Although An And Are As At Because Before But By Can Did Do Does Even For From Had
    Has Have He Her Here His How However I If In Is It Its Later Many Maybe Meanwhile Most My Next
    No Not Now Of On Once One Or Our Perhaps She Since So Some Soon Still Such That The Their Then
    There These They This Those Though To Today Two Under Until Was We Well Were What When Where
    Which While Who Why Will With Would Yes Yet You Your
    Nobody Someone Everyone Everybody Something Nothing Everything Each Every Both Another Any
    Neither Either Instead Suddenly Finally Please Let Are Just Never Always Sometimes Without
    """
)


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
        if line and word.breaks and not _is_wrapped(word):
            yield line
            line = []
        line.append(word)
    if line:
        yield line


def _is_wrapped(word: PlacedWord) -> bool:
    """Whether the line that a word begins goes on with the one before.

    Lines of a word or two are a list, and so are those that begin with a) or b).
    """
    if word.breaks > 1 or not word[0].islower():
        return False
    if len(word) == 2 and word[1] in ").":
        return False
    return word.line_words > SHORT_LINE


def _sentences(words: Words) -> Iterator[list[PlacedWord]]:
    """The sentences of a line. Emoji, dashes and lone quotes stay with the sentence before them."""
    sentence: list[PlacedWord] = []
    count = 0  # words of this sentence that can be read
    ending = ""  # the last word of it that could end it
    before = ""  # the word before that
    for word in words:
        is_readable = any(map(str.isalnum, word))
        if is_readable and count and _ends_sentence(before, ending, word, is_first=count == 1):
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


def _ends_sentence(
    before: str,
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
    stem = core.lstrip(OPENERS)[:-1]
    if stem.isalpha() and len(stem) == 1 and before.lower().lstrip(OPENERS) in LETTERED:
        return True
    return not _is_abbreviation(stem, start, is_first=is_first)


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
    if stem in BEFORE_NUMBERS and (start[:1].isdigit() or _is_numeral(start)):
        return True
    if stem in HALVES_OF_DAYS or _is_half(stem):
        return _goes_on_with_time(_bare(start).rstrip("."))
    if stem in MAYBE_LAST or _initials(stem):
        return _bare(start) not in STARTERS
    return False


def _is_numeral(word: str) -> bool:
    """The II of "Vol. II"."""
    core = word.rstrip(CLOSERS + ".,;:!?")
    return len(core) > 1 and ROMAN.issuperset(core)


def _is_half(stem: str) -> bool:
    """9:30pm, 5p.m: a time with its half of the day."""
    digits = stem.rstrip("aApPmM.")
    half = stem[len(digits) :]
    return digits[-1:].isdigit() and half in HALVES_OF_DAYS


def _goes_on_with_time(word: str) -> bool:
    """Whether what follows "5 p.m." belongs to it: a day, a month, a zone, a number."""
    if word[:1].isdigit() or word in BEHIND_TIMES:
        return True
    return len(word) > 1 and word.isupper()


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
        if _belong_together(word, words[cut]):
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


def _belong_together(left: str, right: str) -> bool:
    """Whether the words may be one written form in two, as "No." and its number."""
    stem = left.lstrip(OPENERS)
    is_numbering = stem.endswith(".") and stem[:-1] in BEFORE_NUMBERS
    if is_numbering and right.lstrip(OPENERS)[:1].isdigit():
        return True
    return belong_together(left, right)
