# ruff: noqa: RUF001 - minus signs and dashes of every kind
"""Numbers as they are written: how a written number is found, and what it is in words."""

from __future__ import annotations

from .number_words import cardinal, decimal, fraction, say_digits

GROUPED = r"\d{1,3}(?:,\d{3})+"
SPACED = r"\d{1,3}(?: \d{3})+(?![\d-])"
WHOLE = rf"(?:{GROUPED}(?!\d)|{SPACED}|\d+)"
NUMBER = rf"(?:{WHOLE}(?:\.\d+)?|\.\d+)"
SIGN_WORDS = {"-": "minus ", "−": "minus ", "–": "minus ", "+": "plus ", "±": "plus or minus "}
MAGNITUDES = {
    "k": "thousand",
    "m": "million",
    "mm": "million",
    "mn": "million",
    "mln": "million",
    "mil": "million",
    "b": "billion",
    "bn": "billion",
    "bln": "billion",
    "t": "trillion",
    "tn": "trillion",
    "trn": "trillion",
}
MAGNITUDE_WORDS = "hundred|thousand|million|billion|trillion|quadrillion|dozen"
SUFFIX_MAGNITUDE = r"(?:[kKmMbBtT]|[mMbBtT][nN]|[mMbBtT](?:ln|rn)|mil|MM)"
FRACTION_CHARS = {
    "½": (1, 2),
    "⅓": (1, 3),
    "⅔": (2, 3),
    "¼": (1, 4),
    "¾": (3, 4),
    "⅕": (1, 5),
    "⅖": (2, 5),
    "⅗": (3, 5),
    "⅘": (4, 5),
    "⅙": (1, 6),
    "⅚": (5, 6),
    "⅐": (1, 7),
    "⅛": (1, 8),
    "⅜": (3, 8),
    "⅝": (5, 8),
    "⅞": (7, 8),
    "⅑": (1, 9),
    "⅒": (1, 10),
}


def say_number(text: str) -> str:
    """1,234.5 -> one thousand two hundred thirty-four point five; 007 -> zero zero seven."""
    plain = text.replace(",", "").replace(" ", "")
    if "." in plain:
        return decimal(plain)
    if len(plain) > 1 and plain.startswith("0"):
        return say_digits(plain)
    return cardinal(plain)


def magnitude_of(suffix: str | None) -> str:
    """bn -> billion, million -> million; empty for none."""
    if not suffix:
        return ""
    return MAGNITUDES.get(suffix.lower(), suffix.lower())


def is_one(text: str) -> bool:
    """Whether what is counted is in the singular."""
    return text == "1"


def is_year(text: str) -> bool:
    """Whether digits may well be a year."""
    return len(text) == 4 and text.isdigit() and 1000 <= int(text) <= 2199


def say_mixed(whole: str, char: str) -> str:
    """2, ½ -> two and a half."""
    words = fraction(*FRACTION_CHARS[char])
    if char == "½":
        words = "a half"
    return f"{say_number(whole)} and {words}"
