# ruff: noqa: RUF001 - letters of other scripts
"""What no English voice can say: emoji, and letters of other scripts, left out with a warning."""

from __future__ import annotations

import re
import unicodedata

from .rules import ANY_LETTER, ANY_SYMBOL, UNREADABLE, Match, Rule, char_before, word_before

GREEK = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "omicron",
    "pi",
    "rho",
    "sigma",
    "sigma",
    "tau",
    "upsilon",
    "phi",
    "chi",
    "psi",
    "omega",
]
EMOJI_RANGES = (
    "\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\u25a0-\u25ff\u2190-\u21ff"
    "\u3030\u303d\u3297\u3299"
    "\U000e0020-\U000e007f\u20e3\ufe0e\ufe0f\u200d\u2934\u2935"
)
EMOJI = re.compile(rf"(?:[{EMOJI_RANGES}]| (?=[{EMOJI_RANGES}]))+")
FACE = re.compile(
    r"[:;=8xX][-'^o]?[)(\]\[DPpOo/\\|3*](?![\w])|<3(?!\d)|[)(]-?[:;]|\^_+\^|¯\\_\(ツ\)_/¯"
)
FIRST_OF_FACE = ":;=8xX<()^¯"
GREEK_LETTER = re.compile(r"[Α-Ωα-ω](?![Ͱ-Ͽ])")
RANGE = (
    "\u0370-\u1dbf\u1f00-\u1fff\u2c80-\u2dff\u2e80-\ua6ff\ua800-\ud7ff\uf900-\ufaff"
    "\ufb1d-\ufdff\ufe70-\ufefc"
    "\uff66-\uffdc\U00010000-\U0001cfff\U00020000-\U0003ffff"
)
FOREIGN = re.compile(rf"[{RANGE}][\u0300-\u036f]*(?:[ '’・·-]?[{RANGE}][\u0300-\u036f]*)*")
OTHER_SYMBOL = re.compile(r"[^\w\s]")
CANDIDATE = re.compile(
    "[^\x00-\xa5\xa7\xa9-\xad\xb0-\xb7\xb9-\u02c1\u0300-\u036f\u1e00-\u1eff"
    "\u2000-\u201f\u2022-\u2031\u2034-\u2064\u20ac]"
)
"""Any character that may be left out: others are Latin letters, punctuation and currencies."""
SCRIPTS = {
    "CJK": "Chinese characters",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "HANGUL": "Korean",
    "CYRILLIC": "Cyrillic letters",
    "GREEK": "Greek letters",
    "ARABIC": "Arabic letters",
    "HEBREW": "Hebrew letters",
    "DEVANAGARI": "Devanagari",
    "THAI": "Thai letters",
}


def script_of(char: str) -> str | None:
    """What a letter belongs to that no English voice reads; None for Latin letters."""
    if char < "\u0250" or "\u1e00" <= char <= "\u1eff":
        return None
    name = unicodedata.name(char, "")
    word = name.partition(" ")[0].partition("-")[0]
    if word == "LATIN" or "LATIN" in name:
        return None
    return SCRIPTS.get(word, f"{word.capitalize()} letters" if word else "letters")


def _read_emoji(match: Match) -> str | None:
    if not match[0].strip():
        return None
    return "emoji"


def _read_face(match: Match) -> str | None:
    before = char_before(match)
    if before and before != " ":
        return None
    if match[0] == "<3":
        return "emoticon" if len(word_before(match)) > 1 else None
    if match[0][0] in "xX8" and not match[0][1:].strip("D)("):
        return "emoticon" if match.end() == len(match.string) else None
    if match[0] in ("(:", "):", "(;", ");"):
        return None
    return "emoticon"


def _read_symbol(match: Match) -> str | None:
    """A symbol without a rule: no voice has a word for it; marks of punctuation stay."""
    category = unicodedata.category(match[0])
    return "symbol" if category in ("So", "Sk", "Sm", "Sc", "Co", "Cn") else None


def _read_greek(match: Match) -> str | None:
    if char_before(match).isalpha():
        return None
    code = ord(match[0].lower()) - ord("α")
    return GREEK[code]


def _read_foreign(match: Match) -> str | None:
    return script_of(match[0][0])


RULES = (
    Rule(UNREADABLE, FIRST_OF_FACE, FACE, _read_face),
    Rule("greek", ANY_LETTER, GREEK_LETTER, _read_greek),
    Rule(UNREADABLE, ANY_LETTER, FOREIGN, _read_foreign),
    Rule(UNREADABLE, ANY_SYMBOL, EMOJI, _read_emoji),
    Rule(UNREADABLE, ANY_SYMBOL, OTHER_SYMBOL, _read_symbol),
)
