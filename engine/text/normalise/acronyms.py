# ruff: noqa: RUF001 - quotation marks and dashes of every kind
"""Words in capitals: spelled (FBI), said (NASA), or shouted (IT WAS); and single letters.

Whether "IT" is a word depends on its neighbours: among other words in capitals it is.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from .number_words import cardinal, pluralise, two_digits
from .numbers import say_number
from .reading import LETTER_A, LETTERS_PLURAL, spell
from .rules import (
    LETTERS,
    SHORT_WORDS,
    UPPER,
    Match,
    Rule,
    char_before,
    char_behind,
    is_last,
    text_before,
    word_after,
    word_before,
    words,
)

KIND = "acronym"
SAID = words(
    """
    NASA NATO OPEC AIDS UNICEF UNESCO NAFTA FIFA UEFA NASDAQ RADAR LASER SCUBA FEMA OSHA NOAA
    HIPAA DARPA SWAT ASCII BIOS CAPTCHA GIF RAM ROM SIM PIN LAN WAN POTUS SCOTUS FLOTUS NIMBY
    YOLO FOMO ASEAN AWOL COBOL BASIC CERN COVID SARS MERS ZIP JPEG MOMA IKEA LEGO VISA MENSA
    INTERPOL DEFCON NASCAR ICANN IMAX NECCO TEDX CRISPR LIDAR SONAR ASIC CAD NAND NORAD ERISA
    FICA COBRA OPSEC SPAC LORAN PETA RICO SEAL SNAP STEM TED WASP BRICS GATT TASER ISIS HUD SAT
    ACT NAVY AWACS
    """
)
SPELLED = words(
    """
    SEC GSM SQL GUI ISO LED USA US UK EU UN UAE FBI CIA NSA IRS DOJ DOD DOE EPA FDA CDC NIH NBA
    NFL NHL MLB NCAA CEO CFO CTO COO CIO HR PR IT AI ML API APP URL HTML CSS XML CSV PDF USB CPU
    GPU SSD HDD TV PC DVD CD VHS ATM ID IQ PHD MBA BA BS MA MD RN DNA RNA HIV IV ER ICU MRI CT
    EKG ECG UFO VIP RSVP FAQ DIY ETA EST PST ABC NBC CBS BBC CNN HBO AMC PBS NPR AP WWF WWII
    LGBT NRA ACLU AARP UPS USPS GPS SUV RV ABS GDP IPO ROI KPI B2B SEO ERP CRM VPN DNS IP TCP
    UDP HTTP HTTPS SSH FTP IDE SDK OS PM AM BC AD OK TBD TBA FYI BTW LOL OMG IMO ASAP BBQ BLT PB
    LLC LLP PLC PTA PTSD ADHD OCD NYC LA DC NY SF EMT DUI DWI RPM MPH AAA YMCA ESPN NYPD LAPD
    JFK FDR LBJ MLK RBG AOC WHO ICE IMF WTO ERA RIP SOS POW MIA IRA ALS ACL MVP RBI TBI
    """
)
SHOUTED_ALONE = SHORT_WORDS - words(
    """
    am it us in or ho ya ah as at me
    """
)
ALWAYS_SPLIT = {
    "NAACP": "N double A.C.P",
    "NCAA": "N.C double A",
    "IEEE": "I triple E",
    "AAA": "triple A",
}
MIXED = {
    "WWI": "World War one",
    "WWII": "World War two",
    "Ctrl": "control",
    "PhD": "P.H.D",
    "PhDs": f"P.H.D{LETTERS_PLURAL}",
    "iOS": "I.O.S",
    "macOS": "mac O.S",
    "iPadOS": "iPad O.S",
    "JPEG": "jay peg",
    "JSON": "Jason",
    "JPG": "J.P.G",
    "WiFi": "wi-fi",
    "Wi-Fi": "wi-fi",
    "GHz": "gigahertz",
    "MHz": "megahertz",
    "SaaS": "sass",
    "IoT": "I.O.T",
    "mRNA": "M.R.N.A",
    "pH": "P.H",
    "eBay": "E Bay",
    "YouTube": "YouTube",
    "LaTeX": "lay tech",
    "R&D": "R and D",
    "Q&A": "Q and A",
    "AT&T": f"{spell('AT')} and T",
    "B&B": "B and B",
    "P&L": "P and L",
    "M&A": f"M and {LETTER_A}",
    "A&E": f"{LETTER_A} and E",
    "R&B": "R and B",
    "S&P": "S and P",
    "D&D": "D and D",
    "C++": "C plus plus",
    "C#": "C sharp",
    "F#": "F sharp",
    "Node.js": "node dot J.S",
}
CAPS = re.compile(
    r"(?P<letters>[A-Z]{2,})(?P<s>['’]?s(?![a-z])|['’](?:S|D|T|LL|RE|VE|M)\b"
    r"|['’](?:ll|d|re|ve|m)\b)?(?![a-z])(?!\.[A-Za-z])"
)
CONTRACTED = re.compile(r"(?:[A-Z]+['’][A-Z]{1,2}|[A-Z]*['’][A-Z]{1,2})(?!\w)")
CODE = re.compile(
    r"(?P<letters>[A-Z]{1,5})(?P<dash>-)?(?P<digits>\d{1,4})(?P<rest>[A-Z]{0,2})(?P<s>s)?(?![\w.-]*\w)"
    r"|(?P<word>[A-Z]{2,6})-(?P<number>\d{1,4})(?!\w)"
)
LETTER = re.compile(
    r"(?P<letter>[A-Z])(?![\w.])(?!['’](?!s\b))(?P<s>['’]s\b)?|(?P<last>[A-Z])(?=\.(?!\w))"
)
BEHIND_DIGITS = re.compile(r"(?P<letters>[A-Z]{1,3})(?!\w)")
SMALL_LETTER = re.compile(r"(?P<letter>[b-hj-z])(?!['’\w.^²³⁰-⁹-])")
SMALL_A = re.compile(r"a(?=[)] |[)]$| (?:[=<>!+*^]|is (?:greater|less)))")
QUOTES = "\"“”'‘’"
COUNTDOWN = re.compile(r"(?P<letter>[TL])(?P<sign>[-–−+])(?P<number>\d{1,3})(?![\w-])")
COUNTED_DOWN = re.compile(r" (?:and (?:counting|holding)|(?:second|minute|hour|day|week)s?)\b")
GRADE = re.compile(r"(?P<letter>[A-DF])(?P<sign>[-+−])(?![\w+-])")
LETTER_RANGE = re.compile(r"(?P<first>[A-Z])[-–](?P<last>[A-Z])(?![\w-])")
SMALL_CODE = re.compile(r"(?P<letters>utf|mp|http|usb|[iI][pP]v)-?(?P<digits>\d{1,2})(?!\w)")
SQUARED = re.compile(r"(?P<letters>[a-z]{1,3})(?P<power>[²³])(?!\w)")
LETTERED = words(
    """
    plan vitamin grade type class section group team exhibit hepatitis option point part letter
    building terminal gate unit apt row side appendix schedule series column block lot bus line
    track model straight influenza answer choice step level zone wing floor room suite an
    grade-a triple double minor major key flat sharp from to
    """
)
WORDS_BEHIND_A = words(
    """
    and or is was to in for at with from through as on equals plus minus underscore
    """
)
VOWELS = frozenset("AEIOUY")
SHOUT_LENGTH = 6


@functools.cache
def load_words() -> frozenset[str]:
    """English words of three to six letters, in lower case."""
    return frozenset(Path(__file__).with_name("words.txt").read_text("utf-8").split())


def _is_word(letters: str) -> bool:
    lower = letters.lower()
    if len(letters) == 2:
        return lower in SHORT_WORDS
    if len(letters) >= SHOUT_LENGTH and VOWELS.intersection(letters):
        return True
    words = load_words()
    return lower in words or (lower.endswith("s") and lower[:-1] in words)


def _is_shouted(match: Match) -> bool:
    """Whether a neighbour is a word in capitals as well."""
    return _shouts(_raw_before(match)) or _shouts(_raw_after(match))


def _raw_before(match: Match) -> str:
    return match.string[max(0, match.start() - 30) : match.start()].rstrip().rpartition(" ")[2]


def _raw_after(match: Match) -> str:
    following = match.string[match.end() : match.end() + 30].lstrip(".,;:!?\"'”’)( -")
    return following.partition(" ")[0]


def _shouts(chunk: str) -> bool:
    core = chunk.strip(".,;:!?\"'“”’‘()*_-")
    letters = core.replace("'", "").replace("’", "")
    if len(letters) == 1:
        return False
    if not (letters.isalpha() and letters.isupper() and letters.isascii()):
        return False
    return _is_word(letters) and letters not in SAID


def _read_caps(match: Match) -> str | None:
    letters = match["letters"]
    suffix = (match["s"] or "").lower().replace("’", "'")
    is_shouted_whole = suffix not in ("", "s") and letters + match["s"].upper() == match[0]
    if is_shouted_whole and (_is_word(letters) or letters in ("CAN", "DON", "WON")):
        return None
    if letters in ALWAYS_SPLIT:
        return ALWAYS_SPLIT[letters] + _plural(suffix)
    if letters in SAID:
        return None if not suffix else letters + suffix
    shouted = _is_shouted(match) or len(match.string.strip()) == len(letters) + 1
    if _say_as_word(letters, shouted):
        lower = letters.lower()
        starts = not re.search(r"\w", text_before(match))
        return (lower.capitalize() if starts else lower) + suffix
    return spell(letters) + _plural(suffix)


def _say_as_word(letters: str, shouted: bool) -> bool:
    if shouted:
        is_name = len(letters) > 3 and letters not in SPELLED and bool(VOWELS.intersection(letters))
        return _is_word(letters) or is_name
    if letters in SPELLED:
        return False
    if len(letters) == 2:
        return letters.lower() in SHOUTED_ALONE
    return _is_word(letters)


def _plural(suffix: str) -> str:
    """ATMs -> A T Ms; the 's of a possessive stays."""
    if suffix == "s":
        return LETTERS_PLURAL
    return suffix


