# ruff: noqa: RUF001 - quotation marks and dashes of every kind
"""Telephone numbers: digit by digit, with a pause between the groups."""

from __future__ import annotations

import re

from .number_words import cardinal, say_digits
from .rules import DIGITS, NO_NOUNS, Match, Rule, char_before, word_after, word_before, words

KIND = "phone"
SEPARATOR = r"[-–. ]"
EXTENSION = r"(?P<extension>,? (?:ext\.?|extension|x) ?(?P<inner>\d{1,6}))?"
FULL = re.compile(
    rf"(?P<country>\+?1{SEPARATOR})?(?P<area>\(\d{{3}}\) ?|\d{{3}}{SEPARATOR})"
    rf"(?P<middle>\d{{3}}){SEPARATOR}(?P<last>\d{{4}})(?![\w]|[-–./]\d){EXTENSION}"
)
LOCAL = re.compile(rf"(?P<middle>\d{{3}})[-–](?P<last>\d{{4}})(?![\w]|[-–./]\d){EXTENSION}")
ABROAD = re.compile(
    rf"\+(?P<country>\d{{1,3}})(?P<groups>(?:{SEPARATOR}\(?\d{{1,5}}\)?){{2,5}})(?![\w])"
)
PLAIN_ABROAD = re.compile(r"\+(?P<digits>\d{8,15})(?!\d)")
NAMED = re.compile(r"(?P<country>1-)(?P<area>8\d\d|9\d\d)-(?P<name>[A-Z]{4,}(?:-[A-Z]+)*)(?![a-z])")
SHORT = re.compile(r"[2-9]11\b|988\b")
SHORT_CODE = re.compile(r"\d{5,6}(?![\w-]|[.,/]\d)")
TEXTED = re.compile(r"\b(?:text|texts|texted|texting|sms)\b(?:.* (?:to|from|at))? $", re.IGNORECASE)
CALLS = words(
    """
    call called calls calling dial dialed dialing text texted phone ring to
    """
)


def _say_area(digits: str) -> str:
    if digits.endswith("00"):
        return f"{cardinal(digits)}"
    return say_digits(digits)


def _say_last(digits: str) -> str:
    if digits.endswith("000") and digits[0] != "0":
        return cardinal(digits)
    return say_digits(digits)


def _say_extension(match: Match) -> str:
    if not match["extension"]:
        return ""
    inner = match["inner"]
    words = cardinal(inner) if len(inner) < 3 and inner[0] != "0" else say_digits(inner)
    return f", extension {words}"


def _read_full(match: Match) -> str | None:
    if char_before(match) in ("-", ".", "/"):
        return None
    groups = []
    area = re.sub(r"\D", "", match["area"])
    first = _say_area(area)
    if match["country"]:
        plus = "plus " if match["country"].startswith("+") else ""
        first = f"{plus}one, {first}"
    groups.append(first)
    groups.append(say_digits(match["middle"]))
    groups.append(_say_last(match["last"]))
    return ", ".join(groups) + _say_extension(match)


def _read_local(match: Match) -> str | None:
    if char_before(match) in ("-", ".", "/"):
        return None
    return f"{say_digits(match['middle'])}, {_say_last(match['last'])}{_say_extension(match)}"


def _read_abroad(match: Match) -> str | None:
    groups = re.findall(r"\d+", match["groups"])
    if sum(map(len, groups)) < 6:
        return None
    return f"plus {say_digits(match['country'])}, " + ", ".join(map(say_digits, groups))


def _read_plain_abroad(match: Match) -> str:
    return f"plus {say_digits(match['digits'])}"


def _read_named(match: Match) -> str:
    name = match["name"].lower().replace("-", " ")
    return f"one, {_say_area(match['area'])}, {name}"


def _read_short(match: Match) -> str | None:
    if word_before(match).lower() not in CALLS:
        return None
    return say_digits(match[0])


def _read_short_code(match: Match) -> str | None:
    """Text STOP to 78045."""
    following = word_after(match)
    is_counted = following and following.lower() not in NO_NOUNS
    if is_counted or not TEXTED.search(match.string[: match.start()]):
        return None
    return say_digits(match[0])


RULES = (
    Rule(KIND, f"{DIGITS}+(", FULL, _read_full),
    Rule(KIND, DIGITS, NAMED, _read_named),
    Rule(KIND, DIGITS, LOCAL, _read_local),
    Rule(KIND, "+", ABROAD, _read_abroad),
    Rule(KIND, "+", PLAIN_ABROAD, _read_plain_abroad),
    Rule(KIND, DIGITS, SHORT, _read_short),
    Rule(KIND, DIGITS, SHORT_CODE, _read_short_code),
)
