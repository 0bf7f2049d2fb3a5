"""States of the United States by their two letters, and the zip codes behind them."""

from __future__ import annotations

import re

from .number_words import say_digits
from .rules import Match, Rule, any_of

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
ZIP = r"(?P<zip> \d{5}(?:-\d{4})?)"
STATE = re.compile(rf"(?<=, )(?P<state>{any_of(STATES)}){ZIP}?(?![\w-])")
STATE_AND_ZIP = re.compile(rf"(?P<state>{any_of(STATES)}){ZIP}(?![\w-])")


def _read_state(match: Match) -> str:
    words = STATES[match["state"]]
    if match["zip"]:
        words += " " + " ".join(map(say_digits, match["zip"].strip().split("-")))
    return words


RULES = (
    Rule(KIND, FIRST_OF_STATE, STATE, _read_state),
    Rule(KIND, FIRST_OF_STATE, STATE_AND_ZIP, _read_state),
)