def _read_contracted(match: Match) -> str | None:
    """DON'T, I'M: words whoever shouts."""
    return match[0].lower().replace("i'", "I'") if len(match[0]) > 2 else None


def _read_countdown(match: Match) -> str | None:
    """T-10 and counting, at T-5; but a T-34 is a tank."""
    is_counted = COUNTED_DOWN.match(match.string, match.end()) is not None
    if char_before(match).isalnum() or not (is_counted or word_before(match).lower() == "at"):
        return None
    sign = "plus" if match["sign"] == "+" else "minus"
    return f"{match['letter']} {sign} {cardinal(match['number'])}"


def _read_code(match: Match) -> str | None:
    """MP3, F-16, COVID-19, A4, B12."""
    letters = match["letters"] or match["word"]
    digits = match["digits"] or match["number"]
    if len(letters) > 2 and (letters in SAID or _is_word(letters)) and letters not in SPELLED:
        said = letters.capitalize()
    else:
        said = spell(letters)
    numbers = _say_code_number(digits)
    if match["s"] and not match["rest"]:
        numbers = pluralise(numbers)
    rest = f" {spell(match['rest'])}" if match["letters"] and match["rest"] else ""
    if (match["dash"] or match["word"]) and letters in ("UTC", "GMT"):
        return f"{said} minus {numbers}"
    return f"{said} {numbers}{rest}"


