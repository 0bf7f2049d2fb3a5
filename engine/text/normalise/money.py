# ruff: noqa: RUF001 - minus signs and dashes of every kind
"""Money: sign, currency before or behind, magnitude, cents, ranges, and "a $20 bill"."""

from __future__ import annotations

import re
from typing import NamedTuple

from .number_words import cardinal
from .numbers import (
    MAGNITUDE_WORDS,
    NUMBER,
    SIGN_WORDS,
    SUFFIX_MAGNITUDE,
    is_one,
    magnitude_of,
    say_number,
)
from .rules import DASH, DIGITS, Match, Rule, follows_word, is_attributive, word_after

KIND = "money"


class Currency(NamedTuple):
    """Names of a currency and of its hundredth part, in singular and plural."""

    one: str
    many: str
    cent: str = ""
    cents: str = ""


DOLLAR = Currency("dollar", "dollars", "cent", "cents")
EURO = Currency("euro", "euros", "cent", "cents")
POUND = Currency("pound", "pounds", "penny", "pence")
YEN = Currency("yen", "yen")
YUAN = Currency("yuan", "yuan")
RUPEE = Currency("rupee", "rupees", "paisa", "paise")


def _dollar_of(country: str) -> Currency:
    return Currency(f"{country} dollar", f"{country} dollars", "cent", "cents")


US_DOLLAR = _dollar_of("U.S")
SYMBOLS = {
    "$": DOLLAR,
    "€": EURO,
    "£": POUND,
    "¥": YEN,
    "₹": RUPEE,
    "₩": Currency("won", "won"),
    "₽": Currency("ruble", "rubles"),
    "₿": Currency("bitcoin", "bitcoins"),
    "₺": Currency("lira", "lira"),
    "₪": Currency("shekel", "shekels"),
    "₫": Currency("dong", "dong"),
    "฿": Currency("baht", "baht"),
    "₦": Currency("naira", "naira"),
    "₴": Currency("hryvnia", "hryvnias"),
    "₱": Currency("peso", "pesos"),
    "₡": Currency("colon", "colones"),
    "US$": US_DOLLAR,
    "U.S.$": US_DOLLAR,
    "C$": _dollar_of("Canadian"),
    "CA$": _dollar_of("Canadian"),
    "A$": _dollar_of("Australian"),
    "AU$": _dollar_of("Australian"),
    "NZ$": _dollar_of("New Zealand"),
    "HK$": _dollar_of("Hong Kong"),
    "S$": _dollar_of("Singapore"),
    "NT$": _dollar_of("Taiwan"),
    "MX$": Currency("Mexican peso", "Mexican pesos"),
    "R$": Currency("real", "reais"),
}
CODES = {
    "USD": US_DOLLAR,
    "EUR": EURO,
    "GBP": POUND,
    "JPY": YEN,
    "CNY": YUAN,
    "RMB": YUAN,
    "INR": RUPEE,
    "CAD": _dollar_of("Canadian"),
    "AUD": _dollar_of("Australian"),
    "NZD": _dollar_of("New Zealand"),
    "HKD": _dollar_of("Hong Kong"),
    "SGD": _dollar_of("Singapore"),
    "CHF": Currency("Swiss franc", "Swiss francs"),
    "SEK": Currency("Swedish krona", "Swedish kronor"),
    "NOK": Currency("Norwegian krone", "Norwegian kroner"),
    "DKK": Currency("Danish krone", "Danish kroner"),
    "PLN": Currency("zloty", "zlotys"),
    "MXN": Currency("Mexican peso", "Mexican pesos"),
    "BRL": Currency("Brazilian real", "Brazilian reais"),
    "KRW": Currency("won", "won"),
    "TRY": Currency("Turkish lira", "Turkish lira"),
    "BTC": Currency("bitcoin", "bitcoins"),
}
BY_NAME = {**SYMBOLS, **CODES, "Rs": RUPEE, "Rs.": RUPEE}
PERIODS = {
    "mo": "month",
    "month": "month",
    "yr": "year",
    "year": "year",
    "hr": "hour",
    "h": "hour",
    "hour": "hour",
    "wk": "week",
    "week": "week",
    "day": "day",
    "night": "night",
    "min": "minute",
    "person": "person",
    "lb": "pound",
    "kg": "kilogram",
    "oz": "ounce",
    "gal": "gallon",
    "sq ft": "square foot",
    "mi": "mile",
    "kWh": "kilowatt hour",
    "share": "share",
    "unit": "unit",
    "user": "user",
    "seat": "seat",
    "each": "each",
}


def _either(names: object) -> str:
    longest_first = sorted(map(str, names), key=len, reverse=True)  # type: ignore[call-overload]
    return "|".join(map(re.escape, longest_first))


