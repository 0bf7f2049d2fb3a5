# ruff: noqa: RUF001 - minus signs and dashes of every kind
"""Numbers by themselves: cardinals, ordinals, decimals, fractions, ranges, percents, sums."""

from __future__ import annotations

import re

from .number_words import cardinal, fraction, ordinal, pluralise, say_digits, two_digits, year
from .numbers import (
    FRACTION_CHARS,
    NUMBER,
    SIGN_WORDS,
    SUFFIX_MAGNITUDE,
    is_year,
    magnitude_of,
    say_mixed,
    say_number,
)
from .reading import spell
from .rules import (
    DASH,
    DIGITS,
    LETTERS,
    NO_NOUNS,
    Match,
    Rule,
    follows_word,
    noun_before,
    text_before,
    word_after,
    word_before,
    words,
)

KIND = "number"
FRACTION = "".join(FRACTION_CHARS)
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
PAIRS = words(
    """
    24/7 50/50 9/11 20/20 7/7 60/40 80/20 70/30
    """
)
MEASURED = words(
    """
    of cup cups inch inches mile miles hour hours pound pounds teaspoon tablespoon teaspoons
    tablespoons ounce acre acres yard foot pint quart gallon oz lb tsp tbsp full empty done
    """
)
SPOKEN_BY_DIGITS = words(
    """
    code pin zip password passcode extension ext agent flight account number card ends serial id
    ref reference order invoice case badge
    """
)
IN_PAIRS = words(
    """
    room suite boeing airbus interstate highway area error flight bus model gate apartment
    """
)
ORDINAL = re.compile(
    r"(?P<number>\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th|ST|ND|RD|TH|ˢᵗ|ⁿᵈ|ʳᵈ|ᵗʰ)(?!\w)"
)
PERCENT = re.compile(
    rf"(?P<sign>[-−–+±])?(?P<number>{NUMBER})?(?P<half>[{FRACTION}])?(?: ?%)?"
    rf"(?: ?{DASH} ?(?P<to>{NUMBER}))? ?(?P<mark>%|‰)"
)
MIXED = re.compile(rf"(?P<sign>[-−])?(?:(?P<whole>\d+) ?)?(?P<char>[{FRACTION}])")
SLASHED = re.compile(r"(?:(?P<whole>\d+)[ -])?(?P<low>\d{1,3})[/⁄](?P<high>\d{1,4})(?![\d/]|\.\d)")
RANGE = re.compile(
    rf"(?P<low>{NUMBER})(?P<dash> ?[-–—‒] ?|--)(?P<high>{NUMBER})(?P<rest>[kKmM]|(?:st|nd|rd|th))?"
    rf"(?![\w]|{DASH}\d|[.,]\d)"
)
SIGNED = re.compile(
    rf"(?P<sign>[-−–+±~≈])(?P<number>{NUMBER})(?P<magnitude>{SUFFIX_MAGNITUDE}\b)?(?![\w])"
)
RECORDS = frozenset(["record", "start", "finish", "mark"])
BEFORE_RECORD = re.compile(
    r"\b(?:(?:improve|fall|drop|slip|move|advance)s? to|(?:improved|fell|dropped|slipped|moved) to"
    r"|(?:improving|falling|dropping|slipping) to|go|goes|went|started|start) $"
)
SCALED = re.compile(rf"(?P<number>{NUMBER})(?P<magnitude>[kKmMbB]|bn|mn|tn)(?!\w)")
DECADE = re.compile(r"(?P<apostrophe>['’‘])?(?P<number>\d{2}|\d{4})['’]?s\b")
RATIO = re.compile(r"\d{1,4}(?::(?:\d{1,3}(?:,\d{3})+|\d{1,4}))+(?![\d:])")
POWER = re.compile(
    rf"(?P<base>{NUMBER}|[a-zA-Z])(?:\^(?P<caret>-?\d+)|(?P<high>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+))(?!\w)"
)
PLAIN = re.compile(rf"(?P<number>{NUMBER})(?P<plus>\+)?(?!\w)")
YEARS = re.compile(
    r"(?P<first>[12]\d{3})(?P<to>(?:-|–|—)(?P<second>\d{2}|\d{4}))?(?![\w,]*\d|:|[-–/.]\d)(?!\w)"
)
GROUPS = re.compile(r"(?:\d{4}(?:[ -]\d{4}){3}|\d{3}-\d{2}-\d{4})(?![\w-])")
LINES = re.compile(r"(?P<number>480|576|720|1080|1440|2160)p\b")
MARKER = re.compile(r"(?P<label>\d{1,3}|[a-zA-Z](?=\)))[.)](?= )")
AFTER_DIGITS = re.compile(r"(?P<number>\d+)(?=[A-Za-z])")


