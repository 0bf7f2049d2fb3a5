# ruff: noqa: RUF001 - quotation marks
"""Abbreviations, by their neighbours: "Main St." and "St. Paul", "fig. 3" and "a fig."."""

from __future__ import annotations

import re
from typing import NamedTuple

from .number_words import say_digits
from .rules import (
    LETTERS,
    UPPER,
    Match,
    Rule,
    char_before,
    char_behind,
    is_last,
    keep_stop,
    text_before,
    word_after,
    word_before,
    words,
)

KIND = "abbreviation"

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
NUMBERED = {
    "No": "number",
    "Nos": "numbers",
    "Fig": "figure",
    "Figs": "figures",
    "Vol": "volume",
    "Vols": "volumes",
    "Ch": "chapter",
    "Chap": "chapter",
    "Sec": "section",
    "Sect": "section",
    "Eq": "equation",
    "Eqs": "equations",
    "Art": "article",
    "Ex": "example",
    "P": "page",
    "Pp": "pages",
    "Pg": "page",
    "Pgs": "pages",
    "Par": "paragraph",
    "Para": "paragraph",
    "Ed": "edition",
    "App": "appendix",
    "Apt": "apartment",
    "Ste": "suite",
    "Rm": "room",
    "Fl": "floor",
    "Tel": "telephone",
    "Ext": "extension",
    "Op": "opus",
    "Ver": "version",
    "Pt": "part",
    "Pts": "parts",
    "Ln": "line",
    "C": "circa",
    "Ca": "circa",
    "Rt": "route",
    "Rte": "route",
    "Hwy": "highway",
    "Col": "column",
    "Tab": "table",
    "Sn": "season",
    "Ep": "episode",
    "Exp": "expiration",
    "Q": "question",
}
ANYWHERE = {
    "etc": "et cetera",
    "al": "al",
    "vs": "versus",
    "approx": "approximately",
    "appt": "appointment",
    "appts": "appointments",
    "dept": "department",
    "depts": "departments",
    "govt": "government",
    "est": "established",
    "max": "maximum",
    "min": "minimum",
    "avg": "average",
    "misc": "miscellaneous",
    "tel": "telephone",
    "temp": "temperature",
    "ave": "avenue",
    "blvd": "boulevard",
    "apt": "apartment",
    "bldg": "building",
    "cf": "compare",
    "viz": "namely",
    "incl": "including",
    "excl": "excluding",
    "esp": "especially",
    "orig": "originally",
    "asst": "assistant",
    "mgr": "manager",
    "mgmt": "management",
    "ed": "edition",
    "eds": "editors",
    "univ": "university",
    "intl": "international",
    "natl": "national",
    "hosp": "hospital",
    "assn": "association",
    "corp": "corporation",
    "inc": "incorporated",
    "ltd": "limited",
    "prof": "professor",
    "sgt": "sergeant",
    "st": "street",
    "rd": "road",
    "hwy": "highway",
    "mt": "mount",
    "jr": "junior",
    "sr": "senior",
    "bros": "brothers",
    "vol": "volume",
    "vols": "volumes",
    "ch": "chapter",
    "pp": "pages",
    "sept": "September",
    "fwd": "forward",
    "attn": "attention",
    "wk": "week",
    "yr": "year",
    "hr": "hour",
    "hrs": "hours",
    "mins": "minutes",
    "secs": "seconds",
    "sec": "second",
    "gal": "gallon",
    "oz": "ounce",
    "lb": "pound",
    "lbs": "pounds",
    "tbsp": "tablespoon",
    "tsp": "teaspoon",
    "qty": "quantity",
    "pkg": "package",
    "ref": "reference",
    "rev": "revised",
    "sq": "square",
    "adj": "adjective",
    "pop": "population",
    "dir": "director",
}
STOP_ANYWHERE_ONLY = words(
    """
    est max min temp ave apt ed inc st mt ch sept wk yr hr sec gal ref rev sq adj pop dir orig
    """
)
"""Words by themselves: abbreviations only with a stop, and not at the end of a sentence."""
NEVER_AT_END = words(
    """
    max min temp ed rev pop ref sec gal adj dir st mt ch fig no
    """
)
WITHOUT_STOP = {
    "vs": "versus",
    "w/o": "without",
    "w/": "with",
    "b/c": "because",
    "c/o": "care of",
    "n/a": "N.A",
    "N/A": "N.A",
    "a/c": "A.C",
    "aka": "also known as",
    "AKA": "also known as",
    "approx": "approximately",
    "dept": "department",
    "govt": "government",
    "Blvd": "Boulevard",
    "Ave": "Avenue",
    "Hwy": "Highway",
}
DOTTED = {
    "e.g.": "for example",
    "eg.": "for example",
    "i.e.": "that is",
    "ie.": "that is",
    "a.k.a.": "also known as",
    "et al.": "et al",
    "w.r.t.": "with respect to",
    "p.s.": "P.S",
}
EDITIONS = words(
    """
    first second third fourth fifth sixth seventh eighth ninth tenth last new rev revised
    updated expanded abridged annotated deluxe special limited digital intl international nd rd
    th st
    """
)
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
STARTERS = words(
    """
    The It He She They We You I This That There Then In On At A An But And
    """
)
MAY_BE_CAPITAL = frozenset(["Dept", "Est", "Approx", "Govt", "Etc", "Asst"])
NUMBER_BEHIND = re.compile(r" ?[(\[\"']*(?:\d|[IVXLC]+\b|[A-Z]\b|#)")


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


