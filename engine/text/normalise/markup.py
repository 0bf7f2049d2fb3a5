# ruff: noqa: RUF001 - letters that look like others are what is mended here
"""Before the pass: markup and disguised letters go, and every character knows where it stood.

Links become their text, entities and letters in disguise (bold ones of mathematics, of full width,
ligatures) plain characters, tags and comments nothing. Most texts have none of these.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .web import DOMAIN, FILE

HINT = re.compile(r"[<&\[\]`~\\_*|>#+´-]|[^\x00-\xff‘’“”–—…€]")
COMMENT = r"(?P<comment><!--.*?(?:-->|$))"
HIDDEN = r"(?P<hidden><(?P<tag>script|style)\b[^>]*>.*?</(?P=tag)>)"
AUTOLINK = r"(?P<autolink><(?P<url>(?:https?://|mailto:)?[^\s<>]+[.@][^\s<>]+)>)"
TAG = r"(?P<element></?[a-zA-Z][\w:-]*(?:\s+[^<>]*)?/?>)"
ENTITY = r"(?P<entity>&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});)"
TARGET = r"(?P<target>(?:[^()\s]|\([^()\s]*\))*(?:\s+[\"'][^\"']*[\"'])?)"
LINK = rf"(?P<link>!?\[(?P<label>[^\[\]]*)\](?:\({TARGET}\)|\[[^\[\]]*\]))"
FOOTNOTE = r"(?P<footnote>\[\^[^\]\s]+\]:?)"
CHECKBOX = r"(?P<checkbox>(?:(?<=^)|(?<=[-*+] ))\[[ xX]?\] )"
FENCE = r"(?P<fence>(?:^|(?<=\s))(?:```+|~~~+)\w*)"
HIGHLIGHT = r"(?P<highlight>(?<!\S)==(?=[^\s=])|(?<=[^\s=])==(?![\w=]))"
STRIKE = r"(?P<strike>~~(?=\S)[^~]*~~)"
LEAD = r"(?P<lead>^(?:#{1,6} +|> ?(?:> ?)*|(?:[-*+•◦▪‣–] +)))"
CELLS = r"(?P<cells>^\|.*\|$)"
BACKSLASH = r"(?P<escape>\\(?=[*_#\[\]()`~>!.+-]))"
TICKS = r"(?P<ticks>`+)"
CODE_NAME = r"(?P<code>`(?P<dotted>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?:\(\))?`)"
EMPHASIS = (
    r"(?P<emphasis>(?<![\w*])\*{1,3}(?=[^\s*])|(?<=[^\s*])\*{1,3}(?![\w*])"
    r"|(?<![\w_])_{1,3}(?=[^\s_])(?=[^_]*_)|(?<=[^\s_])_{1,3}(?![\w_]))"
)
MARKUP = re.compile(
    "|".join(
        [
            COMMENT,
            HIDDEN,
            AUTOLINK,
            TAG,
            ENTITY,
            FENCE,
            LINK,
            FOOTNOTE,
            CHECKBOX,
            HIGHLIGHT,
            STRIKE,
            CELLS,
            LEAD,
            BACKSLASH,
            CODE_NAME,
            TICKS,
            EMPHASIS,
        ]
    ),
    re.DOTALL,
)
CELL = re.compile(r"</t[dh]\b", re.IGNORECASE)
OTHER_LETTERS = re.compile(
    "[\u0300-\u036f\u0488\u0489\u20d0-\u20ef\ufe00-\ufe0f\ufb00-\ufb06\uff01-\uff5e"
    "\U0001d400-\U0001d7ff\u2460-\u24ff"
    "ªºˢᵗⁿᵈʳʰˣ\u1d2c-\u1d6a\U0001f130-\U0001f149\u2100-\u2115\u210a-\u2113\u211d\u2124"
    "\u2000-\u200a\u2070\u207f\u2080-\u2089\u0660-\u0669\u06f0-\u06f9\u0966-\u096f]"
)
INNER = {"link": "label", "autolink": "url"}
"""Markup of which a part stays."""
NOTHING = frozenset(["highlight", "emphasis", "ticks", "escape", "lead"])
"""Markup that is nothing; of other kinds a space is left."""
JOINERS = {**dict.fromkeys("ʼ＇´′", "'"), **dict.fromkeys("‐‑", "-")}
JOINER = re.compile(r"(?<=[^\W\d_])[ʼ＇´′](?=[^\W\d_])|[‐‑]")
"""Apostrophes and hyphens in disguise."""
KEEP = "ªº℃℉№℠™℅"


MAX_CHARS = 2000
"""Of a segment; longer ones are one giant word, and patterns would take long over it."""


class Edit(NamedTuple):
    """Characters from start to stop become others."""

    start: int
    stop: int
    text: str


class Prepared(NamedTuple):
    """A text without markup, and for each of its characters where it began and ended before."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def prepare(text: str) -> Prepared | None:
    """The text without markup; None where there is none."""
    if len(text) > MAX_CHARS or not HINT.search(text):
        return None
    edits = list(_find_edits(text))
    if not edits:
        return None
    return _apply(text, edits)


