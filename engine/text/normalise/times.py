# ruff: noqa: RUF001 - quotation marks and dashes of every kind
"""Times of day and durations: 9:30PM, 5 p.m., 14:00 UTC, 2:30-3:45, 9am-5pm, 4:05:10."""

from __future__ import annotations

import re
from itertools import pairwise

from .number_words import cardinal, say_digits, two_digits, year
from .numbers import is_one, is_year
from .reading import spell
from .rules import DIGITS, Match, Rule, any_of, char_before, follows_word, keep_stop, word_after

KIND = "time"
HALF = r"[AaPp](?:\.[Mm]\.?|[Mm]\b\.?(?=\W*$)|[Mm]\b)"
TIME = re.compile(
    rf"(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})(?::(?P<second>\d{{2}}))?"
    rf"(?P<half> ?{HALF})?(?![\d:])(?!\w)"
)
HOURS = re.compile(rf"(?P<hour>1[0-2]|0?[1-9])(?P<half> ?(?:{HALF}))(?!\w)")
SPAN = re.compile(
    rf"(?P<first>\d{{1,2}}(?::\d{{2}})?)(?P<first_half> ?{HALF})? ?[-–—] ?"
    rf"(?P<last>\d{{1,2}}(?::\d{{2}})?)(?P<last_half> ?{HALF})?(?![\d:])(?!\w)"
)
MILITARY = re.compile(r"(?P<hour>[01]\d|2[0-4])(?P<minute>[0-5]\d)(?= hours\b| hrs\b)")
CENTRAL = re.compile(r"(?P<first>\d{1,2})/(?P<last>\d{1,2})c\b")
NAMED = r"(?:noon|midnight)"
FROM_NAMED = re.compile(
    rf"(?P<first>{NAMED}) ?[-–—] ?(?P<last>\d{{1,2}}(?::\d{{2}})?)(?P<half> ?{HALF})?(?![\d:\w])",
    re.IGNORECASE,
)
TO_NAMED = re.compile(
    rf"(?P<first>\d{{1,2}}(?::\d{{2}})?)(?P<half> ?{HALF})? ?[-–—] ?(?P<last>{NAMED})(?!\w)",
    re.IGNORECASE,
)
LENGTHS = {
    "d": "day",
    "h": "hour",
    "hr": "hour",
    "hrs": "hour",
    "m": "minute",
    "min": "minute",
    "mins": "minute",
    "s": "second",
    "sec": "second",
    "secs": "second",
}
LONGEST_FIRST = ["day", "hour", "minute", "second"]
LENGTH = re.compile(rf"(?P<number>\d{{1,3}}) ?(?P<unit>{any_of(LENGTHS)})(?![a-z])")
DURATION = re.compile(rf"(?:\d{{1,3}} ?(?:{any_of(LENGTHS)})(?![a-z]),? ?){{2,}}(?<![ ,])(?!\w)")
ABOUT = re.compile(r"(?P<number>\d{1,2}:\d{2}|\d{1,4})(?P<half> ?[AaPp]\.?[Mm]\.?)?-?ish\b")
RATIOS = frozenset(["ratio", "scale", "odds", "mix", "ratios"])
PROPORTIONS = frozenset(["dilution", "mix", "mixture", "odds", "ratio", "scale", "solution"])


def say_clock(hour: str, minute: str | None) -> str:
    """10, 05 -> ten oh five; without minutes the hour alone."""
    words = cardinal(int(hour))
    if minute is None or minute == "00":
        return words
    return f"{words} {two_digits(minute)}"


def _say_half(half: str | None) -> str:
    if not half:
        return ""
    return f" {spell(half)}"


def _is_time(hour: str, minute: str) -> bool:
    return int(hour) <= 24 and int(minute) < 60


def _read_time(match: Match) -> str | None:
    hour, minute, second = match["hour"], match["minute"], match["second"]
    if not second and (not _is_time(hour, minute) or _is_ratio(match)):
        return None
    if second:
        words = " ".join([cardinal(int(hour)), two_digits(minute), two_digits(second)])
        words = words.replace("oh zero", "zero zero")
    elif minute != "00":
        words = say_clock(hour, minute)
    else:
        words = _say_full_hour(match)
    return keep_stop(words + _say_half(match["half"]), match)


