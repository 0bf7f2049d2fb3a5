"""The rule that says emoji by their names, where that is wanted, with pauses around them."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..emoji_names import EMOJI, find_name
from .rules import ANY_SYMBOL, PAUSE, Match, Rule, char_before, char_behind, text_before

KIND = "emoji"
PATTERN = re.compile(rf"(?P<emoji>{EMOJI})(?: ?(?P=emoji))*")
"""One emoji, or the same several times, which is said once."""
SAID_BEFORE = re.compile(rf"\w|{EMOJI}")
WORD_BEHIND = re.compile(r" ?\w")
PAUSES = ",;:.!?…—"
OPENERS = "([{\"“‘'"  # noqa: RUF001 - quotation marks


def make_rule(read: Callable[[str], str]) -> Rule:
    """The rule. `read` says a name in words, as there are numbers in some."""

    def say(match: Match) -> str | None:
        name = find_name(match["emoji"])
        if name is None:
            return None
        return f"{_find_start(match)}{read(name)}{_find_end(match)}"

    return Rule(KIND, ANY_SYMBOL, PATTERN, say)


def _find_start(match: Match) -> str:
    """A pause before the name, unless there is one already, or nothing to pause behind."""
    head = text_before(match).rstrip(" ")
    if not SAID_BEFORE.search(head) or head[-1] in OPENERS:
        return ""
    if head[-1] in PAUSES:
        return "" if char_before(match) == " " else " "
    return f"{PAUSE} "


def _find_end(match: Match) -> str:
    """A pause behind the name, if a word follows; another emoji brings its own."""
    if not WORD_BEHIND.match(match.string, match.end()):
        return ""
    return "," if char_behind(match) == " " else ", "