def _either(names: object) -> str:
    longest_first = sorted(map(str, names), key=len, reverse=True)  # type: ignore[call-overload]
    return "|".join(map(re.escape, longest_first))


def _in_caps(names: object) -> list[str]:
    listed = [str(name) for name in names]  # type: ignore[attr-defined]
    return [*listed, *(name.upper() for name in listed if len(name) > 1)]


END = r"(?![\w])"
TITLE = re.compile(rf"(?P<name>{_either(_in_caps(TITLES))})(?P<stop>\.)?{END}(?= |$|[,;:!?)\"'”’])")
BEHIND = re.compile(rf"(?P<name>{_either(_in_caps(BEHIND_A_NAME))})(?P<stop>\.)?{END}(?!['’])")
NUMBER = re.compile(
    rf"(?P<name>{_either([*_in_caps(NUMBERED), *(name.lower() for name in NUMBERED)])})\.(?!\w|\.)"
    r"|(?P<close>[Nn]os?|NO|[Ff]ig|[Pp]p?|[Vv]ol|[Cc]h|[Ss]ec)\.(?=\d)"
)
UNIT_ANYWHERE = re.compile(rf"(?P<name>{_either(ANYWHERE)})\.{END}", re.IGNORECASE)
BARE = re.compile(
    rf"(?P<name>{_either(WITHOUT_STOP)})(?![\w.])(?<=\w)|(?P<slashed>w/)(?=[ a-zA-Z])"
)
LETTERED = re.compile(rf"(?:{_either(DOTTED)}){END}", re.IGNORECASE)
VERSUS = re.compile(r"v\.(?= [A-Z])")
STATE = re.compile(rf"(?<=, )(?P<state>{_either(STATES)})(?P<zip> \d{{5}}(?:-\d{{4}})?)?(?![\w-])")
STATE_AND_ZIP = re.compile(rf"(?P<state>{_either(STATES)})(?P<zip> \d{{5}}(?:-\d{{4}})?)(?![\w-])")


def _read_title(match: Match) -> str | None:
    name = match["name"]
    title = TITLES.get(name, TITLES.get(name.capitalize(), ""))
    if not match["stop"] and (name not in NO_STOP_NEEDED or not word_after(match)[:1].isupper()):
        return None
    around = _look(match)
    key = name.capitalize() if name.isupper() else name
    if key != name and not around.after.isupper():
        return None
    if key in ("Mr", "Mrs", "Ms", "Dr") and match.string[match.end() :].startswith((" &", " /")):
        return title
    if not around.is_capital_after and not (around.after and key in ("Mr", "Mrs", "Ms", "Dr")):
        return None
    is_street = key in BEHIND_A_NAME and key != "Sr" and _is_street(match, around)
    if is_street or (key == "Sr" and around.is_capital_before):
        return None
    if key in ("Hon", "Fr", "Pt", "Br", "Sr", "Col", "Ft") and is_last(match):
        return None
    if key not in NO_STOP_NEEDED and not match["stop"]:
        return None
    return title


def _is_street(match: Match, around: Neighbours) -> bool:
    """Main St. and 42nd St., but St. Paul; Sunset Dr., but Dr. Smith."""
    if not around.is_capital_after:
        return around.is_capital_before or _is_behind_ordinal(match)
    if around.after in STARTERS:
        return around.is_capital_before
    return _is_behind_ordinal(match)


