"""Emoji by their names, as an option: "Well done 🎉" is read "Well done, party popper".

The names are Unicode's short names (CLDR), from the package `emoji`, which is imported only where
names are wanted.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from ..errors import OptionError, PackageNotInstalled

EmojiReading = Literal["leave-out", "names"]
"""Whether emoji are left out, with a warning, or said by their names."""
EMOJI_READINGS: tuple[EmojiReading, ...] = ("leave-out", "names")
REQUIREMENT = "emoji>=2.14,<3"

JOINER = "\u200d"
"""Zero width joiner: makes one emoji of several, as a technologist of a woman and a laptop."""
VARIATION = "\ufe0f"
TONE = re.compile("[\U0001f3fb-\U0001f3ff]")
FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
SYMBOL = (
    "[\U0001f000-\U0001faff\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2934\u2935\u2b00-\u2bff\u3030"
    "\u303d\u3297\u3299]"
)
PART = f"{SYMBOL}{VARIATION}?[\U0001f3fb-\U0001f3ff]?"
PART_END = f"(?:{SYMBOL}|{VARIATION})"
"""Pattern of the last character of a part; tones are symbols too."""
EMOJI = f"(?:{FLAG}|{PART}(?:{JOINER}{PART})*)"
"""Pattern of one emoji, however many characters it takes."""
ALIKE = {"✓": "✔", "✗": "❌", "✘": "❌"}
"""Signs that are no emoji, and the emoji that mean the same."""


def check_emoji(reading: str) -> EmojiReading:
    """How emoji are to be read. Raises OptionError, or PackageNotInstalled where names lack."""
    for choice in EMOJI_READINGS:
        if reading == choice:
            if choice == "names":
                load_names()
            return choice
    raise OptionError(f"found emoji={reading!r}, wanted one of {', '.join(EMOJI_READINGS)}")


@functools.cache
def load_names() -> Mapping[str, str]:
    """Names by emoji, which are without variation selectors.

    Raises PackageNotInstalled where the package emoji is missing.
    """
    try:
        import emoji
    except ImportError as error:
        raise PackageNotInstalled(
            f"found no package emoji ({error}), wanted it for the names of emoji; "
            f"pip install '{REQUIREMENT}', or leave emoji out"
        ) from error
    names: dict[str, str] = {}
    for symbol, entry in emoji.EMOJI_DATA.items():
        name = entry.get("en")
        if name:
            names[symbol.replace(VARIATION, "")] = name.strip(":").replace("_", " ")
    return MappingProxyType(names)


def find_name(symbol: str) -> str | None:
    """The name of one emoji, without the tone of its skin; None where Unicode has none.

    One that is joined of several and has no name of its own has theirs.
    """
    names = load_names()
    plain = TONE.sub("", symbol).replace(VARIATION, "")
    plain = ALIKE.get(plain, plain)
    if plain in names:
        return f"{names[plain]} flag" if re.fullmatch(FLAG, plain) else names[plain]
    parts = plain.split(JOINER)
    if len(parts) > 1 and all(part in names for part in parts):
        return ", ".join(names[part] for part in parts)
    return names.get(symbol)
