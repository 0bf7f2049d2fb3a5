# ruff: noqa: RUF001 - quotation marks
"""Titles before a name, and what stands behind one: "Dr. Smith", but "Sunset Dr."."""

from __future__ import annotations

import re
from typing import NamedTuple

from .rules import (
    ABBREVIATION_END,
    UPPER,
    Match,
    Rule,
    any_of,
    in_capitals,
    is_behind_ordinal,
    is_last,
    keep_stop,
    text_before,
    word_after,
    word_before,
    words,
)

KIND = "title"

TITLES = {
    "Mr": "Mister",
    "Mrs": "Missus",
    "Ms": "Miz",
    "Mx": "Mix",
    "Messrs": "Messieurs",
    "Dr": "Doctor",
    "Drs": "Doctors",
    "Prof": "Professor",
    "Profs": "Professors",
    "Rev": "Reverend",
    "Hon": "Honorable",
    "Fr": "Father",
    "Msgr": "Monsignor",
    "Sen": "Senator",
    "Sens": "Senators",
    "Rep": "Representative",
    "Reps": "Representatives",
    "Gov": "Governor",
    "Govs": "Governors",
    "Pres": "President",
    "Gen": "General",
    "Col": "Colonel",
    "Maj": "Major",
    "Capt": "Captain",
    "Cmdr": "Commander",
    "Lt": "Lieutenant",
    "Sgt": "Sergeant",
    "Cpl": "Corporal",
    "Pvt": "Private",
    "Adm": "Admiral",
    "Supt": "Superintendent",
    "Det": "Detective",
    "Insp": "Inspector",
    "Ofc": "Officer",
    "Amb": "Ambassador",
    "Atty": "Attorney",
    "St": "Saint",
    "Sts": "Saints",
    "Mt": "Mount",
    "Ft": "Fort",
    "Pt": "Point",
    "Sr": "Sister",
    "Br": "Brother",
}
NO_STOP_NEEDED = words(
    """
    Mr Mrs Ms Dr St Mt Prof Sgt Capt Lt Gov
    """
)
"""Titles that are written without a stop as well; the others are words or names then."""
BEHIND_A_NAME = {
    "St": "Street",
    "Dr": "Drive",
    "Ave": "Avenue",
    "Av": "Avenue",
    "Blvd": "Boulevard",
    "Rd": "Road",
    "Ln": "Lane",
    "Ct": "Court",
    "Pl": "Place",
    "Hwy": "Highway",
    "Pkwy": "Parkway",
    "Sq": "Square",
    "Ter": "Terrace",
    "Cir": "Circle",
    "Pt": "Point",
    "Mt": "Mountain",
    "Mts": "Mountains",
    "Jr": "Junior",
    "Sr": "Senior",
    "Esq": "Esquire",
    "Inc": "Incorporated",
    "Ltd": "Limited",
    "Co": "Company",
    "Corp": "Corporation",
    "Bros": "Brothers",
    "Bldg": "Building",
    "Univ": "University",
    "Assn": "Association",
    "Assoc": "Association",
    "Inst": "Institute",
    "Ctr": "Center",
    "Intl": "International",
    "Natl": "National",
    "Mfg": "Manufacturing",
}
STARTERS = words(
    """
    The It He She They We You I This That There Then In On At A An But And
    """
)
TITLE = re.compile(
    rf"(?P<name>{any_of(in_capitals(TITLES))})(?P<stop>\.)?{ABBREVIATION_END}(?= |$|[,;:!?)\"'”’])"
)
BEHIND = re.compile(
    rf"(?P<name>{any_of(in_capitals(BEHIND_A_NAME))})(?P<stop>\.)?{ABBREVIATION_END}(?!['’])"
)


QUARTERS = frozenset(["NE", "NW", "SE", "SW", "N", "S", "E", "W"])
"""Of a town, behind the name of a street: 16th St. NW."""
OF_PERSONS = ("Mr", "Mrs", "Ms", "Dr")
NEVER_LAST = ("Hon", "Fr", "Pt", "Br", "Sr", "Col", "Ft")
"""Titles that are other words at the end of a sentence."""


class Neighbours(NamedTuple):
    """What stands around an abbreviation."""

    before: str
    after: str
    is_capital_before: bool
    is_capital_after: bool


def _look(match: Match) -> Neighbours:
    before = word_before(match)
    after = word_after(match)
    gap = text_before(match).rstrip(" ")[-1:]
    is_capital_before = before[:1].isupper() and gap not in (",", ";", ":", ".", "!", "?", '"', "”")
    if before.endswith("."):
        is_capital_before = before[:1].isupper() and gap == "." and len(before) == 2
    return Neighbours(before, after, is_capital_before, after[:1].isupper())


def _read_title(match: Match) -> str | None:
    """A title in front of a name; as a word behind one it is read by `_read_behind`."""
    name = match["name"]
    key = name.capitalize() if name.isupper() else name
    title = TITLES.get(name, TITLES.get(name.capitalize(), ""))
    around = _look(match)
    if not _may_lack_stop(match, name, key) or (key != name and not around.after.isupper()):
        return None
    if key in OF_PERSONS and match.string[match.end() :].startswith((" &", " /")):
        return title
    if not _is_before_name(key, around) or _is_behind_name(match, key, around):
        return None
    if key in NEVER_LAST and is_last(match):
        return None
    return title


def _may_lack_stop(match: Match, name: str, key: str) -> bool:
    """Whether it has its full stop, or is one that people write without, before a name."""
    if match["stop"]:
        return True
    is_usual = name in NO_STOP_NEEDED and key in NO_STOP_NEEDED
    return is_usual and word_after(match)[:1].isupper()


def _is_before_name(key: str, around: Neighbours) -> bool:
    """Dr. Smith, and of persons also dr. smith."""
    return around.is_capital_after or bool(around.after and key in OF_PERSONS)


def _is_behind_name(match: Match, key: str, around: Neighbours) -> bool:
    """Sunset Dr. and Smith Sr.: no title of what follows."""
    if key == "Sr":
        return around.is_capital_before
    return key in BEHIND_A_NAME and _is_street(match, around)


def _is_street(match: Match, around: Neighbours) -> bool:
    """Main St. and 42nd St., but St. Paul; Sunset Dr., but Dr. Smith."""
    if not around.is_capital_after or around.after in QUARTERS:
        return around.is_capital_before or is_behind_ordinal(match)
    if around.after in STARTERS:
        return around.is_capital_before
    return is_behind_ordinal(match)


def _read_behind(match: Match) -> str | None:
    name = match["name"]
    key = name.capitalize() if name.isupper() else name
    around = _look(match)
    if key == "Co" and text_before(match).endswith("& "):
        return keep_stop("Company", match)
    if not (around.is_capital_before or is_behind_ordinal(match)):
        return None
    if not match["stop"] and key in ("Co", "Pl", "Mt", "Sq", "Inc", "Corp", "Inst", "Pt", "Ter"):
        return BEHIND_A_NAME[key] if key in ("Inc", "Corp") else None
    if name in ("PT", "CT", "MT", "PL") or (key != name and not around.before.isupper()):
        return None
    return keep_stop(BEHIND_A_NAME[key], match)


RULES = (
    Rule(KIND, UPPER, TITLE, _read_title),
    Rule(KIND, UPPER, BEHIND, _read_behind),
)
SPECIAL = frozenset([*map(str.lower, TITLES), *map(str.lower, BEHIND_A_NAME)])
"""Words that are titles at times: they are looked at although they are plain."""