def _apply(text: str, edits: Sequence[Edit]) -> Prepared:
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for edit in edits:
        chars.append(text[at : edit.start])
        starts.extend(range(at, edit.start))
        ends.extend(range(at + 1, edit.start + 1))
        chars.append(edit.text)
        starts.extend([edit.start] * len(edit.text))
        ends.extend([edit.stop] * len(edit.text))
        at = edit.stop
    chars.append(text[at:])
    starts.extend(range(at, len(text)))
    ends.extend(range(at + 1, len(text) + 1))
    return Prepared("".join(chars), starts, ends)


def _find_edits(text: str) -> Iterator[Edit]:
    """In order, none overlapping."""
    end = 0
    for edit in sorted([*_find_markup(text), *_find_letters(text)]):
        if edit.start >= end:
            yield edit
            end = edit.stop


def _find_markup(text: str) -> Iterator[Edit]:
    for match in MARKUP.finditer(text):
        kind = match.lastgroup or ""
        if kind in INNER:
            inner = INNER[kind]
            yield Edit(match.start(), match.start(inner), "")
            yield Edit(match.end(inner), match.end(), "")
        elif kind == "cells":
            yield from _find_cells(match)
        elif kind == "code":
            yield from _find_code(match)
        else:
            yield Edit(match.start(), match.end(), _say_markup(kind, match))


def _say_markup(kind: str, match: re.Match[str]) -> str:
    """What markup of a kind becomes as a whole."""
    if kind == "entity":
        return decode_entity(match[0])
    if kind == "element":
        return _say_tag(match)
    return "" if kind in NOTHING else " "


def _say_tag(match: re.Match[str]) -> str:
    """Cells of a table are apart; other tags inside a line are nothing."""
    return ", " if CELL.match(match[0]) else ""


def _find_cells(match: re.Match[str]) -> Iterator[Edit]:
    """A row of a table: its cells with commas between them; a ruler is nothing."""
    row = match[0]
    base = match.start()
    if not any(map(str.isalnum, row)):
        yield Edit(base, match.end(), "")
        return
    bars = [bar.start() for bar in re.finditer(r"(?<!\\)\|", row)]
    for bar in bars:
        is_edge = bar in (bars[0], bars[-1])
        start = bar - (len(row[:bar]) - len(row[:bar].rstrip()))
        yield Edit(base + max(0, start), base + bar + 1, "" if is_edge else ",")


def _find_code(match: re.Match[str]) -> Iterator[Edit]:
    """A dotted name between ticks: its dots are said, unless it is a file or an address."""
    yield Edit(match.start(), match.start() + 1, "")
    name = match["dotted"]
    if not (FILE.fullmatch(name) or DOMAIN.fullmatch(name)):
        for dot in re.finditer(r"\.", name):
            at = match.start("dotted") + dot.start()
            yield Edit(at, at + 1, " dot ")
    yield Edit(match.end() - 1, match.end(), "")


def decode_entity(entity: str) -> str:
    """&amp; -> &; what is unknown stays as it is, what is invisible becomes a space."""
    char = html.unescape(entity)
    if char.isspace() or not char.isprintable():
        return " "
    return char


def _find_letters(text: str) -> Iterator[Edit]:
    """Letters and digits in disguise, and marks that combine with nothing."""
    if text.isascii():
        return
    for match in JOINER.finditer(text):
        yield Edit(match.start(), match.end(), JOINERS[match[0]])
    for match in OTHER_LETTERS.finditer(text):
        char = match[0]
        if char in KEEP:
            continue
        plain = unicodedata.normalize("NFKC", char)
        if unicodedata.category(char) in ("Mn", "Me"):
            plain = ""
        elif char.isdecimal():
            plain = str(unicodedata.decimal(char))
        if plain != char:
            yield Edit(match.start(), match.end(), plain)
