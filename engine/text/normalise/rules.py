# ruff: noqa: RUF001 - quotation marks and dashes of every kind
"""What a rule is, and what rules ask of the text around them."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable
from typing import NamedTuple

Match = re.Match[str]
Read = Callable[[Match], str | None]

DIGITS = string.digits
UPPER = string.ascii_uppercase
LOWER = string.ascii_lowercase
LETTERS = UPPER + LOWER
DASH = r"[-–—−‒]"

WORD_BEFORE = re.compile(r"([^\W\d_][\w.'’-]*)[ (\[\"'“*_]*$")
NOUN_BEFORE = re.compile(
    r"([^\W\d_][\w.'’-]*):?(?: (?:is|was|are|in|number|no\.|of))?:?[ (\[\"'“*_]*$"
)
WORD_AFTER = re.compile(r"[ *_]*([^\W\d_][\w'’]*)")
ORDINAL_BEFORE = re.compile(r"\d(?:st|nd|rd|th) $", re.IGNORECASE)
ABBREVIATION_END = r"(?![\w])"
"""Pattern of what has to stand behind an abbreviation: nothing that it would go on with."""
CLOSED = re.compile(r"[\"'”’»)\]*_]*$")
LAST_IN_TEXT = re.compile(r"[\W_]*$")
ANY_LETTER = "\ue001"
"""In `first` of a rule: letters beyond ASCII that no rule names."""
ANY_SYMBOL = "\ue002"
"""In `first` of a rule: other characters beyond ASCII that no rule names."""
UNREADABLE = "unreadable"
"""The kind of a rule whose words say what it is that cannot be said."""
PAUSE = "\ue000"
"""A comma right behind the word before it, whatever spaces were between."""
LOOK_BACK = 40
"""Characters that a rule looks at for the words before it."""


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


def any_of(names: Iterable[str]) -> str:
    """The pattern of any of the names, of which the longest is taken."""
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))


def in_capitals(names: Iterable[str]) -> list[str]:
    """The names, and those of more than a letter in capitals too."""
    listed = list(names)
    return [*listed, *(name.upper() for name in listed if len(name) > 1)]


SHORT_WORDS = words(
    """
    am an as at be by do go he hi if in is it me my no of oh on or so to up us we ah ha ho ya
    """
)
"""Of two letters; no other word of English is as usual."""
DETERMINERS = words(
    """
    a an the this that these those each every another one my your his her its our their any no
    some new big single whole full
    """
)
NO_NOUNS = words(
    """
    a an and are as at be because before but by can could did do does during each either else
    ever every extra for from had has have he her here his how i if in into is it its just last
    less like made may more my next no not now of off on once only or our out over per plus said
    same she should since so still sum than that the their then there these they this those
    through to today tomorrow tonight too total under until up via was we went were what when
    where which while who will with within without worth would yesterday yet you your ago away
    back off apiece annually monthly daily weekly yearly hourly later earlier higher lower deep
    wide long tall high old thick apart left right north south east west
    """
)


class Rule(NamedTuple):
    """Reads one written form.

    kind: what the form is. first: characters it may begin with. read: what a match of the pattern
    is said as, or None where it is something else after all.
    """

    kind: str
    first: str
    pattern: re.Pattern[str]
    read: Read


def word_before(match: Match) -> str:
    """The word in front of a match, without marks; empty where none is."""
    start = match.start()
    found = WORD_BEFORE.search(match.string[max(0, start - LOOK_BACK) : start])
    return found[1] if found else ""


def noun_before(match: Match) -> str:
    """The word in front, in lower case; the one before it where a verb is between: PIN is 4821."""
    start = match.start()
    found = NOUN_BEFORE.search(match.string[max(0, start - LOOK_BACK) : start])
    return found[1].lower().rstrip(".") if found else ""


def word_after(match: Match) -> str:
    """The word behind a match, if only spaces are between; else empty."""
    found = WORD_AFTER.match(match.string, match.end())
    return found[1] if found else ""


def char_before(match: Match) -> str:
    """The character right in front of a match; empty at the start."""
    start = match.start()
    return match.string[start - 1 : start]


def char_behind(match: Match) -> str:
    """The character right behind a match; empty at the end."""
    end = match.end()
    return match.string[end : end + 1]


def text_before(match: Match) -> str:
    """What stands close in front of a match."""
    start = match.start()
    return match.string[max(0, start - LOOK_BACK) : start]


def is_behind_ordinal(match: Match) -> bool:
    """Whether a match stands behind an ordinal in figures: 42nd St."""
    start = match.start()
    return ORDINAL_BEFORE.search(match.string[max(0, start - 8) : start]) is not None


def follows_word(match: Match) -> bool:
    """Whether a letter or a digit stands right before a match."""
    return char_before(match).isalnum()


def is_last(match: Match) -> bool:
    """Whether nothing that can be said comes behind a match."""
    return LAST_IN_TEXT.match(match.string, match.end()) is not None


def goes_on(match: Match) -> bool:
    """Whether a clause of the same sentence follows this one."""
    return match.string.endswith(" ")


def keep_stop(words: str, match: Match) -> str:
    """The words, with the full stop of the sentence if an abbreviation took it along."""
    if match[0].endswith(".") and CLOSED.match(match.string, match.end()):
        return f"{words}."
    return words


def is_attributive(match: Match) -> bool:
    """Whether an amount stands before its noun, where its unit has no s: a $20 bill."""
    following = match.string[match.end() : match.end() + 2]
    if following[:1] == "-" and following[1:].isalpha():
        return True
    if following[:1] != " ":
        return False
    noun = word_after(match)
    if not noun or noun.lower() in NO_NOUNS or noun.endswith(("ly", "ed", "ing")):
        return False
    return word_before(match).lower() in DETERMINERS
