"""How commands print: text with colours where there is a terminal, or JSON."""

from __future__ import annotations

import os
import sys

import msgspec

COLORS = {"good": "32", "unmeasured": "2", "advice": "33", "bad": "31"}


def paint(text: str, level: str) -> str:
    """Coloured on a terminal, unless NO_COLOR is set."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{COLORS[level]}m{text}\x1b[0m"


def tell(answer: object, text: str, *, as_json: bool) -> None:
    """Print an answer as JSON, or as its text."""
    if as_json:
        text = msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()
    print(text, flush=True)
