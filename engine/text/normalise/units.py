# ruff: noqa: RUF001 - primes and micro signs are units
"""Units after a number: 10m, 5 kg, 60 mph, 25℃, 9.8 m/s², and a 5-lb. bag. See inches.py too."""

from __future__ import annotations

import re

from .algebra import is_in_equation
from .names import is_before_street
from .number_words import fraction
from .numbers import (
    FRACTION_CHARS,
    NUMBER,
    SIGN_WORDS,
    is_one,
    say_mixed,
    say_number,
)
from .rules import (
    DASH,
    DETERMINERS,
    DIGITS,
    LOWER,
    NO_NOUNS,
    Match,
    Rule,
    char_before,
    follows_word,
    is_attributive,
    keep_stop,
    text_before,
    word_after,
    word_before,
    words,
)

KIND = "unit"
TABLE = """
km=kilometer | m=meter | cm=centimeter | mm=millimeter | nm=nanometer | µm=micrometer
μm=micrometer | um=micrometer | kg=kilogram | g=gram | mg=milligram | mcg=microgram
µg=microgram | μg=microgram | lb=pound | lbs=pound | oz=ounce | ft=foot/feet | mi=mile
yd=yard | yds=yard | in.=inch/inches | ins.=inch/inches | l=liter | L=liter | ml=milliliter
mL=milliliter | cl=centiliter | dl=deciliter | dL=deciliter | gal=gallon | qt=quart | pt=pint
tbsp=tablespoon | tsp=teaspoon | ha=hectare | ac.=acre | cc=cubic centimeter | mph=mile per hour
kph=kilometer per hour | kmh=kilometer per hour | mpg=mile per gallon | rpm=R.P.M/R.P.M
Hz=hertz/hertz | kHz=kilohertz/kilohertz | MHz=megahertz/megahertz | GHz=gigahertz/gigahertz
KB=kilobyte | kB=kilobyte | MB=megabyte | GB=gigabyte | TB=terabyte | PB=petabyte
KiB=kibibyte | MiB=mebibyte | GiB=gibibyte | bps=bit per second | kbps=kilobit per second
Kbps=kilobit per second | Mbps=megabit per second | Gbps=gigabit per second | MP=megapixel
px=pixel | dpi=D.P.I/D.P.I | fps=frame per second | hr=hour | hrs=hour | h=hour | min=minute
mins=minute | sec=second | secs=second | s=second | ms=millisecond | µs=microsecond
μs=microsecond | ns=nanosecond | wk=week | wks=week | mo=month | mos=month
yr=year | yrs=year | V=volt | kV=kilovolt | mV=millivolt | A=amp | mA=milliamp
mAh=milliamp hour | Ah=amp hour | W=watt | kW=kilowatt | MW=megawatt | GW=gigawatt
mW=milliwatt | kWh=kilowatt hour | MWh=megawatt hour | Wh=watt hour | Ω=ohm | Ω=ohm | kΩ=kilohm
MΩ=megohm | kJ=kilojoule | kcal=kilocalorie | cal=calorie
Pa=pascal/pascals | hPa=hectopascal | kPa=kilopascal | MPa=megapascal | psi=P.S.I/P.S.I
mbar=millibar | atm=atmosphere | dB=decibel | lm=lumen | lx=lux/lux
mol=mole | hp=horsepower/horsepower | BTU=B.T.U | ppm=part per million | ppb=part per billion
bpm=beat per minute | wpm=word per minute | deg=degree | ct=carat | pct=percent/percent
pcs=piece | pp=percentage point | bps.=basis point | ft²=square foot/square feet
sq. ft.=square foot/square feet | sq ft=square foot/square feet | sq. ft=square foot/square feet
sq. mi.=square mile | sq mi=square mile | sq. in.=square inch/square inches
sq in=square inch/square inches | sq. m=square meter | sq m=square meter
sq. km=square kilometer | sq km=square kilometer | sq. yd.=square yard
cu. ft.=cubic foot/cubic feet | cu ft=cubic foot/cubic feet | cu. in.=cubic inch/cubic inches
fl. oz.=fluid ounce | fl oz=fluid ounce | ft-lb=foot pound | ft-lbs=foot pound
lb-ft=pound foot/pound feet | nautical mi=nautical mile | n.m.=nautical mile
km/h=kilometer per hour | km/s=kilometer per second | m/s=meter per second | mi/h=mile per hour
ft/s=foot per second/feet per second | mg/dL=milligram per deciliter
mg/dl=milligram per deciliter | mg/L=milligram per liter | mg/kg=milligram per kilogram
g/L=gram per liter | µg/m³=microgram per cubic meter | kg/m³=kilogram per cubic meter
g/cm³=gram per cubic centimeter | L/min=liter per minute | MB/s=megabyte per second
GB/s=gigabyte per second | m/s²=meter per second squared | m/s^2=meter per second squared
m^2=square meter | km^2=square kilometer | cm^2=square centimeter | ft^2=square foot/square feet
m^3=cubic meter | m²=square meter | m2=square meter | km²=square kilometer | km2=square kilometer
cm²=square centimeter | mm²=square millimeter | in²=square inch/square inches | mi²=square mile
m³=cubic meter | m3=cubic meter | cm³=cubic centimeter | mm³=cubic millimeter
km³=cubic kilometer | ft³=cubic foot/cubic feet | in³=cubic inch/cubic inches
"""
MAY_END_IN_STOP = words(
    """
    km cm mm kg mg lb lbs oz ft mi yd yds ml gal qt pt tbsp tsp hr hrs min mins sec secs wk wks
    mo mos yr yrs mph ct pct pcs
    """
)
ONLY_CLOSE = frozenset(["A", "h", "s", "pp"])
"""Letters and words as well: units only right behind the number."""
CLEAR_ALONE = words("km cm kg mg lbs hrs tsp tbsp mph kph mpg")
"""Units that are no other word or name."""
CURRENTS = words(
    """
    fuse fuses circuit circuits current breaker outlet charger supply
    """
)
COUNTED_IN_MILLIONS = words(
    """
    people users followers subscribers views downloads customers viewers residents readers homes
    members copies streams tweets jobs voters adults children Americans fans tons years
    """
)
DEGREES = {"C": " Celsius", "F": " Fahrenheit", "K": " Kelvin", "℃": " Celsius", "℉": " Fahrenheit"}


