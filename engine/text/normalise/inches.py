# ruff: noqa: RUF001 - primes and quotation marks
"""Feet and inches: 5'10", 5 ft 9 in, a 6' fence, 3/4" wide, 12' x 10'."""

from __future__ import annotations

import re

from .number_words import fraction
from .numbers import NUMBER, is_one, say_number
from .rules import (
    DETERMINERS,
    DIGITS,
    NO_NOUNS,
    Match,
    Rule,
    follows_word,
    is_attributive,
    keep_stop,
    text_before,
    word_after,
    words,
)

KIND = "unit"
TALL = words(
    """
    tall high long wide deep x by at above below in and or from away
    """
)
FEET = re.compile(r"(?P<feet>\d{1,3})['’′] ?(?P<inches>\d{1,2}(?:\.\d+)?)(?:[\"”″]|''|’’)")
FEET_AND_INCHES = re.compile(
    r"(?P<feet>\d{1,3}) ?(?:ft\.?|feet|foot),? (?P<inches>\d{1,2}(?:\.\d+)?) ?in\b(?P<stop>\.)?"
)
INCHES = re.compile(rf"(?P<number>{NUMBER}) in(?!\w)")
DIMENSION = re.compile(r" (?:tall|wide|long|deep|thick)\b| x \d")
PRIME = re.compile(rf"(?P<number>{NUMBER})(?P<mark>[\"”″'’′])(?![\w'’])")
PART_INCH = re.compile(
    r"(?:(?P<whole>\d{1,3})[ -])?(?P<low>\d{1,2})/(?P<high>2|4|8|16|32|64)(?P<mark>[\"”″])(?!\w)"
)
OPENED = re.compile(r"(?<!\d)[\"“]")
SINGLE = re.compile(r"(?<!\w)['‘’]|['‘’](?!\w)")
DOUBLE = re.compile(r"[\"“”]")
X = re.compile(r"x(?= ?\d)")
SIZE_BEFORE = re.compile(r"(?:[\d'\"′″’”]|\d ?(?:in|ft|yd|mm|cm|m)\.?|\.) *$")


def _read_feet_and_inches(match: Match) -> str | None:
    """5 ft 9 in, but 5 ft 9 in his socks."""
    following = word_after(match)
    is_place = following.lower() in DETERMINERS or following[:1].isupper()
    if not match["stop"] and is_place:
        return None
    return keep_stop(_say_feet(match), match)


def _say_feet(match: Match) -> str:
    inches = say_number(match["inches"])
    unit = "inch" if is_one(match["inches"]) else "inches"
    return f"{say_number(match['feet'])} feet {inches} {unit}"


def _read_inches(match: Match) -> str | None:
    """12 in wide, 18 in x 24 in; but 9 in 10."""
    is_behind_size = text_before(match).endswith(" x ")
    if not is_behind_size and not DIMENSION.match(match.string, match.end()):
        return None
    unit = "inch" if is_one(match["number"]) else "inches"
    return f"{say_number(match['number'])} {unit}"


def _read_prime(match: Match) -> str | None:
    """Feet or inches; else the mark closes a quotation."""
    if match["mark"] not in "″′" and _closes_quotation(match):
        return None
    one, many = ("foot", "feet") if match["mark"] in "'’′" else ("inch", "inches")
    unit = one if is_one(match["number"]) or _is_before_noun(match) else many
    return f"{say_number(match['number'])} {unit}"


def _closes_quotation(match: Match) -> bool:
    """Whether a mark like this one was opened before it; those inside a word are apostrophes."""
    marks = SINGLE if match["mark"] in "'’" else DOUBLE
    is_open = False
    for quote in marks.finditer(match.string, 0, match.start()):
        is_open = not (is_open or follows_word(quote))  # behind a word it opens nothing
    return is_open


def _is_before_noun(match: Match) -> bool:
    """A 6' fence, two 12" pipes, but 6' tall and 6' away."""
    if is_attributive(match):
        return True
    following = word_after(match)
    if not following.islower() or following in NO_NOUNS or following in TALL:
        return False
    return not following.endswith(("ly", "ed", "ing"))


def _read_part_inch(match: Match) -> str | None:
    """3/4" wide, a 5/8" bit, 5 1/2" long; else the mark closes a quotation."""
    if match["mark"] != "″" and len(OPENED.findall(match.string[: match.start()])) % 2:
        return None
    is_half = (match["low"], match["high"]) == ("1", "2")
    part = fraction(int(match["low"]), int(match["high"]))
    following = word_after(match)
    is_measure = not following or following in TALL
    if match["whole"]:
        amount = f"{say_number(match['whole'])} and {'a half' if is_half else part}"
        return f"{amount} {'inches' if is_measure else 'inch'}"
    if is_measure:
        return "half an inch" if is_half else f"{part} of an inch"
    return f"{'half' if is_half else part.removesuffix('s')} inch"


def _read_x(match: Match) -> str | None:
    """12' x 10': by, between sizes."""
    return "by" if SIZE_BEFORE.search(text_before(match)) else None


RULES = (
    Rule(KIND, "x", X, _read_x),
    Rule(KIND, DIGITS, PART_INCH, _read_part_inch),
    Rule(KIND, DIGITS, FEET, _say_feet),
    Rule(KIND, DIGITS, FEET_AND_INCHES, _read_feet_and_inches),
    Rule(KIND, DIGITS, INCHES, _read_inches),
    Rule(KIND, f"{DIGITS}.", PRIME, _read_prime),
)
