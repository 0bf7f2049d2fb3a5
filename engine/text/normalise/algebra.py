# ruff: noqa: RUF001 - minus signs, dashes and Greek letters
"""Terms of an equation: 3x + 1 = 10, y = mx + b, 2πr. Elsewhere 3x is three times."""

from __future__ import annotations

import re

from .numbers import NUMBER, say_number
from .reading import spell
from .rules import DIGITS, LOWER, SHORT_WORDS, Match, Rule, follows_word

KIND = "math"
VARIABLES = frozenset("abijnqrtuvxyz")
"""Letters that stand for numbers behind a number; the others may as well be units: 3m, 5k."""
NO_PRODUCTS = SHORT_WORDS | {"pi", "mu", "nu", "xi"}
"""Of two letters: words, and names of Greek letters."""
TERM = re.compile(rf"(?P<number>{NUMBER})?(?P<letters>[a-z]{{1,2}})(?![\w'’])")
COEFFICIENT = re.compile(rf"(?P<number>{NUMBER})(?=[α-ωΩΔ]\w{{0,2}}(?!\w))")
OPERATOR_BEHIND = re.compile(
    r" ?[=≠≈≤≥<>] ?[\w(.√−-]|(?: [-−–+*×·/] |[−+*×·^])(?:\(|\d|[a-z]{1,2}(?!\w))"
)
OPERATOR_BEFORE = re.compile(r"(?:[=≠≈≤≥<>] ?[-−]?|[\w)] [-−–+*×·/] |[\w)][−+*×·])\(?$")


def is_in_equation(match: Match) -> bool:
    """Whether a sign of calculation joins a match to something else."""
    if OPERATOR_BEHIND.match(match.string, match.end()):
        return True
    return OPERATOR_BEFORE.search(match.string[: match.start()]) is not None


def _read_term(match: Match) -> str | None:
    """3x, mx; a variable by itself is read as any letter is."""
    if follows_word(match) or not is_in_equation(match):
        return None
    letters, number = match["letters"], match["number"]
    if number:
        is_term = VARIABLES.issuperset(letters)
        return f"{say_number(number)} {spell(letters)}" if is_term else None
    is_product = len(letters) == 2 and letters not in NO_PRODUCTS
    return spell(letters) if is_product else None


def _read_coefficient(match: Match) -> str | None:
    """2πr: the number before a Greek letter."""
    return None if follows_word(match) else say_number(match["number"])


RULES = (
    Rule(KIND, f"{DIGITS}.{LOWER}", TERM, _read_term),
    Rule(KIND, f"{DIGITS}.", COEFFICIENT, _read_coefficient),
)