def _parse(table: str) -> dict[str, tuple[str, str]]:
    """Symbol -> singular and plural."""
    units = {}
    for entry in re.split(r" \| |\n", table.strip()):
        symbol, _, words = entry.partition("=")
        one, _, many = words.partition("/")
        units[symbol] = (one, many or _to_plural(one))
    return units


def _to_plural(words: str) -> str:
    head, per, rest = words.partition(" per ")
    return f"{head}s{per}{rest}"


UNITS = _parse(TABLE)
ALTERNATIVES = [
    re.escape(symbol) + (r"\.?" if symbol in MAY_END_IN_STOP else "")
    for symbol in sorted(UNITS, key=len, reverse=True)
]
SYMBOL = "|".join(ALTERNATIVES)
FRACTION = "".join(FRACTION_CHARS)
QUANTITY = re.compile(
    rf"(?P<sign>[-−–+±])?(?P<number>{NUMBER}(?=[^\W_]|[ -])|(?=[{FRACTION}]))"
    rf"(?P<half>[{FRACTION}])?"
    rf"(?: ?{DASH} ?(?P<to>{NUMBER}))?(?P<space>[ -]?)(?P<unit>{SYMBOL})(?![\w²³]|[/^-]\d|/\w)"
)
DEGREE = re.compile(
    rf"(?P<sign>[-−–+±])?(?P<number>{NUMBER})(?: ?{DASH} ?(?P<to>{NUMBER}))?"
    r" ?(?:(?P<char>[℃℉])|[°º] ?(?P<scale>[CFK](?!\w))?)"
)
CUPS = re.compile(r"c\.(?= [a-z])")
AMOUNT_BEFORE = re.compile(
    rf"(?<![\w./])(?P<whole>\d+(?:\.\d+)?)?[ -]?(?P<part>\d{{1,2}}/\d{{1,2}}|[{FRACTION}])? $"
)
METRIC_WORDS = (
    "(?:kilo|centi|milli)?(?:meter|metre|liter|litre|gram)s?|kilos?|tons?|tonnes?|degrees|percent"
    "|euros?|million|billion"
)
METRIC_SYMBOLS = "km|cm|mm|m|kg|mg|g|ml|mL|l|L|kWh|kW"
DECIMAL_COMMA = re.compile(
    rf"(?P<whole>\d{{1,3}}),(?P<decimals>\d{{1,2}})"
    rf"(?:(?= (?:{METRIC_WORDS})\b)| ?(?P<unit>{METRIC_SYMBOLS})(?![\w²³/^]))"
)
TIMES = re.compile(rf"(?P<number>{NUMBER})(?:{DASH}(?P<to>{NUMBER}))? ?[xX×](?!\w)(?! \d)")
BARE = re.compile(r"(?P<unit>[a-z]{2,4})(?![\w'’²³^/-]|\.\w)")
BY = re.compile(rf"(?P<sides>{NUMBER}(?: ?[xX] ?{NUMBER})+)(?!\w)")


