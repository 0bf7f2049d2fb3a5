"""Abbreviations before a number: "fig. 3", "No. 5", "pp. 12-14", but "a fig." and "I said no."."""

from __future__ import annotations

import re

from .rules import LETTERS, Match, Rule, any_of, in_capitals

KIND = "numbered"

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
ONLY_BEFORE_DIGITS = frozenset(
    ["C", "P", "Q", "Ex", "App", "Art", "Op", "Par", "Tab", "Col", "Pt", "Ed", "Sn", "Fl"]
)
"""Those that are words or initials before anything else than digits."""
NUMBER_BEHIND = re.compile(r" ?[(\[\"']*(?:\d|[IVXLC]+\b|[A-Z]\b|#)")
DIGIT_BEHIND = re.compile(r" ?\d")
YEAR_BEHIND = re.compile(r" ?\d{3,4}")
NUMBER = re.compile(
    rf"(?P<name>{any_of([*in_capitals(NUMBERED), *map(str.lower, NUMBERED)])})\.(?!\w|\.)"
    r"|(?P<close>[Nn]os?|NO|[Ff]ig|[Pp]p?|[Vv]ol|[Cc]h|[Ss]ec)\.(?=\d)"
)


def _read_numbered(match: Match) -> str | None:
    name = match["name"] or match["close"]
    key = name.capitalize()
    behind = match.string[match.end() :]
    wanted = DIGIT_BEHIND if key in ONLY_BEFORE_DIGITS else NUMBER_BEHIND
    is_numbered = wanted.match(behind) is not None
    is_no_of = key == "No" and behind.startswith(" of ") and not behind.startswith(" of course")
    is_fig = key == "Fig" and behind.startswith((" above", " below"))
    if not (is_numbered or is_no_of or is_fig):
        return None
    if key == "C" and not YEAR_BEHIND.match(behind):
        return None
    words = NUMBERED[key]
    if not behind.startswith(" "):
        words += " "
    return words.capitalize() if name[0].isupper() and key != "Apt" else words


RULES = (Rule(KIND, LETTERS, NUMBER, _read_numbered),)
SPECIAL = frozenset(map(str.lower, NUMBERED))
"""Words that are abbreviations at times: they are looked at although they are plain."""
