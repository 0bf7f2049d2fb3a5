# ruff: noqa: RUF001 - dashes, quotes and operators of every kind are what this file is about
"""Symbols: sums, brackets, dashes and bullets as pauses, repeated marks."""

from __future__ import annotations

import re

from .rules import (
    PAUSE,
    Match,
    Rule,
    char_before,
    char_behind,
    goes_on,
    is_last,
    text_before,
    word_before,
)

KIND = "symbol"
OPERATORS = {
    "+": "plus",
    "-": "minus",
    "−": "minus",
    "–": "minus",
    "*": "times",
    "×": "times",
    "x": "times",
    "·": "times",
    "⋅": "times",
    "∗": "times",
    "÷": "divided by",
    "/": "over",
    "∕": "over",
    "∶": "to",
    "=": "equals",
    "==": "equals",
    "===": "equals",
    "!=": "is not equal to",
    "≠": "is not equal to",
    "<": "is less than",
    ">": "is greater than",
    "≤": "is less than or equal to",
    "<=": "is less than or equal to",
    "≥": "is greater than or equal to",
    ">=": "is greater than or equal to",
    "≈": "is about",
    "~": "about",
    "^": "to the power of",
    "±": "plus or minus",
    "→": "to",
    "->": "to",
    "=>": "to",
    "⇒": "implies",
    "∈": "in",
}
VERBS = frozenset(["is", "are", "was", "were", "be", "if"])
OPERATOR = re.compile(r"(?P<sign>===|[=!<>]=|[-=]>|[-+−–*×·⋅∗÷/∕∶=<>≤≥≠≈^±→⇒∈])(?= ?[\w(.$√∞-])")
ASTERISKS = re.compile(r"\*+")
DASHES = re.compile(r"(?P<space> )?(?P<dash>—+|―+|–|--+|-)")
ELLIPSIS = re.compile(r"(?:\. ?){2,}\.*|…+\.*")
REPEATED = re.compile(r"(?P<marks>[!?‽؟]{2,})|(?P<commas>,{2,})|(?P<colons>[;:]{2,})")
RULER = re.compile(r"[-=*_~#+.•—–─━═]{3,}(?= |$)")
PLURAL = re.compile(r"\((?:s|es|ies)\)")
OPEN = re.compile(r"[(\[{]+(?P<space> )?")
CLOSE = re.compile(r"[)\]}]+")
AND_OR = re.compile(r"(?P<first>and)/(?P<second>or)\b", re.IGNORECASE)
SLASH = re.compile(r"/")
QUOTES = re.compile(r"[„‟‚‛〝〞＂]")
APOSTROPHES = re.compile(r"[ʼ＇´]")
ELISIONS = "tis|twas|em|n|til|till|cause|bout|round|cuz|neath|nother|sup|ere|d|s|ll|re|ve|m|t"
OPENING = re.compile(rf"(?<![\w'’‘])['‘](?=[A-Za-z])(?!(?:{ELISIONS})\b)", re.IGNORECASE)
CLOSING = re.compile(r"(?<=[\w.,;:!?…\"”])['’](?!\w)")
BULLETS = "•·◦▪●■‣∙"
BULLET = re.compile(f"[{BULLETS}]")


ARROWS = ("=>", "->", "→", "⇒")
BEHIND_OPERAND = ")]%.²³°"
"""What an operand may end in, besides letters and digits."""


def _around(match: Match) -> tuple[str, str]:
    """The characters right before and behind a match."""
    return char_before(match), char_behind(match)


def _read_operator(match: Match) -> str | None:
    """Between operands and spaces, or close to digits: 5 - 3, x = y, 2+2."""
    sign = match["sign"]
    before, after = _around(match)
    if sign in "-–":
        is_minus = before == " " and after == " " and _has_digit_or_letter(match)
        return OPERATORS[sign] if is_minus else None
    if sign in "·⋅" and before.isdigit() and after.isdigit():
        return OPERATORS[sign]
    if not _stands_as_operator(match):
        return None
    if sign in ARROWS:
        return OPERATORS[sign]
    left = text_before(match).rstrip(" ")[-1:]
    if not left or not (left.isalnum() or left in BEHIND_OPERAND):
        return None
    return _say_operator(match)


def _stands_as_operator(match: Match) -> bool:
    """Whether a sign has the room around it that it has in mathematics."""
    sign = match["sign"]
    before, after = _around(match)
    is_spaced = before == " " and after == " "
    if sign in "/^·⋅*" and not is_spaced:
        return False
    if sign == "^":
        return _has_digit_or_letter(match)
    return sign != "+" or is_spaced or before.isalnum()


def _say_operator(match: Match) -> str:
    """Its words; behind a verb without theirs: the room is > 80 degrees."""
    words = OPERATORS[match["sign"]]
    if word_before(match).lower() in VERBS:
        return words.removeprefix("is ")
    return words


def _has_digit_or_letter(match: Match) -> bool:
    """Whether numbers or single letters stand on both sides."""
    left = text_before(match).rstrip(" ").rpartition(" ")[2]
    right = match.string[match.end() :].lstrip(" ").partition(" ")[0].rstrip(".,;:!?")
    return _is_operand(left) and _is_operand(right)