def _read_quantity(match: Match) -> str | None:
    symbol = match["unit"]
    unit = symbol if symbol in UNITS else symbol.removesuffix(".")
    if _is_something_else(match, unit):
        return None
    words = SIGN_WORDS.get(match["sign"] or "", "") + _say_amount(match)
    if match["to"]:
        words += f" to {say_number(match['to'])}"
    one, many = UNITS[unit]
    is_part = match["half"] and not match["number"]
    is_single = is_part or (is_one(match["number"]) and not match["half"] and not match["to"])
    if is_single or match["space"] == "-" or is_attributive(match):
        many = one
    said = f"{words} {many}"
    if unit.endswith(".") or symbol != unit:
        return keep_stop(said, match)
    return said


def _say_amount(match: Match) -> str:
    if not match["half"]:
        return say_number(match["number"])
    if match["number"]:
        return say_mixed(match["number"], match["half"])
    return fraction(*FRACTION_CHARS[match["half"]])


def _is_something_else(match: Match, unit: str) -> bool:
    """Whether a letter behind a number is no unit: 10m people, the 30s, apartment 5A."""
    if match["sign"] in ("-", "–") and follows_word(match):
        return True
    if len(unit) == 1 and unit.isupper() and is_before_street(match):
        return True
    following = word_after(match)
    if match["space"] and unit in ONLY_CLOSE:
        return not (unit == "s" and "." in match["number"])
    if unit == "m" and following in COUNTED_IN_MILLIONS:
        return True
    if unit == "s":
        return match["number"].endswith("0")
    return unit == "A" and following not in CURRENTS


def _read_degrees(match: Match) -> str | None:
    if match["sign"] in ("-", "–") and follows_word(match):
        return None
    words = SIGN_WORDS.get(match["sign"] or "", "") + say_number(match["number"])
    if match["to"]:
        words += f" to {say_number(match['to'])}"
    is_single = is_one(match["number"]) and not match["to"]
    degrees = "degree" if is_single or (is_attributive(match) and not match["scale"]) else "degrees"
    return f"{words} {degrees}{DEGREES.get(match['char'] or match['scale'] or '', '')}"


def _read_cups(match: Match) -> str | None:
    """4 c. flour, 1/2 c. of milk."""
    following = word_after(match)
    amount = AMOUNT_BEFORE.search(text_before(match))
    if amount is None or (following in NO_NOUNS and following != "of"):
        return None
    whole, part = amount["whole"], amount["part"]
    if whole is None and part is None:
        return None
    is_single = whole is None or (is_one(whole) and part is None)
    return "cup" if is_single else "cups"


def _read_decimal_comma(match: Match) -> str | None:
    """1,5 liters, as much of the world writes it: no number of English has one figure behind."""
    if char_before(match) in (".", ","):
        return None
    words = say_number(f"{match['whole']}.{match['decimals']}")
    if match["unit"]:
        words += f" {UNITS[match['unit']][1]}"
    return words


def _read_times(match: Match) -> str | None:
    """4x faster, 3-4x; in an equation it is a variable."""
    if is_in_equation(match):
        return None
    words = say_number(match["number"])
    if match["to"]:
        words += f" to {say_number(match['to'])}"
    return f"{words} times"


def _read_bare(match: Match) -> str | None:
    """Units without a number: 20 miles per hr, how many kg."""
    unit = match["unit"]
    if unit not in UNITS or char_before(match) not in ("", " ", "("):
        return None
    before = word_before(match).lower()
    if before == "per":
        return UNITS[unit][0]
    if unit not in CLEAR_ALONE:
        return None
    return UNITS[unit][0 if before in DETERMINERS else 1]


def _read_by(match: Match) -> str:
    sides = re.split(r" ?[xX] ?", match["sides"])
    return " by ".join(map(say_number, sides))


BEGIN = f"{DIGITS}.-−–+±{FRACTION}"


RULES = (
    Rule(KIND, "c", CUPS, _read_cups),
    Rule(KIND, DIGITS, DECIMAL_COMMA, _read_decimal_comma),
    Rule(KIND, DIGITS, BY, _read_by),
    Rule(KIND, f"{DIGITS}.", TIMES, _read_times),
    Rule(KIND, BEGIN, DEGREE, _read_degrees),
    Rule(KIND, BEGIN, QUANTITY, _read_quantity),
    Rule(KIND, LOWER, BARE, _read_bare),
)