def _say_code_number(digits: str) -> str:
    """The number of a code, in pairs where it has three digits or four: 747, 1080."""
    if digits.startswith("0"):
        return two_digits(digits) if len(digits) == 2 else say_number(digits)
    if len(digits) == 3 and not digits.endswith("00"):
        return f"{cardinal(digits[0])} {two_digits(digits[1:])}"
    if len(digits) == 4 and not digits.endswith("000"):
        pairs = f"{cardinal(digits[:2])} {two_digits(digits[2:])}"
        return pairs.replace("oh zero", "hundred")
    return cardinal(digits)


def _read_letter(match: Match) -> str | None:
    letter = match["letter"] or match["last"]
    if letter == "I":
        return None
    if letter != "A":
        return letter + (match["s"] or "") if match["s"] else None
    return _read_a(match)


def _read_a(match: Match) -> str | None:
    """A: the letter behind "plan" and at an end, the article elsewhere."""
    before = word_before(match).lower()
    if match["s"]:
        return f"{LETTER_A}'s"
    if char_before(match) in QUOTES and char_behind(match) in QUOTES and char_behind(match):
        return LETTER_A
    gap = text_before(match).rstrip()
    is_inside = bool(gap) and gap[-1] not in ".!?:\"'“(*_-"
    if char_behind(match) == "," or (before in LETTERED and before not in ("from", "to")):
        return LETTER_A
    following = word_after(match)
    if is_inside and (is_last(match) or not following or following.lower() in WORDS_BEHIND_A):
        return LETTER_A
    return None