def _is_behind_ordinal(match: Match) -> bool:
    before = match.string[max(0, match.start() - 8) : match.start()]
    return re.search(r"\d(?:st|nd|rd|th) $", before, re.IGNORECASE) is not None


def _read_behind(match: Match) -> str | None:
    name = match["name"]
    key = name.capitalize() if name.isupper() else name
    around = _look(match)
    if key == "Co" and text_before(match).endswith("& "):
        return keep_stop("Company", match)
    if not (around.is_capital_before or _is_behind_ordinal(match)):
        return None
    if not match["stop"] and key in ("Co", "Pl", "Mt", "Sq", "Inc", "Corp", "Inst", "Pt", "Ter"):
        return BEHIND_A_NAME[key] if key in ("Inc", "Corp") else None
    if name in ("PT", "CT", "MT", "PL") or (key != name and not around.before.isupper()):
        return None
    return keep_stop(BEHIND_A_NAME[key], match)


def _read_numbered(match: Match) -> str | None:
    name = match["name"] or match["close"]
    key = name.capitalize()
    behind = match.string[match.end() :]
    if key in (
        "C",
        "P",
        "Q",
        "Ex",
        "App",
        "Art",
        "Op",
        "Par",
        "Tab",
        "Col",
        "Pt",
        "Ed",
        "Sn",
        "Fl",
    ):
        wanted = re.compile(r" ?\d")
    else:
        wanted = NUMBER_BEHIND
    is_numbered = wanted.match(behind) is not None
    is_no_of = key == "No" and behind.startswith(" of ") and not behind.startswith(" of course")
    is_fig = key == "Fig" and behind.startswith((" above", " below"))
    if not (is_numbered or is_no_of or is_fig):
        return None
    if key == "C" and not re.match(r" ?\d{3,4}", behind):
        return None
    words = NUMBERED[key]
    if not behind.startswith(" "):
        words += " "
    return words.capitalize() if name[0].isupper() and key not in ("Apt",) else words


def _read_anywhere(match: Match) -> str | None:
    written = match["name"]
    name = written.lower()
    if written.isupper() and not word_before(match).isupper():
        return None
    last = is_last(match)
    if name == "ed":
        before = word_before(match).lower()
        if before not in EDITIONS and not _is_behind_ordinal(match):
            return None
    elif (last and name in NEVER_AT_END) or (
        name in STOP_ANYWHERE_ONLY and word_after(match)[:1].isupper() and written[0].islower()
    ):
        return None
    is_name = written[0].isupper() and written not in MAY_BE_CAPITAL
    if is_name and not word_after(match) and not last:
        return None
    words = ANYWHERE[name]
    if written[0].isupper():
        words = words[0].upper() + words[1:]
    return keep_stop(words, match)


def _read_bare(match: Match) -> str | None:
    name = match["name"] or match["slashed"]
    before = char_before(match)
    if before.isalnum() or before in ("/", ".", "@"):
        return None
    return WITHOUT_STOP[name]


def _read_dotted(match: Match) -> str:
    words = DOTTED[match[0].lower()]
    if char_behind(match) == " " and words in ("for example", "that is"):
        return f"{words},"
    return keep_stop(words, match)


def _read_state(match: Match) -> str:
    words = STATES[match["state"]]
    if match["zip"]:
        words += " " + " ".join(map(say_digits, match["zip"].strip().split("-")))
    return words


def _read_versus(match: Match) -> str | None:
    """Roe v. Wade."""
    return "versus" if word_before(match)[:1].isupper() else None


RULES = (
    Rule(KIND, "v", VERSUS, _read_versus),
    Rule(KIND, "ACDFGHIKLMNOPRSTUVW", STATE, _read_state),
    Rule(KIND, "ACDFGHIKLMNOPRSTUVW", STATE_AND_ZIP, _read_state),
    Rule(KIND, LETTERS, LETTERED, _read_dotted),
    Rule(KIND, LETTERS, BARE, _read_bare),
    Rule(KIND, LETTERS, NUMBER, _read_numbered),
    Rule(KIND, UPPER, TITLE, _read_title),
    Rule(KIND, UPPER, BEHIND, _read_behind),
    Rule(KIND, LETTERS, UNIT_ANYWHERE, _read_anywhere),
)
SPECIAL = frozenset(
    [
        *WITHOUT_STOP,
        *ANYWHERE,
        *map(str.lower, NUMBERED),
        *map(str.lower, TITLES),
        *map(str.lower, BEHIND_A_NAME),
    ]
)
"""Words that are abbreviations at times: they are looked at although they are plain."""
