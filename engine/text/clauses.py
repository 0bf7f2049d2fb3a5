# ruff: noqa: RUF001 - dashes of every kind
"""Where a sentence may be cut so that each part is read as it would be in the whole.

Texts that arrive in parts are spoken from the first clause on, and the normaliser reads a sentence
clause by clause: both cut here, and so what is said does not depend on how a text arrived.
"""

from __future__ import annotations

from collections.abc import Sequence


def word_set(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


OPENERS = "\"'“‘«([{<*_-–—¿¡"
CLOSERS = "\"'”’»)]}>*_"
CLAUSE_ENDS = (",", ";", ":", "—", "–", ")", "]")
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"), ("“", "”"))
PAIRED = ('"', "`")
SHORT_WORD = 2
CALENDAR = word_set(
    """
    Mon Tue Tues Wed Thu Thurs Fri Sat Sun Monday Tuesday Wednesday Thursday Friday Saturday Sunday
    Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec January February March April May June July
    August September October November December
    """
)
"""Days and months, which a dash may lead to: Monday – Friday."""


def count_first_clause(words: Sequence[str]) -> int:
    """How many words the first clause has; 0 if it may go on. A single word is no clause."""
    balance = _Balance()
    for count, word in enumerate(words[:-1], 1):
        balance.add(word)
        if count == 1 or not word.endswith(CLAUSE_ENDS) or "&" in word or "](" in word:
            continue  # of an entity or a link the last sign is no mark
        if belong_together(word, words[count]):
            continue
        if balance.is_closed:
            return count
    return 0


def belong_together(left: str, right: str) -> bool:
    """Whether the words may be parts of one written form: "Dec. 25, 2026", "10 000", "5 kg"."""
    start = right.lstrip(OPENERS)
    if not start or not start[0].isalpha():
        return True
    core = start.rstrip(CLOSERS + ".,;:!?")
    if left == "–" and core in CALENDAR:
        return True
    if core.isupper() or len(core) <= SHORT_WORD:
        return left.rstrip(",")[-1:].isdigit() or core.isupper()
    return left[-1:].isdigit() or left.endswith((".", "+", "=", "/", "&"))


class _Balance:
    """Counts brackets and quotation marks."""

    def __init__(self) -> None:
        self._open = dict.fromkeys([opener for opener, _ in BRACKETS] + list(PAIRED), 0)

    def add(self, word: str) -> None:
        """Count those of a word."""
        if word.isalnum():
            return
        for opener, closer in BRACKETS:
            self._open[opener] += word.count(opener) - word.count(closer)
        for mark in PAIRED:
            self._open[mark] += word.count(mark)

    @property
    def is_closed(self) -> bool:
        """Whether every one that was opened was closed."""
        if any(self._open[opener] for opener, _ in BRACKETS):
            return False
        return all(self._open[mark] % 2 == 0 for mark in PAIRED)