def _read_grade(match: Match) -> str | None:
    """A+, B-."""
    if char_before(match).isalnum():
        return None
    sign = "plus" if match["sign"] == "+" else "minus"
    return f"{spell(match['letter'])} {sign}"


def _read_behind_digits(match: Match) -> str | None:
    if not char_before(match).isdigit():
        return None
    return spell(match["letters"])


def _read_small_letter(match: Match) -> str | None:
    """x in "if x > 3" is a letter; a voice would know, but for the last word of a sentence."""
    if char_before(match).isalnum():
        return None
    if char_before(match) in ("'", "’", "-", "/", "."):
        return None
    return match["letter"].upper()


def _read_letter_range(match: Match) -> str:
    return f"{spell(match['first'])} to {spell(match['last'])}"


def _read_small_code(match: Match) -> str:
    return f"{spell(match['letters'])} {cardinal(match['digits'])}"


def _read_squared(match: Match) -> str | None:
    if char_before(match).isalnum():
        return None
    power = "squared" if match["power"] == "²" else "cubed"
    return f"{spell(match['letters'])} {power}"


_mixed = sorted(MIXED, key=len, reverse=True)
MIXED_CASE = re.compile(rf"(?P<name>{'|'.join(map(re.escape, _mixed))})(?P<s>['’]s)?(?![\w])")


def _read_mixed(match: Match) -> str:
    return MIXED[match["name"]] + (match["s"] or "")


RULES = (
    Rule(KIND, LETTERS, MIXED_CASE, _read_mixed),
    Rule("letter", UPPER, LETTER_RANGE, _read_letter_range),
    Rule(KIND, "umhiI", SMALL_CODE, _read_small_code),
    Rule("letter", LETTERS, SQUARED, _read_squared),
    Rule(KIND, "TL", COUNTDOWN, _read_countdown),
    Rule(KIND, UPPER, CODE, _read_code),
    Rule("caps", UPPER, CONTRACTED, _read_contracted),
    Rule(KIND, UPPER, CAPS, _read_caps),
    Rule("letter", "ABCDF", GRADE, _read_grade),
    Rule("letter", UPPER, LETTER, _read_letter),
    Rule("letter", UPPER, BEHIND_DIGITS, _read_behind_digits),
    Rule("letter", LETTERS, SMALL_LETTER, _read_small_letter),
    Rule("letter", "a", SMALL_A, lambda _: LETTER_A),
)
SPECIAL = frozenset("abcdefghjklmnopqrstuvwxyz")
