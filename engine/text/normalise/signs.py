# ruff: noqa: RUF001 - signs that look like letters are what this file is about
"""Signs by themselves: those that are words, and those that are left out and listed.

None vanishes in silence. What has a word is said; punctuation and markup (PUNCTUATION, MARKUP) have
none in any text; the others are listed as what no voice says.
"""

from __future__ import annotations

import re

from .money import SYMBOLS
from .rules import UNREADABLE, Match, Rule, any_of, char_before, char_behind, text_before

KIND = "symbol"
CURRENCIES = {
    sign: currency.one for sign, currency in SYMBOLS.items() if len(sign) == 1 and sign != "$"
}
WORDS = {
    **CURRENCIES,
    "&&": "and",
    "||": "or",
    "&": "and",
    "＆": "and",
    "%": "percent",
    "@": "at",
    "+": "plus",
    "−": "minus",
    "=": "equals",
    "°": "degrees",
    "§": "section",
    "§§": "sections",
    "¶": "paragraph",
    "©": "copyright",
    "×": "times",
    "÷": "divided by",
    "±": "plus or minus",
    "∓": "minus or plus",
    "∞": "infinity",
    "√": "the square root of",
    "∛": "the cube root of",
    "∑": "the sum of",
    "∏": "the product of",
    "∫": "the integral of",
    "∂": "partial",
    "∆": "delta",
    "∇": "nabla",
    "≤": "less than or equal to",
    "≥": "greater than or equal to",
    "≠": "not equal to",
    "≈": "about",
    "≡": "is identical to",
    "∝": "is proportional to",
    "<": "less than",
    ">": "greater than",
    "≪": "is much less than",
    "≫": "is much greater than",
    "∀": "for all",
    "∃": "there exists",
    "∅": "the empty set",
    "∈": "in",
    "∉": "not in",
    "⊂": "is a subset of",
    "⊆": "is a subset of",
    "∪": "union",
    "∩": "intersection",
    "∧": "and",
    "∨": "or",
    "∴": "therefore",
    "∵": "because",
    "→": "to",
    "⇒": "to",
    "←": "from",
    "↑": "up",
    "↓": "down",
    "№": "number ",
    "|": ",",
    "\\": "backslash",
    "{": ",",
    "}": ",",
    "Ω": "ohm",
    "℃": "degrees Celsius",
    "℉": "degrees Fahrenheit",
    "¢": "cents",
    "¬": "not",
    "‰": "per thousand",
    "½": "one half",
}
ALONE = {"^": "caret", "~": "tilde", "$": "dollar", "#": "number sign", "_": "underscore"}
"""What is said of signs that touch no word: the $ sign."""
PUNCTUATION = "«»‹›¿¡"
"""Marks that stand beside others of the sentence, and are no word in any text."""
MARKUP = "*_`"
"""Where they touch a word: what is left of an emphasis, and says how, not what."""
LISTED = "^~$#†‡′″"
"""What is left out, and listed, where it is neither a word nor part of a written form."""

ANY = re.compile(any_of(WORDS))
LONE = re.compile(rf"(?<!\S)(?:{any_of(ALONE)})(?![^\s.,;:!?])")
SILENT = re.compile(f"[{re.escape(PUNCTUATION + MARKUP)}]")
LEFT_OUT = re.compile(f"[{re.escape(LISTED)}]+")


def _read_any(match: Match) -> str | None:
    words = WORDS[match[0]]
    if match[0] == "©" and text_before(match).lower().endswith("copyright "):
        return ""
    before = char_before(match)
    after = char_behind(match)
    if words and before.isalnum():
        words = f" {words}"
    if words and after.isalnum() and words[-1:].isalnum():
        words = f"{words} "
    return words


def _read_power(match: Match) -> str | None:
    """Between operands: a^b."""
    if char_before(match).isalnum() and char_behind(match).isalnum():
        return " to the power of "
    return None


RULES = (
    Rule(KIND, "".join(sorted({sign[0] for sign in WORDS})), ANY, _read_any),
    Rule(KIND, "".join(ALONE), LONE, lambda match: ALONE[match[0]]),
    Rule(KIND, "^", re.compile(r"\^"), _read_power),
    Rule(KIND, PUNCTUATION + MARKUP, SILENT, lambda _: ""),
    Rule(UNREADABLE, LISTED, LEFT_OUT, lambda _: "symbol"),
)
