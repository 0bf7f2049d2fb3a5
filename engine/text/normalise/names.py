# ruff: noqa: RUF001 - quotation marks and dashes of every kind
"""Initials and Roman numerals: J. K. Rowling, U.S., Thutmose II, Chapter IV, World War II."""

from __future__ import annotations

import re

from .number_words import cardinal, ordinal
from .reading import LETTERS_PLURAL, spell
from .rules import (
    LETTERS,
    UPPER,
    Match,
    Rule,
    any_of,
    char_before,
    char_behind,
    keep_stop,
    text_before,
    word_after,
    word_before,
    words,
)

INITIALS = re.compile(r"(?P<letters>(?:[A-Z]\.(?: |(?=[A-Z])))+)(?=[A-Z][a-z'’]|Mc|D['’])")
LAST_INITIAL = re.compile(r"(?P<letters>[A-Z]\.)(?= [A-Z][a-z])")
DOTTED = re.compile(
    r"(?P<letters>(?:[A-Z]\.){2,}(?=s\b)|(?:[A-Za-z]\.){2,}[A-Za-z]?(?![A-Za-z])"
    r"|Ph\.? ?D\.?(?=s\b|\W|$)"
    r"|M\.B\.A\.|Ed\.D\.)(?P<s>['’]s|s\b)?"
)
NUMERAL = (
    r"(?P<numeral>(?=[IVXLC])(?:X{0,3}|XL|LX{0,3}|XC|C{1,3}X{0,3})(?:IX|IV|V?I{0,3}))"
    r"(?![\w]|['’.]\w|-\w)"
)
SMALL_NUMERALS = words("ii iii iv vi vii viii ix xi xii xiii xiv xv")
SMALL_NUMERAL = re.compile(rf"(?:{any_of(SMALL_NUMERALS)})(?![\w'’-]|\.\w)")
PARTS_OF_BOOKS = words(
    """
    act scene chapter part book volume section canto page item clause paragraph subparagraph article
    subsection sub-section point step question note rule condition exhibit schedule appendix
    option figure table
    """
)
LABEL = re.compile(rf"\((?P<label>{any_of(SMALL_NUMERALS)}|[a-z]|\d{{1,2}})\)(?!\w)")
AFTER_NAME = re.compile(NUMERAL)
VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
COUNTED = words(
    """
    chapter part act scene section sect sect. volume vol vol. book article phase stage type
    class level appendix figure fig fig. table war bowl title type step unit grade lesson round
    group division corps army fantasy wars rocky godfather halo theft auto civilization diablo
    quest warcraft witcher grand superman rambo saw terminator alien predator apollo mark mk mk.
    olympiad wrestlemania iphone tier schedule amendment canto psalm item page verse no no.
    number world category question exhibit gemini saturn soyuz pentium windows playstation
    """
)
COUNTED_TO_HUNDREDS = words("bowl chapter psalm canto")
"""Where a single C or L is a number; elsewhere it is a letter."""
REGNAL = words(
    """
    henry louis elizabeth charles george edward james william pius benedict napoleon philip
    philippe catherine peter alexander nicholas frederick friedrich wilhelm ferdinand francis
    leo gregory innocent clement urban thutmose ramses ramesses rameses seti amenhotep ptolemy
    cleopatra darius xerxes cyrus mehmed murad selim suleiman otto leopold gustav gustavus
    christian haakon olav harald carlos mary richard robert kenneth constantine justinian
    theodosius umberto emmanuel pedro alfonso felipe franz maximilian rudolf albert baldwin
    stephen boniface celestine julius sixtus paul john adrian alfonso andrew casimir conrad
    sigismund ivan vladimir basil leo michael margaret isabella victoria anne christina joseph
    louis-philippe artaxerxes shapur akbar rama mohammed abdullah hussein idris menelik edgar
    edmund david humbert joan
    """
)
ROYAL = words(
    """
    king queen pope emperor empress tsar czar sultan pharaoh prince princess duke saint kaiser
    """
)


def roman_value(numeral: str) -> int:
    """XIV -> 14."""
    total = 0
    for char, following in zip(numeral, [*numeral[1:], ""], strict=True):
        value = VALUES[char]
        if following and VALUES[following] > value:
            value = -value
        total += value
    return total


