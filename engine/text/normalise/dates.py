# ruff: noqa: RUF001 - quotation marks and dashes of every kind
"""Dates: Dec. 25, March 3, 2021, 12/25/1984, 2024-03-15, 15 Aug 2019, Mon.-Fri., 44 BC."""

from __future__ import annotations

import re

from .number_words import ordinal, say_digits, two_digits, year
from .numbers import say_number
from .reading import spell
from .rules import (
    DASH,
    DIGITS,
    UPPER,
    Match,
    Rule,
    any_of,
    char_before,
    is_last,
    keep_stop,
    text_before,
    word_after,
    word_before,
    words,
)

KIND = "date"
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
MONTH_NUMBERS = {name[:3].lower(): number for number, name in enumerate(MONTHS, 1)}
DAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
DAYS = {
    "Mon": "Monday",
    "Tue": "Tuesday",
    "Tues": "Tuesday",
    "Wed": "Wednesday",
    "Weds": "Wednesday",
    "Thu": "Thursday",
    "Thur": "Thursday",
    "Thurs": "Thursday",
    "Fri": "Friday",
    "Sat": "Saturday",
    "Sun": "Sunday",
}
DAYS_IN_FULL = {**DAYS, **{name: name for name in DAY_NAMES}}
SHORT = "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
SHORT_ALL_CAPS = SHORT.upper()
MONTH = (
    rf"(?P<month>{'|'.join(MONTHS)}|{'|'.join(MONTHS).upper()}|(?:{SHORT}|{SHORT_ALL_CAPS})\b\.?)"
)
DAY = r"(?P<day>[0-2]?\d|3[01])(?:st|nd|rd|th)?"
LATER = rf"(?: ?{DASH} ?(?P<later>[0-2]?\d|3[01])(?:st|nd|rd|th)?)?"
YEAR = r"(?P<year>,? (?:'|’)?\d{4}(?![\d,]*\d|:|/|-\d)(?!\w))?"
MONTH_DAY = re.compile(rf"{MONTH} {DAY}{LATER}(?![\w%]|:\d|/\d|\.\d|,\d){YEAR}")
MONTH_YEAR = re.compile(rf"{MONTH},? (?P<year>[12]\d{{3}})(?![\w]|[,.]\d)")
DAY_MONTH = re.compile(
    rf"(?P<the>[Tt]he )?{DAY}(?: of)? {MONTH}(?!\w)(?P<year>,? \d{{4}}(?![\w]))?"
)
ABBREVIATED_MONTH = re.compile(rf"(?P<month>(?:{SHORT}|{SHORT_ALL_CAPS})\.)")
SLASHES = re.compile(
    r"(?P<a>\d{1,2})(?P<mark>[/.-])(?P<b>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})(?![\w]|[/.-]\d)"
)
ISO = re.compile(
    r"(?P<year>[12]\d{3})[-/.](?P<month>0?[1-9]|1[0-2])[-/.](?P<day>[0-2]?\d|3[01])(?![\d/-])"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::\d\d(?:\.\d+)?)?(?P<zone>Z|[+-]\d\d:?\d\d)?)?"
)
MONTH_SLASH_DAY = re.compile(r"(?P<month>1[0-2]|0?[1-9])/(?P<day>[0-2]?\d|3[01])(?![\d/]|\.\d)")
WEEKDAY = re.compile(r"(?P<day>Mon|Tues?|Weds?|Thu(?:rs?)?|Fri|Sat|Sun)(?P<stop>\.)?(?!\w)")
WEEKDAYS = re.compile(
    rf"(?P<first>{any_of(DAYS_IN_FULL)})\.? ?(?P<mark>[-–—/]) ?"
    rf"(?P<last>{any_of(DAYS_IN_FULL)})(?!\w)\.?"
)
ANY_MONTH = rf"{'|'.join(MONTHS)}|(?:{SHORT})\b\.?"
MONTHS_SPAN = re.compile(rf"(?P<first>{ANY_MONTH}) ?[-–] ?(?P<last>{ANY_MONTH})(?!\w)")
TO_MONTH = re.compile(rf"[-–] ?(?=(?:{ANY_MONTH}) \d)")
DAY_BEFORE = re.compile(r"\d(?:st|nd|rd|th)? ?$")
ERA_BEHIND = re.compile(
    r"(?P<year>\d{1,4}) ?(?P<era>B\.?C\.?E\.?|B\.?C\.?|C\.?E\.?|A\.?D\.?)(?!\w)"
)
ERA_BEFORE = re.compile(r"(?P<era>A\.D\.|AD) (?P<year>\d{1,4})(?![\w,]*\d)")
SHORT_YEAR = re.compile(r"['’‘](?P<year>\d{2})(?![\w])")
DATED = words(
    """
    on by since until till due dated from through before after starting begins beginning ends
    deadline date effective week
    """
)
SUN_IS_A_STAR = frozenset(["the", "our"])
COUNTED = words(
    """
    percent million billion thousand hundred people more times miles kilometers
    """
)
"""What a number behind the name of a month counts: in May 20 people came."""
JAN_IS_A_MONTH = words(
    """
    in of since until till before after by during through last next this each every early mid
    late
    """
)


