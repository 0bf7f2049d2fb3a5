"""Which abbreviations are words: "he said no." ends with one, "no. 5" begins with "number".

The voice package's reading rules write abbreviations out by a table, wherever they stand. These
entries of it are also words, or end a sentence as they are:

    no.          number    unless a number follows, or "of"
    fig. Fig.    figure    unless a number follows, or "above" or "below"
    ed.          edition   unless it is the second, or a new one: "driver's ed."
    Sun.         Sunday    behind "the" it is the star
    Jan.         January   at the end it is a name, unless it follows "in", "last" or a day
    Hon.         Honorable at the end nobody follows who is

NO., NOS. and FIG. are not in the table, and are read like the others. The rest of the table is no
word in English ("vol.", "Feb."), is said in full wherever it stands ("Main St.", "ask the Prof."),
or may be either, and nothing around it decides ("Sat.").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple


class Rule(NamedTuple):
    """When an abbreviation is a word: what has to stand around it, and what must not."""

    follows: re.Pattern[str] | None = None  # what has to stand before it
    never_follows: re.Pattern[str] | None = None
    never_before: re.Pattern[str] | None = None
    is_last: bool = False  # only where no other word comes after it


A_NUMBER = r" ?[(\[\"']*\d"
NUMBERED = re.compile(rf"(?<![\w.])(nos?|fig)\.(?={A_NUMBER}) ?", re.IGNORECASE)
IN_FULL = {"no": "number", "nos": "numbers", "fig": "figure"}
FIG = Rule(never_before=re.compile(rf"{A_NUMBER}| (?:above|below)\b"))
EDITIONS = re.compile(
    r"(?:\d(?:st|nd|rd|th)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last"
    r"|new|rev\.|revised|updated|expanded|abridged|annotated|deluxe|special|limited|digital"
    r"|intl\.|international)\s?$",
    re.IGNORECASE,
)
DATES = re.compile(
    r"(?:^|\d(?:st|nd|rd|th)?|\b(?:in|of|since|until|till|before|after|by|during|through|last"
    r"|next|this|each|every|early|mid|late))[ -]?$",
    re.IGNORECASE,
)
RULES = {
    "no.": Rule(never_before=re.compile(rf"{A_NUMBER}| of (?!course\b)")),
    "fig.": FIG,
    "Fig.": FIG,
    "ed.": Rule(never_follows=EDITIONS),
    "Sun.": Rule(
        follows=re.compile(r"\b(?:the|our) $", re.IGNORECASE),
        never_before=re.compile(A_NUMBER),
    ),
    "Jan.": Rule(never_follows=DATES, is_last=True),
    "Hon.": Rule(is_last=True),
}

Expand = Callable[[re.Match[str]], str]


class Abbreviations:
    """Stands in for the pattern of the rules' table: finds what it finds, but for the words."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern

    def sub(self, expand: Expand, text: str) -> str:
        """The text with every abbreviation written out by `expand`."""

        def replace(match: re.Match[str]) -> str:
            if is_word(match):
                return match[0]
            return expand(match)

        return self._pattern.sub(replace, NUMBERED.sub(_write_out, text))


def is_word(match: re.Match[str]) -> bool:
    """Whether what looks like an abbreviation is a word, and its stop that of the sentence."""
    rule = RULES.get(match[0])
    if rule is None:
        return False
    before = match.string[: match.start()]
    after = match.string[match.end() :]
    if rule.is_last and any(map(str.isalnum, after)):
        return False
    if rule.follows and not rule.follows.search(before):
        return False
    if rule.never_follows and rule.never_follows.search(before):
        return False
    return not (rule.never_before and rule.never_before.match(after))


def _write_out(match: re.Match[str]) -> str:
    abbreviation = match[1]
    full = IN_FULL[abbreviation.lower()]
    if abbreviation[0].isupper():
        full = full.capitalize()
    return f"{full} "
