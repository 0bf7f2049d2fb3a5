"""States of the United States by their two letters, and the zip codes behind them."""

from __future__ import annotations

import re

from .number_words import say_digits
from .rules import DIGITS, Match, Rule, any_of, is_last, text_before, word_after

KIND = "state"
STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California",
    "CO": "Colorado", "CT": "Connecticut", "DE": "Delaware", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas",
    "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts",
    "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri", "MT": "Montana",
    "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey",
    "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota",
    "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island",
    "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah",
    "VT": "Vermont", "VA": "Virginia", "WA": "Washington", "WV": "West Virginia",
    "WI": "Wisconsin", "WY": "Wyoming", "DC": "D.C",
}  # fmt: skip
FIRST_OF_STATE = "ACDFGHIKLMNOPRSTUVW"
ALSO_WORDS = frozenset(["HI", "IN", "ME", "OH", "OK", "OR"])
"""Those that are words too."""
ZIP = r"(?P<zip> \d{5}(?:-\d{4})?)"
STATE = re.compile(rf"(?<=, )(?P<state>{any_of(STATES)}){ZIP}?(?![\w-])")
LONG_ZIP = re.compile(r"(?<![\w$€£-])\d{5}(?P<more>-\d{4})(?![\w-])")
PLACE = re.compile(r"[A-Z][a-z]+, $")
ZIP_OF_PLACE = re.compile(r"(?<=[a-z], )\d{5}(?P<more>-\d{4})?(?![\w,-]|\.\d)")
STATE_AND_ZIP = re.compile(rf"(?P<state>{any_of(STATES)}){ZIP}(?![\w-])")


def _read_state(match: Match) -> str | None:
    if not match["zip"] and match["state"] in ALSO_WORDS and word_after(match).isupper():
        return None  # all is in capitals: COME IN, OR GO
    words = STATES[match["state"]]
    if match["zip"]:
        words += " " + " ".join(map(say_digits, match["zip"].strip().split("-")))
    return words


def _read_zip(match: Match) -> str | None:
    """The number behind a place and a comma, if nothing is counted by it."""
    if match["more"] is None and not (is_last(match) and PLACE.search(text_before(match))):
        return None
    return " ".join(map(say_digits, match[0].split("-")))


RULES = (
    Rule(KIND, FIRST_OF_STATE, STATE, _read_state),
    Rule(KIND, FIRST_OF_STATE, STATE_AND_ZIP, _read_state),
    Rule("digits", DIGITS, LONG_ZIP, _read_zip),
    Rule("digits", DIGITS, ZIP_OF_PLACE, _read_zip),
)
