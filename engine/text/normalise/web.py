# ruff: noqa: RUF001 - quotation marks and dashes of every kind
"""Addresses and code: e-mail, URLs, handles, hashtags, files, paths, versions, IPs, identifiers."""

from __future__ import annotations

import re

from .acronyms import MIXED, SAID, SPELLED
from .number_words import cardinal, say_digits, two_digits, year
from .numbers import is_year
from .reading import spell
from .rules import DIGITS, LETTERS, Match, Rule, char_before, word_before, words

SYMBOLS = {
    ".": "dot",
    "/": "slash",
    "\\": "backslash",
    "-": "dash",
    "_": "underscore",
    "@": "at",
    ":": "colon",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "+": "plus",
    "%": "percent",
    "~": "tilde",
    "!": "bang",
    "*": "star",
    "$": "dollar",
    "<": "less than",
    ">": "greater than",
    "|": "pipe",
    "^": "caret",
}
SPELLED_PARTS = words(
    """
    img www http https ftp html htm php asp xml css js ts py sh rb rs cpp pdf png jpg svg mp3
    mp4 wav csv tsv md yml sql exe dll apk gz bz xls xlsx ppt pptx docx odt psd url
    usr etc api id uk us eu tv fm ai ly de fr bbc cnn nbc abc cbs npr pbs nfl nba
    mlb nhl ibm att ups usps irs fbi cia cdc nih mit ucla nyu usc cfo ceo faq
    """
)
READ_PARTS = {
    "txt": "text",
    "yaml": "yammel",
    "json": "Jason",
    "jpeg": "jay peg",
    "toml": "tommel",
    "io": "I.O",
    "tar": "tar",
    "gmail": "gmail",
    "localhost": "local host",
    "github": "git hub",
    "etc": "E.T.C",
    "src": "source",
    "docx": "D.O.C.X",
    "ctrl": "control",
    "ok": "O.K",
    "nginx": "engine X",
    "js": "J.S",
    "c++": "C plus plus",
}
TLD = (
    "com|org|net|gov|edu|mil|int|info|biz|io|co|uk|us|ca|au|de|fr|jp|cn|in|eu|tv|me|ly|ai|app|dev"
    "|ru"
    "|ch|it|nl|se|no|es|br|mx|nz|ie|be|at|dk|fi|pl|pt|gg|fm|to|so|sh|xyz|blog|shop|online|site|tech"
    "|cloud|store|news|local|test|example"
)
FILE_ENDINGS = (
    "pdf|md|html?|jpe?g|png|gif|svg|py|js|ts|tsx|jsx|sh|rb|rs|go|java|c|h|cpp|hpp|cs|php|css|json"
    "|ya?ml|toml|ini|cfg|conf|log|txt|csv|tsv|xml|sql|docx?|xlsx?|pptx?|odt|zip|tar|gz|tgz|bz2|7z"
    "|rar|exe|dll|so|app|dmg|iso|deb|rpm|apk|mp3|mp4|wav|flac|ogg|avi|mov|mkv|webm|psd|ipynb|lock"
    "|bak|tmp|env|bat|ps1|db|ttf|woff2?"
)
EMAIL = re.compile(r"(?:mailto:)?(?P<name>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)")
URL = re.compile(
    r"(?P<scheme>(?:https?|ftp|wss?|file)://)(?P<rest>[^\s<>\"”’)\]]*[^\s<>\"”’)\].,;:!?'*])"
)
DOMAIN = re.compile(
    rf"(?P<rest>(?:[A-Za-z0-9][\w-]*\.)+(?:{TLD})\b(?!\.\w)(?::\d+)?"
    r"(?:/[^\s<>\"”’)\]]*[^\s<>\"”’)\].,;:!?'*])?/?)",
)
WWW = re.compile(r"(?P<rest>www\.[^\s<>\"”’)\]]*[^\s<>\"”’)\].,;:!?'*])", re.IGNORECASE)
HOST_PORT = re.compile(r"(?P<rest>localhost(?::\d+)?(?:/[^\s<>\"”’)\]]*[^\s<>\"”’)\].,;:!?'*])?)")
IP = re.compile(r"(?P<ip>\d{1,3}(?:\.\d{1,3}){3})(?P<bits>/\d{1,2})?(?P<port>:\d{1,5})?(?!\w|\.\d)")
TAG = r"[-.]?(?i:rc|beta|alpha|dev|preview|pre|snapshot|release)\.?\d*|[ab]\d+"
VERSION = re.compile(
    r"(?P<v>[vV]\.?)?"
    rf"(?P<number>\d+(?:\.\d+)*\.[xX]|\d+(?:\.\d+){{2,}}|\d+\.\d+(?=(?:{TAG})(?!\w)))"
    rf"(?P<tag>-?[a-z]+\d*|{TAG})?(?!\w|\.\d)"
)
DAY_MONTH_YEAR = re.compile(r"\d{1,2}\.\d{1,2}\.(?:19|20)\d\d")
SHORT_VERSION = re.compile(r"[vV](?P<number>\d+(?:\.\d+)*)(?!\w)")
NAMED_VERSION = re.compile(r"(?P<number>\d+\.\d{2,})(?!\w|[.,]\d)")
HANDLE = re.compile(r"(?:(?<!\S)\.)?@(?P<name>\w+(?:\.\w+)*)")
HASHTAG = re.compile(r"[#＃](?P<name>\d*[^\W\d]\w*)")
NUMBER_SIGN = re.compile(r"#(?P<number>\d[\d,]*)(?!\w)")
LONE_SIGN = re.compile(r"#(?= |$|[.,;:!?)])")
SUBREDDIT = re.compile(r"(?P<kind>[ru])/(?P<name>\w+)")
FILE = re.compile(
    rf"(?P<name>[\w][\w+-]*(?:\.[\w-]+)*\.(?:{FILE_ENDINGS}))(?![\w])(?!\.\w)", re.IGNORECASE
)
PATH = re.compile(
    r"(?P<path>(?:~|\.\.?)?/(?:[\w.@+~-]+/?)+|[A-Za-z]:\\(?:[\w. -]*[\w-]\\?)*?(?=[\s.,;:!?)]|$)"
    r"|\\\\(?:[\w.-]+\\?)+"
    r"|(?:src|lib|bin|var|tmp|opt|usr|etc|dist|node_modules)/[\w./-]*\w"
    r"|(?:[\w.-]+/){2,}[\w.-]*\w|(?:[a-z][\w-]*/)+[\w-]+(?:\.\w+)+)"
)
FLAG = re.compile(
    r"--(?P<name>[a-z][\w-]*)(?:=(?P<value>[\w./-]+))?|-(?P<short>[a-zA-Z]{1,2})(?!\w)"
)
SNAKE = re.compile(r"_*[A-Za-z]\w*_\w+(?:\(\))?|[A-Za-z]\w*\(\)")
CAMEL = re.compile(r"[a-z]+(?:[A-Z][a-z]+)+(?!\w)|(?:[A-Z][a-z]+){2,}(?!\w)")
CALL_DOTTED = re.compile(r"(?P<name>[a-z_]\w*(?:\.[a-z_]\w*)+)(?P<call>\(\))?(?!\w)")
CAMEL_PARTS = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]|\d+|_")
TOKEN = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+(?:['’][a-z]+)?|[A-Z]|\d+|[^\W\d_]+|\s+|.")
VERSIONED = words(
    """
    python ios android macos java node ruby php django version release ubuntu react gcc linux
    kernel
    """
)
NAMES_IN_CAMEL = words(
    """
    JavaScript YouTube iPhone iPad iPod MacBook PowerPoint GitHub LinkedIn FaceTime WhatsApp
    TikTok PayPal FedEx OpenAI DeepMind McDonald AirPods PlayStation TypeScript WordPress
    BlackBerry MasterCard DreamWorks HarperCollins ExxonMobil MasterCard FaceBook DoorDash
    SpaceX JetBlue LaGuardia DeLorean iTunes iMac iCloud iOS eBay
    """
)


def say_part(part: str) -> str:
    """A name between dots or slashes."""
    lower = part.lower()
    if part.isdigit():
        return _say_digits(part)
    if lower in READ_PARTS:
        return READ_PARTS[lower]
    if len(part) == 1 or lower in SPELLED_PARTS or not re.search("[aeiouy]", lower):
        return spell(part) if part.isascii() else part
    if part.upper() in SPELLED and part.isupper():
        return spell(part)
    return part


def _say_digits(digits: str) -> str:
    if digits.startswith("0") and len(digits) > 1:
        return say_digits(digits)
    if is_year(digits):
        return year(digits)
    return cardinal(digits) if len(digits) < 3 else _say_hundreds(digits)


def _say_hundreds(digits: str) -> str:
    if len(digits) == 3 and not digits.endswith("00"):
        return f"{cardinal(digits[0])} {two_digits(digits[1:])}"
    if len(digits) == 4 and digits.endswith("000"):
        return cardinal(digits)
    if len(digits) == 4 and not digits.endswith("00"):
        return f"{cardinal(digits[:2])} {two_digits(digits[2:])}"
    return cardinal(digits) if len(digits) < 5 else say_digits(digits)


def say_address(text: str) -> str:
    """Names and symbols of an address in words: a_b@mail.io -> A underscore B at mail dot I.O."""
    words = []
    for token in TOKEN.findall(text):
        if token in SYMBOLS:
            words.append(SYMBOLS[token])
        elif token[0].isalnum():
            words.append(_say_token(token))
    return " ".join(words)


def _say_token(token: str) -> str:
    said = say_part(token)
    return said.lower() if said == token and token.isupper() and len(token) > 1 else said


def _read_email(match: Match) -> str | None:
    return say_address(match["name"])


def _read_url(match: Match) -> str:
    rest = re.sub(r"^www\.", "", match["rest"])
    return say_address(_strip(rest))


def _strip(rest: str) -> str:
    return rest.rstrip("/")


def _read_domain(match: Match) -> str | None:
    rest = match["rest"]
    start, _, end = rest.partition(".")
    if "/" not in rest and rest.count(".") == 1 and end[:1].isupper():
        return None  # "end.In" lacks a space
    if not re.search("[A-Za-z]", start):
        return None
    return say_address(_strip(re.sub(r"^www\.", "", rest)))


def _read_ip(match: Match) -> str:
    words = " dot ".join(map(_say_octet, match["ip"].split(".")))
    if match["bits"]:
        words += f" slash {cardinal(match['bits'][1:])}"
    if match["port"]:
        words += f" colon {_say_hundreds(match['port'][1:])}"
    return words


def _say_octet(part: str) -> str:
    """192 -> one ninety-two, 203 -> two zero three."""
    if len(part) < 3:
        return cardinal(part)
    if part[1] == "0" and not part.endswith("0"):
        return " ".join(map(cardinal, part))
    return _say_hundreds(part)


def _read_version(match: Match) -> str | None:
    if DAY_MONTH_YEAR.fullmatch(match[0]):
        return None
    words = " point ".join(map(_say_version_part, match["number"].split(".")))
    if match["v"]:
        words = f"{_say_v(match)}{words}"
    tag = match["tag"]
    if tag:
        words += f" {say_address(tag.strip('-.'))}"
    return words


def _say_version_part(part: str) -> str:
    if part in ("x", "X"):
        return "X"
    return say_digits(part) if part.startswith("0") else cardinal(part)


def _say_v(match: Match) -> str:
    return "" if word_before(match).lower() == "version" else "V "


def _read_short_version(match: Match) -> str:
    words = " point ".join(map(_say_version_part, match["number"].split(".")))
    return f"{_say_v(match)}{words}"


def _read_named_version(match: Match) -> str | None:
    if word_before(match).lower() not in VERSIONED:
        return None
    return " point ".join(map(_say_version_part, match["number"].split(".")))


def say_joined(name: str) -> str:
    """Words that were written without spaces: JaneDoe, john_doe, user123, BBCNews."""
    words = []
    for part in CAMEL_PARTS.findall(name):
        if part == "_":
            continue
        words.append(_say_joined_part(part))
    return " ".join(words)


def _say_joined_part(part: str) -> str:
    if part.isdigit():
        return _say_digits(part)
    if part.isupper() and part in SAID:
        return part
    if part.isupper() and len(part) > 1:
        return spell(part)
    return say_part(part)


def _read_handle(match: Match) -> str:
    """@joe; the stop of .@joe lets all read it, and is not said."""
    name = match["name"]
    if char_before(match).isalnum():
        return " at " + say_address(name)
    parts = [say_joined(part) if part.isascii() else part for part in name.split(".")]
    return "at " + " dot ".join(parts)


def _read_hashtag(match: Match) -> str | None:
    if char_before(match).isalnum():
        return None
    name = match["name"]
    return "hashtag " + (say_joined(name) if name.isascii() else name)


def _read_number_sign(match: Match) -> str:
    number = match["number"].replace(",", "")
    return "number " + (say_digits(number) if number.startswith("0") else cardinal(number))


def _read_subreddit(match: Match) -> str | None:
    if char_before(match).isalnum():
        return None
    return f"{match['kind'].upper()} slash {say_joined(match['name'])}"


def _read_file(match: Match) -> str | None:
    name = match["name"]
    if re.fullmatch(r"[A-Z][a-z]+\.[A-Z][a-z]+|[A-Z](?:\.[A-Z])+|\d+\.[hc]|[a-z]\.[a-z]\.?", name):
        return None
    return say_address(name)


def _read_path(match: Match) -> str | None:
    path = match["path"]
    before = char_before(match)
    if before.isalnum() or re.fullmatch(r"[\d/.]+", path):
        return None
    if path in ("/", "./", "../"):
        return None
    return say_address(path.replace("..", ". .") if path.startswith("..") else path.rstrip("/."))


def _read_flag(match: Match) -> str | None:
    before = char_before(match)
    if before and before not in " (\"'`":
        return None
    if match["short"]:
        return f"dash {spell(match['short'])}"
    words = f"dash dash {say_address(match['name'])}"
    if match["value"]:
        words += f" equals {say_address(match['value'])}"
    return words


def _read_snake(match: Match) -> str | None:
    text = match[0].strip("_").removesuffix("()").strip("_")
    if "_" not in text:
        return say_joined(text) if text.isascii() else text
    parts = [say_joined(part) if part.isascii() else part for part in text.split("_") if part]
    return " underscore ".join(parts)


def _read_camel(match: Match) -> str | None:
    name = match[0]
    if (
        name in NAMES_IN_CAMEL
        or name in MIXED
        or name.startswith(("Mc", "Mac", "Le", "De", "La", "Van", "Di", "O"))
    ):
        return None
    if not char_before(match).strip(" (\"'“‘*_"):
        return say_joined(name).lower() if name[0].islower() else say_joined(name)
    return None


def _read_dotted(match: Match) -> str | None:
    name = match["name"]
    if all(len(part) == 1 for part in name.split(".")):
        return None
    if "_" in name or match["call"] or name.count(".") > 1:
        parts = [say_joined(part.replace("_", " underscore ")) for part in name.split(".")]
        return " dot ".join(parts)
    return None


RULES = (
    Rule("email", f"{LETTERS}{DIGITS}_", EMAIL, _read_email),
    Rule("url", LETTERS, URL, _read_url),
    Rule("url", LETTERS, WWW, _read_domain),
    Rule("url", f"{LETTERS}{DIGITS}", DOMAIN, _read_domain),
    Rule(
        "url", "l", HOST_PORT, lambda match: say_address(match["rest"]) if ":" in match[0] else None
    ),
    Rule("ip", DIGITS, IP, _read_ip),
    Rule("version", f"{DIGITS}vV", VERSION, _read_version),
    Rule("version", "vV", SHORT_VERSION, _read_short_version),
    Rule("version", DIGITS, NAMED_VERSION, _read_named_version),
    Rule("handle", "@.", HANDLE, _read_handle),
    Rule("hashtag", "#＃", HASHTAG, _read_hashtag),
    Rule("hashtag", "#", NUMBER_SIGN, _read_number_sign),
    Rule("hashtag", "#", LONE_SIGN, lambda _: "pound"),
    Rule("handle", "ru", SUBREDDIT, _read_subreddit),
    Rule("path", f"{LETTERS}{DIGITS}~./\\_", PATH, _read_path),
    Rule("file", f"{LETTERS}{DIGITS}_", FILE, _read_file),
    Rule("code", "-", FLAG, _read_flag),
    Rule("code", f"{LETTERS}_", SNAKE, _read_snake),
    Rule("code", LETTERS, CALL_DOTTED, _read_dotted),
    Rule("code", LETTERS, CAMEL, _read_camel),
)
