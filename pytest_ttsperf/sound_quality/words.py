"""Words that a transcript has otherwise than the text that was to be spoken."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, NamedTuple

from pytest_ttsperf.sound_quality.packages import import_package

APOSTROPHES = "'\u2018\u2019\u02bc\uff07"
WORD_CHARACTERS = ("CJK UNIFIED", "HIRAGANA LETTER", "KATAKANA LETTER")
"""Beginnings of the names of characters that are each compared as a word."""
SPELLINGS = {
    "doctor": "dr",
    "mister": "mr",
    "missus": "mrs",
    "saint": "st",
    "street": "st",
    "versus": "vs",
}
"""Words, and the abbreviation that stands for them: both count as the same word."""
ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
TENS = (
    *("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"),
)
GROUPS = ("", "thousand", "million", "billion", "trillion")
LONGEST_NUMBER = 3 * len(GROUPS)
NUMBER_WORDS = frozenset((*ONES, *TENS, "hundred", *GROUPS[1:]))
SEPARATOR = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


class WordErrors(NamedTuple):
    """How a transcript differs from its text, by the alignment with the fewest errors."""

    words: int
    """Of the text, normalised."""
    errors: int
    """Words substituted, deleted and inserted; errors / words is the word error rate."""
    worst_run: int
    """Errors of the longest run that no matching word interrupts."""
    differing: str
    """That run as a reader wants it; empty where nothing differs."""


def count_word_errors(text: str, transcript: str) -> WordErrors:
    """Align a transcript with its text, word by word (Levenshtein distance, by jiwer).

    Both are normalised first, see `normalize`. Where several alignments have the same number of
    errors, one of them is taken, so that `worst_run` can be smaller than another's where words
    repeat. A text of no words has 0 of them, and each word of the transcript is an error.
    QualityError where jiwer is not installed.
    """
    wanted = normalize(text)
    found = normalize(transcript)
    jiwer = import_package("jiwer")
    chunks = jiwer.process_words(" ".join(wanted), " ".join(found)).alignments[0]
    runs = _runs(chunks)
    worst = max(runs, key=_errors_of, default=[])
    return WordErrors(
        words=len(wanted),
        errors=sum(map(_errors_of, runs)),
        worst_run=_errors_of(worst),
        differing=_describe(worst, wanted, found),
    )


def normalize(text: str) -> list[str]:
    """The words of a text, as a recogniser and a writer would both have them.

    Letters are made small and compatible forms one (NFKC); apostrophes vanish ("don't" is "dont"),
    all other punctuation and symbols separate words. Whole numbers in digits become English words
    ("123": one hundred twenty three; with a leading zero or more than 15 digits: digit by digit),
    and an "and" within a number is left out. Letters that follow one another are one word
    ("t t f a": ttfa). A few abbreviations are one word with what they stand for, as "Dr." is with
    doctor; "St." is both saint and street. Each Chinese character and each kana counts as a word.

    What it does not do: years ("1984" as nineteen eighty four), ordinals, decimals, money and times
    are words as they are written, and so are spellings of one word ("e-mail", "email"; "colour",
    "color"). Number words of other languages than English are not digits' equals. An acronym that
    a recogniser hears as other words is an error. Other scripts without spaces than the two above
    give one word for each phrase, and no useful count.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = SEPARATOR.sub("", plain)
    letters = "".join(map(_plain_character, plain))
    words: list[str] = []
    for word in letters.split():
        words += _spell(word)
    words = [word for at, word in enumerate(words) if not _joins_a_number(words, at)]
    return _join_letters(words)


def _plain_character(character: str) -> str:
    """A letter, digit or mark as it is; nothing for an apostrophe; a space for all else."""
    if character in APOSTROPHES:
        return ""
    if unicodedata.category(character)[0] not in "LMN":
        return " "
    if unicodedata.name(character, "").startswith(WORD_CHARACTERS):
        return f" {character} "
    return character


def _spell(word: str) -> list[str]:
    """A word as it is compared; several for a number in digits."""
    if word.isascii() and word.isdigit():
        return _number_words(word)
    return [SPELLINGS.get(word, word)]


def _number_words(digits: str) -> list[str]:
    """A whole number in English."""
    is_read_by_digit = len(digits) > LONGEST_NUMBER or (digits[0] == "0" and len(digits) > 1)
    if is_read_by_digit:
        return [ONES[int(digit)] for digit in digits]
    if digits == "0":
        return ["zero"]
    words: list[str] = []
    number = int(digits)
    for power in reversed(range(len(GROUPS))):
        group = number // 1000**power % 1000
        if group:
            words += _below_thousand(group)
            words += [GROUPS[power]] if power else []
    return words


def _below_thousand(number: int) -> list[str]:
    """A number from 1 to 999 in English."""
    words: list[str] = []
    hundreds, rest = divmod(number, 100)
    if hundreds:
        words += [ONES[hundreds], "hundred"]
    if rest >= len(ONES):
        tens, rest = divmod(rest, 10)
        words.append(TENS[tens])
    if rest:
        words.append(ONES[rest])
    return words


def _joins_a_number(words: list[str], at: int) -> bool:
    """Whether this is the "and" of "one hundred and five"."""
    if words[at] != "and" or not 0 < at < len(words) - 1:
        return False
    return words[at - 1] in ("hundred", *GROUPS[1:]) and words[at + 1] in NUMBER_WORDS


def _join_letters(words: list[str]) -> list[str]:
    """The words with those of one letter that follow one another as one."""
    joined: list[str] = []
    follows_letter = False
    for word in words:
        is_letter = len(word) == 1 and word.upper() != word
        if is_letter and follows_letter:
            joined[-1] += word
        else:
            joined.append(word)
        follows_letter = is_letter
    return joined


def _runs(chunks: list[Any]) -> list[list[Any]]:
    """The chunks of an alignment that differ, those that touch one another together."""
    runs: list[list[Any]] = []
    continues = False
    for chunk in chunks:
        differs = chunk.type != "equal"
        if differs and continues:
            runs[-1].append(chunk)
        elif differs:
            runs.append([chunk])
        continues = differs
    return runs


def _errors_of(run: list[Any]) -> int:
    """Words substituted, deleted and inserted in a run."""
    return sum(
        max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
        for chunk in run
    )


def _describe(run: list[Any], wanted: list[str], found: list[str]) -> str:
    """What a run had to say, and what it says."""
    if not run:
        return ""
    said = " ".join(found[run[0].hyp_start_idx : run[-1].hyp_end_idx])
    text = " ".join(wanted[run[0].ref_start_idx : run[-1].ref_end_idx])
    if not said:
        return f'"{text}" is missing'
    if not text:
        return f'"{said}" is added'
    return f'"{text}" became "{said}"'