def _is_operand(word: str) -> bool:
    core = word.strip("()[]$")
    if not core:
        return False
    return core[-1].isdigit() or core[0].isdigit() or (len(core) == 1 and core.islower())


def _read_dashes(match: Match) -> str | None:
    """Dashes are pauses; a hyphen between letters stays one."""
    if match["dash"] in ("-", "–"):
        return _read_short_dash(match)
    return _pause_at(match)


def _read_short_dash(match: Match) -> str | None:
    """A hyphen joins what it touches on both sides, and is silent where it touches one."""
    before, after = _around(match)
    if before.isalnum() and after.isalnum():
        return " " if match["dash"] == "–" else None
    if match["dash"] == "-" and (before not in ("", " ") or after not in ("", " ")):
        is_joined = before not in ("", " ") and after not in ("", " ")
        return None if is_joined else ""
    return _pause_at(match)


def _pause_at(match: Match) -> str:
    """A pause, unless something else pauses there or nothing is said before it."""
    head = text_before(match).rstrip()
    if not re.search(r"\w", head):
        return ""
    if is_last(match) and not goes_on(match):
        return ""
    if head[-1:] in ",;:.!?—":
        return "" if char_before(match).isspace() else " "
    return PAUSE


def _read_closing(match: Match) -> str | None:
    """The end of a 'quotation', which is silent; the mark of the dogs' beds stays."""
    is_behind_mark = not char_before(match).isalnum()
    is_opened = OPENING.search(match.string[: match.start()]) is not None
    return "" if is_behind_mark or is_opened else None


def _read_bullet(match: Match) -> str:
    """Between items a pause; inside a word, as in paral·lel, nothing."""
    before, after = _around(match)
    if before.isalnum() and after.isalnum():
        return ""
    return _pause_at(match)


def _read_ellipsis(match: Match) -> str | None:
    text = match[0].rstrip(" ")
    after = char_behind(match)
    if is_last(match):
        return None if text == "…" else "…"
    if not re.search(r"\w", text_before(match)):
        return ""
    space = " " if match[0].endswith(" ") or after.isalnum() else ""
    return f"{PAUSE}{space}"


def _read_repeated(match: Match) -> str | None:
    if match["commas"]:
        return ","
    if match["colons"]:
        return match["colons"][0]
    marks = match["marks"]
    return "?" if "?" in marks or "‽" in marks else "!"


def _read_open(match: Match) -> str | None:
    head = text_before(match)
    before = head[-1:]
    if before.isalnum():
        return " " if char_behind(match) not in (")", "]", "}") else ""
    if not re.search(r"\w", head) or head.rstrip()[-1:] in ",;:!?—–-()]":
        return ""
    return PAUSE + " "


def _read_close(match: Match) -> str | None:
    after = char_behind(match)
    before = char_before(match)
    if before in ".!?,;:(" or (is_last(match) and not goes_on(match)):
        return ""
    if after in " " and after:
        following = match.string[match.end() :].lstrip()[:1]
        return "" if following and following in ",.;:!?)]—–-" else ","
    return " " if after.isalnum() else ""


def _read_and_or(match: Match) -> str:
    return f"{match['first']} {match['second']}"


def _read_slash(match: Match) -> str | None:
    before, after = _around(match)
    if before.isalnum() and after.isalnum():
        return " slash " if before.isdigit() and after.isdigit() else " "
    return "slash" if before == " " and after == " " else ""


def _read_asterisks(match: Match) -> str:
    before, after = _around(match)
    is_between = (before == " " and after == " ") or (before.isdigit() and after.isdigit())
    if match[0] == "*" and is_between:
        return "times"
    return ""


RULES = (
    Rule(
        KIND, "-=*_~#+.•—–─━═", RULER, lambda match: "" if not match[0].startswith("...") else None
    ),
    Rule(KIND, "-=!<>+−–*×·⋅∗÷/∕∶≤≥≠≈^±→⇒∈", OPERATOR, _read_operator),
    Rule(KIND, "*", ASTERISKS, _read_asterisks),
    Rule(KIND, "—―–-", DASHES, _read_dashes),
    Rule(KIND, ".…", ELLIPSIS, _read_ellipsis),
    Rule(KIND, "!?‽,;:", REPEATED, _read_repeated),
    Rule(KIND, "(", PLURAL, lambda match: "" if char_before(match).isalpha() else None),
    Rule(KIND, "([{", OPEN, _read_open),
    Rule(KIND, ")]}", CLOSE, _read_close),
    Rule(KIND, "aA", AND_OR, _read_and_or),
    Rule(KIND, "/", SLASH, _read_slash),
    Rule(KIND, "„‟‚‛〝〞＂", QUOTES, lambda _: '"'),
    Rule(KIND, BULLETS, BULLET, _read_bullet),
    Rule(KIND, "ʼ＇´", APOSTROPHES, lambda _: "'"),
    Rule(KIND, "'‘", OPENING, lambda _: ""),
    Rule(KIND, "'’", CLOSING, _read_closing),
)
