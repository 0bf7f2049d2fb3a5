"""Halves of characters: what a JavaScript client sends if it cuts a text inside an emoji.

JavaScript's strings are UTF-16, in which such a character is a pair of surrogates. A half of a pair
may stand in JSON, as in "\\ud83d", but is no character, and no UTF-8 can hold it.
"""

from __future__ import annotations

import json
import re
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")
_FIRST_HALF = re.compile("[\ud800-\udbff]$")


def load_json(content: bytes | str) -> Any:
    """What is in a JSON text, halves and all. Raises ValueError if it is none."""
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("found brackets in brackets by the thousand, wanted a few") from None


def read_json(content: bytes | str) -> Any:
    """As load_json, with U+FFFD in place of halves."""
    value = load_json(content)
    text = json.dumps(value, ensure_ascii=False)
    if _SURROGATE.search(text) is None:
        return value
    return load_json(replace_halves(text))


def replace_halves(text: str) -> str:
    """The text with U+FFFD in place of each half, and the character in place of each pair."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Joiner:
    """Puts texts together that were cut inside a character."""

    def __init__(self) -> None:
        self._half = ""

    def join(self, part: str) -> str:
        """The next part, without a half at its end, which goes in front of the part after it."""
        text = self._half + part
        self._half = ""
        if _FIRST_HALF.search(text) is not None:
            self._half = text[-1]
            text = text[:-1]
        return replace_halves(text)

    def clear(self) -> None:
        """The next part belongs to another text."""
        self._half = ""