def _sign(match: Match) -> str | None:
    """The word of a sign; None where it is a hyphen."""
    sign = match["sign"]
    if sign in ("-", "–") and follows_word(match):
        return None
    return SIGN_WORDS.get(sign or "", "")


def _read_ordinal(match: Match) -> str:
    return ordinal(match["number"].replace(",", ""))


def _read_percent(match: Match) -> str | None:
    sign = _sign(match)
    if sign is None or not (match["number"] or match["half"]):
        return None
    if not match["half"]:
        words = say_number(match["number"])
    elif match["number"]:
        words = say_mixed(match["number"], match["half"])
    else:
        words = fraction(*FRACTION_CHARS[match["half"]])
    if match["to"]:
        words += f" to {say_number(match['to'])}"
    unit = "percent" if match["mark"] == "%" else "per thousand"
    return f"{sign}{words} {unit}"


def _read_mixed(match: Match) -> str:
    sign = SIGN_WORDS.get(match["sign"] or "", "")
    if match["whole"]:
        return sign + say_mixed(match["whole"], match["char"])
    return sign + fraction(*FRACTION_CHARS[match["char"]])


def _read_slashed(match: Match) -> str | None:
    low, high = match["low"], match["high"]
    if match["whole"]:
        words = fraction(int(low), int(high)) if int(high) > 1 else low
        if (low, high) == ("1", "2"):
            words = "a half"
        return f"{say_number(match['whole'])} and {words}"
    if f"{low}/{high}" in PAIRS:
        return f"{cardinal(low)} {cardinal(high)}"
    if int(high) < 2 or low.startswith("0"):
        return f"{say_number(low)} slash {say_number(high)}"
    following = word_after(match)
    if int(high) in (5, 10, 100) and following not in MEASURED and int(high) != int(low):
        return f"{cardinal(low)} out of {cardinal(high)}"
    if int(high) > 12 and int(high) not in (16, 20, 32, 64, 100, 1000):
        return f"{cardinal(low)} over {cardinal(high)}"
    return fraction(int(low), int(high))


def _read_range(match: Match) -> str | None:
    if _is_no_range(match):
        return None
    low, high = match["low"], match["high"]
    if match["rest"] in ("st", "nd", "rd", "th"):
        return f"{ordinal(low)} to {ordinal(high)}"
    if _is_record(match):
        return f"{say_number(low)} and {'oh' if high == '0' else say_number(high)}"
    if low == high == "50":
        return "fifty-fifty"
    if high == "0" != low and word_before(match).lower() not in ("of", "from"):
        return f"{say_number(low)} to nothing"
    words = f"{say_number(low)} to {say_number(high)}"
    if match["rest"]:
        words += f" {magnitude_of(match['rest'])}"
    return words


def _is_no_range(match: Match) -> bool:
    """Whether the dash joins codes, or stands for minus."""
    if follows_word(match) or text_before(match).endswith(("-", "–")):
        return True
    if word_before(match).lower() in IN_PAIRS:
        return True
    return " " in match["dash"] and "=" in match.string[match.end() :]


def _is_record(match: Match) -> bool:
    """Whether games won and lost are counted: a 12-3 record, improved to 10-3."""
    if word_after(match) in RECORDS:
        return True
    if not BEFORE_RECORD.search(text_before(match)):
        return False
    following = word_after(match)
    return not following or following in NO_NOUNS or following == "overall"


def _read_signed(match: Match) -> str | None:
    sign = match["sign"]
    if sign in "-–+" and follows_word(match):
        return None
    words = say_number(match["number"])
    if match["magnitude"]:
        words += f" {magnitude_of(match['magnitude'])}"
    if sign in "~≈":
        return words if word_before(match).lower() in ("about", "around") else f"about {words}"
    return SIGN_WORDS[sign] + words


def _read_scaled(match: Match) -> str | None:
    suffix = match["magnitude"]
    number = say_number(match["number"])
    if suffix == "K" and (len(match["number"]) == 1 or word_after(match) in ("run", "race", "TV")):
        return f"{number} K"
    following = word_after(match)
    is_counted = following.islower() and (following.endswith("s") or following == "people")
    is_short = suffix in ("b", "B") or (suffix == "M" and len(match["number"]) == 1)
    if is_short and not is_counted:
        return None
    return f"{number} {magnitude_of(suffix)}"