def _read_small_numeral(match: Match) -> str | None:
    """Scene iv: in small letters, as of a play or the front of a book."""
    is_bracketed = char_before(match) == "(" and char_behind(match) == ")"
    if not is_bracketed and word_before(match).lower() not in PARTS_OF_BOOKS:
        return None
    return cardinal(roman_value(match[0].upper()))


def _read_label(match: Match) -> str | None:
    """Item (iv), section 3(b): no pause as for other brackets."""
    before = char_before(match)
    is_part = before == " " and word_before(match).lower() in PARTS_OF_BOOKS
    if not (is_part or before.isdigit() or before == ")"):
        return None
    label = match["label"]
    if label.isdigit():
        words = cardinal(label)
    elif label in SMALL_NUMERALS or label in ("i", "v"):
        words = cardinal(roman_value(label.upper()))
    else:
        words = spell(label)
    return f" {words}"


def _read_initials(match: Match) -> str:
    return f"{spell(match['letters'])} "


def _read_last_initial(match: Match) -> str | None:
    if not text_before(match).strip(" \"'(“"):
        return spell(match["letters"])
    return spell(match["letters"]) if word_before(match)[:1].isupper() else None


def _read_dotted(match: Match) -> str | None:
    letters = match["letters"]
    if letters.lower() in NO_INITIALS:
        return None
    words = spell(letters)
    if match["s"]:
        return words + (LETTERS_PLURAL if match["s"] == "s" else "'s")
    return keep_stop(words, match)


def _read_numeral(match: Match) -> str | None:
    numeral = match["numeral"]
    if not numeral:
        return None
    before = word_before(match)
    gap = text_before(match)
    if not before or not gap.endswith(f"{before} "):
        return None
    value = roman_value(numeral)
    lower = before.lower()
    if numeral in ("C", "L") and lower not in COUNTED_TO_HUNDREDS:
        return None  # a letter: Appendix C
    if lower in COUNTED:
        is_pronoun = numeral == "I" and word_after(match) in ("am", "have", "will", "was", "think")
        return None if is_pronoun else cardinal(value)
    if lower in REGNAL and numeral in ("V", "X"):
        return f"the {ordinal(value)}"
    if not before[0].isupper() or set(numeral) & set("LC") or numeral in ("V", "X"):
        return None
    return _read_behind_name(match, before, value)


def _read_behind_name(match: Match, before: str, value: int) -> str | None:
    """A numeral behind a capitalised name: of a ruler or a person, or of something counted."""
    numeral = match["numeral"]
    lower = before.lower()
    is_royal = lower in REGNAL or _word_before_that(match, before).lower() in ROYAL
    if numeral == "I":
        return f"the {ordinal(1)}" if is_royal and _is_described(match) else None
    if numeral in ("IV", "VI") and before in ("The", "An", "Her", "His", "A"):
        return None
    if is_royal or _is_person(match, before):
        return f"the {ordinal(value)}"
    return cardinal(value)


def _word_before_that(match: Match, before: str) -> str:
    head = text_before(match).rstrip().removesuffix(before).rstrip()
    return head.rpartition(" ")[2]


def _is_described(match: Match) -> bool:
    """Whether "Elizabeth I" is not "Elizabeth and I": a verb or a mark follows."""
    following = word_after(match)
    if not following:
        return True
    return following.islower() and following not in ("am", "have", "will", "think", "know", "do")


def _is_person(match: Match, before: str) -> bool:
    """Whether two or three capitalised names in a row stand before a numeral.

    They are a person's by the first of them, an initial, or by what the person does.
    """
    earlier = _word_before_that(match, before)
    if INITIAL.fullmatch(earlier):
        return True
    if not (earlier[:1].isupper() and earlier.isalpha()) or earlier in ARTICLES:
        return False
    is_acting = PERSON_BEHIND.match(match.string, match.end()) is not None
    return is_acting or earlier.lower() in FIRST_NAMES