SYMBOL = rf"(?:{_either(SYMBOLS)}|Rs\.?(?= ?\d)|(?:{_either(CODES)})(?= ?\d))"
MAGNITUDE = rf"(?:[ -](?:{MAGNITUDE_WORDS})s?\b|{SUFFIX_MAGNITUDE}(?![\w]))"
PER = rf"(?P<per>/(?:{_either(PERIODS)})\b)?"
AMOUNT = rf"(?:\d+,\d{{2}}(?!\d)|{NUMBER})"
"""With a comma before two digits too, as the Continent writes cents: 3,50 €."""
BEFORE = re.compile(
    rf"(?P<sign>[-−–+])?(?P<symbol>{SYMBOL}) ?(?P<inner>[-−])?(?P<number>{AMOUNT})"
    rf"(?P<magnitude>{MAGNITUDE})?"
    rf"(?: ?{DASH} ?(?:{SYMBOL})?(?P<to>{NUMBER})(?P<to_magnitude>{MAGNITUDE})?)?(?![\d]){PER}"
    r"(?P<plus>\+(?!\w))?(?P<code> (?:USD|CAD|AUD)\b)?"
)
BEHIND = re.compile(
    rf"(?P<sign>[-−–+])?(?P<number>{AMOUNT})(?P<magnitude>{MAGNITUDE})? ?"
    rf"(?P<symbol>[{re.escape(''.join(s for s in SYMBOLS if len(s) == 1))}](?!\d)"
    rf"|(?:{_either(CODES)})\b)(?P<inner>)(?P<to>)(?P<to_magnitude>){PER}(?P<plus>)(?P<code>)"
)
EUROPEAN = re.compile(r",(?=\d\d$)")
CENTS = re.compile(rf"(?P<sign>[-−–])?(?P<number>{NUMBER}) ?¢")


def _read(match: Match) -> str | None:
    sign = match["sign"] or match["inner"]
    if sign in ("-", "–") and follows_word(match):
        return None
    currency = BY_NAME[match["symbol"]]
    number = EUROPEAN.sub(".", match["number"])
    if match["code"]:
        currency = CODES[match["code"].strip()]
    words = SIGN_WORDS.get(sign or "", "")
    if match["to"]:
        words += _read_range(match, currency)
    else:
        words += _say_amount(number, match["magnitude"], currency, is_attributive(match))
    if match["plus"]:
        words += " plus"
    return words + _say_period(match["per"])


def _say_period(per: str | None) -> str:
    if not per:
        return ""
    period = PERIODS[per[1:]]
    if period == "each":
        return " each"
    return f" per {period}"


def _read_range(match: Match, currency: Currency) -> str:
    last_magnitude = match["to_magnitude"]
    first = say_number(match["number"])
    if match["magnitude"] and match["magnitude"] != last_magnitude:
        first += f" {_magnitude(match['magnitude'])}"
    is_short = _cents_of(match["number"]) is None and _cents_of(match["to"]) is None
    if is_short:
        last = _say_amount(match["to"], last_magnitude, currency, is_attributive(match))
        return f"{first} to {last}"
    low = _say_amount(match["number"], None, currency, False)
    high = _say_amount(match["to"], last_magnitude, currency, False)
    return f"{low} to {high}"


def _magnitude(text: str) -> str:
    return magnitude_of(text.strip(" -").removesuffix("s") if len(text) > 4 else text.strip(" -"))


def _cents_of(number: str) -> int | None:
    """Hundredths of an amount with one or two decimals; None for others."""
    _, point, decimals = number.partition(".")
    if not point or len(decimals) > 2:
        return None
    return int(decimals.ljust(2, "0"))


def _say_amount(
    number: str,
    magnitude: str | None,
    currency: Currency,
    attributive: bool,
) -> str:
    """An amount in words; in front of a noun its units are in the singular."""
    cents = _cents_of(number)
    whole = number.partition(".")[0].replace(",", "").replace(" ", "") or "0"
    if magnitude:
        unit = currency.one if attributive else currency.many
        return f"{say_number(number)} {_magnitude(magnitude)} {unit}"
    if "." in number and (cents is None or not currency.cents):
        unit = currency.one if attributive else currency.many
        return f"{say_number(number)} {unit}"
    parts = []
    if int(whole) or not cents:
        unit = currency.one if attributive or is_one(whole) else currency.many
        parts.append(f"{cardinal(whole)} {unit}")
    if cents:
        unit = currency.cent if attributive or cents == 1 else currency.cents
        parts.append(f"{cardinal(cents)} {unit}")
    return " and ".join(parts)


def _read_cents(match: Match) -> str:
    number = match["number"]
    unit = "cent" if is_one(number) or is_attributive(match) else "cents"
    return f"{SIGN_WORDS.get(match['sign'] or '', '')}{say_number(number)} {unit}"


def _read_behind(match: Match) -> str | None:
    # In "raised 5 $3 notes" the sign belongs to what follows.
    if match["symbol"] in SYMBOLS and word_after(match)[:1].isdigit():
        return None
    return _read(match)


SPECIAL = frozenset(["rs"])
FIRST = "".join(sorted({symbol[0] for symbol in BY_NAME}))
RULES = (
    Rule(KIND, f"{FIRST}-−–+", BEFORE, _read),
    Rule(KIND, f"{DIGITS}.-−–+", CENTS, _read_cents),
    Rule(KIND, f"{DIGITS}.-−–+", BEHIND, _read_behind),
)
