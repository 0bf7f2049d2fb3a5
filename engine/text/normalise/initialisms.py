# ruff: noqa: RUF001 - apostrophes of every kind
"""Initialisms in small letters: npm, cc, an api, lots of urls."""

from __future__ import annotations

import re

from . import abbreviations, dates, numbered, titles
from .acronyms import SPELLED
from .reading import LETTERS_PLURAL, spell
from .rules import LOWER, Match, Rule, any_of, char_before, char_behind, words
from .web import say_part

KIND = "acronym"
ALSO_WORDS = words(
    """
    aaa abs als app coo dod doe era est eta gui ice ira iso led mia ncaa pow pst rip roi sos ups who
    wwii
    """
)
"""Of three letters or more, and words or names in small letters."""
KNOWN = frozenset(
    name.lower()
    for name in SPELLED
    if name.isalpha() and len(name) > 2 and name.lower() not in ALSO_WORDS
)
SOUNDS = words(
    """
    br grr gr hm hmph hrmph m mhm n p pf pft phew ps pst psh sh shh t th ts tsk tt v vr w wh z
    zt bz
    """
)
"""What people make rather than say, each letter once: brr, hmm, psst, zzz."""
NO_LETTERS = words(
    """
    nth st nd rd th ft vs
    """
)
ABBREVIATIONS = (
    NO_LETTERS | abbreviations.SPECIAL | dates.SPECIAL | numbered.SPECIAL | titles.SPECIAL
)
WITHOUT_VOWEL = re.compile(r"[b-df-hj-np-tv-xz]{2,6}(?![\w'’]|[.:]\w)")
SMALL = re.compile(rf"(?P<name>{any_of(KNOWN)})(?P<s>s)?(?![\w'’]|[.:]\w)")
REPEATED = re.compile(r"(.)\1+")
BESIDE_NAMES = "-./@#_'’\\"
"""Signs of addresses and compounds: what they join is read as a whole."""


def _stands_alone(match: Match) -> bool:
    """Whether no letter, digit or sign of an address touches a match."""
    before = char_before(match)
    if before.isalnum() or (before and before in BESIDE_NAMES):
        return False
    return char_behind(match) not in ("@", "/", "\\", "_")


def _read_without_vowel(match: Match) -> str | None:
    """Letters that make no word: npm, cc, tv."""
    letters = match[0]
    if not _stands_alone(match) or letters in ABBREVIATIONS:
        return None
    if letters != "ssh" and REPEATED.sub(r"\1", letters) in SOUNDS:
        return None
    return say_part(letters)


def _read_small(match: Match) -> str | None:
    if not _stands_alone(match):
        return None
    return spell(match["name"]) + (LETTERS_PLURAL if match["s"] else "")


RULES = (
    Rule(KIND, LOWER, SMALL, _read_small),
    Rule(KIND, LOWER, WITHOUT_VOWEL, _read_without_vowel),
)
SPECIAL = KNOWN | {f"{name}s" for name in KNOWN}
"""Looked at though they look like words."""