INITIAL = re.compile(r"[A-Z]\.")
ARTICLES = frozenset(["The", "A", "An"])
PERSON_BEHIND = re.compile(
    r",? (?:who|said|says|told|died|married|was born|argued|testified|thinks|thought|wrote)\b"
    r"|,? (?:\w+ ){0,2}(?:his|her|himself|herself)\b"
)


FIRST_NAMES = REGNAL | words(
    """
    thomas daniel matthew anthony mark donald steven kenneth brian ronald timothy jason jeffrey
    ryan gary eric jonathan larry justin scott brandon benjamin samuel patrick frank raymond
    jack dennis jerry tyler aaron jose adam nathan douglas zachary kyle walter ethan jeremy
    harold keith christopher roger noah gerald terry sean austin carl arthur lawrence dylan
    jesse jordan bryan billy joe bruce gabriel logan alan juan wayne roy ralph randy eugene
    vincent russell elijah louis bobby philip johnny sam bill bob tom jim mike hank cal ken
    loudon davis martin griffin thurston cornelius jay jefferson nelson winthrop preston grant
    marcus carter hunter chase chad trey trevor travis derek craig todd brett kurt karl glenn
    dale dean wesley spencer stuart stewart theodore ted franklin marshall warren wallace walker
    clarence clifford clark chester cecil earl elliott elmer emmett ernest floyd fred herbert
    herman homer horace hubert hugh isaac jackson jacob jake jared joel jordan lee leonard leroy
    lewis lloyd luke marvin max melvin milton mitchell morgan morris neil norman oliver oscar
    otis owen parker percy perry phillip pierce quentin reginald rex rodney ross rufus russ
    samuel sanford seth sidney simon solomon stanley sterling terrence tobias vernon virgil ward
    wilbur willard willis woodrow
    """
)
DIRECTIONS = {
    "N": "North",
    "S": "South",
    "E": "East",
    "W": "West",
    "NW": "Northwest",
    "NE": "Northeast",
    "SW": "Southwest",
    "SE": "Southeast",
}
STREET = "(?:St|Ave|Blvd|Rd|Dr|Ln|Street|Avenue|Boulevard|Road|Drive|Lane)\\b"
STREET_BEHIND = re.compile(rf"\.? (?:\d+(?:st|nd|rd|th)\b|(?:[A-Z][a-z]+ ){{0,3}}{STREET})")
DIRECTION = re.compile(
    r"(?P<letters>[NS]\.?[EW]\.?|[NSEW]\.|(?<=\d )[NSEW])"
    rf"(?= (?:\d+(?:st|nd|rd|th)\b|(?:[A-Z][a-z]+ ){{1,3}}{STREET}))"
)
QUARTER = re.compile(r"(?<= )(?P<letters>[NS]\.?[EW]\.?)(?!\w)")
BEHIND_STREET = re.compile(rf"{STREET}\.?,? $")
NO_INITIALS = frozenset(["e.g.", "i.e.", "a.k.a.", "w.r.t."])
SPECIAL = SMALL_NUMERALS | {"i"}


def is_before_street(match: Match) -> bool:
    """Whether the name of a street comes behind a match: 400 W. Oak Ave., 1300 L St."""
    return STREET_BEHIND.match(match.string, match.end()) is not None


def _read_direction(match: Match) -> str:
    """N. Main St., W. 34th St., N.W. Oak Blvd., 12 N Main St."""
    return DIRECTIONS[match["letters"].replace(".", "")]


def _read_quarter(match: Match) -> str | None:
    """16th St. NW."""
    if not BEHIND_STREET.search(text_before(match)):
        return None
    return keep_stop(_read_direction(match), match)


RULES = (
    Rule("abbreviation", "NSEW", DIRECTION, _read_direction),
    Rule("abbreviation", "NS", QUARTER, _read_quarter),
    Rule("initials", UPPER, INITIALS, _read_initials),
    Rule("initials", LETTERS, DOTTED, _read_dotted),
    Rule("initials", UPPER, LAST_INITIAL, _read_last_initial),
    Rule("roman", "IVXLC", AFTER_NAME, _read_numeral),
    Rule("roman", "(", LABEL, _read_label),
    Rule("roman", "ivx", SMALL_NUMERAL, _read_small_numeral),
)
