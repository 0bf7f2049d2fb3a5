"""Numbers in words, as an American newsreader says them: without "and", in hyphens below 100."""

from __future__ import annotations

ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["", "", *["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]]
SCALES = [
    "",
    *[
        "thousand",
        "million",
        "billion",
        "trillion",
        "quadrillion",
        "quintillion",
        "sextillion",
        "septillion",
        "octillion",
        "nonillion",
        "decillion",
    ],
]
IRREGULAR = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
MAX_DIGITS = 3 * len(SCALES)
"""Of a number that has a name; longer ones are read digit by digit."""
DENOMINATORS = {2: ("half", "halves"), 4: ("quarter", "quarters")}


def cardinal(digits: str | int) -> str:
    """1234 -> one thousand two hundred thirty-four."""
    text = str(digits)
    if len(text) > MAX_DIGITS:
        return say_digits(text)
    number = int(text)
    if number < 1000:
        return _below_1000(number)
    groups = []
    scale = 0
    while number:
        number, group = divmod(number, 1000)
        if group:
            groups.append(f"{_below_1000(group)} {SCALES[scale]}".rstrip())
        scale += 1
    return " ".join(reversed(groups))


def _below_1000(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = []
    if hundreds:
        words += [ONES[hundreds], "hundred"]
    if rest or not hundreds:
        words.append(_below_100(rest))
    return " ".join(words)


def _below_100(number: int) -> str:
    if number < 20:
        return ONES[number]
    tens, ones = divmod(number, 10)
    if ones:
        return f"{TENS[tens]}-{ONES[ones]}"
    return TENS[tens]


def ordinal(digits: str | int) -> str:
    """23 -> twenty-third."""
    words = cardinal(digits)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    return words[:cut] + _to_ordinal(words[cut:])


def _to_ordinal(word: str) -> str:
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word.endswith("y"):
        return f"{word[:-1]}ieth"
    return f"{word}th"


def pluralise(words: str) -> str:
    """twenty -> twenties, six -> sixes."""
    if words.endswith("y"):
        return f"{words[:-1]}ies"
    if words.endswith("x"):
        return f"{words}es"
    return f"{words}s"


def year(digits: str | int) -> str:
    """1906 -> nineteen oh six, 2007 -> two thousand seven, 1900 -> nineteen hundred."""
    text = str(digits)
    if len(text) != 4:
        return cardinal(text)
    high, low = text[:2], text[2:]
    if text.startswith("0"):
        return say_digits(text)
    if low == "00":
        if high.endswith("0"):
            return cardinal(text)
        return f"{cardinal(high)} hundred"
    if high.endswith("0") and low.startswith("0"):
        return cardinal(text)
    return f"{cardinal(high)} {two_digits(low)}"


def two_digits(digits: str) -> str:
    """05 -> oh five, 45 -> forty-five."""
    if digits.startswith("0"):
        return f"oh {ONES[int(digits)]}"
    return cardinal(digits)


def say_digits(digits: str) -> str:
    """0420 -> zero four two zero."""
    return " ".join(ONES[int(digit)] for digit in digits if digit.isdigit())


def decimal(text: str) -> str:
    """3.14 -> three point one four; .5 -> point five; commas and spaces between digits are fine."""
    whole, _, fraction = text.replace(",", "").replace(" ", "").partition(".")
    words = []
    if whole:
        words.append(cardinal(whole))
    if fraction:
        words += ["point", say_digits(fraction)]
    return " ".join(words)


def fraction(numerator: int, denominator: int) -> str:
    """3, 4 -> three quarters."""
    one, many = DENOMINATORS.get(denominator, (ordinal(denominator), f"{ordinal(denominator)}s"))
    return f"{cardinal(numerator)} {one if numerator == 1 else many}"