def _is_ratio(match: Match) -> bool:
    before = match.string[max(0, match.start() - 40) : match.start()].lower()
    if match["half"] or match["minute"].startswith("0"):
        return False
    if word_after(match) in PROPORTIONS:
        return True
    return any(word.strip(".,") in RATIOS for word in before.split())


def _say_full_hour(match: Match) -> str:
    hour = match["hour"]
    if match["half"]:
        return cardinal(int(hour))
    if hour == "00":
        return "zero hundred hours" if word_after(match) not in ("hours",) else "zero hundred"
    if int(hour) > 12 or hour.startswith("0"):
        lead = "oh " if hour.startswith("0") else ""
        return f"{lead}{cardinal(int(hour))} hundred"
    return f"{cardinal(int(hour))} o'clock"


def _read_hours(match: Match) -> str:
    return keep_stop(cardinal(int(match["hour"])) + _say_half(match["half"]), match)


def _read_span(match: Match) -> str | None:
    first, last = match["first"], match["last"]
    has_clock = ":" in first and ":" in last
    if not (match["last_half"] or has_clock):
        return None
    if not all(_is_clock(time) for time in (first, last)):
        return None
    begin = say_clock(*_parts(first)) + _say_half(match["first_half"])
    end = say_clock(*_parts(last)) + _say_half(match["last_half"])
    return keep_stop(f"{begin} to {end}", match)


def _read_from_named(match: Match) -> str | None:
    """noon-1 p.m."""
    if not _is_clock(match["last"]):
        return None
    end = say_clock(*_parts(match["last"])) + _say_half(match["half"])
    return keep_stop(f"{match['first']} to {end}", match)


def _read_to_named(match: Match) -> str | None:
    """9 a.m.-noon"""
    if not _is_clock(match["first"]):
        return None
    begin = say_clock(*_parts(match["first"])) + _say_half(match["half"])
    return f"{begin} to {match['last']}"


def _is_clock(time: str) -> bool:
    hour, minute = _parts(time)
    return _is_time(hour, minute or "0")


def _parts(time: str) -> tuple[str, str | None]:
    hour, colon, minute = time.partition(":")
    return hour, minute if colon else None


def _read_duration(match: Match) -> str | None:
    """1h 20m: minutes, as an hour is before them; by itself 20m is a distance."""
    if follows_word(match) or char_before(match) in (".", ","):
        return None
    parts = []
    ranks = []
    for length in LENGTH.finditer(match[0]):
        number, unit = length["number"], LENGTHS[length["unit"]]
        ranks.append(LONGEST_FIRST.index(unit))
        parts.append(f"{cardinal(number)} {unit}" + ("" if is_one(number) else "s"))
    if any(rank >= following for rank, following in pairwise(ranks)):
        return None
    return " ".join(parts)


def _read_about(match: Match) -> str | None:
    """6:30ish, 40-ish."""
    if follows_word(match) or char_before(match) in (".", ","):
        return None
    hour, minute = _parts(match["number"])
    if minute is not None:
        words = say_clock(hour, minute)
    else:
        words = year(hour) if is_year(hour) else cardinal(hour)
    return f"{words}{_say_half(match['half'])}-ish"


def _read_military(match: Match) -> str:
    hour, minute = match["hour"], match["minute"]
    words = two_digits(hour) if hour != "00" else "zero"
    if minute == "00":
        return f"{words} hundred"
    return f"{words} {two_digits(minute) if minute[0] != '0' else say_digits(minute)}"


def _read_central(match: Match) -> str:
    return f"{cardinal(match['first'])} {cardinal(match['last'])} central"


RULES = (
    Rule(KIND, DIGITS, DURATION, _read_duration),
    Rule(KIND, DIGITS, ABOUT, _read_about),
    Rule(KIND, "MNmn", FROM_NAMED, _read_from_named),
    Rule(KIND, DIGITS, TO_NAMED, _read_to_named),
    Rule(KIND, DIGITS, CENTRAL, _read_central),
    Rule(KIND, DIGITS, SPAN, _read_span),
    Rule(KIND, DIGITS, TIME, _read_time),
    Rule(KIND, DIGITS, HOURS, _read_hours),
    Rule(KIND, DIGITS, MILITARY, _read_military),
)
