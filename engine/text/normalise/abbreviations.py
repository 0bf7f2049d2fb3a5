# ruff: noqa: RUF001 - apostrophes of every kind
"""Abbreviations of other kinds, by their neighbours: "min. 5" and "a min.", "e.g.", "Roe v. Wade".

Titles are in titles.py, "fig. 3" and the like in numbered.py, states in states.py.
"""

from __future__ import annotations

import re

from .rules import (
    ABBREVIATION_END,
    LETTERS,
    Match,
    Rule,
    any_of,
    char_before,
    char_behind,
    is_behind_ordinal,
    is_last,
    keep_stop,
    word_after,
    word_before,
    words,
)

KIND = "abbreviation"

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
IN_CHATS = {
    "afaik": "as far as I know",
    "bc": "because",
    "bday": "birthday",
    "btw": "by the way",
    "idk": "I don't know",
    "imho": "in my humble opinion",
    "imo": "in my opinion",
    "mgmt": "management",
    "msg": "message",
    "msgs": "messages",
    "mtg": "meeting",
    "nvm": "never mind",
    "omw": "on my way",
    "pls": "please",
    "plz": "please",
    "ppl": "people",
    "tbh": "to be honest",
    "thx": "thanks",
    "tmrw": "tomorrow",
    "ttyl": "talk to you later",
}
"""In small letters, or with a capital at the start of a sentence; in capitals some mean others."""
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
MAY_BE_CAPITAL = frozenset(["Dept", "Est", "Approx", "Govt", "Etc", "Asst"])
ABBREVIATION = re.compile(rf"(?P<name>{any_of(ANYWHERE)})\.{ABBREVIATION_END}", re.IGNORECASE)
BARE = re.compile(rf"(?P<name>{any_of(WITHOUT_STOP)})(?![\w.])(?<=\w)|(?P<slashed>w/)(?=[ a-zA-Z])")
LETTERED = re.compile(rf"(?:{any_of(DOTTED)}){ABBREVIATION_END}", re.IGNORECASE)
IN_CHAT = re.compile(rf"(?P<name>{any_of(IN_CHATS)})(?![\w'’/@-]|\.\w)", re.IGNORECASE)
VERSUS = re.compile(r"v\.(?= [A-Z])")


def _read_anywhere(match: Match) -> str | None:
    written = match["name"]
    name = written.lower()
    if written.isupper() and not word_before(match).isupper():
        return None
    if _is_word(match, name) or _is_name(match):
        return None
    words = ANYWHERE[name]
    if written[0].isupper():
        words = words[0].upper() + words[1:]
    return keep_stop(words, match)


def _is_word(match: Match, name: str) -> bool:
    """Whether its stop ends a sentence whose last word is written like an abbreviation."""
    if name == "ed":
        return word_before(match).lower() not in EDITIONS and not is_behind_ordinal(match)
    if name in NEVER_AT_END and is_last(match):
        return True
    begins_sentence = word_after(match)[:1].isupper() and match["name"][0].islower()
    return name in STOP_ANYWHERE_ONLY and begins_sentence


def _is_name(match: Match) -> bool:
    """Whether a capital makes a name of it, behind which no word stands."""
    written = match["name"]
    is_capital = written[0].isupper() and written not in MAY_BE_CAPITAL
    return is_capital and not word_after(match) and not is_last(match)


def _read_bare(match: Match) -> str | None:
    name = match["name"] or match["slashed"]
    before = char_before(match)
    if before.isalnum() or before in ("/", ".", "@"):
        return None
    return WITHOUT_STOP[name]


def _read_in_chat(match: Match) -> str | None:
    """btw, Pls: as people type to each other."""
    name = match["name"]
    before = char_before(match)
    if name.isupper() or before.isalnum() or (before and before in "./-@#_'’"):
        return None
    words = IN_CHATS[name.lower()]
    return words[0].upper() + words[1:] if name[0].isupper() else words


def _read_dotted(match: Match) -> str:
    words = DOTTED[match[0].lower()]
    if char_behind(match) == " " and words in ("for example", "that is"):
        return f"{words},"
    return keep_stop(words, match)


def _read_versus(match: Match) -> str | None:
    """Roe v. Wade."""
    return "versus" if word_before(match)[:1].isupper() else None


RULES = (
    Rule(KIND, "v", VERSUS, _read_versus),
    Rule(KIND, LETTERS, LETTERED, _read_dotted),
    Rule(KIND, LETTERS, BARE, _read_bare),
    Rule(KIND, LETTERS, ABBREVIATION, _read_anywhere),
    Rule(KIND, LETTERS, IN_CHAT, _read_in_chat),
)
SPECIAL = frozenset([*WITHOUT_STOP, *ANYWHERE, *IN_CHATS])
"""Words that are abbreviations at times: they are looked at although they are plain."""