def _read_decade(match: Match) -> str | None:
    digits = match["number"]
    if len(digits) == 2:
        if not digits.endswith("0") and not match["apostrophe"]:
            return None
        return pluralise(two_digits(digits) if digits != "00" else "two thousand")
    return pluralise(year(digits)) if is_year(digits) else pluralise(cardinal(digits))


def _read_ratio(match: Match) -> str:
    parts = [say_number(part) for part in match[0].split(":")]
    return " to ".join(parts)


def _read_power(match: Match) -> str | None:
    exponent = (match["caret"] or match["high"]).translate(SUPERSCRIPTS)
    if exponent in ("-", ""):
        return None
    base = match["base"]
    words = say_number(base) if base[0] in f"{DIGITS}." else base.upper()
    if exponent == "2":
        return f"{words} squared"
    if exponent == "3":
        return f"{words} cubed"
    if exponent.startswith("-"):
        return f"{words} to the minus {cardinal(exponent[1:])}"
    return f"{words} to the {ordinal(exponent)}"


def _read_years(match: Match) -> str | None:
    first = match["first"]
    if match["to"]:
        second = match["second"]
        if len(second) == 4:
            return f"{year(first)} to {year(second)}"
        if int(second) <= int(first[2:]) or word_after(match) in ("points", "people"):
            return None
        return f"{year(first)} to {two_digits(second)}"
    if noun_before(match) in SPOKEN_BY_DIGITS:
        return None
    following = word_after(match)
    counts = (
        following.endswith("s") and following.islower() and following not in ("was", "is", "has")
    )
    if counts and word_before(match).lower() not in ("the", "since"):
        return cardinal(first)
    return year(first)


def _read_plain(match: Match) -> str | None:
    number = match["number"]
    words = _say_in_context(number, noun_before(match))
    if match["plus"]:
        words += " plus"
    return words


def _say_in_context(number: str, before: str) -> str:
    if not number.isdigit():
        return say_number(number)
    by_digits = before in SPOKEN_BY_DIGITS or before == "ending"
    if by_digits and len(number) > 2:
        return say_digits(number)
    if before in IN_PAIRS and len(number) == 3 and not number.endswith("00"):
        return f"{cardinal(number[0])} {two_digits(number[1:])}"
    if number in ("404", "401", "403", "502", "503", "504"):
        return f"{cardinal(number[0])} oh {cardinal(number[2])}"
    return say_number(number)


def _read_digits(match: Match) -> str:
    """Digits with letters behind them: 4B."""
    return say_number(match["number"])


def _read_marker(match: Match) -> str | None:
    """The number of an item of a list: 1. Open the box."""
    if match.start():
        return None
    label = match["label"]
    words = cardinal(label) if label.isdigit() else spell(label)
    return f"{words},"


def _read_groups(match: Match) -> str:
    """Numbers of cards and insurances: digit by digit, a pause between the groups."""
    return ", ".join(say_digits(group) for group in re.split("[ -]", match[0]))


def _say_pairs(digits: str) -> str:
    return f"{cardinal(digits[:-2])} {two_digits(digits[-2:])}"


def _read_lines(match: Match) -> str:
    """1080p: lines of a picture."""
    return f"{_say_pairs(match['number'])} P"


RULES = (
    Rule("digits", DIGITS, GROUPS, _read_groups),
    Rule("unit", DIGITS, LINES, _read_lines),
    Rule("list", f"{DIGITS}{LETTERS}", MARKER, _read_marker),
    Rule(KIND, f"{DIGITS}{FRACTION}-−", MIXED, _read_mixed),
    Rule(KIND, f"{DIGITS}.{FRACTION}-−–+±", PERCENT, _read_percent),
    Rule(KIND, DIGITS, SLASHED, _read_slashed),
    Rule(KIND, DIGITS, ORDINAL, _read_ordinal),
    Rule(KIND, f"{DIGITS}'’‘", DECADE, _read_decade),
    Rule(KIND, DIGITS, YEARS, _read_years),
    Rule(KIND, f"{DIGITS}.", RANGE, _read_range),
    Rule(KIND, f"{DIGITS}{LETTERS}", POWER, _read_power),
    Rule(KIND, f"{DIGITS}.", SCALED, _read_scaled),
    Rule(KIND, "-−–+±~≈", SIGNED, _read_signed),
    Rule(KIND, DIGITS, RATIO, _read_ratio),
    Rule(KIND, f"{DIGITS}.", PLAIN, _read_plain),
    Rule(KIND, DIGITS, AFTER_DIGITS, _read_digits),
)