def month_name(text: str) -> str:
    """Sept. -> September."""
    return MONTHS[MONTH_NUMBERS[text[:3].lower()] - 1]


def _say_date(
    month: int,
    day: str,
    written_year: str | None,
) -> str | None:
    if not (1 <= month <= 12 and 1 <= int(day) <= 31):
        return None
    words = f"{MONTHS[month - 1]} {ordinal(int(day))}"
    if written_year:
        words += f", {_say_year(written_year)}"
    return words


def _say_year(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    if len(digits) == 2:
        century = "20" if int(digits) <= 40 else "19"
        digits = century + digits
    return year(digits)


def _read_month_day(match: Match) -> str | None:
    month = month_name(match["month"])
    if month in ("March", "May") and match["month"] == month.lower():
        return None
    if int(match["day"]) == 0 or word_after(match) in COUNTED:
        return None
    words = f"{month} {ordinal(int(match['day']))}"
    if match["later"]:
        words += f" to {ordinal(int(match['later']))}"
    if match["year"]:
        words += f", {_say_year(match['year'])}"
    return words


def _read_month_year(match: Match) -> str:
    return f"{month_name(match['month'])} {year(match['year'])}"


def _read_day_month(match: Match) -> str | None:
    if int(match["day"]) == 0:
        return None
    words = f"the {ordinal(int(match['day']))} of {month_name(match['month'])}"
    if match["the"] and match["the"][0] == "T":
        words = f"T{words[1:]}"
    if word_before(match).lower() == "the":
        words = words.removeprefix("the ")
    if match["year"]:
        words += f", {_say_year(match['year'])}"
    return keep_stop(words, match)


def _read_abbreviated_month(match: Match) -> str | None:
    """Jan. and APR. at the end are a name and a rate, unless what is before makes them months."""
    name = month_name(match["month"])
    before = word_before(match).lower()
    if match["month"] in ("Jan.", "APR.") and is_last(match) and before not in JAN_IS_A_MONTH:
        has_day = re.search(r"\d(?:st|nd|rd|th)? ?$", text_before(match))
        if not has_day and match.start():
            return None
    return keep_stop(name, match)


def _read_slashes(match: Match) -> str | None:
    month, day = int(match["a"]), int(match["b"])
    if match["mark"] == "." and len(match["year"]) == 2:
        return None
    if month > 12 or match["mark"] == ".":
        month, day = day, month
    return _say_date(month, str(day), match["year"])


def _read_iso(match: Match) -> str | None:
    words = _say_date(int(match["month"]), match["day"], match["year"])
    if words is None or not match["hour"]:
        return words
    words += f", {two_digits(match['hour'])} {_say_minute(match['minute'])}"
    if match["zone"] == "Z":
        words += f" {spell('UTC')}"
    elif match["zone"]:
        sign = "plus" if match["zone"][0] == "+" else "minus"
        words += f" {spell('UTC')} {sign} {say_number(match['zone'][1:3].lstrip('0') or '0')}"
    return words


def _say_minute(minute: str) -> str:
    return "hundred" if minute == "00" else two_digits(minute)


def _read_month_slash_day(match: Match) -> str | None:
    """9/30: a date behind "on", or where it is no usual fraction."""
    before = word_before(match).lower().rstrip(".,")
    month, day = int(match["month"]), int(match["day"])
    if match[0] in ("9/11", "24/7") or day == 0:
        return None
    is_dated = before in DATED or before in map(str.lower, [*DAYS, *DAYS.values()])
    is_odd = day > 12 and day not in (16, 20, 32)
    if not (is_dated or is_odd):
        return None
    if is_dated and word_after(match) in ("of", "cup", "inch", "mile"):
        return None
    return _say_date(month, match["day"], None)


def _read_weekday(match: Match) -> str | None:
    name = match["day"]
    following = match.string[match.end() :].lstrip(" ,(")
    if match["stop"]:
        if (
            name == "Sun"
            and word_before(match).lower() in SUN_IS_A_STAR
            and not following[:1].isdigit()
        ):
            return None
        if name in ("Sat", "Sun", "Wed") and is_last(match) and not word_before(match):
            return None
        return keep_stop(DAYS[name], match)
    if name in ("Sat", "Sun", "Wed", "Mon") and not _is_before_date(following):
        return None
    return DAYS[name]


def _is_before_date(following: str) -> bool:
    month = re.match(
        rf"(?:{SHORT}|{'|'.join(MONTHS)})\b|\d{{1,2}}(?:[/:]\d|(?:st|nd|rd|th)\b| ?[ap]\.?m)",
        following,
    )
    return month is not None


def _read_weekdays(match: Match) -> str:
    joiner = "and" if match["mark"] == "/" else "to"
    days = f"{DAYS_IN_FULL[match['first']]} {joiner} {DAYS_IN_FULL[match['last']]}"
    return keep_stop(days, match)


def _read_months(match: Match) -> str:
    """June-August, Dec.-Feb."""
    return keep_stop(f"{month_name(match['first'])} to {month_name(match['last'])}", match)


def _read_to_month(match: Match) -> str | None:
    """The dash of June 3-August 5."""
    return " to " if DAY_BEFORE.search(text_before(match)) else None


def _read_era(match: Match) -> str:
    return keep_stop(f"{_say_era_year(match['year'])} {spell(match['era'])}", match)


def _read_era_before(match: Match) -> str:
    return f"{spell(match['era'])} {_say_era_year(match['year'])}"


def _say_era_year(digits: str) -> str:
    if len(digits) == 3 and not digits.endswith("00"):
        return f"{say_digits(digits[0])} {two_digits(digits[1:])}"
    return year(digits)


def _read_short_year(match: Match) -> str | None:
    if char_before(match).isalnum():
        return None
    return two_digits(match["year"])


SPECIAL = frozenset(map(str.lower, [*SHORT.split("|"), *MONTHS, *DAYS_IN_FULL]))
"""Looked at though they may be words: Sun. and Jan. at the end of a sentence, May before a day."""
RULES = (
    Rule(KIND, DIGITS, ISO, _read_iso),
    Rule(KIND, DIGITS, SLASHES, _read_slashes),
    Rule(KIND, DIGITS, ERA_BEHIND, _read_era),
    Rule(KIND, f"{DIGITS}Tt", DAY_MONTH, _read_day_month),
    Rule(KIND, DIGITS, MONTH_SLASH_DAY, _read_month_slash_day),
    Rule(KIND, UPPER, MONTHS_SPAN, _read_months),
    Rule(KIND, "-–", TO_MONTH, _read_to_month),
    Rule(KIND, UPPER, MONTH_DAY, _read_month_day),
    Rule(KIND, UPPER, MONTH_YEAR, _read_month_year),
    Rule(KIND, UPPER, ABBREVIATED_MONTH, _read_abbreviated_month),
    Rule(KIND, UPPER, WEEKDAYS, _read_weekdays),
    Rule(KIND, UPPER, WEEKDAY, _read_weekday),
    Rule(KIND, "A", ERA_BEFORE, _read_era_before),
    Rule(KIND, "'’‘", SHORT_YEAR, _read_short_year),
)
